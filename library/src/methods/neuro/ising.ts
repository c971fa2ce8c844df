import { SettingError } from "../../core/errors.ts";
import type { UniformSource } from "../uniform-source.ts";

/**
 * Couplings of an Ising model, which are the weights of an undirected graph: those of spin i stand at
 * offset[i] … offset[i + 1] − 1.
 */
export interface Ising {
  readonly n: number;
  readonly offset: Int32Array;
  /** Neighbours, ascending; every edge stands in the lists of both ends. */
  readonly index: Int32Array;
  readonly weight: Float64Array;
}

/** Spins, −1 or 1. */
export type Spins = Int8Array;

/** H(s) = ½ sᵀQs = Σ w s_i s_j over the edges: low where neighbours of positive weight differ. */
export function energy(g: Ising, s: Spins): number {
  const fields = fieldsOf(g, s);
  let total = 0;
  for (let i = 0; i < g.n; i++) total += s[i] * fields[i];
  return total / 2;
}

/** Weight of the edges whose ends differ: ½(W − H), with W the weight of all edges. */
export const cut = (g: Ising, s: Spins): number => (totalWeight(g) - energy(g, s)) / 2;

/** Weight of all edges. */
export const totalWeight = ({ weight }: Ising): number => weight.reduce((sum, one) => sum + one, 0) / 2;

/** (Qs)_i for every spin. */
export function fieldsOf({ n, offset, index, weight }: Ising, s: Spins): Float64Array {
  const fields = new Float64Array(n);
  for (let i = 0; i < n; i++) for (let at = offset[i]; at < offset[i + 1]; at++) fields[i] += weight[at] * s[index[at]];
  return fields;
}

/** Root of the mean squared field of random spins: what a temperature is to be measured in. */
export const couplingScale = ({ n, weight }: Ising): number =>
  Math.sqrt(weight.reduce((sum, one) => sum + one * one, 0) / Math.max(1, n));

/** Each spin up or down with equal chance. */
export const randomSpins = ({ n }: Ising, random: UniformSource): Spins =>
  Int8Array.from({ length: n }, () => (random.uniform() < 0.5 ? -1 : 1));

/**
 * Flips single spins for as long as one lowers the energy, the first of them first; in place.
 *
 * @returns the energy that was gained, ≤ 0
 */
export function descend({ n, offset, index, weight }: Ising, s: Spins, fields: Float64Array): number {
  let gained = 0;
  for (let i = 0, quiet = 0; quiet < n; i = (i + 1) % n) {
    const change = -2 * s[i] * fields[i];
    if (change >= 0) {
      quiet++;
      continue;
    }
    quiet = 0;
    gained += change;
    s[i] = -s[i];
    for (let at = offset[i]; at < offset[i + 1]; at++) fields[index[at]] += 2 * weight[at] * s[i];
  }
  return gained;
}

/**
 * The lowest energy of all, by trying every state: each differs from the one before in one spin (Gray code), and one spin
 * stays as it is, since turning all of them changes nothing.
 *
 * @throws SettingError `ising/too-many` for more than 24 spins
 */
export function groundState(g: Ising): { s: Spins; energy: number } {
  const { n, offset, index, weight } = g;
  if (n > 24)
    throw new SettingError("ising/too-many", "all states of at most 24 spins can be tried", {
      given: n,
      fix: "anneal with neuroSA",
    });
  const s = new Int8Array(n).fill(1);
  const fields = fieldsOf(g, s);
  let current = energy(g, s);
  let best = { s: s.slice(), energy: current };
  for (let step = 1; step < 2 ** (n - 1); step++) {
    // The place of the lowest bit that is set.
    const i = 31 - Math.clz32(step & -step);
    current -= 2 * s[i] * fields[i];
    s[i] = -s[i];
    for (let at = offset[i]; at < offset[i + 1]; at++) fields[index[at]] += 2 * weight[at] * s[i];
    if (current < best.energy) best = { s: s.slice(), energy: current };
  }
  return best;
}
