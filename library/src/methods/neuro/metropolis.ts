import { energy, type Ising, randomSpins, type Spins, totalWeight } from "./ising.ts";
import type { Annealed, AnnealOptions } from "./neurosa.ts";

/**
 * Simulated annealing as the textbooks have it: a random spin is turned where u ≤ e^(−ΔH/T), with ΔH worked out afresh. Draws
 * its numbers in the order of `neuroSA`, so that both can be compared move by move.
 *
 * @param options  as for `neuroSA`; it never descends at the end
 * @source         Metropolis et al. 1953; Kirkpatrick, Gelatt & Vecchi 1983, "Optimization by simulated annealing"
 */
export function metropolis(g: Ising, options: Omit<AnnealOptions, "descend">): Annealed {
  const { sweeps, temperature, random, onSweep, onSpike } = options;
  const s = options.start?.slice() ?? randomSpins(g, random);
  let best: Spins = s.slice();
  let lowest = energy(g, s);
  let [current, moves] = [lowest, 0];
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const t = temperature(sweep);
    for (let test = 0; test < g.n; test++) {
      const chosen = Math.floor(random.uniform() * g.n);
      const u = 1 - random.uniform();
      let field = 0;
      for (let at = g.offset[chosen]; at < g.offset[chosen + 1]; at++) field += g.weight[at] * s[g.index[at]];
      const change = -2 * s[chosen] * field;
      if (change > 0 && u > Math.exp(-change / t)) continue;
      s[chosen] *= -1;
      current += change;
      moves++;
      onSpike?.(sweep * g.n + test, chosen);
      if (current < lowest) [lowest, best] = [current, s.slice()];
    }
    onSweep?.(sweep, current, moves);
  }
  return { best, cut: (totalWeight(g) - lowest) / 2, last: s, spikes: moves };
}
