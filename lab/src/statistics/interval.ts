import quantile from "@stdlib/stats-base-dists-t-quantile";
import { mean as meanOf, quantileSorted, sampleStandardDeviation } from "simple-statistics";
import { Random } from "../data/random.ts";

export interface MeanInterval {
  /** NaN where there are no values. */
  readonly mean: number;
  /** Bounds of the interval of the mean; NaN below two values. */
  readonly low: number;
  readonly high: number;
  readonly n: number;
  /** Sample standard deviation (divided by n − 1); NaN below two values. */
  readonly deviation: number;
}

export interface IntervalOptions {
  /** How often the interval is to hold the true mean. Default 0.95 */
  readonly level?: number;
  /**
   * `t`: Student's, exact for normal values and right for a handful of seeds. `bootstrap`: percentiles of resampled
   * means, for many skewed values; too narrow for few. Default `t`
   */
  readonly method?: "t" | "bootstrap";
}

const resamples = 4000;

/** Below so many values an interval says little: Student's is 4 times as wide at 2 values as at 3. */
export const enoughValues = 3;

/**
 * The mean of figures, one a seed, with its confidence interval. A value that is no number makes the result none.
 *
 * @example
 * meanInterval([1, 2, 3])   // { mean: 2, low: -0.484, high: 4.484, n: 3, deviation: 1 }
 */
export function meanInterval(values: readonly number[], options: IntervalOptions = {}): MeanInterval {
  const { level = 0.95, method = "t" } = options;
  if (!(level > 0 && level < 1)) throw new RangeError(`level: a probability between 0 and 1 is needed, given ${level}`);
  const n = values.length;
  if (n === 0) return { mean: Number.NaN, low: Number.NaN, high: Number.NaN, n, deviation: Number.NaN };
  const mean = meanOf([...values]);
  if (n === 1) return { mean, low: Number.NaN, high: Number.NaN, n, deviation: Number.NaN };
  const deviation = sampleStandardDeviation([...values]);
  if (method === "bootstrap") return { mean, ...percentiles(values, level), n, deviation };
  const half = (quantile((1 + level) / 2, n - 1) * deviation) / Math.sqrt(n);
  return { mean, low: mean - half, high: mean + half, n, deviation };
}

/** What to say beside an interval of few values; undefined where there are enough. */
export function caution({ n }: Pick<MeanInterval, "n">): string | undefined {
  if (n >= enoughValues) return undefined;
  if (n === 0) return "nothing measured";
  return n === 1 ? "one seed: no interval" : `${n} seeds: the interval says little`;
}

function percentiles(values: readonly number[], level: number): { low: number; high: number } {
  if (values.some(Number.isNaN)) return { low: Number.NaN, high: Number.NaN };
  // The same figures always give the same interval.
  const random = new Random(0).split("bootstrap");
  const means = Float64Array.from({ length: resamples }, () => {
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += values[random.below(values.length)];
    return sum / values.length;
  }).sort();
  const at = (probability: number) => quantileSorted(Array.from(means), probability);
  return { low: at((1 - level) / 2), high: at((1 + level) / 2) };
}
