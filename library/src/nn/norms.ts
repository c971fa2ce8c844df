import {
  add,
  batchNormInference,
  mul,
  batchNorm as normaliseBatch,
  groupNorm as normaliseGroups,
  layerNorm as normaliseLayer,
  rmsNorm as normaliseRms,
  type Shape,
  stopGradient,
  type Tensor,
  type TensorLike,
} from "../core/index.ts";
import { ones, zeros } from "../core/operations/range.ts";
import { asTensor } from "../core/tensor.ts";

/** Parameters of a layer normalisation; a bias may be absent. */
export interface LayerNorm<T = Tensor> {
  readonly scale: T;
  readonly bias?: T;
}

/** Parameters of a root-mean-square normalisation. */
export interface RmsNorm<T = Tensor> {
  readonly scale: T;
}

/** Sizes of the normalised axes, or the size of the last one. */
const sizes = (width: number | Shape): Shape => (typeof width === "number" ? [width] : width);

/** First parameters: scale 1 and bias 0, over the last axis or axes of the given sizes. */
export const initLayerNorm = ({ width, bias = true }: { width: number | Shape; bias?: boolean }): LayerNorm =>
  bias ? { scale: ones(sizes(width)), bias: zeros(sizes(width)) } : { scale: ones(sizes(width)) };

/** First parameters: scale 1, over the last axis or axes of the given sizes. */
export const initRmsNorm = ({ width }: { width: number | Shape }): RmsNorm => ({ scale: ones(sizes(width)) });

const rankOf = (scale: TensorLike): number => (typeof scale === "object" ? scale.shape.length : 1);

/** `layerNorm` of the core over the axes that the scale has. */
export const layerNorm = (
  { scale, bias }: LayerNorm<TensorLike>,
  x: TensorLike,
  { epsilon }: { epsilon?: number } = {},
): Tensor => normaliseLayer(x, scale, bias, { axis: -rankOf(scale), epsilon });

/** `rmsNorm` of the core over the axes that the scale has. */
export const rmsNorm = (
  { scale }: RmsNorm<TensorLike>,
  x: TensorLike,
  { epsilon }: { epsilon?: number } = {},
): Tensor => normaliseRms(x, scale, { axis: -rankOf(scale), epsilon });

/** Parameters of a batch or group normalisation, one number a channel each. */
export interface ChannelNorm<T = Tensor> {
  readonly scale: T;
  readonly bias: T;
}

/** What a batch normalisation remembers for use after training: running statistics, one number a channel each. */
export interface BatchNormState<T = Tensor> {
  readonly mean: T;
  readonly variance: T;
}

/** First parameters of a batch or group normalisation: scale 1 and bias 0. */
export const initChannelNorm = ({ channels }: { channels: number }): ChannelNorm => ({
  scale: ones([channels]),
  bias: zeros([channels]),
});

/** First running statistics: mean 0 and variance 1. */
export const initBatchNormState = ({ channels }: { channels: number }): BatchNormState => ({
  mean: zeros([channels]),
  variance: ones([channels]),
});

export interface BatchNormSettings {
  /** Whether to normalise by this batch and to update the running statistics, or to use these. */
  readonly training: boolean;
  /** Share of the new statistics in the running ones. Default 0.1. */
  readonly momentum?: number;
  readonly epsilon?: number;
}

/**
 * Batch normalisation with its running statistics: they come in as an argument, and the next ones go out.
 *
 * @param x  float[batch, channels, ...space]
 * @returns  the output, shape of `x`, and the state for the next step (unchanged when not training); its variance is the
 *           unbiased one, as in common implementations
 * @source   Ioffe & Szegedy 2015, arXiv:1502.03167, Algorithms 1 and 2
 */
export function batchNorm(
  { scale, bias }: ChannelNorm<TensorLike>,
  state: BatchNormState<TensorLike>,
  x: TensorLike,
  { training, momentum = 0.1, epsilon }: BatchNormSettings,
): { output: Tensor; state: BatchNormState } {
  const old = { mean: asTensor(state.mean), variance: asTensor(state.variance) };
  if (!training) return { output: batchNormInference(x, old.mean, old.variance, scale, bias, { epsilon }), state: old };
  const { output, mean, variance } = normaliseBatch(x, scale, bias, { epsilon });
  const count = output.size / mean.size;
  const mix = (running: Tensor, fresh: Tensor) => add(mul(running, 1 - momentum), mul(stopGradient(fresh), momentum));
  const unbiased = mul(variance, count / Math.max(1, count - 1));
  return { output, state: { mean: mix(old.mean, mean), variance: mix(old.variance, unbiased) } };
}

/** `groupNorm` of the core with these parameters: statistics of groups of channels within each example. */
export const groupNorm = (
  { scale, bias }: ChannelNorm<TensorLike>,
  x: TensorLike,
  groups: number,
  options?: { epsilon?: number },
): Tensor => normaliseGroups(x, groups, scale, bias, options);
