import type { JudgedClaim, Verdict } from "../claims/judge.ts";
import { StoreError } from "./errors.ts";
import type { Row, Store } from "./store.ts";
import { type Budget, ensureTrial, type Settings, type TrialPlan, trialsOf } from "./trials.ts";

/** Where figures come from: enough to tell why two runs differ. */
export interface Provenance {
  /** Commit of the working tree; null outside a repository. */
  readonly commit: string | null;
  /** Whether the tree differed from that commit. */
  readonly dirty: boolean;
  readonly versions: { readonly [name: string]: string };
  readonly machine: {
    readonly system: string;
    readonly processor: string;
    readonly cores: number;
    readonly memoryGib: number;
  };
  /** Content hashes of the testbeds that were read. */
  readonly data: { readonly [name: string]: string };
}

/** What is fixed of a run before it starts. */
export interface RunPlan {
  readonly paper: string;
  readonly budget: Budget;
  readonly seeds: readonly number[];
  /** What `--set` changed from the paper's settings. */
  readonly settings: Settings;
  readonly revision: string;
  readonly command: string;
  readonly provenance: Provenance;
  readonly trials: readonly TrialPlan[];
}

export type RunStatus = "running" | "complete" | "partial";

export interface RunRecord extends Omit<RunPlan, "trials"> {
  readonly id: string;
  readonly status: RunStatus;
  readonly verdict: Verdict | null;
  /** Milliseconds since 1970. */
  readonly started: number;
  readonly ended: number | null;
}

function runOf(row: Row): RunRecord {
  const parsed = Object.fromEntries(
    ["seeds", "settings", "provenance"].map((name) => [name, JSON.parse(row[name] as string)]),
  );
  return { ...row, ...parsed } as unknown as RunRecord;
}

/**
 * The stored run for a plan. A plan whose trials are those of the paper's latest run goes on with that run; `fresh` starts
 * a new one, with new trials, in any case.
 */
export function openRun(store: Store, plan: RunPlan, fresh = false): RunRecord {
  return store.transaction(() => {
    const latest = latestRun(store, plan.paper, plan.budget);
    const keys = plan.trials.map((trial) => trial.key).join();
    if (!fresh && latest && keys === keysOf(store, latest.id)) {
      store.run("UPDATE runs SET status = 'running', ended = NULL WHERE id = ?", latest.id);
      return readRun(store, latest.id);
    }
    const number = Number(store.get("SELECT count(*) AS n FROM runs WHERE paper = ?", plan.paper)!.n) + 1;
    const id = `${plan.paper}-${number}`;
    store.run(
      "INSERT INTO runs (id, paper, budget, seeds, settings, revision, command, provenance, status, started) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'running', ?)",
      ...[id, plan.paper, plan.budget, JSON.stringify(plan.seeds), JSON.stringify(plan.settings)],
      ...[plan.revision, plan.command, JSON.stringify(plan.provenance), Date.now()],
    );
    plan.trials.forEach((trial, position) => {
      store.run(
        "INSERT INTO run_trials (run, position, trial) VALUES (?, ?, ?)",
        ...[id, position, ensureTrial(store, trial, fresh).id],
      );
    });
    return readRun(store, id);
  });
}

function keysOf(store: Store, run: string): string {
  return trialsOf(store, run)
    .map((trial) => trial.key)
    .join();
}

/** @throws StoreError `unknown-run` */
export function readRun(store: Store, id: string): RunRecord {
  const row = store.get("SELECT * FROM runs WHERE id = ?", id);
  if (row) return runOf(row);
  const known = store.all("SELECT id FROM runs ORDER BY started DESC LIMIT 5").map((each) => each.id);
  throw new StoreError(
    "unknown-run",
    id,
    `no run ${id} in ${store.home}; ${known.length > 0 ? `the latest are ${known.join(", ")}` : "nothing has been run yet"}`,
  );
}

/** All runs, newest first. */
export function runsOf(store: Store, paper?: string): RunRecord[] {
  const order = "ORDER BY started DESC, rowid DESC";
  const rows =
    paper === undefined
      ? store.all(`SELECT * FROM runs ${order}`)
      : store.all(`SELECT * FROM runs WHERE paper = ? ${order}`, paper);
  return rows.map(runOf);
}

/** The newest run of a paper, of one budget or of any. */
export function latestRun(store: Store, paper: string, budget?: Budget): RunRecord | undefined {
  return runsOf(store, paper).find((run) => budget === undefined || run.budget === budget);
}

/** Closes a run with its verdict, its judged claims and its figures. */
export function closeRun(
  store: Store,
  run: string,
  outcome: {
    readonly status: RunStatus;
    readonly verdict: Verdict;
    readonly claims: readonly JudgedClaim[];
    readonly figures: readonly Figure[];
    readonly data: Provenance["data"];
  },
): RunRecord {
  return store.transaction(() => {
    const provenance = { ...readRun(store, run).provenance, data: outcome.data };
    store.run(
      "UPDATE runs SET status = ?, verdict = ?, ended = ?, provenance = ? WHERE id = ?",
      ...[outcome.status, outcome.verdict, Date.now(), JSON.stringify(provenance), run],
    );
    store.run("DELETE FROM claims WHERE run = ?", run);
    for (const claim of outcome.claims) {
      store.run(
        "INSERT INTO claims (run, claim, verdict, judged) VALUES (?, ?, ?, ?)",
        ...[run, claim.id, claim.verdict, JSON.stringify(claim)],
      );
    }
    store.run("DELETE FROM figures WHERE run = ?", run);
    for (const { id, ...figure } of outcome.figures) {
      store.run("INSERT INTO figures (run, plot, spec) VALUES (?, ?, ?)", run, id, JSON.stringify(figure));
    }
    return readRun(store, run);
  });
}

/** A figure of a run: what it shows in words, and a Vega-Lite specification that holds its data. */
export interface Figure {
  readonly id: string;
  readonly title: string;
  /** What there is to see, for those who cannot see it, and beneath it for those who can. */
  readonly caption: string;
  readonly spec: object;
}

/** The judged claims of a run, in the order of the paper's file. */
export function claimsOf(store: Store, run: string): JudgedClaim[] {
  return store
    .all("SELECT judged FROM claims WHERE run = ?", run)
    .map((row) => JSON.parse(row.judged as string) as JudgedClaim)
    .sort((one, other) => one.position - other.position);
}

export function figuresOf(store: Store, run: string): Figure[] {
  return store
    .all("SELECT plot, spec FROM figures WHERE run = ? ORDER BY plot", run)
    .map((row) => ({ id: row.plot as string, ...JSON.parse(row.spec as string) }));
}
