import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import chromium from "@sparticuz/chromium";
import { type Browser, type BrowserContextOptions, type Page, chromium as playwright } from "playwright-core";
import { loadShelf } from "sluice-lab/server/catalogue";
import { buildPage, pageFolder } from "sluice-lab/server/page-files";
import { type LabServer, serveLab } from "sluice-lab/server/serve";
import { Store } from "sluice-lab/store/store";
import { afterAll, beforeAll, expect, test } from "vitest";

const axe = createRequire(import.meta.url).resolve("axe-core");
const lab = join(import.meta.dirname, "..", "..", "lab", "src");
let home: string;
let store: Store;
let browser: Browser;
/** With the lab's own papers, and with one that takes its time. */
let real: LabServer;
let slow: LabServer;

beforeAll(async () => {
  await buildPage();
  home = mkdtempSync(join(tmpdir(), "sluice-"));
  store = Store.open(home);
  const options = { store, page: pageFolder, port: 0 };
  real = await serveLab({ ...options, shelf: await loadShelf() });
  slow = await serveLab({ ...options, shelf: await loadShelf(join(lab, "server", "fixtures")) });
  // Isolation of the page's origin, which threads need, is among what the packaged browser switches off.
  const args = chromium.args.filter(
    (arg) => !/single-process|no-zygote|web-security|site-isolation|features/i.test(arg),
  );
  browser = await playwright.launch({ executablePath: await chromium.executablePath(), args });
});

afterAll(async () => {
  await browser?.close();
  await real?.close();
  await slow?.close();
  store?.close();
  rmSync(home, { recursive: true });
});

/** Opens a view, and collects what goes wrong in it and what it asks others for. */
async function open(address: string, options: BrowserContextOptions = {}) {
  const page = await (await browser.newContext({ viewport: { width: 1200, height: 800 }, ...options })).newPage();
  const [errors, foreign]: [string[], string[]] = [[], []];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol.startsWith("http") && !address.startsWith(origin)) foreign.push(request.url());
  });
  await page.goto(address);
  return { page, errors, foreign };
}

/** With `SLUICE_SCREENSHOTS=<folder>` pictures are kept there, to be looked at. */
async function keep(page: Page, name: string): Promise<void> {
  const folder = process.env.SLUICE_SCREENSHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.png`), await page.screenshot());
}

async function findings(page: Page): Promise<unknown[]> {
  // Past the security policy, which would keep the checker out as any other script.
  await page.evaluate(readFileSync(axe, "utf8"));
  const { violations } = await page.evaluate(() => (globalThis as any).axe.run());
  return violations
    .filter(({ impact }: any) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }: any) => [id, nodes.map((node: any) => node.html)]);
}

test("the first view has at most 200 KB of script", () => {
  const html = readFileSync(join(pageFolder, "index.html"), "utf8");
  const scripts = [...html.matchAll(/(?:src|href)="(\/[^"]+\.js)"/g)].map(([, path]) =>
    readFileSync(join(pageFolder, path)),
  );
  expect(scripts.length).toBeGreaterThan(0);
  expect(scripts.reduce((sum, script) => sum + script.length, 0)).toBeLessThan(200_000);
  expect(readdirSync(join(pageFolder, "onnxruntime"))).toContain("ort-wasm-simd-threaded.wasm");
});

test("the catalogue shows papers by family, searches them, and leads to one", async () => {
  const { page, errors, foreign } = await open(real.opened);
  await page.locator(".tile").first().waitFor();
  expect(await page.locator(".tile").count()).toBeGreaterThan(100);
  expect(new URL(page.url()).hash).toBe("");
  await keep(page, "catalogue");
  await page.keyboard.press("/");
  await page.keyboard.type("sparsemax attention");
  await expect.poll(() => page.locator(".tile").count()).toBeLessThan(10);
  await page.getByLabel("Search").fill("sparsemax");
  await page.getByRole("tab", { name: "Table" }).click();
  await keep(page, "catalogue-table");
  await page.getByRole("link", { name: "From Softmax to Sparsemax" }).first().click();
  await expect.poll(() => page.locator("h1").textContent()).toContain("Sparsemax");
  await page.getByRole("button", { name: "Run it" }).waitFor();
  expect([errors, foreign]).toEqual([[], []]);
  expect(await page.evaluate(() => globalThis.crossOriginIsolated)).toBe(true);
});

test("a smoke run is followed live, in two tabs, cancelled, and resumed to its end", async () => {
  const { page, errors, foreign } = await open(`${slow.address}papers/slow#token=${slow.token}`);
  await page.getByRole("button", { name: "Run it" }).click();
  await expect.poll(() => page.locator(".live-state").textContent()).toContain("running");
  await page.locator(".live-curves svg .mark-line path").first().waitFor();
  await keep(page, "run-live");
  const second = await open(`${slow.address}papers/slow`);
  await second.page.locator(".live-state").waitFor();
  await page.getByRole("button", { name: "Cancel the run" }).click();
  await page.getByRole("link", { name: "slow-1" }).last().click();
  await page.getByRole("button", { name: "Resume" }).click({ timeout: 20_000 });
  await page.locator(".live-state").waitFor();
  await page.getByText("reproduced", { exact: false }).first().waitFor({ timeout: 30_000 });
  await page.locator(".figure svg").first().waitFor();
  await keep(page, "run-ended");
  expect([errors, foreign]).toEqual([[], []]);
});

test("without the token nothing starts, and the page says so", async () => {
  const { page } = await open(`${slow.address}papers/slow`);
  await page.getByRole("button", { name: "Run it" }).click();
  expect(await page.getByRole("alert").textContent()).toContain("token");
});

test("a server whose runner is killed says so and goes on", async () => {
  const headers = { Authorization: `Bearer ${slow.token}`, "Content-Type": "application/json" };
  const order = JSON.stringify({ paper: "slow", budget: "full", seeds: 1 });
  const { run } = await (await fetch(`${slow.address}api/runs`, { method: "POST", headers, body: order })).json();
  const { page } = await open(`${slow.address}runs/${run}`);
  await page.locator(".live-curves svg").waitFor();
  const runners = execFileSync("ps", ["--ppid", `${process.pid}`, "-o", "pid=,args="], { encoding: "utf8" });
  const runner = runners.split("\n").find((line) => line.includes("run-process"))!;
  process.kill(Number.parseInt(runner, 10), "SIGKILL");
  await page.getByText("was killed by SIGKILL before the run was over").waitFor();
  expect((await fetch(`${slow.address}api/catalogue`)).status).toBe(200);
});

test.each([
  ["", "light"],
  ["", "dark"],
  ["?view=table", "light"],
  ["papers/softpick", "light"],
  ["papers/softpick", "dark"],
  ["runs", "light"],
  ["about", "dark"],
  ["nowhere", "light"],
] as const)("/%s, %s: no serious accessibility finding, and nothing wider than a phone", async (path, colorScheme) => {
  const { page } = await open(`${real.address}${path}`, { colorScheme, viewport: { width: 390, height: 800 } });
  await page.locator("h1").waitFor();
  await page.waitForLoadState("networkidle");
  expect(await findings(page)).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await keep(page, `phone-${path.replace(/\W+/g, "-") || "catalogue"}-${colorScheme}`);
});
