import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { families } from "../paper.ts";
import { allPapers, idsIn } from "../run/catalogue.ts";
import { planRun } from "../run/plan.ts";
import { provenance } from "../run/provenance.ts";

const entries = await allPapers();

test("every file is a paper of its own id and row, in a family that there is", () => {
  expect(entries.map(({ paper }) => paper.id).sort()).toEqual(idsIn());
  expect(new Set(entries.map(({ paper }) => paper.row)).size).toBe(entries.length);
  for (const { paper, module } of entries) {
    expect(fileURLToPath(module)).toMatch(new RegExp(`[\\\\/]${paper.id}\\.[jt]s$`));
    expect(families).toContain(paper.family);
    expect(paper.minutes).toBeLessThanOrEqual(5);
  }
});

test("every claim says what the paper reports and when it holds, and judges something", () => {
  for (const { paper } of entries) {
    for (const [id, claim] of Object.entries(paper.claims)) {
      for (const text of [claim.paper, claim.holds]) expect(text.length, `${paper.id} ${id}`).toBeGreaterThan(5);
      expect(Object.keys(claim.measures).length, `${paper.id} ${id}`).toBeGreaterThan(0);
    }
    for (const plot of Object.values(paper.plots ?? {})) expect(plot.caption.length).toBeGreaterThan(20);
    expect(Object.keys(paper.plots ?? {}).length, paper.id).toBeGreaterThan(0);
  }
});

test("full runs have three seeds or one, smoke runs one, and both can be planned", () => {
  const context = { command: "", provenance: provenance() };
  for (const { paper, module } of entries) {
    const full = planRun(paper, module, { budget: "full" }, context);
    const smoke = planRun(paper, module, { budget: "smoke" }, context);
    expect(full.trials.length).toBeGreaterThanOrEqual(smoke.trials.length);
    expect(smoke.trials.every((trial) => full.revision === trial.revision)).toBe(true);
  }
});
