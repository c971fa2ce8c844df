import { expect, test } from "vitest";
import type { Machine } from "./machine.ts";
import { makeReport } from "./report.ts";
import type { Measured } from "./runner.ts";
import { spread } from "./statistics.ts";
import { table } from "./table.ts";
import { benchmarks, type GptWorkload, gptStepFlops } from "./workloads.ts";

const machine: Machine = { cpu: "c", cores: 2, memoryGb: 8, os: "o", node: "v26", revision: "abc", idle: 1 };
const took = (ms: number[], maxValue = 1): Measured => ({
  ...spread(ms),
  peakMb: 100,
  firstValue: 4,
  lastValue: 3,
  maxValue,
  disturbed: 0,
  about: {},
});

test("median of even and odd counts, with spread", () => {
  expect(spread([3, 1, 2])).toEqual({ medianMs: 2, minMs: 1, maxMs: 3, runs: 3 });
  expect(spread([4, 1, 2, 3]).medianMs).toBe(2.5);
});

test("ratios are ours over the peer's; a failed peer has none but is there", () => {
  const report = makeReport("mlp", benchmarks.mlp, machine, {
    ours: took([2]),
    torch: took([8]),
    tfjs: { error: "no kernel\nat line 1" },
  });
  expect(report.ratios).toEqual({ torch: 0.25 });
  expect(report.peers.tfjs).toEqual({ error: "no kernel\nat line 1" });
  expect(report).not.toHaveProperty("gemmPeakGflops");
  expect(table(report)).toContain("tfjs   failed: no kernel");
});

test("gpt-wide sets its rate against the peak of the same run", () => {
  const benchmark = benchmarks["gpt-wide"];
  const report = makeReport("gpt-wide", benchmark, machine, { ours: took([100]), gemm: took([1], 200) });
  expect(report.peers).toEqual({});
  expect(report.gemmPeakGflops).toBe(200);
  expect(report.achievedGflops).toBeCloseTo(gptStepFlops(benchmark.workload as GptWorkload) / 0.1 / 1e9);
});
