import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import toy from "./fixtures/toy.ts";
import { ChoiceError, planRun, type RunChoices } from "./plan.ts";
import { provenance } from "./provenance.ts";
import { revisionOf } from "./revision.ts";

const file = join(import.meta.dirname, "fixtures", "toy.ts");
const context = { command: "sluice run toy", provenance: provenance() };
const plan = (choices: RunChoices, paper = toy) => planRun(paper, pathToFileURL(file).href, choices, context);

test("every variant runs with every seed, each with its own key", () => {
  const { trials, seeds, budget } = plan({});
  expect([budget, seeds]).toEqual(["full", [1, 2, 3]]);
  expect(trials.map(({ variant, seed }) => `${variant} ${seed}`)).toEqual([
    "plain 1",
    "plain 2",
    "plain 3",
    "momentum 1",
    "momentum 2",
    "momentum 3",
  ]);
  expect(new Set(trials.map((trial) => trial.key)).size).toBe(6);
  expect(plan({ budget: "smoke" }).seeds).toEqual([1]);
});

test("settings come from the budget, then the variant, then the user; the key follows from them", () => {
  const [plain, momentum] = plan({ budget: "smoke", settings: { rate: 0.5 } }).trials;
  expect(plain.settings).toEqual({ steps: 100, rate: 0.5, noise: 0.1, pause: 0, momentum: 0 });
  expect(momentum.settings.momentum).toBe(0.8);
  const key = (choices: RunChoices) => plan(choices).trials[0].key;
  expect(key({ settings: { rate: 0.5, noise: 1 } })).toBe(key({ settings: { noise: 1, rate: 0.5 } }));
  expect(key({ settings: { rate: 0.5 } })).not.toBe(key({}));
  expect(key({ settings: { rate: 0.02 } })).toBe(key({}));
});

test("a paper may leave trials out", () => {
  const partial = {
    ...toy,
    includes: ({ variant, seed }: { variant: string; seed: number }) => variant === "plain" || seed === 1,
  };
  expect(plan({}, partial).trials).toHaveLength(4);
  expect(() => plan({}, { ...toy, includes: () => false })).toThrow(ChoiceError);
});

test("a setting must be one of the paper's, and of its kind", () => {
  expect(() => plan({ settings: { rates: 1 } })).toThrow("rate");
  expect(() => plan({ settings: { rate: "fast" } })).toThrow(ChoiceError);
  expect(() => plan({ settings: { momentum: [1] } })).toThrow("a number such as");
});

test("the revision follows the text of every file that the paper reaches, and nothing else", () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-"));
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
  write("paper.ts", `import { a } from "./a.ts";\nimport "node:fs";\nexport default a; // from "./gone.ts"`);
  write("a.ts", `export { b as a } from "./b.ts";`);
  write("b.ts", "export const b = 1;");
  write("c.ts", "export const c = 1;");
  const revision = () => revisionOf(join(folder, "paper.ts"));
  const first = revision();
  write("c.ts", "export const c = 2;");
  expect(revision()).toBe(first);
  write("b.ts", "export const b = 2;");
  expect(revision()).not.toBe(first);
  write("b.ts", "export const b = 1;");
  const copy = `${folder}-copy`;
  cpSync(folder, copy, { recursive: true });
  expect(revisionOf(join(copy, "paper.ts"))).toBe(first);
  for (const each of [folder, copy]) rmSync(each, { recursive: true });
  expect(revisionOf(file)).toMatch(/^[0-9a-f]{16}$/);
  expect(readFileSync(file, "utf8")).toContain("paper({");
});
