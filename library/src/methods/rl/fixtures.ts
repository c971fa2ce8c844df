import { uniformSource } from "../uniform-source.ts";
import type { FiniteHorizonMdp } from "./finite-mdp.ts";

/** For tests: rewards, transitions and start drawn at random. */
export function randomProcess(H: number, S: number, A: number, seed: number): FiniteHorizonMdp {
  const random = uniformSource(seed);
  const chances = (count: number, size: number) =>
    Float64Array.from(Array.from({ length: count }, () => simplexPoint(size, () => random.uniform())).flat());
  const rewards = Array.from({ length: H }, () => Float64Array.from({ length: S * A }, () => random.uniform()));
  const moves = Array.from({ length: H }, () => chances(S * A, S));
  return { H, S, A, rMax: 1, reward: (h) => rewards[h], transition: (h) => moves[h], mu: chances(1, S) };
}

/** For tests: policies drawn at random. */
export function randomPolicies({ H, S, A }: FiniteHorizonMdp, seed: number): Float64Array[] {
  const random = uniformSource(seed);
  return Array.from({ length: H }, () =>
    Float64Array.from(Array.from({ length: S }, () => simplexPoint(A, () => random.uniform())).flat()),
  );
}

/** For tests: in state 0 action 0 goes on and pays 1 at the end, action 1 pays 0.3 and leaves for good. */
export function lockProcess(H: number): FiniteHorizonMdp {
  const moves = Float64Array.of(1, 0, 0, 1, 0, 1, 0, 1);
  return {
    ...{ H, S: 2, A: 2, rMax: 1, mu: Float64Array.of(1, 0) },
    reward: (h) => Float64Array.of(h === H - 1 ? 1 : 0, 0.3, 0, 0),
    transition: () => moves,
  };
}

function simplexPoint(size: number, uniform: () => number): number[] {
  const weights = Array.from({ length: size }, () => -Math.log(1 - uniform()));
  const total = weights.reduce((sum, weight) => sum + weight);
  return weights.map((weight) => weight / total);
}
