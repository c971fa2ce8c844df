import type { Column } from "./column.ts";
import { requireOption } from "./errors.ts";
import { Random } from "./random.ts";
import { sampled } from "./sampled.ts";
import type { Testbed } from "./testbed.ts";

export interface RecallOptions {
  /** Tokens: 0 is filler, then keys up to half of the vocabulary, then values. */
  readonly vocab: number;
  /** Tokens of a sequence; even, at least 4 for each pair. */
  readonly length: number;
  readonly pairs: number;
  readonly batch: number;
  /** Queries come early by the law p(slot j) ∝ j^(powerA − 1); 1 is uniform. Default 0.01, the authors' */
  readonly powerA?: number;
  /** Whether unused places hold random tokens in place of 0. Default false */
  readonly randomFiller?: boolean;
  /** Whether every query comes exactly `2 · pairs` after its key. Default false */
  readonly fixedOffset?: boolean;
}

export const testbed: Testbed = {
  name: "recall",
  summary: "multi-query associative recall: key–value pairs, then keys whose values are asked for",
  source: "generated (lab/src/data/recall.ts)",
  licence: "MIT, as the lab",
  sizes: "without end",
  split: "by stream: draw training and test sequences from different splits of a seed",
  parts: [],
  sample: sampled("c85554e7953e2ba5d4b38db0ac47bf49aad1586bea537bed8c3ff584a20fab89", () =>
    mqar({ vocab: 32, length: 32, pairs: 4, batch: 8 }, new Random(0)),
  ),
};

/**
 * Multi-query associative recall.
 *
 * Places 0 … 2·pairs − 1 hold key, value, key, value …; later every key stands once more, and there its value is asked
 * for: it is the label, and is not written into the sequence.
 *
 * @returns x int32[batch, length]; y int32[batch, length], the value at the place of a query and −1 elsewhere
 * @source Arora et al. 2023, arXiv:2312.04927, section 3 and appendix E
 */
export function mqar(options: RecallOptions, random: Random): { x: Column<Int32Array>; y: Column<Int32Array> } {
  const { vocab, length, pairs, batch, powerA = 0.01, randomFiller = false, fixedOffset = false } = options;
  const half = Math.floor(vocab / 2);
  requireOption(length % 2 === 0 && length >= 4 * pairs, "length", `even, and 4 tokens a pair; given ${length}`);
  requireOption(pairs > 0 && pairs < half, "pairs", `1 … ${half - 1} keys are there, given ${pairs}`);
  const slots = (length - 2 * pairs) / 2;
  const logWeights = Array.from({ length: slots }, (_, slot) => (powerA - 1) * Math.log(slot + 1));
  const x = new Int32Array(batch * length);
  const y = new Int32Array(batch * length).fill(-1);
  for (let row = 0; row < batch; row++) {
    const base = row * length;
    const keys = random.distinct(pairs, half - 1);
    const values = random.distinct(pairs, vocab - half);
    const places = fixedOffset ? keys.map((_, pair) => pair) : distinctByWeight(pairs, logWeights, random);
    if (randomFiller) for (let t = 2 * pairs; t < length; t++) x[base + t] = 1 + random.below(vocab - 1);
    for (let pair = 0; pair < pairs; pair++) {
      const query = base + 2 * pairs + 2 * places[pair];
      x[base + 2 * pair] = x[query] = 1 + keys[pair];
      x[base + 2 * pair + 1] = y[query] = half + values[pair];
    }
  }
  const shape = [batch, length];
  return { x: { data: x, shape }, y: { data: y, shape } };
}

/** Drawing without replacement in proportion to weights is taking the largest log-weights after Gumbel noise. */
function distinctByWeight(count: number, logWeights: readonly number[], random: Random): Int32Array {
  const noisy = logWeights.map((logWeight) => logWeight - Math.log(random.exponential()));
  const order = Int32Array.from(noisy, (_, index) => index).sort((a, b) => noisy[b] - noisy[a]);
  return order.slice(0, count);
}

export interface RecallStreamOptions {
  readonly pairs: number;
  /** How often each key is asked for. */
  readonly asks: number;
  readonly batch: number;
  /** Tokens: 0 filler, then keys up to half, then values. Default 128 */
  readonly vocab?: number;
}

/**
 * Recall with a long output: a prompt of triples key, value, value, then key, value, value, filler for each question.
 *
 * Values are drawn with replacement, so that each answer needs its own place of the prompt.
 *
 * @returns prompt int32[batch, 3·pairs]; stream int32[batch, 4·pairs·asks]; answer uint8 of the stream's shape, 1 where
 *          the token is an answer, which a model has to give itself
 */
export function recallStream(
  { pairs, asks, batch, vocab = 128 }: RecallStreamOptions,
  random: Random,
): { prompt: Column<Int32Array>; stream: Column<Int32Array>; answer: Column<Uint8Array> } {
  const half = Math.floor(vocab / 2);
  requireOption(pairs > 0 && pairs < half, "pairs", `1 … ${half - 1} keys are there, given ${pairs}`);
  const prompt = new Int32Array(batch * 3 * pairs);
  const length = 4 * pairs * asks;
  const stream = new Int32Array(batch * length);
  for (let row = 0; row < batch; row++) {
    const triples = Array.from(random.distinct(pairs, half - 1), (key) => [
      1 + key,
      half + random.below(vocab - half),
      half + random.below(vocab - half),
    ]);
    prompt.set(triples.flat(), row * 3 * pairs);
    const order = Array.from(random.permutation(pairs * asks), (question) => triples[question % pairs]);
    stream.set(
      order.flatMap((triple) => [...triple, 0]),
      row * length,
    );
  }
  return {
    prompt: { data: prompt, shape: [batch, 3 * pairs] },
    stream: { data: stream, shape: [batch, length] },
    answer: {
      data: Uint8Array.from(stream, (_, place) => (place % 4 === 1 || place % 4 === 2 ? 1 : 0)),
      shape: [batch, length],
    },
  };
}
