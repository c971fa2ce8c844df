import { expect, test } from "vitest";
import { families } from "../paper.ts";
import { allPapers } from "./catalogue.ts";
import { plannedPapers } from "./planned.ts";

test("planned papers have rows and ids of their own, known families and plausible years", () => {
  expect(plannedPapers.length).toBeGreaterThan(100);
  expect(new Set(plannedPapers.map((paper) => paper.row)).size).toBe(plannedPapers.length);
  expect(new Set(plannedPapers.map((paper) => paper.id)).size).toBe(plannedPapers.length);
  for (const { id, row, family, year, title } of plannedPapers) {
    expect(id).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
    expect(families).toContain(family);
    expect(row).toBeGreaterThan(0);
    expect(row).toBeLessThanOrEqual(127);
    expect(year).toBeGreaterThan(1990);
    expect(title.length).toBeGreaterThan(5);
  }
});

test("papers that are built stand at the row and in the family that were planned", async () => {
  const planned = new Map(plannedPapers.map((paper) => [paper.id, paper]));
  for (const { paper } of await allPapers()) {
    const { id, row, family } = paper;
    if (planned.has(id))
      expect({ id, row, family }).toEqual({ id, row: planned.get(id)!.row, family: planned.get(id)!.family });
  }
});
