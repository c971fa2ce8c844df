import type { Entry } from "../run/catalogue.ts";
import { commandFor } from "../run/command.ts";
import { planRun, type RunChoices } from "../run/plan.ts";
import { provenance } from "../run/provenance.ts";
import { openRun } from "../store/runs.ts";
import { checkHome, type Store } from "../store/store.ts";
import { isLive, type RunState } from "./api.ts";
import { LiveRun, storedState } from "./live-run.ts";

/** A paper has one run at a time on this server. */
export class UnderWayError extends Error {
  override readonly name = "UnderWayError";
  readonly run: string;

  constructor(run: string) {
    super(`UnderWayError [${run}]: a run of this paper is under way; wait for it, or cancel it`);
    this.run = run;
  }
}

/** Runs that are over and whose events are still kept. */
const keptRuns = 20;

/** The runs that this server has started: one at work at a time, because a trial uses all cores by itself. */
export class LiveRuns {
  readonly #store: Store;
  /** In the order in which they were started. */
  #runs: LiveRun[] = [];

  constructor(store: Store) {
    this.#store = store;
  }

  /** The run with this id, if this server has started it. */
  get(id: string): LiveRun | undefined {
    return this.#runs.findLast((run) => run.id === id);
  }

  /** The run of a paper that is queued or at work. */
  ofPaper(paper: string): LiveRun | undefined {
    return this.#runs.find((run) => run.paper === paper && isLive(run.state.state));
  }

  /** Where any run is. @throws StoreError `unknown-run` */
  stateOf(id: string): RunState {
    const live = this.get(id)?.state.state;
    if (live && isLive(live)) return live;
    const stored = storedState(this.#store, id);
    // The trial of a runner that was killed lives on for a moment, but nobody waits for it.
    return stored === "elsewhere" && live === "interrupted" ? live : stored;
  }

  /**
   * Starts a run, or queues it while another is at work. A paper has one run at a time.
   *
   * @throws UnderWayError, ChoiceError, StoreError
   */
  start(entry: Entry, choices: RunChoices, force = false): LiveRun {
    // The store goes on with a paper's latest run: a second one would take the first one's place while it is queued.
    const busy = this.ofPaper(entry.paper.id);
    if (busy) throw new UnderWayError(busy.id);
    checkHome(this.#store.home);
    const context = { command: commandFor(entry.paper, choices), provenance: provenance() };
    const plan = planRun(entry.paper, entry.module, choices, context);
    const { id } = openRun(this.#store, plan, force);
    const run = new LiveRun(this.#store, id, { home: this.#store.home, module: entry.module, plan });
    const others = this.#runs.filter((other) => other.id !== id);
    const over = others.filter((other) => !isLive(other.state.state)).slice(0, -keptRuns);
    this.#runs = [...others.filter((other) => !over.includes(other)), run];
    run.ended.then(() => this.#next());
    this.#next();
    return run;
  }

  #next(): void {
    const live = this.#runs.filter((run) => isLive(run.state.state));
    if (live.every((run) => run.state.state === "queued")) live[0]?.start();
  }

  /** Lets all trials save their state, and waits until their processes are gone. */
  async close(): Promise<void> {
    const live = this.#runs.filter((run) => isLive(run.state.state));
    // The queue first, or the end of the one at work would start the next.
    for (const run of live.toReversed()) run.stop();
    await Promise.all(live.map((run) => run.ended));
  }
}
