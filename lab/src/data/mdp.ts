import { actionValues, type FiniteHorizonMdp } from "sluice/methods/rl/finite-mdp";
import { requireOption } from "./errors.ts";
import { Random } from "./random.ts";
import { sampled } from "./sampled.ts";
import type { Testbed } from "./testbed.ts";

export const testbed: Testbed = {
  name: "mdp",
  summary: "tabular decision processes with finite horizon and known optimum",
  source: "generated (lab/src/data/mdp.ts)",
  licence: "MIT, as the lab",
  sizes: "any horizon and number of states and actions",
  split: "by seed",
  parts: [],
  sample: sampled("083eee86730e8a19ceb944e8b374ff4dff1615440311db01e645d71152673c5f", () => {
    const mdp = randomMdp({ H: 3, S: 3, A: 2, seed: 0 });
    return {
      reward: { data: mdp.reward(1), shape: [3, 2] },
      transition: { data: mdp.transition(1), shape: [3, 2, 3] },
    };
  }),
};

/**
 * A lock with H digits: in state 0 action 0 goes on and pays nothing until it pays 1 in the last epoch; action 1 pays
 * `quit` at once and leads to state 1, where nothing is ever paid. The best is to go on always: V* = 1.
 *
 * @param quit  0 … 1. Default 0.3
 */
export function lock({ H, quit = 0.3 }: { readonly H: number; readonly quit?: number }): FiniteHorizonMdp {
  requireOption(H > 0 && quit >= 0 && quit <= 1, "lock", `horizon from 1, quit 0 … 1; given ${H} and ${quit}`);
  const pass = Float64Array.of(0, quit, 0, 0);
  const last = Float64Array.of(1, quit, 0, 0);
  const moves = Float64Array.of(1, 0, 0, 1, 0, 1, 0, 1);
  return {
    H,
    S: 2,
    A: 2,
    rMax: 1,
    reward: (h) => (h === H - 1 ? last : pass),
    transition: () => moves,
    mu: Float64Array.of(1, 0),
  };
}

export interface RandomMdpOptions {
  readonly H: number;
  readonly S: number;
  readonly A: number;
  /** Least distance between the best and the second best action in every state and epoch. Default 0 */
  readonly minGap?: number;
  readonly seed: number;
}

/** Rewards U(0, 1), transitions flat Dirichlet, the start uniform; drawn again until `minGap` is kept. */
export function randomMdp({ H, S, A, minGap = 0, seed }: RandomMdpOptions): FiniteHorizonMdp {
  requireOption(H > 0 && S > 0 && A > 0 && minGap < 1, "mdp", JSON.stringify({ H, S, A, minGap }));
  const random = new Random(seed).split("mdp");
  const mu = new Float64Array(S).fill(1 / S);
  const reward: Float64Array[] = [];
  const transition: Float64Array[] = [];
  let next = new Float64Array(S);
  // Backwards: the gaps of an epoch depend on the later epochs alone, so that each can be redrawn by itself.
  for (let h = H - 1; h >= 0; h--)
    for (;;) {
      const r = Float64Array.from({ length: S * A }, () => random.uniform());
      const p = Float64Array.from(Array.from({ length: S * A }, () => [...random.dirichlet(S)]).flat());
      const q = actionValues(r, p, next);
      if (smallestGap(q, A) < minGap) continue;
      reward[h] = r;
      transition[h] = p;
      next = bestValues(q, A);
      break;
    }
  return { H, S, A, rMax: 1, reward: (h) => reward[h], transition: (h) => transition[h], mu };
}

const bestValues = (q: Float64Array, actions: number): Float64Array<ArrayBuffer> =>
  Float64Array.from({ length: q.length / actions }, (_, s) => Math.max(...q.subarray(s * actions, (s + 1) * actions)));

function smallestGap(q: Float64Array, actions: number): number {
  let smallest = Number.POSITIVE_INFINITY;
  for (let first = 0; first < q.length; first += actions) {
    const [best, second = Number.NEGATIVE_INFINITY] = [...q.subarray(first, first + actions)].sort((a, b) => b - a);
    smallest = Math.min(smallest, best - second);
  }
  return smallest;
}
