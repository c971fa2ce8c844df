import { ShapeError } from "../../core/errors.ts";
import {
  add,
  div,
  erf,
  full,
  greaterEqual,
  matmul,
  mul,
  normal,
  ones,
  scatterAddAlong,
  sliceAxis,
  softmax,
  softplus,
  sub,
  sum,
  type Tensor,
  type TensorLike,
  topK,
  where,
  zeros,
} from "../../core/index.ts";
import { asTensor } from "../../core/tensor.ts";

/** Parameters of a noisy top-k gate, each [width, experts]. */
export interface NoisyGate<T = Tensor> {
  readonly gate: T;
  readonly noise: T;
}

/** First parameters: zeros, so that all experts are equally likely and the noise alone decides. */
export const initNoisyGate = ({ width, experts }: { width: number; experts: number }): NoisyGate => ({
  gate: zeros([width, experts]),
  noise: zeros([width, experts]),
});

export interface NoisyTopKOptions {
  /** Experts per row, 1 ≤ k ≤ experts. */
  readonly k: number;
  /** Key of the noise, a new one at every step. Default: no noise, as in evaluation. */
  readonly key?: TensorLike;
  /** Least standard deviation of the noise: keeps the load finite. Default 0.01 (ours). */
  readonly floor?: number;
}

export interface NoisyTopK {
  /** Share of each expert, float[rows, experts]: k of a row are positive and sum to 1. */
  readonly gates: Tensor;
  /** The chosen experts from the largest share down, int64[rows, k]. */
  readonly indices: Tensor;
  /** Their shares, float[rows, k]. */
  readonly weights: Tensor;
  /** Smooth number of rows that go to each expert, float[experts]: it sums to about rows · k. */
  readonly load: Tensor;
  /** Scores with noise, float[rows, experts]. */
  readonly logits: Tensor;
}

/**
 * Noisy top-k gating: the k largest of scores with trainable noise, and a softmax over these alone.
 *
 *     H = x·gate + ε ⊙ (softplus(x·noise) + floor),   G = softmax(H where among the k largest, else −∞)
 *
 * `load` counts smoothly what is chosen: P(x, i) is the probability that expert i would be chosen if its own noise were
 * drawn again. Losses that keep experts evenly used are in `losses/balance`.
 *
 * @param x  float[rows, width]
 * @throws   ShapeError `noisyTopK/k`, `matmul/inner`
 * @source   Shazeer et al. 2017, arXiv:1701.06538, equations 3 to 5, 8 and 9
 * @example
 * const { gates, load } = noisyTopK(x, gate, { k: 2, key });
 * const penalty = mul(add(importanceLoss(gates), loadLoss(load)), 0.1);
 */
export function noisyTopK(
  x: TensorLike,
  { gate, noise }: NoisyGate<TensorLike>,
  { k, key, floor = 0.01 }: NoisyTopKOptions,
): NoisyTopK {
  const clean = matmul(x, gate);
  const deviation = add(softplus(matmul(x, noise)), floor);
  const logits = key === undefined ? clean : add(clean, mul(normal(key, clean.shape), deviation));
  const { gates, indices, weights } = topKSoftmax(logits, { k });
  const chosen =
    k === clean.shape.at(-1)
      ? ones(clean.shape)
      : normalProbability(div(sub(clean, kthExcluding(logits, { k })), deviation));
  return { gates, indices, weights, load: sum(chosen, { axis: 0 }), logits };
}

/**
 * A softmax over the k largest scores of each row alone; the others get exactly 0. Of equal scores the first are taken.
 *
 * @param scores  float[..., n]
 * @param k       1 ≤ k ≤ n
 * @returns       gates float[..., n]; indices int64[..., k] from the largest down; weights float[..., k], their gates
 * @throws        ShapeError `noisyTopK/k`
 * @source        Shazeer et al. 2017, arXiv:1701.06538, equations 3 and 5
 * @example
 * topKSoftmax(value([3, 1, 3 + Math.log(3)]), { k: 2 }).gates   // [0.25, 0, 0.75]
 */
export function topKSoftmax(
  scores: TensorLike,
  { k }: { k: number },
): { gates: Tensor; indices: Tensor; weights: Tensor } {
  const all = asTensor(scores);
  expectCount(all, k);
  const { values, indices } = topK(all, k);
  const weights = softmax(values);
  return { gates: scatterAddAlong(zeros(all.shape, { dtype: all.dtype }), indices, weights), indices, weights };
}

/**
 * For each entry the k-th largest among the *other* entries of its row: what it must pass to be chosen. −Infinity where
 * there are fewer than k others.
 *
 * @param scores  float[..., n]
 * @throws        ShapeError `noisyTopK/k`
 * @source        Shazeer et al. 2017, arXiv:1701.06538, below equation 8
 * @example
 * kthExcluding(value([3, 1, 2]), { k: 1 })   // [2, 3, 3]
 */
export function kthExcluding(scores: TensorLike, { k }: { k: number }): Tensor {
  const all = asTensor(scores);
  expectCount(all, k);
  if (k === all.shape.at(-1)) return full(all.shape, -Infinity, { dtype: all.dtype });
  const { values } = topK(all, k + 1);
  const last = sliceAxis(values, -1, k - 1, k);
  return where(greaterEqual(all, last), sliceAxis(values, -1, k, k + 1), last);
}

/** Φ(x), the probability of a standard normal number below x. */
const normalProbability = (x: Tensor): Tensor => mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5);

function expectCount(scores: Tensor, k: number): void {
  const experts = scores.shape.at(-1) ?? 0;
  if (!Number.isInteger(k) || k < 1 || k > experts)
    throw new ShapeError("noisyTopK/k", `${k} of ${experts} experts cannot be chosen`, {
      operands: { scores },
      fix: "give a whole number k from 1 to the number of experts",
    });
}
