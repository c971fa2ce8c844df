import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import chromium from "@sparticuz/chromium";
import { decode } from "fast-png";
import { type Browser, type BrowserContextOptions, type Page, chromium as playwright } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readRun } from "../store/runs.ts";
import { Store } from "../store/store.ts";
import { compareRuns } from "./compare.ts";
import { writeComparison } from "./compare-page.ts";
import { runFixtures } from "./fixtures.ts";
import { writeReport } from "./site.ts";

const axe = createRequire(import.meta.url).resolve("axe-core");
/** The first two colours of a light figure. */
const [blue, orange] = ["0,114,178", "213,94,0"];
let home: string;
let browser: Browser;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "sluice-"));
  const store = Store.open(home);
  await writeReport(store, await runFixtures(store), join(home, "site"));
  await writeComparison(
    store,
    compareRuns(store, readRun(store, "toy-1"), readRun(store, "toy-1")),
    join(home, "site"),
  );
  store.close();
  browser = await playwright.launch({ executablePath: await chromium.executablePath(), args: chromium.args });
});

afterAll(async () => {
  await browser?.close();
  rmSync(home, { recursive: true });
});

/** Opens a page from the file system, and collects what goes wrong in it and what it asks the network for. */
async function open(path: string, options: BrowserContextOptions = {}) {
  const page = await (await browser.newContext(options)).newPage();
  const [errors, requests]: [string[], string[]] = [[], []];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("dialog", (dialog) => {
    errors.push(dialog.message());
    dialog.dismiss();
  });
  page.on("request", (request) => requests.push(request.url()));
  await page.goto(pathToFileURL(join(home, "site", path)).href);
  return { page, errors, requests };
}

const drawn = async (page: Page) => {
  const count = await page.locator("figure").count();
  await page.waitForFunction(
    (all) => document.querySelectorAll("figure[data-state=interactive]").length === all,
    count,
  );
  return count;
};

/** Colours of a figure's picture, most frequent first. */
async function coloursOf(page: Page, figure: string): Promise<Map<string, number>> {
  const picture = await page.locator(`${figure} .plot`).screenshot();
  keep(figure, picture);
  const { data, channels } = decode(picture);
  const colours = new Map<string, number>();
  for (let at = 0; at < data.length; at += channels) {
    const colour = data.slice(at, at + 3).join();
    colours.set(colour, (colours.get(colour) ?? 0) + 1);
  }
  return colours;
}

/** With `SLUICE_SCREENSHOTS=<folder>` pictures are kept there, to be looked at. */
function keep(name: string, picture: Uint8Array): void {
  const folder = process.env.SLUICE_SCREENSHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name.replace(/\W+/g, "-")}.png`), picture);
}

test("a paper's figures become interactive without a server, and show their data", async () => {
  const { page, errors, requests } = await open("papers/toy.html");
  expect(await drawn(page)).toBe(2);
  expect(errors).toEqual([]);
  expect(requests.filter((url) => !url.startsWith("file:"))).toEqual([]);
  for (const figure of ["#figure-toy-path", "#figure-toy-metric-loss-nats"]) {
    const colours = await coloursOf(page, figure);
    // Both variants' colours are there, in lines and not in specks.
    for (const colour of [blue, orange]) expect(colours.get(colour), `${figure} ${colour}`).toBeGreaterThan(50);
  }
  keep("toy page", await page.screenshot({ fullPage: true }));
});

test("hovering over a curve tells its figures", async () => {
  const { page } = await open("papers/toy.html");
  await drawn(page);
  const line = page.locator("#figure-toy-metric-loss-nats .plot svg .mark-line path").first();
  await line.scrollIntoViewIfNeeded();
  const place = await line.evaluate((path: SVGPathElement) => {
    const point = path.getPointAtLength(path.getTotalLength() / 2).matrixTransform(path.getScreenCTM()!);
    return { x: point.x, y: point.y };
  });
  await page.mouse.move(place.x, place.y);
  await expect.poll(() => page.locator("#vg-tooltip-element").textContent()).toContain("variant");
});

test("without scripts the drawings stand", async () => {
  const { page } = await open("papers/toy.html", { javaScriptEnabled: false });
  expect(await page.locator("figure .drawing > svg").count()).toBe(2);
  const colours = await coloursOf(page, "#figure-toy-path");
  expect(colours.get(blue)).toBeGreaterThan(50);
});

test("links lead from the catalogue to a paper and to its figures' files", async () => {
  const { page } = await open("index.html");
  await page.getByRole("link", { name: "Momentum on a Noisy Parabola" }).click();
  expect(await page.title()).toContain("toy");
  for (const kind of ["SVG", "CSV"]) {
    const link = page.getByRole("link", { name: `${kind} of The way down` });
    const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
    expect(download.suggestedFilename()).toBe(`toy-path.${kind.toLowerCase()}`);
  }
});

test("texts that try to be markup stay texts", async () => {
  const { page, errors } = await open("papers/hostile.html");
  await drawn(page);
  expect(errors).toEqual([]);
  expect(await page.locator("h1").textContent()).toBe("<script>alert('title')</script> & more");
});

test.each([
  ["index.html", "light"],
  ["index.html", "dark"],
  ["papers/toy.html", "light"],
  ["papers/toy.html", "dark"],
  ["papers/hostile.html", "light"],
  ["papers/faulty.html", "light"],
  ["compare/toy-1-toy-1.html", "light"],
] as const)("%s, %s: no accessibility finding, and nothing wider than a phone", async (path, colorScheme) => {
  const { page } = await open(path, { colorScheme, viewport: { width: 390, height: 800 } });
  await drawn(page);
  await page.addScriptTag({ path: axe });
  const { violations } = await page.evaluate(() => (globalThis as any).axe.run());
  expect(violations.map(({ id, nodes }: any) => [id, nodes.map((node: any) => node.html)])).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  keep(`${path} ${colorScheme}`, await page.screenshot({ fullPage: true }));
});
