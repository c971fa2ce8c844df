import { type ChildProcess, fork } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { formatDuration, formatPlace, plural } from "../report/format.ts";
import type { RunEvent } from "../run/events.ts";
import { logFile } from "../run/runner.ts";
import { metricsOf } from "../store/measurements.ts";
import { readRun } from "../store/runs.ts";
import type { Store } from "../store/store.ts";
import { isOwned, trialsOf } from "../store/trials.ts";
import { isLive } from "./api.ts";
import { applyUpdate, emptyLiveState, type LiveState, type LiveUpdate, mergeUpdates, trialView } from "./live-state.ts";
import type { RunOrder } from "./run-process.ts";

/** Milliseconds for which events are gathered into one update. */
const gathering = 100;
/** Updates that are kept for pages that come back after a break. */
const keptUpdates = 200;
/** Milliseconds after which a run that was asked to stop is ended by force: trials have 10 s to save their state. */
const patience = 15_000;

/** An update, with the number under which a page asks for what followed it. */
export interface NumberedUpdate {
  readonly number: number;
  readonly update: LiveUpdate;
}

type Listener = (update: NumberedUpdate) => void;

/** One run and its process: what has happened in it, for those who watch. */
export class LiveRun {
  readonly id: string;
  readonly paper: string;
  /** Resolves when its process is gone, or was never started. */
  readonly ended: Promise<void>;
  readonly #store: Store;
  readonly #order: RunOrder;
  readonly #listeners = new Set<Listener>();
  #end!: () => void;
  #state: LiveState;
  #updates: NumberedUpdate[] = [];
  #number = 0;
  #pending: LiveUpdate | undefined;
  #timer: NodeJS.Timeout | undefined;
  #child: ChildProcess | undefined;
  #kill: NodeJS.Timeout | undefined;

  constructor(store: Store, run: string, order: RunOrder) {
    this.id = run;
    this.paper = order.plan.paper;
    this.#store = store;
    this.#order = order;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    const trials = trialsOf(store, run);
    this.#state = applyUpdate(emptyLiveState, {
      trials: trials.map(trialView),
      points: trials.flatMap(({ id }) =>
        metricsOf(store, id).map(({ name, step, value }) => [id, name, step, value] as const),
      ),
    });
  }

  get state(): LiveState {
    return this.#state;
  }

  /** The number of the last update. */
  get number(): number {
    return this.#number;
  }

  /** The updates after one that a page has seen; nothing when they are no longer kept, or were never made here. */
  since(number: number): NumberedUpdate[] | undefined {
    const first = this.#updates[0]?.number ?? this.#number + 1;
    if (number > this.#number || number < first - 1) return undefined;
    return this.#updates.filter((update) => update.number > number);
  }

  /** @returns a function that ends the listening */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  start(): void {
    const log = logFile(this.#store.home, `run-${this.id}`);
    mkdirSync(dirname(log), { recursive: true });
    const output = openSync(log, "w");
    const kind = import.meta.filename.slice(-3);
    // A file, not a pipe: what a dying process prints last must not be lost with its reader.
    const child = fork(join(import.meta.dirname, `run-process${kind}`), [], {
      stdio: ["ignore", output, output, "ipc"],
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
    closeSync(output);
    this.#child = child;
    this.#tell({ state: "running" });
    child.on("message", (event) => this.#hear(event as RunEvent));
    child.once("error", (error) => this.#close(error.message, ""));
    child.once("exit", (code, signal) => {
      const how = signal ? `was killed by ${signal}` : `ended with exit code ${code}`;
      this.#close(how, existsSync(log) ? readFileSync(log, "utf8").slice(-4000).trim() : "");
    });
    child.send(this.#order);
  }

  /** Asks the trials to save their state and to end. */
  stop(): void {
    if (!this.#child) this.#close("", "");
    if (!this.#child || this.#state.state === "stopping") return;
    this.#tell({ state: "stopping", log: [this.#line("stopping: trials save their state")] });
    if (this.#child.connected) this.#child.send("stop");
    this.#kill = setTimeout(() => this.#child?.kill("SIGKILL"), patience);
  }

  #line(text: string, trial: string | null = null) {
    return { time: Date.now(), trial, text };
  }

  #hear(event: RunEvent): void {
    if (event.type === "run-started") {
      const done = event.trials.filter((trial) => trial.status === "done").length;
      const text = `${plural(event.trials.length, "trial")}${done > 0 ? `, ${done} already done` : ""}`;
      this.#tell({ trials: event.trials.map(trialView), log: [this.#line(text)] });
    } else if (event.type === "run-ended") {
      const { status, verdict } = event.result;
      this.#tell({
        state: status,
        trials: trialsOf(this.#store, this.id).map(trialView),
        log: [this.#line(`ended: ${status}, ${verdict}`)],
      });
    } else {
      this.#hearTrial(event);
    }
  }

  #hearTrial(event: Exclude<RunEvent, { type: "run-started" | "run-ended" }>): void {
    const { trial } = event;
    const say = (text: string) => [this.#line(text, trial.id)];
    const place = formatPlace(trial);
    if (event.type === "trial-waiting") {
      this.#tell({ log: say(`${place}: process ${event.pid} is at work on it; waiting`) });
    } else if (event.type === "trial-started") {
      const running = { ...trialView(trial), status: "running" as const };
      this.#tell({ trials: [running], log: say(`${place}: ${trial.attempt > 0 ? "goes on" : "starts"}`) });
    } else if (event.type === "trial-ended") {
      const { status, seconds, error } = trial;
      const end =
        status === "done" ? `done in ${formatDuration(seconds)}` : `${status}: ${error?.message ?? "no result"}`;
      this.#tell({ trials: [trialView(trial)], log: say(`${place}: ${end}`) });
    } else if (event.message.type === "say") {
      this.#tell({ log: say(`${place}: ${event.message.text}`) });
    } else if (event.message.type === "progress") {
      const { loop, step, steps } = event.message;
      this.#tell({ progress: { [trial.id]: { loop, step, steps } } });
    } else {
      const { step, metrics } = event.message;
      this.#tell({ points: Object.entries(metrics).map(([name, value]) => [trial.id, name, step, value] as const) });
    }
  }

  /** The process is gone; a run that is not over then has died. */
  #close(how: string, detail: string): void {
    clearTimeout(this.#kill);
    if (isLive(this.#state.state)) {
      const trials = trialsOf(this.#store, this.id).map(trialView);
      if (this.#child) {
        const message = `The run's process ${how} before the run was over. What it had measured is kept; resuming goes on from the last checkpoints.`;
        this.#tell({
          state: "interrupted",
          trials,
          death: { message, detail },
          log: [this.#line(`the process ${how}`)],
        });
      } else {
        this.#tell({ state: "interrupted", log: [this.#line("taken out of the queue")] });
      }
    }
    this.#child = undefined;
    this.#flush();
    this.#end();
  }

  #tell(update: LiveUpdate): void {
    this.#pending = mergeUpdates(this.#pending ?? {}, update);
    this.#timer ??= setTimeout(() => this.#flush(), gathering);
    // The state is known at once, whoever asks.
    if (update.state) this.#flush();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#pending) return;
    const update = this.#pending;
    this.#pending = undefined;
    this.#state = applyUpdate(this.#state, update);
    const numbered = { number: ++this.#number, update };
    this.#updates = [...this.#updates, numbered].slice(-keptUpdates);
    for (const listener of this.#listeners) listener(numbered);
  }
}

/** Where a run is, that no process of this server is at work on. */
export function storedState(store: Store, id: string): "elsewhere" | "interrupted" | "complete" | "partial" {
  const { status } = readRun(store, id);
  if (status !== "running") return status;
  return trialsOf(store, id).some((trial) => isOwned(store, trial.id)) ? "elsewhere" : "interrupted";
}
