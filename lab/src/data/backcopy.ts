import type { Column } from "./column.ts";
import { requireOption } from "./errors.ts";
import { Random } from "./random.ts";
import { sampled } from "./sampled.ts";
import type { Testbed } from "./testbed.ts";

export interface BackcopyOptions {
  /** Default 32 */
  readonly vocab?: number;
  /** Tokens of a sequence. Default 64 */
  readonly length?: number;
  /** Default 1, 2 and 3 */
  readonly triggers?: readonly number[];
  /** Fixes the language: which token follows which. */
  readonly seed: number;
}

export interface Backcopy {
  /** float64[vocab · vocab]: row i holds the probabilities of what follows token i, outside of copying */
  readonly transition: Float64Array;
  isTrigger(token: number): boolean;
  /** int32[count, length], every sequence beginning with token 0 */
  sample(count: number, random: Random): Column<Int32Array>;
}

// Each trigger follows any token with this probability.
const triggerChance = 0.05;

export const testbed: Testbed = {
  name: "backcopy",
  summary: "a random Markov language in which triggers copy the token before them: heads are idle elsewhere",
  source: "generated (lab/src/data/backcopy.ts)",
  licence: "MIT, as the lab",
  sizes: "without end",
  split: "by stream: draw training and test sequences from different splits of a seed",
  parts: [],
  sample: sampled("191e62b28d68f50ecd2f796c852514d43e820165cd8b913f92e4af2771bad94f", () => ({
    x: backcopy({ seed: 0 }).sample(8, new Random(0)),
  })),
};

/**
 * A language in which a head is useful only at triggers, where it must look one step back.
 *
 * x₀ = 0; x_t follows x_{t−1} by a fixed random Markov matrix, except that after a trigger (t ≥ 3) x_t = x_{t−2}.
 */
export function backcopy({ vocab = 32, length = 64, triggers = [1, 2, 3], seed }: BackcopyOptions): Backcopy {
  requireOption(
    triggers.every((token) => token > 0 && token < vocab) && triggers.length * triggerChance < 1,
    "triggers",
    `tokens 1 … ${vocab - 1} can be triggers, given ${triggers}`,
  );
  const isTrigger = (token: number) => triggers.includes(token);
  const transition = markovMatrix(vocab, triggers, new Random(seed).split("transition"));
  return {
    transition,
    isTrigger,
    sample(count, random) {
      const data = new Int32Array(count * length);
      for (let row = 0; row < count; row++)
        for (let t = 1, place = row * length + 1; t < length; t++, place++) {
          const before = data[place - 1];
          data[place] =
            t >= 3 && isTrigger(before)
              ? data[place - 2]
              : random.weighted(transition.subarray(before * vocab, (before + 1) * vocab));
        }
      return { data, shape: [count, length] };
    },
  };
}

function markovMatrix(vocab: number, triggers: readonly number[], random: Random): Float64Array {
  const matrix = new Float64Array(vocab * vocab);
  for (let row = 0; row < vocab; row++) {
    const weights = Array.from({ length: vocab }, (_, token) =>
      triggers.includes(token) ? 0 : sixthPower(random.uniform()),
    );
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (let token = 0; token < vocab; token++)
      matrix[row * vocab + token] = triggers.includes(token)
        ? triggerChance
        : (weights[token] / total) * (1 - triggers.length * triggerChance);
  }
  return matrix;
}

// Powers by ** may differ in their last digit between machines.
const sixthPower = (u: number) => u * u * u * u * u * u;
