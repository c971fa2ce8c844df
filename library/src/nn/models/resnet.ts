import { add, globalAveragePool, relu, split, type Tensor, type TensorLike } from "../../core/index.ts";
import { asTensor } from "../../core/tensor.ts";
import { type Convolution, convolution, initConvolution } from "../convolution.ts";
import { kaimingNormal } from "../initialisers.ts";
import { initLinear, type Linear, linear } from "../linear.ts";
import {
  type BatchNormSettings,
  type BatchNormState,
  batchNorm,
  type ChannelNorm,
  initBatchNormState,
  initChannelNorm,
} from "../norms.ts";

/** Sizes of a residual network. */
export interface ResNetConfig {
  /** Colours of a pixel. Default 3. */
  readonly channels?: number;
  /** Channels of each stage; each but the first halves height and width. Default [16, 32, 64]. */
  readonly widths?: readonly number[];
  /** Blocks of each stage: 3 gives ResNet-20, 1 gives ResNet-8. Default 1. */
  readonly blocks?: number;
  /** Stride of the first convolution; 2 makes all that follows four times cheaper. Default 1. */
  readonly stemStride?: number;
  readonly classes: number;
}

/** Parameters of a convolution and the batch normalisation after it. */
export interface NormedConvolution<T = Tensor> {
  readonly convolution: Convolution<T>;
  readonly norm: ChannelNorm<T>;
}

/** Parameters of a residual block. */
export interface ResidualBlock<T = Tensor> {
  readonly first: NormedConvolution<T>;
  readonly second: NormedConvolution<T>;
  /** Where size or channels change: what takes the input past the block. */
  readonly shortcut?: NormedConvolution<T>;
}

/** Running statistics of a residual block. */
export interface ResidualBlockState<T = Tensor> {
  readonly first: BatchNormState<T>;
  readonly second: BatchNormState<T>;
  readonly shortcut?: BatchNormState<T>;
}

/** Parameters of a residual network. */
export interface ResNet<T = Tensor> {
  readonly stem: NormedConvolution<T>;
  readonly blocks: readonly ResidualBlock<T>[];
  readonly head: Linear<T>;
}

/** Running statistics of a residual network. */
export interface ResNetState<T = Tensor> {
  readonly stem: BatchNormState<T>;
  readonly blocks: readonly ResidualBlockState<T>[];
}

/** Channels in and out, the stride, and whether they need a shortcut of its own, of every block. */
function plan({ widths = [16, 32, 64], blocks = 1 }: ResNetConfig) {
  return widths.flatMap((width, stage) =>
    Array.from({ length: blocks }, (_, i) => {
      const first = i === 0 && stage > 0;
      const shape = { in: first ? widths[stage - 1] : width, out: width, stride: first ? 2 : 1 };
      return { ...shape, reshapes: shape.in !== shape.out || shape.stride !== 1 };
    }),
  );
}

function initNormed(key: TensorLike, channels: { in: number; out: number }, side: number): NormedConvolution {
  const initialiser = kaimingNormal();
  return {
    // The norm takes the mean out: a bias before it would do nothing.
    convolution: initConvolution(key, { ...channels, kernel: [side, side], bias: false, initialiser }),
    norm: initChannelNorm({ channels: channels.out }),
  };
}

/** First parameters of a residual network. */
export function initResNet(key: TensorLike, config: ResNetConfig): ResNet {
  const { channels = 3, widths = [16, 32, 64], classes } = config;
  const shapes = plan(config);
  const [stemKey, headKey, ...keys] = split(key, 2 + shapes.length);
  return {
    stem: initNormed(stemKey, { in: channels, out: widths[0] }, 3),
    blocks: shapes.map((shape, i) => {
      const [firstKey, secondKey, shortcutKey] = split(keys[i], 3);
      return {
        first: initNormed(firstKey, shape, 3),
        second: initNormed(secondKey, { in: shape.out, out: shape.out }, 3),
        ...(shape.reshapes ? { shortcut: initNormed(shortcutKey, shape, 1) } : {}),
      };
    }),
    head: initLinear(headKey, { in: widths.at(-1)!, out: classes }),
  };
}

/** First running statistics of a residual network. */
export function initResNetState(config: ResNetConfig): ResNetState {
  const { widths = [16, 32, 64] } = config;
  return {
    stem: initBatchNormState({ channels: widths[0] }),
    blocks: plan(config).map((shape) => {
      const fresh = () => initBatchNormState({ channels: shape.out });
      return { first: fresh(), second: fresh(), ...(shape.reshapes ? { shortcut: fresh() } : {}) };
    }),
  };
}

/**
 * A residual network for small images. Its running statistics come in and go out: keep what training returns, and give
 * it back with `training: false` for predictions that do not depend on the batch.
 *
 * @param images  float[batch, channels, height, width]
 * @returns       scores float[batch, classes], the next state (the same one when not training), and what the first
 *                convolution of each block made, behind its norm and rectifier
 * @source        He et al. 2015, arXiv:1512.03385, section 4.2, with projections as shortcuts (its option B)
 * @example
 * const loss = (params: ResNet, { x, y }: Batch, { state }: LossContext<ResNetState>) => {
 *   const next = resNet(params, state, x, config, { training: true });
 *   return { loss: crossEntropy(next.logits, y), state: next.state };
 * };
 */
export function resNet(
  params: ResNet<TensorLike>,
  state: ResNetState<TensorLike>,
  images: TensorLike,
  config: ResNetConfig,
  settings: BatchNormSettings,
): { logits: Tensor; state: ResNetState; inner: readonly Tensor[] } {
  const strides = plan(config).map(({ stride }) => stride);
  const stem = normed(params.stem, state.stem, asTensor(images), config.stemStride ?? 1, settings);
  let x = relu(stem.output);
  const inner: Tensor[] = [];
  const blocks = params.blocks.map((block, i) => {
    const result = residual(block, state.blocks[i], x, strides[i], settings);
    x = result.output;
    inner.push(result.inner);
    return result.state;
  });
  return { logits: linear(params.head, globalAveragePool(x)), state: { stem: stem.state, blocks }, inner };
}

function residual(
  params: ResidualBlock<TensorLike>,
  state: ResidualBlockState<TensorLike>,
  x: Tensor,
  stride: number,
  settings: BatchNormSettings,
): { output: Tensor; inner: Tensor; state: ResidualBlockState } {
  const first = normed(params.first, state.first, x, stride, settings);
  const inner = relu(first.output);
  const second = normed(params.second, state.second, inner, 1, settings);
  if (params.shortcut === undefined)
    return { output: relu(add(second.output, x)), inner, state: { first: first.state, second: second.state } };
  const shortcut = normed(params.shortcut, state.shortcut!, x, stride, settings);
  return {
    output: relu(add(second.output, shortcut.output)),
    inner,
    state: { first: first.state, second: second.state, shortcut: shortcut.state },
  };
}

/** A convolution that keeps the size (or divides it by the stride), normalised. */
const normed = (
  params: NormedConvolution<TensorLike>,
  state: BatchNormState<TensorLike>,
  x: Tensor,
  stride: number,
  settings: BatchNormSettings,
): ReturnType<typeof batchNorm> =>
  batchNorm(params.norm, state, convolution(params.convolution, x, { stride, padding: "same" }), settings);
