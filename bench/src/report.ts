import type { Machine } from "./machine.ts";
import { failed, type Result } from "./runner.ts";
import { type Benchmark, gptStepFlops } from "./workloads.ts";

/** What `npm run bench -- <name> --json` prints. */
export interface Report {
  name: string;
  machine: Machine;
  ours: Result;
  peers: Record<string, Result>;
  /** Our median over the peer's: below 1 we are faster. */
  ratios: Record<string, number>;
  /** `gpt-wide`: best matrix-product rate of ONNX Runtime in this run, and the training step's rate. */
  gemmPeakGflops?: number;
  achievedGflops?: number;
}

/** Puts the results of a run together: `ours` is set against all others; `gemm`, if it ran, gives the peak. */
export function makeReport(
  name: string,
  { workload }: Benchmark,
  machine: Machine,
  { ours = { error: "left out by --only" }, gemm, ...peers }: Record<string, Result>,
): Report {
  const report: Report = { name, machine, ours, peers, ratios: {} };
  if (failed(ours)) return report;
  for (const [peer, result] of Object.entries(peers))
    if (!failed(result)) report.ratios[peer] = ours.medianMs / result.medianMs;
  if (workload.kind === "gpt" && gemm && !failed(gemm)) {
    report.gemmPeakGflops = gemm.maxValue;
    report.achievedGflops = gptStepFlops(workload) / ours.medianMs / 1e6;
  }
  return report;
}
