import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { csvParse } from "d3-dsv";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Paper } from "../paper.ts";
import { runsOf } from "../store/runs.ts";
import { Store } from "../store/store.ts";
import { fileName, reportFigures } from "./figures.ts";
import { runFixtures } from "./fixtures.ts";
import { formatDuration, formatMeasured, formatNumber, formatThreshold } from "./format.ts";
import { isFullResult, overview, summary } from "./overview.ts";
import { resultsMarkdown } from "./results.ts";
import { writeReport } from "./site.ts";

let home: string;
let store: Store;
let papers: Paper[];
const read = (...path: string[]) => readFileSync(join(home, "site", ...path), "utf8");

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "sluice-"));
  store = Store.open(home);
  papers = await runFixtures(store);
  await writeReport(store, papers, join(home, "site"));
});

afterAll(() => {
  store.close();
  rmSync(home, { recursive: true });
});

describe("the report", () => {
  test("has a catalogue by family with every paper, run or not", () => {
    const index = read("index.html");
    for (const part of ["toy", "hostile", "faulty", "2 of 2 reproduced", "0 of 1 reproduced", "not run yet"]) {
      expect(index).toContain(part);
    }
    expect(index.indexOf('id="training"')).toBeLessThan(index.indexOf('id="other"'));
  });

  test("has a page a paper with idea, claims, figures, settings, machine, commit, time and command", () => {
    const page = read("papers", "toy.html");
    const { machine } = runsOf(store, "toy")[0].provenance;
    for (const part of [
      "heavy ball",
      "ends below 0.1",
      "≤ 0.1",
      "(n = 3)",
      "The way down",
      "loss/nats by step",
      "momentum",
    ]) {
      expect(page).toContain(part);
    }
    for (const part of [machine.processor, "npx sluice run toy", "Commit", "Worked", "seed 3"])
      expect(page).toContain(part);
    expect(read("papers", "faulty.html")).toContain("Not run yet");
  });

  test("needs no network: nothing is loaded but its own files, and all of them are there", () => {
    for (const page of ["index.html", ...readdirSync(join(home, "site", "papers")).map((name) => `papers/${name}`)]) {
      const loaded = [...read(page).matchAll(/<(?:script|link|img)[^>]*(?:src|href)="([^"]+)"/g)].map(
        (match) => match[1],
      );
      expect(loaded.length).toBeGreaterThan(0);
      for (const path of loaded)
        expect(existsSync(join(home, "site", page, "..", path)), `${page}: ${path}`).toBe(true);
    }
  });

  test("shows texts as texts, whatever is in them", () => {
    const page = read("papers", "hostile.html");
    expect(page).not.toContain("<script>alert");
    expect(page).toContain("Beside the claims");
    expect(page).toContain("size &lt;b>/bytes");
    expect(page).not.toContain("<img");
    expect(page).not.toContain("<i>");
    expect(page).toContain("&lt;script>alert");
    expect(page.match(/<script/g)).toHaveLength(6);
    expect(page.match(/<\/script>/g)).toHaveLength(6);
  });

  test("gives every figure as SVG and as CSV", () => {
    expect(read("figures", "toy-path.svg")).toMatch(/^<svg/);
    const rows = csvParse(read("figures", "toy-metric-loss-nats.csv"));
    expect(rows).toHaveLength(2 * 3 * 400);
    expect(rows[0]).toMatchObject({ variant: "plain", seed: "1", step: "0" });
    expect(csvParse(read("figures", "toy-path.csv"))).toHaveLength(2 * 3 * 400);
    expect(csvParse(read("figures", "hostile-rows.csv"))[0].name).toContain('a "b", </script>');
  });

  test("writes single pages and leaves the others", async () => {
    const marker = join(home, "site", "papers", "hostile.html");
    writeFileSync(marker, "untouched");
    await writeReport(store, papers, join(home, "site"), ["toy"]);
    expect(readFileSync(marker, "utf8")).toBe("untouched");
    await writeReport(store, papers, join(home, "site"));
  });
});

test("a run stands in the results when it is full, complete, unchanged, and has the paper's seeds", () => {
  const [run] = runsOf(store, "toy");
  const toy = papers.find((paper) => paper.id === "toy")!;
  expect(isFullResult(toy, run)).toBe(true);
  expect(isFullResult(toy, { ...run, budget: "smoke" })).toBe(false);
  expect(isFullResult(toy, { ...run, status: "partial" })).toBe(false);
  expect(isFullResult(toy, { ...run, settings: { rate: 1 } })).toBe(false);
  expect(isFullResult(toy, { ...run, seeds: [1, 2] })).toBe(false);
  const text = resultsMarkdown(store, papers);
  expect(text).toContain("| 1   | [toy](#toy)");
  expect(text).toContain("not reproduced");
  expect(text).toContain("one \\| \\<u\\>");
  expect(text).not.toContain("faulty");
});

test("a paper's standing is told from its claims", () => {
  const [toy, faulty] = overview(store, papers).filter(({ paper }) => paper.id !== "hostile");
  expect(summary(toy)).toBe("2 of 2 reproduced");
  expect(summary(faulty)).toBe("not run yet");
  const open = { ...toy.claims[0], verdict: "undecided" } as const;
  expect(summary({ run: toy.run, claims: [toy.claims[1], open] })).toBe("1 of 2 reproduced, 1 undecided");
  expect(summary({ run: toy.run, claims: [{ ...open, verdict: "not judged" }] })).toBe("not judged at this budget");
});

test("curves are drawn for metrics with more than one step, under names that can be files", () => {
  expect(reportFigures(store, runsOf(store, "toy")[0]).map((figure) => figure.id)).toEqual([
    "path",
    "metric-loss-nats",
  ]);
  expect(fileName("../a b/ü%")).toBe("a-b-");
  expect(fileName("…")).toBe("figure");
});

test("numbers, thresholds and durations read well", () => {
  expect([0, 0.123456, -1234.5678, 12345, 1e-7, 2.5e9].map(formatNumber)).toEqual([
    "0",
    "0.1235",
    "−1235",
    "12,350",
    "1e−7",
    "2.5e9",
  ]);
  expect(formatNumber(Number.NaN)).toBe("not a number");
  expect(formatMeasured({ mean: 0.5, low: 0.4, high: 0.6, n: 3 })).toBe("0.5 ± 0.1 (n = 3)");
  expect(formatMeasured({ mean: 0.5, low: null, high: null, n: 1 })).toBe("0.5 (n = 1)");
  expect(formatMeasured({ mean: null, low: null, high: null, n: 0 })).toBe("not measured");
  expect(formatThreshold({ relation: "within", bound: [0, 1], over: "every seed" })).toBe("in [0, 1], every seed");
  expect([0.04, 9.94, 59.6, 192, 3725].map(formatDuration)).toEqual(["0.0s", "9.9s", "1m", "3m 12s", "1h 2m"]);
});
