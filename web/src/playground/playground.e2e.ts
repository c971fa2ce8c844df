import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import chromium from "@sparticuz/chromium";
import { type Browser, type Page, chromium as playwright } from "playwright-core";
import { compile, matmul, softmax, type Tensor, value } from "sluice";
import { entmax } from "sluice/methods/normalizers/entmax";
import { sparsemax } from "sluice/methods/normalizers/sparsemax";
import { exportOnnx, importOnnx } from "sluice/onnx";
import { build, type PreviewServer, preview } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";

const axe = createRequire(import.meta.url).resolve("axe-core");
let folder: string;
let server: PreviewServer;
let browser: Browser;
let origin: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sluice-web-"));
  const configFile = join(import.meta.dirname, "../../vite.config.ts");
  const shared = { configFile, logLevel: "error" as const, build: { outDir: folder, emptyOutDir: true } };
  await build(shared);
  server = await preview({ ...shared, preview: { port: 0 } });
  origin = server.resolvedUrls!.local[0].replace(/\/$/, "");
  browser = await playwright.launch({ executablePath: await chromium.executablePath(), args: chromium.args });
});

afterAll(async () => {
  await browser?.close();
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function open(path: string): Promise<{ page: Page; errors: string[] }> {
  const page = await (await browser.newContext({ viewport: { width: 1200, height: 900 } })).newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  await page.goto(origin + path);
  return { page, errors };
}

/** With `SLUICE_SCREENSHOTS=<folder>` pictures are kept there, to be looked at. */
async function keep(page: Page, name: string): Promise<void> {
  const place = process.env.SLUICE_SCREENSHOTS;
  if (!place) return;
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, `${name}.png`), await page.screenshot());
}

test("normalizers show what the library computes in Node", async () => {
  const { page, errors } = await open("/playground/normalizers");
  await page.locator("[data-normalizer=entmax] .bars li").first().waitFor();
  const expected = await compile((x: Tensor) => ({ softmax: softmax(x), entmax: entmax(x), sparsemax: sparsemax(x) }))(
    value([1.5, 1, 0.5, -0.5, -1]),
  );
  for (const name of ["softmax", "entmax", "sparsemax"] as const) {
    const shown = await page.locator(`[data-normalizer=${name}] .bars .number`).allTextContents();
    expect(shown, name).toEqual((expected[name].toArray() as number[]).map((weight) => weight.toFixed(3)));
  }
  await keep(page, "playground-normalizers");
  expect(errors).toEqual([]);
});

test("the attention viewer reads a text, and another normalizer changes its loss", async () => {
  const { page } = await open("/playground/attention");
  const loss = page.locator("span[data-loss]");
  await loss.waitFor({ timeout: 60_000 });
  const before = Number(await loss.getAttribute("data-loss"));
  // A uniform guess would cost more than 4 nats.
  expect(before).toBeLessThan(3);
  await keep(page, "playground-attention");
  await page.getByLabel("Normalizer").selectOption("sigmoid");
  await expect.poll(async () => Number(await loss.getAttribute("data-loss")), { timeout: 60_000 }).not.toBe(before);
});

test("gates: expert choice drops nothing", async () => {
  const { page } = await open("/playground/gates");
  await page.getByLabel("Kind").selectOption("expert");
  await expect.poll(() => page.locator("[data-route]").textContent()).toMatch(/^0 dropped/);
  await keep(page, "playground-gates");
});

test("a dropped ONNX file is inspected and run, and its softmax swapped", async () => {
  const { page } = await open("/playground/onnx");
  const weight = value([
    [1, 0],
    [0, 2],
  ]);
  const program = compile((x: Tensor) => ({ y: softmax(matmul(x, weight)) }), { names: ["x"] });
  const buffer = Buffer.from(exportOnnx(program, [value([[1, 1]])]));
  await page
    .locator("input[type=file]")
    .setInputFiles({ name: "small.onnx", mimeType: "application/octet-stream", buffer });
  await page.locator("[data-model]").waitFor();
  expect(await page.locator("[data-model]").textContent()).toContain("1 softmax node");
  await page.getByLabel(/float32\[1,2\]/).fill("1, 1");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  const row = page.locator("[data-output] td");
  await row.first().waitFor({ timeout: 60_000 });
  const [low, high] = (await row.nth(1).textContent())!.split(", ").map(Number);
  // Scores 1 and 2: softmax gives 1/(1 + e) and e/(1 + e), sparsemax 0 and 1.
  expect(low).toBeCloseTo(1 / (1 + Math.E), 4);
  expect(high).toBeCloseTo(Math.E / (1 + Math.E), 4);
  expect(Number(await row.nth(4).textContent())).toBeCloseTo(1 / (1 + Math.E), 3);
  await keep(page, "playground-onnx");
});

test("training in the browser lowers the loss", async () => {
  const { page } = await open("/train/text");
  await expect.poll(() => page.getByLabel(/Text to learn from/).inputValue()).toMatch(/Ishmael/);
  await page.getByLabel("Steps").fill("40");
  await page.getByRole("button", { name: "Train" }).click();
  const unseen = page.locator("[data-unseen]");
  await unseen.waitFor({ timeout: 90_000 });
  // Before training a character costs about ln 60 ≈ 4.1 nats.
  expect(Number(await unseen.getAttribute("data-unseen"))).toBeLessThan(3.5);
  await keep(page, "train-text");
});

test("a network trained in the browser reads a drawn digit", async () => {
  const { page } = await open("/train/digits");
  await page.getByRole("button", { name: "Train", exact: true }).click();
  const accuracy = page.locator("[data-accuracy]");
  await accuracy.waitFor({ timeout: 90_000 });
  // A guess is right once in ten.
  expect(Number(await accuracy.getAttribute("data-accuracy"))).toBeGreaterThan(0.7);
  await page.getByLabel("It is a").selectOption("0");
  await page.getByRole("button", { name: "Draw it for me" }).click();
  await page.getByRole("button", { name: "Read it" }).click();
  const probabilities = page.locator(".controls progress");
  await expect.poll(() => probabilities.count()).toBe(10);
  const values = await probabilities.evaluateAll((all) => all.map((one) => (one as HTMLProgressElement).value));
  expect(values.indexOf(Math.max(...values))).toBe(0);
  await keep(page, "train-digits");
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Download as ONNX" }).click(),
  ]);
  const model = await importOnnx(await download.path());
  expect(Object.keys(model.inputs)).toEqual(["image"]);
});

test("a training is stopped, and what it has is kept", async () => {
  const { page } = await open("/train/digits");
  await page.getByRole("button", { name: "Train", exact: true }).click();
  await page.locator("p[data-loss]").waitFor({ timeout: 60_000 });
  await page.getByRole("button", { name: "Stop" }).click();
  await page.locator("[data-accuracy]").waitFor({ timeout: 30_000 });
  expect(await page.locator(".meter-text").first().textContent()).not.toBe("150 of 150");
});

test("the example model opens, and its attention runs with another normalizer and is downloaded with it", async () => {
  const { page } = await open("/playground/onnx");
  await page.getByRole("button", { name: /character model/ }).click();
  await page.locator("[data-model]").waitFor({ timeout: 60_000 });
  expect(await page.locator("[data-model]").textContent()).toContain("4 attention blocks");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  const row = page.locator("[data-output] td");
  await row.first().waitFor({ timeout: 60_000 });
  expect(Number(await row.nth(4).textContent())).toBeGreaterThan(0);
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Download with the swap" }).click(),
  ]);
  const model = await importOnnx(await download.path());
  expect(model.graph.find("Softmax").length).toBe(0);
});

/** What a view shows when it is ready. */
const shown: Readonly<Record<string, string>> = {
  "/playground/normalizers": ".bars li",
  "/playground/attention": ".heads",
  "/playground/gates": ".flow",
  "/playground/onnx": ".file-drop",
  "/train/text": ".plot svg",
  "/train/digits": ".plot svg",
};

test.each(
  [
    "/playground/normalizers",
    "/playground/attention",
    "/playground/gates",
    "/playground/onnx",
    "/train/text",
    "/train/digits",
  ].flatMap((path) => [[path, "light"] as const, [path, "dark"] as const]),
)("%s, %s: no serious accessibility finding, and nothing wider than a phone", async (path, colorScheme) => {
  const page = await (await browser.newContext({ colorScheme, viewport: { width: 390, height: 800 } })).newPage();
  await page.goto(origin + path);
  await page.locator(shown[path]).first().waitFor({ timeout: 60_000 });
  await page.addScriptTag({ path: axe });
  const { violations } = await page.evaluate(() => (globalThis as any).axe.run());
  const serious = violations.filter(({ impact }: any) => impact === "serious" || impact === "critical");
  expect(serious.map(({ id, nodes }: any) => [id, nodes.map((node: any) => node.html)])).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await keep(page, `${path.slice(1).replace("/", "-")}-${colorScheme}-phone`);
});
