import type { Paper } from "../paper.ts";
import { type Metrics, storeMeasures, storeMetrics, storePlotRows } from "../store/measurements.ts";
import type { TrialLease, TrialRecord } from "../store/trials.ts";
import { type Checkpoint, openCheckpoint } from "./checkpoint.ts";
import type { TrialMessage } from "./events.ts";
import { type Lab, type Loop, NonFiniteError, StoppedError } from "./lab.ts";

/** Milliseconds between two messages of one kind: more often than anyone can read, less often than it costs. */
const messageInterval = 100;

interface LoopState<State> {
  readonly step: number;
  readonly state: State;
}

export interface TrialSurroundings {
  readonly seeds: readonly number[];
  readonly stopping: AbortSignal;
  tell(message: TrialMessage): void;
}

/** The lab as one trial sees it, on top of the store. */
export function trialLab(paper: Paper, trial: TrialRecord, lease: TrialLease, around: TrialSurroundings): Lab {
  const names = new Set<string>();
  const told = new Map<string, number>();

  /** Messages of one kind are thinned out, except where the last one matters. */
  const tell = (message: TrialMessage, always = false) => {
    const now = Date.now();
    if (!always && now - (told.get(message.type) ?? 0) < messageInterval) return;
    told.set(message.type, now);
    around.tell(message);
  };

  const place = <State>(name: string): Checkpoint<State> => {
    if (names.has(name)) {
      throw new Error(
        `two parts of the trial are called “${name}”; each loop, stage and checkpoint needs its own name`,
      );
    }
    names.add(name);
    return openCheckpoint<State>(lease.store.home, trial.id, name);
  };

  return {
    variant: trial.variant,
    seed: trial.seed,
    seeds: around.seeds,
    budget: trial.budget,
    settings: trial.settings,

    log(step, metrics) {
      requireFinite(metrics, step);
      storeMetrics(lease, step, metrics);
      tell({ type: "metrics", step, metrics });
    },

    claim(id, measures) {
      const known = paper.claims[id]?.measures;
      if (!known)
        throw new Error(`${paper.id} has no claim “${id}”; there are ${Object.keys(paper.claims).join(", ")}`);
      const foreign = Object.keys(measures).filter((name) => !(name in known));
      if (foreign.length > 0) {
        throw new Error(
          `claim “${id}” has no measure ${foreign.join(", ")}; there are ${Object.keys(known).join(", ")}`,
        );
      }
      const given = Object.fromEntries(Object.entries(measures).filter(([, value]) => value !== undefined)) as Metrics;
      requireFinite(given);
      storeMeasures(lease, id, given);
    },

    plot(id, rows) {
      if (!paper.plots?.[id]) throw new Error(`${paper.id} has no plot “${id}”`);
      storePlotRows(lease, id, rows);
    },

    say(text) {
      tell({ type: "say", text }, true);
    },

    async loop<State>(name: string, { steps, start, step: advance, every = 5 }: Loop<State>): Promise<State> {
      const saved = place<LoopState<State>>(name);
      let { state, step } = saved.load() ?? { state: await start(), step: 0 };
      const resumedAt = step;
      let savedAt = performance.now();
      for (; step < steps; step++) {
        if (around.stopping.aborted) {
          saved.save({ state, step });
          throw new StoppedError();
        }
        state = await advance(state, step);
        tell({ type: "progress", loop: name, step: step + 1, steps }, step + 1 === steps);
        if (performance.now() - savedAt >= every * 1000) {
          saved.save({ state, step: step + 1 });
          savedAt = performance.now();
        }
      }
      if (step > resumedAt || steps === 0) saved.save({ state, step });
      return state;
    },

    async stage<Result>(name: string, work: () => Result | Promise<Result>): Promise<Result> {
      const saved = place<{ readonly result: Result }>(name);
      const known = saved.load();
      if (known) return known.result;
      if (around.stopping.aborted) throw new StoppedError();
      const result = await work();
      saved.save({ result });
      return result;
    },

    checkpoint: place,
  };
}

function requireFinite(metrics: Metrics, step?: number): void {
  for (const [name, value] of Object.entries(metrics)) {
    if (!Number.isFinite(value)) throw new NonFiniteError(name, value, step);
  }
}
