import { add, gelu, mul, relu, silu, split, type Tensor, type TensorLike } from "../core/index.ts";
import { type AttentionSettings, initSelfAttention, type SelfAttention, selfAttention } from "./attention.ts";
import { dropout } from "./dropout.ts";
import { fanInUniform, type Initialiser, zeros } from "./initialisers.ts";
import { initLinear, type Linear, linear } from "./linear.ts";
import { initLayerNorm, initRmsNorm, type LayerNorm, layerNorm, rmsNorm } from "./norms.ts";

/** Activations that a block may name; any other function of a tensor will do as well. */
export const activations = {
  gelu: (x: Tensor) => gelu(x),
  "gelu-tanh": (x: Tensor) => gelu(x, { form: "tanh" }),
  relu,
  silu,
} as const;
export type Activation = keyof typeof activations | ((x: Tensor) => Tensor);

const activate = (activation: Activation, x: Tensor): Tensor =>
  (typeof activation === "function" ? activation : activations[activation])(x);

/** Parameters of a feed-forward layer; with a gate it computes activation(gate) · up, otherwise activation(up). */
export interface FeedForward<T = Tensor> {
  readonly up: Linear<T>;
  readonly gate?: Linear<T>;
  readonly down: Linear<T>;
}

export interface FeedForwardOptions {
  readonly width: number;
  readonly hidden: number;
  /** Whether there is a gate (with "silu": SwiGLU). Default false. */
  readonly gated?: boolean;
  readonly bias?: boolean;
  readonly initialiser?: Initialiser;
  /** For the projection back to the width. Default as `initialiser`. */
  readonly outInitialiser?: Initialiser;
}

/** First parameters of a feed-forward layer; biases start at 0. */
export function initFeedForward(key: TensorLike, options: FeedForwardOptions): FeedForward {
  const { width, hidden, gated = false, bias, initialiser = fanInUniform, outInitialiser = initialiser } = options;
  const [upKey, gateKey, downKey] = split(key, 3);
  const inwards = { in: width, out: hidden, bias, initialiser, biasInitialiser: zeros };
  return {
    up: initLinear(upKey, inwards),
    ...(gated ? { gate: initLinear(gateKey, inwards) } : {}),
    down: initLinear(downKey, { in: hidden, out: width, bias, initialiser: outInitialiser, biasInitialiser: zeros }),
  };
}

/** Two linear layers with an activation (and perhaps a gate) between them, over the last axis. */
export function feedForward(
  { up, gate, down }: FeedForward<TensorLike>,
  x: TensorLike,
  { activation = "gelu" }: { activation?: Activation } = {},
): Tensor {
  const raised = linear(up, x);
  return linear(down, gate ? mul(activate(activation, linear(gate, x)), raised) : activate(activation, raised));
}

/** Parameters of a transformer block. */
export interface Block<T = Tensor> {
  readonly norm1: LayerNorm<T>;
  readonly attention: SelfAttention<T>;
  readonly norm2: LayerNorm<T>;
  readonly feedForward: FeedForward<T>;
}

export interface BlockOptions extends FeedForwardOptions {
  readonly norm?: NormKind;
}

export interface BlockSettings extends AttentionSettings {
  /** Default "layer". */
  readonly norm?: NormKind;
  /** Default "gelu". */
  readonly activation?: Activation;
  /** Probability with which outputs of both halves are dropped in training, when there is a `key`. Default 0. */
  readonly residualDropout?: number;
}

/** Which normalisation: layer (mean and variance) or rms (mean square only). */
export type NormKind = "layer" | "rms";

/** First parameters of the named normalisation. */
export const initNorm = (kind: NormKind, options: { width: number; bias?: boolean }): LayerNorm =>
  kind === "layer" ? initLayerNorm(options) : initRmsNorm(options);

/** Applies the named normalisation. */
export const norm = (kind: NormKind, params: LayerNorm<TensorLike>, x: TensorLike): Tensor =>
  kind === "layer" ? layerNorm(params, x) : rmsNorm(params, x);

/** First parameters of a transformer block. */
export function initBlock(key: TensorLike, options: BlockOptions): Block {
  const { norm: kind = "layer" } = options;
  const [attentionKey, feedForwardKey] = split(key);
  return {
    norm1: initNorm(kind, options),
    attention: initSelfAttention(attentionKey, options),
    norm2: initNorm(kind, options),
    feedForward: initFeedForward(feedForwardKey, options),
  };
}

/**
 * A pre-norm transformer block: x + attention(norm(x)), then + feedForward(norm(…)).
 *
 * @param x  float[batch, time, width]
 * @returns  float[batch, time, width]
 */
export function block(params: Block<TensorLike>, x: TensorLike, settings: BlockSettings): Tensor {
  const { norm: kind = "layer", residualDropout = 0, key } = settings;
  const [attentionKey, firstKey, secondKey] = key === undefined ? [] : split(key, 3);
  const attended = selfAttention(params.attention, norm(kind, params.norm1, x), { ...settings, key: attentionKey });
  const middle = add(x, dropout(firstKey, attended, residualDropout));
  const fed = feedForward(params.feedForward, norm(kind, params.norm2, middle), settings);
  return add(middle, dropout(secondKey, fed, residualDropout));
}
