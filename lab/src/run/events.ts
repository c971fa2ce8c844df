import type { Metrics } from "../store/measurements.ts";
import type { RunRecord } from "../store/runs.ts";
import type { TrialRecord } from "../store/trials.ts";
import type { RunResult } from "./result.ts";

/** What a trial's process tells its runner while it works. Nothing depends on it but the display. */
export type TrialMessage =
  | { readonly type: "progress"; readonly loop: string; readonly step: number; readonly steps: number }
  | { readonly type: "metrics"; readonly step: number; readonly metrics: Metrics }
  | { readonly type: "say"; readonly text: string };

/** What happens in a run, for those who show it. */
export type RunEvent =
  | { readonly type: "run-started"; readonly run: RunRecord; readonly trials: readonly TrialRecord[] }
  | { readonly type: "trial-waiting"; readonly trial: TrialRecord; readonly pid: number }
  | { readonly type: "trial-started"; readonly trial: TrialRecord }
  | { readonly type: "trial-message"; readonly trial: TrialRecord; readonly message: TrialMessage }
  | { readonly type: "trial-ended"; readonly trial: TrialRecord }
  | { readonly type: "run-ended"; readonly result: RunResult };
