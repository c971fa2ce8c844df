import type { Lab, Loop } from "../run/lab.ts";
import { decodeState, encodeState } from "../run/state.ts";

/** What a trial said to a `memoryLab`. */
export interface Heard {
  readonly metrics: Map<string, number[]>;
  readonly measures: Record<string, Record<string, number>>;
}

/** Thrown by `memoryLab` in place of being killed. */
export class Killed extends Error {}

/**
 * For tests: a lab without store or processes. With `killAt` its first loop dies before that step, after having saved its
 * state as bytes; another lab made `from` it goes on from there.
 */
export function memoryLab({
  seed = 1,
  killAt = Number.POSITIVE_INFINITY,
  from,
}: {
  readonly seed?: number;
  readonly killAt?: number;
  readonly from?: Lab & { readonly saved: Map<string, Uint8Array> };
} = {}): Lab & { readonly heard: Heard; readonly saved: Map<string, Uint8Array> } {
  const heard: Heard = {
    metrics: from ? (from as unknown as { heard: Heard }).heard.metrics : new Map(),
    measures: {},
  };
  const saved = new Map(from?.saved);
  return {
    ...{ variant: "", seed, seeds: [seed], budget: "smoke", settings: {} },
    heard,
    saved,
    log(step, metrics) {
      for (const [name, value] of Object.entries(metrics)) {
        const values = heard.metrics.get(name) ?? [];
        values[step] = value;
        heard.metrics.set(name, values);
      }
    },
    claim(id, measures) {
      Object.assign((heard.measures[id] ??= {}), measures);
    },
    plot() {},
    say() {},
    async loop<State>(name: string, { steps, start, step: advance }: Loop<State>): Promise<State> {
      const known = saved.get(name);
      let { state, step } = known
        ? (decodeState(known) as { state: State; step: number })
        : { state: await start(), step: 0 };
      for (; step < steps; step++) {
        if (step === killAt) {
          saved.set(name, encodeState({ state, step }));
          throw new Killed(name);
        }
        state = await advance(state, step);
      }
      return state;
    },
    stage: async (_, work) => work(),
    checkpoint() {
      throw new Error("a memory lab keeps no checkpoints");
    },
  };
}
