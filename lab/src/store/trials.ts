import { StoreError } from "./errors.ts";
import type { Row, Store } from "./store.ts";

export type Budget = "smoke" | "full";
export type Setting = number | string | boolean | null | readonly Setting[];
export type Settings = { readonly [name: string]: Setting };
export type TrialStatus = "planned" | "running" | "done" | "failed";

/** What is fixed of a trial before it starts. */
export interface TrialPlan {
  /** Hash of all the other fields: two plans with one key give the same result. */
  readonly key: string;
  readonly paper: string;
  readonly variant: string;
  readonly seed: number;
  readonly budget: Budget;
  readonly settings: Settings;
  /** Hash of the sources that the paper's file reaches. */
  readonly revision: string;
}

export type FailureKind = "threw" | "non-finite" | "out-of-memory" | "killed" | "store" | "stopped";

/** Why a trial did not finish. */
export interface Failure {
  readonly kind: FailureKind;
  readonly message: string;
  /** Where it happened, or the last lines that the trial printed. */
  readonly detail?: string;
}

export interface TrialRecord extends TrialPlan {
  readonly id: string;
  readonly status: TrialStatus;
  readonly attempt: number;
  readonly pid: number | null;
  readonly started: number | null;
  readonly ended: number | null;
  /** Seconds worked, over all attempts. */
  readonly seconds: number;
  /** Content hashes of the testbeds that it read. */
  readonly data: { readonly [testbed: string]: string };
  readonly error: Failure | null;
}

const parse = (text: string | number | null) => (text === null ? null : JSON.parse(text as string));

function trialOf(row: Row): TrialRecord {
  return {
    ...row,
    settings: parse(row.settings),
    data: parse(row.data),
    error: parse(row.error),
  } as unknown as TrialRecord;
}

const columns =
  "id, key, paper, variant, seed, budget, settings, revision, status, attempt, pid, started, ended, seconds, data, error";

/**
 * The stored trial for a plan: the newest with its key, or a new one. `fresh` makes a new one in any case and leaves the
 * results of the older untouched.
 */
export function ensureTrial(store: Store, plan: TrialPlan, fresh = false): TrialRecord {
  const known = store.all("SELECT id FROM trials WHERE key = ?", plan.key).length;
  const id = known === 0 ? plan.key : `${plan.key}~${fresh ? known + 1 : known}`.replace(/~1$/, "");
  if (known === 0 || fresh) {
    store.run(
      "INSERT INTO trials (id, key, paper, variant, seed, budget, settings, revision, status) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'planned')",
      ...[id, plan.key, plan.paper, plan.variant, plan.seed, plan.budget, JSON.stringify(plan.settings), plan.revision],
    );
  }
  return readTrial(store, id);
}

/** @throws StoreError `unknown-run` */
export function readTrial(store: Store, id: string): TrialRecord {
  const row = store.get(`SELECT ${columns} FROM trials WHERE id = ?`, id);
  if (!row) throw new StoreError("unknown-run", id, `no trial ${id} in ${store.home}`);
  return trialOf(row);
}

/** The trials of a run, in the order in which they were planned. */
export function trialsOf(store: Store, run: string): TrialRecord[] {
  return store
    .all(`SELECT ${columns} FROM run_trials JOIN trials ON trial = id WHERE run = ? ORDER BY position`, run)
    .map(trialOf);
}

/** Silence after which the owner of a trial counts as dead although some process has its number, in milliseconds. */
const staleAfter = 60_000;

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Whether some living process is at work on a trial. */
export function isOwned(store: Store, id: string): boolean {
  const row = store.get("SELECT status, pid, heartbeat FROM trials WHERE id = ?", id);
  if (row?.status !== "running" || row.pid === null) return false;
  return Date.now() - Number(row.heartbeat) < staleAfter && alive(Number(row.pid));
}

/**
 * The right to work on one trial and to write its results. It is held by one process at a time; when that process dies
 * another may take it, and what the first still tries to write is refused.
 */
export class TrialLease {
  readonly id: string;
  readonly store: Store;
  readonly #attempt: number;
  #since = Date.now();

  private constructor(store: Store, id: string, attempt: number) {
    this.store = store;
    this.id = id;
    this.#attempt = attempt;
  }

  /** @returns nothing when another living process has it, or it is done */
  static take(store: Store, id: string): TrialLease | undefined {
    return store.transaction(() => {
      if (isOwned(store, id) || readTrial(store, id).status === "done") return undefined;
      const now = Date.now();
      store.run(
        "UPDATE trials SET status = 'running', attempt = attempt + 1, pid = ?, heartbeat = ?, started = coalesce(started, ?), ended = NULL, error = NULL WHERE id = ?",
        ...[process.pid, now, now, id],
      );
      return new TrialLease(store, id, readTrial(store, id).attempt);
    });
  }

  /** Writes as one transaction, provided that the lease still holds. @throws StoreError `trial-taken` */
  write(work: () => void): void {
    this.store.transaction(() => {
      this.beat();
      work();
    });
  }

  /** Tells other processes that this one is at work, and adds up the time worked. @throws StoreError `trial-taken` */
  beat(): void {
    const now = Date.now();
    const changed = this.store.run(
      "UPDATE trials SET heartbeat = ?, seconds = seconds + ? WHERE id = ? AND attempt = ? AND status = 'running'",
      ...[now, (now - this.#since) / 1000, this.id, this.#attempt],
    );
    if (changed === 0) {
      throw new StoreError(
        "trial-taken",
        this.id,
        `trial ${this.id} was taken over by another process, which thought this one dead; this one stops`,
      );
    }
    this.#since = now;
  }

  /** @param data  content hashes of the testbeds that were read */
  done(data: TrialRecord["data"] = {}): void {
    this.write(() => {
      this.store.run("UPDATE trials SET data = ? WHERE id = ?", JSON.stringify(data), this.id);
      this.#end("done", null);
    });
  }

  fail(failure: Failure): void {
    this.write(() => this.#end("failed", failure));
  }

  #end(status: TrialStatus, failure: Failure | null): void {
    this.store.run(
      "UPDATE trials SET status = ?, error = ?, pid = NULL, ended = ? WHERE id = ?",
      ...[status, failure && JSON.stringify(failure), Date.now(), this.id],
    );
  }
}

/** Marks a trial whose process died without a word. Does nothing if it ended in order, or if another process has it. */
export function failAbandoned(store: Store, id: string, failure: Failure): void {
  store.transaction(() => {
    if (isOwned(store, id)) return;
    store.run(
      "UPDATE trials SET status = 'failed', pid = NULL, ended = ?, error = ? WHERE id = ? AND status IN ('running', 'planned')",
      ...[Date.now(), JSON.stringify(failure), id],
    );
  });
}
