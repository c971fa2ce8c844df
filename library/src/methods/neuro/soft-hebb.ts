import {
  abs,
  add,
  argMax,
  averagePool,
  convolution,
  div,
  max,
  maximum,
  maxPool,
  mean,
  mul,
  oneHot,
  pad,
  pow,
  relu,
  reshape,
  softmax,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  type TensorLike,
  vjp,
} from "../../core/index.ts";

import { asTensor } from "../../core/tensor.ts";
import { normalOf } from "../../nn/initialisers.ts";
import { type BatchNormState, batchNorm, initBatchNormState, initChannelNorm } from "../../nn/norms.ts";

export interface CompetitionOptions {
  /** 1/τ > 0: how sharp the competition is; without end it is the hard one. */
  readonly inverseTemperature: number;
  /** Whether losers move away from the input, in place of a little towards it. Default true */
  readonly antiHebbian?: boolean;
  /** Whether the winner takes all, and losers nothing. Default false */
  readonly hard?: boolean;
}

/**
 * Soft winner-take-all: what each channel learns from an input, with a sign.
 *
 *     y = softmax(u/τ) over the channels;   +y for the winner, −y for all others
 *
 * @param u  activations, float[batch, channels, ...space]; the lowest of equal channels wins
 * @returns  shape of `u`; magnitudes sum to 1 over the channels
 * @source   Journé et al. 2022, arXiv:2209.11883, section 3
 * @example
 * softWta(value([[0, Math.log(3)]]), { inverseTemperature: 1 })   // [[-0.25, 0.75]]
 */
export function softWta(
  u: TensorLike,
  { inverseTemperature, antiHebbian = true, hard = false }: CompetitionOptions,
): Tensor {
  const activations = asTensor(u);
  const winner = oneHot(argMax(activations, { axis: 1 }), activations.shape[1], { axis: 1, dtype: activations.dtype });
  if (hard) return winner;
  const share = softmax(mul(activations, inverseTemperature), { axis: 1 });
  return antiHebbian ? mul(share, sub(mul(winner, 2), 1)) : share;
}

/**
 * How weights change: towards the inputs that they win, away from others, and always towards length 1.
 *
 *     Δw_k = Σ ỹ_k (x − u_k w_k)   over all patches x of the batch, then divided by the largest |Δ| of the layer
 *
 * @param x       inputs with their padding, float[batch, channels, ...space]
 * @param weight  float[out, channels, ...kernel]
 * @returns       shape of `weight`
 * @source        Journé et al. 2022, arXiv:2209.11883, equation 2; the scale as in the authors' code
 */
export function softHebbDelta(x: TensorLike, weight: TensorLike, options: CompetitionOptions): Tensor {
  // The sum over patches is what the gradient of a convolution to its kernel sums up.
  const [u, pull] = vjp((kernel: Tensor) => convolution(x, kernel), asTensor(weight));
  const activity = softWta(u, options);
  const [gathered] = pull(activity);
  const axes = u.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
  const decay = perChannel(sum(mul(activity, u), { axis: axes }), gathered);
  const change = sub(gathered, mul(decay, weight));
  return div(change, maximum(max(abs(change)), 1e-30));
}

/** One number a channel, to be multiplied with kernels. */
const perChannel = (numbers: Tensor, kernels: Tensor): Tensor =>
  reshape(numbers, [-1, ...kernels.shape.slice(1).map(() => 1)]);

/** The length of each channel's weights, float[out]. */
export function channelNorms(weight: TensorLike): Tensor {
  const kernels = asTensor(weight);
  return sqrt(sum(square(kernels), { axis: kernels.shape.slice(1).map((_, i) => i + 1) }));
}

/**
 * A step whose size follows from how far each channel's weights are from length 1: w + η·|‖w‖ − 1|^power · Δ.
 *
 * @param delta  of `softHebbDelta`
 * @param lr     η, where lengths begin at about 25
 * @param power  default 0.5
 * @source       Journé et al. 2022, arXiv:2209.11883, section 3.2 ("weight-norm-dependent adaptive learning rate")
 */
export function softHebbStep(
  weight: TensorLike,
  delta: TensorLike,
  { lr, power = 0.5 }: { readonly lr: TensorLike; readonly power?: number },
): Tensor {
  const kernels = asTensor(weight);
  const rate = mul(pow(add(abs(sub(channelNorms(kernels), 1)), 1e-10), power), lr);
  return add(kernels, mul(perChannel(rate, kernels), delta));
}

/**
 * The triangle activation: how far a channel is above the mean of all channels at its place, to a power.
 *
 * @param u  float[batch, channels, ...space]
 * @source   Coates, Lee & Ng 2011; the power from Journé et al. 2022, arXiv:2209.11883, section 3.3
 * @example
 * triangle(value([[1, 2, 6]]), 1)   // [[0, 0, 3]]
 */
export const triangle = (u: TensorLike, power: number): Tensor =>
  pow(relu(sub(u, mean(u, { axis: 1, keepDims: true }))), power);

/** How a layer competes, and what it hands on. */
export interface HebbConfig extends CompetitionOptions {
  readonly lr: number;
  /** Of the triangle activation. */
  readonly power: number;
  /** 4×4 maxima, or 2×2 means; both halve height and width. */
  readonly pool: "max" | "average";
}

/** Parameters of a layer, and the statistics that inputs are standardised by. */
export interface HebbLayer<T = Tensor> {
  /** [out, in, side, side], the side odd */
  readonly weight: T;
  readonly statistics: BatchNormState<T>;
}

/** First weights: normal, each channel of length about 25, so that rates are large at first. */
export function initHebbLayer(
  key: TensorLike,
  sizes: { readonly in: number; readonly out: number; readonly side: number; readonly length?: number },
): HebbLayer {
  const { in: channels, out, side, length = 25 } = sizes;
  const fan = { in: channels * side * side, out };
  return {
    weight: normalOf(length / Math.sqrt(fan.in))(key, [out, channels, side, side], fan),
    statistics: initBatchNormState({ channels }),
  };
}

/** Inputs with mean 0 and variance 1 in every channel, mirrored at the border by half of the kernel. */
function prepared({ weight, statistics }: HebbLayer<TensorLike>, x: TensorLike, training: boolean) {
  const [, channels, side] = asTensor(weight).shape;
  const { output, state } = batchNorm(initChannelNorm({ channels }), statistics, x, { training });
  const border = (side - 1) / 2;
  return { patches: pad(output, [null, null, border, border], { mode: "reflect" }), statistics: state };
}

/** What a layer makes of images: float[batch, in, height, width] to float[batch, out, height/2, width/2]. */
export function hebbLayer(layer: HebbLayer<TensorLike>, x: TensorLike, { power, pool }: HebbConfig): Tensor {
  const maps = triangle(convolution(prepared(layer, x, false).patches, layer.weight), power);
  return pool === "max" ? maxPool(maps, 4, { stride: 2, padding: 1 }) : averagePool(maps, 2);
}

/**
 * What a layer learns from a batch, without labels, errors or feedback.
 *
 * @param x  inputs of the layer, float[batch, in, height, width]
 * @returns  the layer after the step, with its statistics
 * @source   Journé et al. 2022, arXiv:2209.11883, section 3
 */
export function learnHebbLayer(layer: HebbLayer<TensorLike>, x: TensorLike, config: HebbConfig): HebbLayer {
  const { patches, statistics } = prepared(layer, x, true);
  const delta = softHebbDelta(patches, layer.weight, config);
  return { weight: softHebbStep(layer.weight, delta, { lr: config.lr }), statistics };
}

/** Which channel wins at every place, int64[batch, height, width]. */
export const winners = (layer: HebbLayer<TensorLike>, x: TensorLike): Tensor =>
  argMax(convolution(prepared(layer, x, false).patches, layer.weight), { axis: 1 });

/** The layer with all weights of length 1. */
export const withUnitWeights = <T extends TensorLike>(layer: HebbLayer<T>): HebbLayer<T | Tensor> => {
  const kernels = asTensor(layer.weight);
  return { ...layer, weight: div(kernels, perChannel(channelNorms(kernels), kernels)) };
};
