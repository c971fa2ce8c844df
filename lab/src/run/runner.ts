import { fork } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { judgeClaims, overallVerdict } from "../claims/judge.ts";
import { measuresOf, metricsOf, plotRowsOf } from "../store/measurements.ts";
import { closeRun, type Figure, openRun, type Provenance, type RunPlan } from "../store/runs.ts";
import type { Store } from "../store/store.ts";
import { failAbandoned, isOwned, readTrial, type TrialRecord, trialsOf } from "../store/trials.ts";
import type { Entry } from "./catalogue.ts";
import type { RunEvent, TrialMessage } from "./events.ts";
import { failureOfDeath } from "./failure.ts";
import { type RunResult, resultOf } from "./result.ts";
import type { TrialOrder } from "./trial-process.ts";

export interface RunOptions {
  /** Trials at once. Default 1: a trial uses all cores by itself. Ignored where trials measure time. */
  readonly jobs?: number;
  /** Starts every trial afresh, and keeps what is stored of older ones. */
  readonly force?: boolean;
  /** Aborting it lets the trials save their state and end. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: RunEvent) => void;
}

/** Milliseconds that a trial gets to save its state when it is asked to stop. */
const patience = 10_000;

/**
 * Runs a plan: every trial that is not done yet in a process of its own, then judges the claims over all of them. What
 * fails, fails alone; its error is in the result.
 *
 * @example
 * const result = await runPaper(store, entry, planRun(entry.paper, entry.module, { budget: "smoke" }, context));
 */
export async function runPaper(
  store: Store,
  entry: Entry,
  plan: RunPlan,
  { jobs = 1, force = false, signal, onEvent = () => {} }: RunOptions = {},
): Promise<RunResult> {
  const run = openRun(store, plan, force);
  const trials = trialsOf(store, run.id);
  onEvent({ type: "run-started", run, trials });
  const waiting = trials.filter((trial) => trial.status !== "done");
  const work = async () => {
    for (let trial = waiting.shift(); trial && !signal?.aborted; trial = waiting.shift()) {
      await runTrial(store, entry, plan, trial, onEvent, signal);
    }
  };
  await Promise.all(Array.from({ length: entry.paper.exclusive ? 1 : jobs }, work));
  return judgeRun(store, entry, run.id, onEvent);
}

/** Judges a run from what is stored of it, draws its figures and closes it. */
export function judgeRun(
  store: Store,
  { paper }: Entry,
  id: string,
  onEvent: (event: RunEvent) => void = () => {},
): RunResult {
  const trials = trialsOf(store, id);
  const witnesses = trials.map((trial) => ({ ...trial, measures: measuresOf(store, trial.id) }));
  const claims = judgeClaims(paper.claims, witnesses, trials[0].budget);
  const data: Provenance["data"] = Object.assign({}, ...trials.map((trial) => trial.data));
  const run = closeRun(store, id, {
    status: trials.every((trial) => trial.status === "done") ? "complete" : "partial",
    verdict: overallVerdict(claims),
    claims,
    figures: figuresFor(store, paper, trials),
    data,
  });
  const result = resultOf(store, paper, run);
  onEvent({ type: "run-ended", result });
  return result;
}

/** The paper's own figures, those that have something to draw. One that throws is told, and left out. */
function figuresFor(store: Store, paper: Entry["paper"], trials: readonly TrialRecord[]): Figure[] {
  const placed = trials.map(({ id, variant, seed }) => ({ id, variant, seed }));
  const metrics = placed.flatMap(({ id, ...place }) => metricsOf(store, id).map((point) => ({ ...point, ...place })));
  return Object.entries(paper.plots ?? {}).flatMap(([id, { title, caption, draw }]) => {
    const rows = placed.flatMap(({ id: trial, ...place }) =>
      plotRowsOf(store, trial, id).map((row) => ({ ...row, ...place })),
    );
    if (rows.length + metrics.length === 0) return [];
    try {
      return [{ id, title, caption, spec: draw({ rows, metrics }) }];
    } catch (error) {
      process.stderr.write(`figure “${title}”: ${error instanceof Error ? error.stack : error}\n`);
      return [];
    }
  });
}

/** Runs one trial to its end, whoever ends it: what another runner has begun is waited for. */
async function runTrial(
  store: Store,
  { module }: Entry,
  { seeds }: RunPlan,
  { id }: TrialRecord,
  onEvent: (event: RunEvent) => void,
  signal?: AbortSignal,
): Promise<void> {
  for (;;) {
    const owner = readTrial(store, id);
    if (isOwned(store, id)) onEvent({ type: "trial-waiting", trial: owner, pid: owner.pid! });
    while (isOwned(store, id) && !signal?.aborted) await sleep(200);
    const trial = readTrial(store, id);
    if (trial.status === "done" || signal?.aborted) return;
    onEvent({ type: "trial-started", trial });
    const log = logFile(store.home, id);
    const onMessage = (message: TrialMessage) => onEvent({ type: "trial-message", trial, message });
    const { code, killedBy } = await work({ home: store.home, trial: id, module, seeds }, log, onMessage, signal);
    // Another runner was quicker by a hair.
    if (code === 0 && isOwned(store, id)) continue;
    failAbandoned(store, id, failureOfDeath(code, killedBy, tailOf(log)));
    onEvent({ type: "trial-ended", trial: readTrial(store, id) });
    return;
  }
}

/** Where a trial's process prints to. */
export function logFile(home: string, trial: string): string {
  return join(home, "logs", `${trial}.log`);
}

function tailOf(file: string): string {
  return readFileSync(file, "utf8").slice(-4000).trim();
}

/** Starts a trial's process and waits until it has ended. */
async function work(
  order: TrialOrder,
  log: string,
  onMessage: (message: TrialMessage) => void,
  signal?: AbortSignal,
): Promise<{ code: number | null; killedBy: NodeJS.Signals | null }> {
  mkdirSync(join(log, ".."), { recursive: true });
  const output = openSync(log, "w");
  const child = fork(
    join(import.meta.dirname, `trial-process${import.meta.filename.slice(-3)}`),
    [JSON.stringify(order)],
    {
      // A file, not a pipe: what a dying process prints last must not be lost with its reader.
      stdio: ["ignore", output, output, "ipc"],
      execArgv: ["--disable-warning=ExperimentalWarning"],
    },
  );
  closeSync(output);
  child.on("message", (message) => onMessage(message as TrialMessage));
  let kill: NodeJS.Timeout | undefined;
  const stop = () => {
    child.kill("SIGTERM");
    kill = setTimeout(() => child.kill("SIGKILL"), patience);
  };
  signal?.addEventListener("abort", stop, { once: true });
  try {
    return await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, killedBy) => resolve({ code, killedBy }));
    });
  } finally {
    clearTimeout(kill);
    signal?.removeEventListener("abort", stop);
  }
}
