import type { JudgedClaim, Verdict } from "../claims/judge.ts";
import { overallVerdict } from "../claims/judge.ts";
import type { Paper } from "../paper.ts";
import { measuresOf } from "../store/measurements.ts";
import { claimsOf, type Provenance, type RunRecord, type RunStatus } from "../store/runs.ts";
import type { Store } from "../store/store.ts";
import { type Budget, type Failure, type Settings, type TrialStatus, trialsOf } from "../store/trials.ts";

/** Version of the format below; it is raised when a field changes its meaning or goes. */
export const resultVersion = 1;

/** The outcome of a run, as `--json` prints it and `verify` reads it. */
export interface RunResult {
  readonly version: typeof resultVersion;
  readonly run: string;
  readonly paper: string;
  readonly row: number;
  readonly family: string;
  readonly title: string;
  readonly budget: Budget;
  readonly seeds: readonly number[];
  /** What `--set` changed. */
  readonly settings: Settings;
  readonly status: RunStatus;
  readonly verdict: Verdict;
  readonly claims: readonly JudgedClaim[];
  readonly trials: readonly TrialResult[];
  readonly revision: string;
  readonly provenance: Provenance;
  /** Seconds worked, over all trials. */
  readonly seconds: number;
  /** ISO 8601. */
  readonly started: string;
  readonly ended: string | null;
  readonly command: string;
}

export interface TrialResult {
  readonly id: string;
  readonly variant: string;
  readonly seed: number;
  readonly status: TrialStatus;
  readonly seconds: number;
  readonly settings: Settings;
  /** What it measured: claim to measure to figure. */
  readonly measures: { readonly [claim: string]: { readonly [name: string]: number } };
  readonly error: Failure | null;
}

/** The outcome of a stored run. */
export function resultOf(store: Store, paper: Pick<Paper, "row" | "family" | "title">, run: RunRecord): RunResult {
  const trials = trialsOf(store, run.id);
  const claims = claimsOf(store, run.id);
  const { row, family, title } = paper;
  const { budget, seeds, settings, status, revision, provenance, command } = run;
  return {
    version: resultVersion,
    ...{ run: run.id, paper: run.paper, row, family, title, budget, seeds, settings, status },
    verdict: run.verdict ?? overallVerdict(claims),
    claims,
    trials: trials.map(({ id, variant, seed, status, seconds, settings, error }) => {
      const measures: Record<string, Record<string, number>> = {};
      for (const { claim, name, value } of measuresOf(store, id)) (measures[claim] ??= {})[name] = value;
      return { id, variant, seed, status, seconds, settings, measures, error };
    }),
    ...{ revision, provenance, command },
    seconds: trials.reduce((sum, trial) => sum + trial.seconds, 0),
    started: new Date(run.started).toISOString(),
    ended: run.ended === null ? null : new Date(run.ended).toISOString(),
  };
}
