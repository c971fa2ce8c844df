import type { JudgedClaim, Verdict } from "../claims/judge.ts";
import type { Paper } from "../paper.ts";
import { seedsOf } from "../run/plan.ts";
import { claimsOf, type RunRecord, runsOf } from "../store/runs.ts";
import type { Store } from "../store/store.ts";

/** Where a paper stands: the run that speaks for it, and what it says. */
export interface Standing {
  readonly paper: Paper;
  /** All its runs, newest first. */
  readonly runs: readonly RunRecord[];
  /** Nothing when it has never been run. */
  readonly run: RunRecord | undefined;
  /** The claims of that run. */
  readonly claims: readonly JudgedClaim[];
}

/** Where each paper stands. */
export function overview(store: Store, papers: readonly Paper[]): Standing[] {
  return papers.map((paper) => {
    const runs = runsOf(store, paper.id);
    const run = speakingRun(paper, runs);
    return { paper, runs, run, claims: run ? claimsOf(store, run.id) : [] };
  });
}

/**
 * The run that speaks for a paper: its newest full result; failing that its newest run with the full budget, then its
 * newest of any.
 */
function speakingRun(paper: Paper, runs: readonly RunRecord[]): RunRecord | undefined {
  return runs.find((run) => isFullResult(paper, run)) ?? runs.find((run) => run.budget === "full") ?? runs[0];
}

/**
 * Whether a run may stand in `RESULTS.md`: full budget, every trial done, nothing set otherwise than in the paper's file,
 * and no fewer seeds.
 */
export function isFullResult(paper: Paper, run: RunRecord): boolean {
  return (
    run.budget === "full" &&
    run.status === "complete" &&
    Object.keys(run.settings).length === 0 &&
    run.seeds.length >= seedsOf(paper, "full")
  );
}

/** "3 of 4 reproduced", or why there is no such count. */
export function summary({ run, claims }: Pick<Standing, "run" | "claims">): string {
  if (!run) return "not run yet";
  if (run.status === "running") return "running, or interrupted";
  const count = (verdict: Verdict) => claims.filter((claim) => claim.verdict === verdict).length;
  const judged = claims.length - count("not judged");
  if (judged === 0) return "not judged at this budget";
  const undecided = count("undecided");
  return `${count("reproduced")} of ${judged} reproduced${undecided > 0 ? `, ${undecided} undecided` : ""}`;
}
