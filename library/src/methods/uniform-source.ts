import { fillWords } from "../core/random/threefry.ts";

/** Where methods that run outside of graphs take their random numbers from. */
export interface UniformSource {
  /** The next number in [0, 1). */
  uniform(): number;
}

// Words made at once; even, so that no pair is cut.
const supply = 256;

/**
 * Numbers that a seed fixes on every machine, 53 bits each.
 *
 * @param seed  a whole number from 0, below 2⁵³
 * @example
 * uniformSource(7).uniform() === uniformSource(7).uniform()   // true
 */
export function uniformSource(seed: number): UniformSource {
  const words = new Uint32Array(supply);
  let [place, counter] = [supply, 0];
  return {
    uniform() {
      if (place === supply) {
        fillWords(words, seed, Math.floor(seed / 2 ** 32), counter);
        counter += supply / 2;
        place = 0;
      }
      place += 2;
      return ((words[place - 2] >>> 5) * 2 ** 26 + (words[place - 1] >>> 6)) / 2 ** 53;
    },
  };
}

/**
 * An index drawn in proportion to `weights[from … from + count − 1]`, which sum to 1.
 *
 * @returns 0 … count − 1; never one of weight 0
 */
export function drawIndex(random: UniformSource, weights: ArrayLike<number>, from = 0, count = weights.length): number {
  let rest = random.uniform();
  let last = 0;
  for (let i = 0; i < count; i++) {
    const weight = weights[from + i];
    if (weight <= 0) continue;
    last = i;
    rest -= weight;
    if (rest < 0) break;
  }
  return last;
}
