import {
  bernoulli,
  cast,
  exponential,
  greaterEqual,
  matmul,
  minimum,
  mul,
  scan,
  split,
  splitStacked,
  sub,
  sum,
  type Tensor,
  type TensorLike,
} from "../../core/index.ts";
import { asTensor } from "../../core/tensor.ts";
import type { UniformSource } from "../uniform-source.ts";
import { descend, energy, fieldsOf, type Ising, randomSpins, type Spins, totalWeight } from "./ising.ts";

export interface AnnealOptions {
  /** Times that each neuron pair is tested, in the mean. */
  readonly sweeps: number;
  /** Scale of the random threshold after t sweeps, ≥ 0; asked once a sweep. */
  temperature(t: number): number;
  /** Draws the first spins, then for every test its pair and its threshold. */
  readonly random: UniformSource;
  /** First spins. Default: drawn. */
  readonly start?: Spins;
  /** Whether to end with flips that lower the energy, until there are none. Default true. */
  readonly descend?: boolean;
  /** Called after every sweep. */
  onSweep?(sweep: number, energy: number, spikes: number): void;
  /** Called at every spike with the number of the test and the pair that spikes. */
  onSpike?(test: number, pair: number): void;
}

export interface Annealed {
  /** The spins of lowest energy that were met. */
  readonly best: Spins;
  /** Their cut. */
  readonly cut: number;
  /** Spins at the end. */
  readonly last: Spins;
  /** How often any neuron fired. */
  readonly spikes: number;
}

/**
 * An Ising machine of ON–OFF neuron pairs whose spikes are the accepted moves of simulated annealing.
 *
 * The ON neuron of pair i integrates v = −2(Qs)_i, the OFF neuron −v. A pair is tested at a time: the neuron that would turn
 * its spin fires where v + μ ≥ 0, with the noisy threshold μ = T·E and E exponential, which is the rule of Metropolis.
 * A spike goes to the neighbours alone; without one nothing is computed.
 *
 * @param g  couplings; the weights of a graph give its maximum cut as the ground state
 * @returns  the best spins, their cut, and how many spikes it took
 * @source   "ON-OFF Neuromorphic ISING Machines using Fowler-Nordheim Annealers" 2025, arXiv:2406.05224
 * @example
 * neuroSA(graph, { sweeps: 4000, temperature: fnSchedule(graph, 4000), random: uniformSource(1) }).cut
 */
export function neuroSA(g: Ising, options: AnnealOptions): Annealed {
  const { sweeps, temperature, random, descend: atEnd = true, onSweep, onSpike } = options;
  const { n, offset, index, weight } = g;
  const s = options.start?.slice() ?? randomSpins(g, random);
  const on = fieldsOf(g, s).map((field) => -2 * field);
  let current = energy(g, s);
  let best: Spins = s.slice();
  let lowest = current;
  let spikes = 0;
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const scale = temperature(sweep);
    for (let test = 0; test < n; test++) {
      const i = Math.floor(random.uniform() * n);
      // In (0, 1], so that the threshold is finite.
      const u = 1 - random.uniform();
      const v = s[i] < 0 ? on[i] : -on[i];
      if (v < 0 && v - scale * Math.log(u) < 0) continue;
      current -= v;
      s[i] = -s[i];
      const kick = 4 * s[i];
      for (let at = offset[i]; at < offset[i + 1]; at++) on[index[at]] -= kick * weight[at];
      spikes++;
      onSpike?.(sweep * n + test, i);
      if (current < lowest) {
        lowest = current;
        best.set(s);
      }
    }
    onSweep?.(sweep, current, spikes);
  }
  const last = s.slice();
  if (atEnd) {
    current += descend(
      g,
      s,
      on.map((v) => v / -2),
    );
    if (current < lowest) [lowest, best] = [current, s];
  }
  return { best, cut: (totalWeight(g) - lowest) / 2, last, spikes };
}

/**
 * Many machines at once, each with all pairs in parallel: in every step a pair takes part with chance `p`. Neighbours that
 * fire together err; the error is of the order p · degree · rate of firing.
 *
 * @param q      couplings, float[D, D], symmetric with a zero diagonal
 * @param s0     first spins −1 and 1, float[runs, D]
 * @param temps  temperature of every step, float[steps]; 1/p steps are a sweep
 * @param p      0 … 1
 * @param key    of the random thresholds
 * @returns      spins after the last step, float[runs, D], and the lowest energy of any step, float[runs]
 * @source       "ON-OFF Neuromorphic ISING Machines using Fowler-Nordheim Annealers" 2025, arXiv:2406.05224
 */
export function neuroSAParallel(
  q: TensorLike,
  s0: TensorLike,
  temps: TensorLike,
  p: number,
  key: TensorLike,
): { s: Tensor; best: Tensor } {
  const couplings = asTensor(q);
  const start = asTensor(s0);
  const steps = asTensor(temps);
  const energyOf = (s: Tensor, fields: Tensor) => mul(sum(mul(s, fields), { axis: -1 }), 0.5);
  const fields = matmul(start, couplings);
  const [{ s, best }] = scan(
    ({ s, fields, best }, { temperature, key }) => {
      const [forGate, forThreshold] = split(key);
      const open = bernoulli(forGate, p, start.shape);
      const threshold = mul(exponential(forThreshold, start.shape), temperature);
      // The change of energy is −2s(Qs); the pair fires where it is no more than the threshold.
      const change = mul(mul(s, fields), -2);
      const fires = mul(cast(greaterEqual(threshold, change), s.dtype), cast(open, s.dtype));
      const next = mul(s, sub(1, mul(fires, 2)));
      const nextFields = matmul(next, couplings);
      return [{ s: next, fields: nextFields, best: minimum(best, energyOf(next, nextFields)) }, null];
    },
    { s: start, fields, best: energyOf(start, fields) },
    { temperature: steps, key: splitStacked(key, steps.shape[0]) },
  );
  return { s, best };
}
