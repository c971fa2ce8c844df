import { fillWords, threefry } from "sluice/threefry";
import { requireOption } from "./errors.ts";

// Words made at once; even, so that no pair is cut.
const supply = 64;

/**
 * A stream of random numbers that a seed fixes on every machine.
 *
 * Streams are split by name, so that drawing more from one leaves the others as they were:
 *
 * @example
 * const random = new Random(7);
 * random.split("train").uniform();   // the same whether or not random.split("test") was used
 */
export class Random {
  readonly #key: readonly [number, number];
  readonly #words = new Uint32Array(supply);
  /** Words taken so far. */
  #drawn = 0;

  /** @param seed a safe integer ≥ 0, or the two words of a key */
  constructor(seed: number | readonly [number, number]) {
    if (typeof seed === "number") {
      requireOption(Number.isSafeInteger(seed) && seed >= 0, "seed", `an integer from 0 is needed, given ${seed}`);
      this.#key = [seed | 0, Math.floor(seed / 2 ** 32) | 0];
    } else this.#key = [seed[0] | 0, seed[1] | 0];
  }

  /** An independent stream; the same name always gives the same one, whatever was drawn before. */
  split(name: string | number): Random {
    let hash = 0x811c9dc5;
    for (const character of String(name)) hash = Math.imul(hash ^ (character.codePointAt(0) as number), 0x01000193);
    // Draws use counters whose second word is 0.
    return new Random(threefry(this.#key[0], this.#key[1], hash, -1));
  }

  /** Uniform in [low, high), 53 bits. Default [0, 1). */
  uniform(low = 0, high = 1): number {
    const place = this.#drawn % supply;
    if (place === 0) fillWords(this.#words, this.#key[0], this.#key[1], this.#drawn / 2);
    this.#drawn += 2;
    const unit = ((this.#words[place] >>> 5) * 2 ** 26 + (this.#words[place + 1] >>> 6)) / 2 ** 53;
    return low + (high - low) * unit;
  }

  /** A whole number in [0, count), each equally likely. */
  below(count: number): number {
    return Math.floor(this.uniform() * count);
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.uniform() < probability;
  }

  /** Normal with the given mean and standard deviation. Default N(0, 1). */
  normal(mean = 0, deviation = 1): number {
    return mean + deviation * this.#standardNormal();
  }

  // Leva's ratio of uniforms: the value comes from +, −, × and ÷ alone, whose results IEEE 754 fixes; logarithms, whose
  // last digit differs between machines, only decide the 1 % of cases between the two bounds.
  // Leva 1992, "A fast normal random number generator".
  #standardNormal(): number {
    for (;;) {
      const u = this.uniform();
      const v = 1.7156 * (this.uniform() - 0.5);
      const x = u - 0.449871;
      const y = Math.abs(v) + 0.386595;
      const q = x * x + y * (0.196 * y - 0.25472 * x);
      if (q < 0.27597 || (q <= 0.27846 && v * v <= -4 * u * u * Math.log(u))) return v / u;
    }
  }

  /** Exponential with mean 1. */
  exponential(): number {
    // Von Neumann's comparisons need no logarithm either: a falling run of odd length accepts its first number.
    for (let whole = 0; ; whole++) {
      const first = this.uniform();
      let length = 1;
      for (let last = first, next = this.uniform(); next < last; last = next, next = this.uniform()) length++;
      if (length % 2 === 1) return whole + first;
    }
  }

  /** A Poisson count; takes time in proportion to its mean. */
  poisson(mean: number): number {
    let count = -1;
    for (let time = 0; time <= mean; time += this.exponential()) count++;
    return count;
  }

  /** A point on the simplex: flat Dirichlet, or symmetric with an integer concentration. */
  dirichlet(size: number, concentration = 1): Float64Array {
    requireOption(Number.isInteger(concentration), "concentration", `an integer is needed, given ${concentration}`);
    const weights = Float64Array.from({ length: size }, () => {
      let gamma = 0;
      for (let part = 0; part < concentration; part++) gamma += this.exponential();
      return gamma;
    });
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.map((weight) => weight / total);
  }

  /** An index drawn with probability in proportion to `weights` (all ≥ 0, one > 0). */
  weighted(weights: ArrayLike<number>): number {
    let total = 0;
    for (let i = 0; i < weights.length; i++) total += weights[i];
    let rest = this.uniform() * total;
    let last = 0;
    for (let i = 0; i < weights.length; i++) {
      if (weights[i] <= 0) continue;
      last = i;
      rest -= weights[i];
      if (rest < 0) return i;
    }
    return last;
  }

  /** 0 … size − 1 in random order. */
  permutation(size: number): Int32Array {
    return this.distinct(size, size);
  }

  /** `count` different whole numbers in [0, size), in random order. */
  distinct(count: number, size: number): Int32Array {
    requireOption(count <= size, "count", `${count} different numbers cannot be drawn below ${size}`);
    const order = Int32Array.from({ length: size }, (_, i) => i);
    for (let i = 0; i < count; i++) {
      const other = i + this.below(size - i);
      [order[i], order[other]] = [order[other], order[i]];
    }
    return order.slice(0, count);
  }

  /** One of the items. */
  pick<T>(items: ArrayLike<T>): T {
    return items[this.below(items.length)];
  }

  /** An array of N(0, deviation²). */
  normals(length: number, deviation = 1): Float32Array {
    return Float32Array.from({ length }, () => this.normal(0, deviation));
  }
}
