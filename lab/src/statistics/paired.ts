import cdf from "@stdlib/stats-base-dists-t-cdf";
import { type IntervalOptions, type MeanInterval, meanInterval } from "./interval.ts";

export interface PairedDifference extends MeanInterval {
  /** Seeds of which both sides have a figure, ascending. */
  readonly seeds: readonly number[];
  /** Seeds of which one side alone has a figure: left out. */
  readonly unpaired: readonly number[];
  /** Differences a − b, in the order of `seeds`. */
  readonly differences: readonly number[];
  /** Chance of a mean difference as far from 0 if there were none (two-sided paired t-test); NaN below two pairs. */
  readonly pValue: number;
}

/**
 * How much `a` exceeds `b` on the same seeds: what the seeds have in common drops out of the interval.
 *
 * @param a  figure by seed
 * @param b  figure by seed
 */
export function pairedDifference(
  a: ReadonlyMap<number, number>,
  b: ReadonlyMap<number, number>,
  options?: IntervalOptions,
): PairedDifference {
  const all = [...new Set([...a.keys(), ...b.keys()])].sort((left, right) => left - right);
  const seeds = all.filter((seed) => a.has(seed) && b.has(seed));
  const differences = seeds.map((seed) => (a.get(seed) as number) - (b.get(seed) as number));
  const interval = meanInterval(differences, options);
  return {
    ...interval,
    seeds,
    unpaired: all.filter((seed) => !seeds.includes(seed)),
    differences,
    pValue: pValueOf(interval),
  };
}

function pValueOf({ mean, deviation, n }: MeanInterval): number {
  if (Number.isNaN(deviation)) return Number.NaN;
  if (deviation === 0) return mean === 0 ? 1 : 0;
  return 2 * cdf((-Math.abs(mean) * Math.sqrt(n)) / deviation, n - 1);
}
