import { expect, test } from "vitest";
import { type Entrant, failed, runInterleaved } from "./runner.ts";
import type { Benchmark } from "./workloads.ts";

const benchmark: Benchmark = {
  workload: { kind: "call" },
  stepsPerRun: 2,
  warmUpSteps: 3,
  process: "kept",
  host: "node",
};

function fake(name: string, log: string[], failAt = Number.POSITIVE_INFINITY): Entrant {
  let blocks = 0;
  return {
    name,
    start: async () => ({
      about: { version: "1" },
      pid: 0,
      peakMb: () => 7,
      close: async () => {
        log.push(`${name} closed`);
      },
      run: async (steps) => {
        if (++blocks > failAt) throw new Error("out of memory");
        log.push(`${name} ${steps}`);
        return { ms: 10 * steps, value: blocks };
      },
    }),
  };
}

const quiet = () => false;

const run = (entrants: Entrant[], settings: Benchmark = benchmark, disturbed = quiet) =>
  runInterleaved(settings, entrants, { folder: "", runs: 2, progress: () => {}, watch: () => disturbed });

test("contestants take turns, and each round starts with another one", async () => {
  const log: string[] = [];
  const { a } = await run([fake("a", log), fake("b", log)]);
  expect(log).toEqual(["a 3", "b 3", "a 2", "b 2", "b 2", "a 2", "a closed", "b closed"]);
  expect(a).toMatchObject({ medianMs: 10, minMs: 10, maxMs: 10, runs: 2, peakMb: 7, firstValue: 1, lastValue: 3 });
});

test("a contestant that fails is reported and the others go on", async () => {
  const log: string[] = [];
  const { a, b } = await run([fake("a", log, 1), fake("b", log)]);
  expect(a).toEqual({ error: "out of memory" });
  expect(failed(b)).toBe(false);
  expect(log.filter((line) => line === "a closed")).toHaveLength(1);
});

test("a fresh process for every measurement", async () => {
  const log: string[] = [];
  await run([fake("a", log)], { ...benchmark, process: "fresh" });
  expect(log).toEqual(["a 2", "a closed", "a 2", "a closed"]);
});

test("a disturbed measurement is repeated, and taken after the fifth time", async () => {
  const log: string[] = [];
  const once = [true];
  const { a } = await run([fake("a", log)], benchmark, () => once.pop() ?? false);
  expect(log).toEqual(["a 3", "a 2", "a 2", "a 2", "a closed"]);
  // The value of the third block, which ends the last measurement of a contestant that repeats none.
  expect(a).toMatchObject({ runs: 2, disturbed: 0, lastValue: 3 });

  const { b } = await run([fake("b", log)], benchmark, () => true);
  expect(b).toMatchObject({ runs: 2, disturbed: 2, maxValue: 11 });
});
