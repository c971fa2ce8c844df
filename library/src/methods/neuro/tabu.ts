import type { UniformSource } from "../uniform-source.ts";
import { energy, fieldsOf, type Ising, randomSpins, totalWeight } from "./ising.ts";

export interface TabuOptions {
  /** Flips in all. */
  readonly iterations: number;
  /** Flips for which a spin that was turned stays as it is, at least; up to half as many more are drawn. Default 20. */
  readonly tenure?: number;
  /** Flips without a better state after which the search starts anew. Default 50,000. */
  readonly patience?: number;
  readonly random: UniformSource;
}

/**
 * Tabu search with flips of one spin: the best flip is made even where it costs energy, and is not undone for a while. A
 * strong solver to hold others against.
 *
 * @returns the best cut
 * @source  Glover 1989, "Tabu search, part I"; Kochenberger et al. 2013, "Solving large scale max cut problems via tabu search"
 */
export function tabu(g: Ising, { iterations, tenure = 20, patience = 50_000, random }: TabuOptions): { cut: number } {
  const { n, offset, index, weight } = g;
  let lowest = Number.POSITIVE_INFINITY;
  for (let done = 0; done < iterations; ) {
    const s = randomSpins(g, random);
    const fields = fieldsOf(g, s);
    const freeFrom = new Int32Array(n);
    let current = energy(g, s);
    let lowestHere = current;
    for (let since = 0; since < patience && done < iterations; since++, done++) {
      let [chosen, least] = [-1, Number.POSITIVE_INFINITY];
      let ties = 0;
      for (let i = 0; i < n; i++) {
        const change = -2 * s[i] * fields[i];
        // A flip that beats everything is allowed at any time.
        if (change > least || (freeFrom[i] > done && current + change >= lowestHere)) continue;
        ties = change < least ? 1 : ties + 1;
        if (ties === 1 || random.uniform() * ties < 1) [chosen, least] = [i, change];
      }
      if (chosen < 0) continue;
      s[chosen] = -s[chosen];
      current += least;
      for (let at = offset[chosen]; at < offset[chosen + 1]; at++) fields[index[at]] += 2 * weight[at] * s[chosen];
      freeFrom[chosen] = done + 1 + tenure + Math.floor(random.uniform() * (tenure / 2 + 1));
      if (current < lowestHere) [lowestHere, since] = [current, 0];
    }
    lowest = Math.min(lowest, lowestHere);
  }
  return { cut: (totalWeight(g) - lowest) / 2 };
}
