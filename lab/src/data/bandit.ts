import { requireOption } from "./errors.ts";
import { Random } from "./random.ts";
import { sampled } from "./sampled.ts";
import type { Testbed } from "./testbed.ts";

/** Arms with known laws of reward. */
export interface Bandit {
  readonly arms: number;
  /** float64[arms], expected reward */
  readonly mean: Float64Array;
  /** float64[arms], standard deviation of the reward */
  readonly deviation: Float64Array;
  /** The arm with the largest mean. */
  readonly best: number;
  /** float64[arms], what an arm loses against the best in expectation */
  readonly gap: Float64Array;
  /** A reward of an arm. */
  pull(arm: number, random: Random): number;
}

export const testbed: Testbed = {
  name: "bandit",
  summary: "bandits with Gaussian or Bernoulli arms, means and deviations known",
  source: "generated (lab/src/data/bandit.ts)",
  licence: "MIT, as the lab",
  sizes: "any number of arms",
  split: "by seed",
  parts: [],
  sample: sampled("f870f6babf956c9e8c924da5b1a26611c5b7b3a65568abb72703f5b14adc17f8", () => {
    const { mean, deviation } = gaussianBandit({ arms: 5, minGap: 0.2, seed: 0 });
    return { mean: { data: mean, shape: [5] }, deviation: { data: deviation, shape: [5] } };
  }),
};

export interface BanditOptions {
  readonly arms: number;
  /** Least distance between the best and the second best mean; arms are drawn again until it is kept. Default 0 */
  readonly minGap?: number;
  readonly seed: number;
}

/**
 * Arms with rewards N(mean, deviation²), means ~ N(0, 1).
 *
 * @param deviation  of every arm, or the range from which each arm's is drawn: arms that differ in risk. Default 1
 */
export function gaussianBandit({
  deviation = 1,
  ...options
}: BanditOptions & { readonly deviation?: number | readonly [low: number, high: number] }): Bandit {
  const random = new Random(options.seed).split("bandit");
  const mean = drawMeans(options, () => random.normal());
  const [low, high] = typeof deviation === "number" ? [deviation, deviation] : deviation;
  requireOption(low >= 0 && high >= low, "deviation", `0 or more, the lower first; given ${[low, high]}`);
  const deviations = mean.map(() => random.uniform(low, high));
  return banditOf(mean, deviations, (arm, source) => source.normal(mean[arm], deviations[arm]));
}

/** Arms that pay 1 with probabilities ~ U(0, 1), else 0. */
export function bernoulliBandit(options: BanditOptions): Bandit {
  const random = new Random(options.seed).split("bandit");
  const mean = drawMeans(options, () => random.uniform());
  const deviation = mean.map((p) => Math.sqrt(p * (1 - p)));
  return banditOf(mean, deviation, (arm, source) => (source.chance(mean[arm]) ? 1 : 0));
}

function drawMeans({ arms, minGap = 0 }: BanditOptions, draw: () => number): Float64Array {
  requireOption(arms > 0 && minGap < 1, "bandit", `arms from 1, minGap below 1; given ${arms} and ${minGap}`);
  for (;;) {
    const mean = Float64Array.from({ length: arms }, draw);
    const [best, second = Number.NEGATIVE_INFINITY] = [...mean].sort((a, b) => b - a);
    if (best - second >= minGap) return mean;
  }
}

function banditOf(mean: Float64Array, deviation: Float64Array, pull: Bandit["pull"]): Bandit {
  const best = mean.indexOf(Math.max(...mean));
  return { arms: mean.length, mean, deviation, best, gap: mean.map((value) => mean[best] - value), pull };
}
