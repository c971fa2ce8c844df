import { ShapeError } from "../core/errors.ts";
import {
  add,
  and,
  attention as attendTo,
  causalMask,
  matmul,
  mul,
  reshape,
  softmax,
  split,
  splitAxis,
  type Tensor,
  type TensorLike,
  transpose,
  where,
} from "../core/index.ts";
import { asTensor } from "../core/tensor.ts";
import { dropout } from "./dropout.ts";
import { fanInUniform, type Initialiser, zeros } from "./initialisers.ts";
import { initLinear, type Linear, linear } from "./linear.ts";
import { rotary } from "./positions.ts";

/**
 * What turns scores into weights along the last axis: softmax, or anything in its place.
 *
 * @param scores  float[..., queries, keys]
 * @param mask    bool, broadcasts to the scores: true where a query may look. The weights elsewhere must be 0
 */
export type Normalizer = (scores: Tensor, mask?: Tensor) => Tensor;

/** The ordinary normalizer: softmax over the visible scores. A row without any gives NaN. */
export const maskedSoftmax: Normalizer = (scores, mask) =>
  softmax(mask === undefined ? scores : where(mask, scores, -Infinity));

/** What mixes values: from query, key and value, each [batch, heads, time, width of a head], to the same of values. */
export type Mixer = (query: Tensor, key: Tensor, value: Tensor) => Tensor;

export interface AttentionSettings {
  readonly heads: number;
  /** Each time sees only itself and earlier ones. Default false. */
  readonly causal?: boolean;
  /** bool, broadcasts to [batch, heads, queries, keys]: true where a query may look. */
  readonly mask?: TensorLike;
  /** float, broadcasts to [batch, heads, queries, keys]: added to the scores (`alibi`, say). */
  readonly bias?: TensorLike;
  /** Whether queries and keys are turned by their time (`rotary`). Default false. */
  readonly rotary?: boolean;
  /** What makes weights of scores. Default softmax, in its fused form. */
  readonly normalizer?: Normalizer;
  /** Probability with which a weight is dropped in training, when there is a `key`. Default 0. */
  readonly dropout?: number;
  readonly key?: TensorLike;
  /** Takes the place of scores, normalizer and weighted sum altogether: linear attention, state-space mixing … */
  readonly mixer?: Mixer;
}

/** Parameters of self-attention; query, key and value of all heads come from one product. */
export interface SelfAttention<T = Tensor> {
  /** width → 3·width: the queries of all heads, their keys, their values. */
  readonly qkv: Linear<T>;
  readonly out: Linear<T>;
}

export interface SelfAttentionOptions {
  readonly width: number;
  /** Default true. */
  readonly bias?: boolean;
  /** For the projections into queries, keys and values. Default uniform in ±1/√width. */
  readonly initialiser?: Initialiser;
  /** For the projection out. Default as `initialiser`. */
  readonly outInitialiser?: Initialiser;
}

/** First parameters of self-attention; biases start at 0. */
export function initSelfAttention(key: TensorLike, options: SelfAttentionOptions): SelfAttention {
  const { width, bias, initialiser = fanInUniform, outInitialiser = initialiser } = options;
  const [inKey, outKey] = split(key);
  return {
    qkv: initLinear(inKey, { in: width, out: 3 * width, bias, initialiser, biasInitialiser: zeros }),
    out: initLinear(outKey, { in: width, out: width, bias, initialiser: outInitialiser, biasInitialiser: zeros }),
  };
}

/**
 * Multi-head self-attention.
 *
 * @param x  float[batch, time, width]
 * @returns  float[batch, time, width]
 * @throws   ShapeError `attention/heads`, `selfAttention/rank` and those of the core's `attention`
 */
export function selfAttention(params: SelfAttention<TensorLike>, x: TensorLike, settings: AttentionSettings): Tensor {
  const tensor = asTensor(x);
  expectSequence("selfAttention", tensor);
  const [batch, time, width] = tensor.shape;
  const { heads } = settings;
  expectHeads(tensor, width, heads);
  // One transpose for all three: [batch, time, 3, heads, width of a head] → [3, batch, heads, time, width of a head].
  const joint = reshape(linear(params.qkv, tensor), [batch, time, 3, heads, width / heads]);
  const [query, key, value] = splitAxis(transpose(joint, [2, 0, 3, 1, 4]), 3).map((one) =>
    reshape(one, [batch, heads, time, width / heads]),
  );
  return linear(params.out, mergeHeads(mix(query, key, value, settings)));
}

/** Parameters of attention from one sequence to another. */
export interface CrossAttention<T = Tensor> {
  readonly query: Linear<T>;
  /** contextWidth → 2·width: keys of all heads, then their values. */
  readonly kv: Linear<T>;
  readonly out: Linear<T>;
}

/** First parameters of attention from a sequence of `width` to one of `contextWidth` (default `width`). */
export function initCrossAttention(
  key: TensorLike,
  options: SelfAttentionOptions & { contextWidth?: number },
): CrossAttention {
  const { width, contextWidth = width, bias, initialiser = fanInUniform, outInitialiser = initialiser } = options;
  const [queryKey, kvKey, outKey] = split(key, 3);
  const shared = { bias, biasInitialiser: zeros };
  return {
    query: initLinear(queryKey, { in: width, out: width, initialiser, ...shared }),
    kv: initLinear(kvKey, { in: contextWidth, out: 2 * width, initialiser, ...shared }),
    out: initLinear(outKey, { in: width, out: width, initialiser: outInitialiser, ...shared }),
  };
}

/**
 * Multi-head attention from one sequence to another.
 *
 * @param x        float[batch, queries, width]
 * @param context  float[batch, keys, contextWidth]
 * @returns        float[batch, queries, width]
 */
export function crossAttention(
  params: CrossAttention<TensorLike>,
  x: TensorLike,
  context: TensorLike,
  settings: AttentionSettings,
): Tensor {
  const [tensor, other] = [asTensor(x), asTensor(context)];
  expectSequence("crossAttention", tensor);
  expectSequence("crossAttention", other);
  const query = splitHeads(linear(params.query, tensor), settings.heads);
  const [key, value] = splitAxis(linear(params.kv, other), 2, { axis: -1 }).map((one) =>
    splitHeads(one, settings.heads),
  );
  return linear(params.out, mergeHeads(mix(query, key, value, settings)));
}

/** [batch, time, width] → [batch, heads, time, width / heads]. @throws ShapeError `attention/heads` */
export function splitHeads(x: TensorLike, heads: number): Tensor {
  const tensor = asTensor(x);
  const [batch, time, width] = tensor.shape;
  expectHeads(tensor, width, heads);
  return transpose(reshape(tensor, [batch, time, heads, width / heads]), [0, 2, 1, 3]);
}

/** [batch, heads, time, width] → [batch, time, heads · width]. */
export function mergeHeads(x: TensorLike): Tensor {
  const tensor = asTensor(x);
  const [batch, heads, time, width] = tensor.shape;
  return reshape(transpose(tensor, [0, 2, 1, 3]), [batch, time, heads * width]);
}

/** Weights the values of heads: query, key and value are [batch, heads, time, width of a head]. */
function mix(query: Tensor, key: Tensor, value: Tensor, settings: AttentionSettings): Tensor {
  const { mixer, normalizer, mask, bias, causal = false, key: random, dropout: rate = 0 } = settings;
  const [q, k] = settings.rotary ? [rotary(query), rotary(key)] : [query, key];
  if (mixer !== undefined) return mixer(q, k, value);
  const dropped = random !== undefined && rate > 0;
  if (normalizer === undefined && !dropped) return attendTo(q, k, value, mask, { bias, causal });
  const scaled = matmul(mul(q, 1 / Math.sqrt(q.shape.at(-1)!)), k, { transposeB: true });
  const scores = bias === undefined ? scaled : add(scaled, bias);
  const masks = [
    mask === undefined ? undefined : asTensor(mask),
    causal ? causalMask(q.shape.at(-2)!, { keys: k.shape.at(-2) }) : undefined,
  ].filter((one) => one !== undefined);
  const visible = masks.length === 0 ? undefined : masks.reduce((a, b) => and(a, b));
  return matmul(dropout(random, (normalizer ?? maskedSoftmax)(scores, visible), rate), value);
}

function expectSequence(operation: string, x: Tensor): void {
  if (x.rank !== 3)
    throw new ShapeError(`${operation}/rank`, `expected [batch, time, width], got [${x.shape}]`, {
      operands: { input: x },
      fix: "add an axis for a batch of one: expandDims(x, 0)",
    });
}

function expectHeads(x: Tensor, width: number, heads: number): void {
  if (!Number.isInteger(heads) || heads < 1 || width % heads !== 0)
    throw new ShapeError("attention/heads", `a width of ${width} does not divide into ${heads} heads`, {
      operands: { input: x },
      fix: "give a number of heads that divides the width",
    });
}
