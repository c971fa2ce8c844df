import { div, log, logSigmoid, mul, silu, split, type Tensor, type TensorLike, value } from "../../core/index.ts";
import { asTensor } from "../../core/tensor.ts";
import { mergeHeads, splitHeads } from "../../nn/attention.ts";
import { zeros } from "../../nn/initialisers.ts";
import { initLinear, type Linear, linear } from "../../nn/linear.ts";
import { initRmsNorm, type RmsNorm, rmsNorm } from "../../nn/norms.ts";
import { initLowRankGate, type LowRankGate, lowRankGate } from "../gates/low-rank-gate.ts";
import { type GatedLinearOptions, gatedLinearAttention } from "./gated-linear.ts";

/**
 * What the state forgets by: a gate for each channel of the keys ("vector", as in the paper), one gate a head ("scalar"), a
 * fixed rate a head ("fixed": 1 − 2^(−5−h), as in RetNet), or nothing ("none").
 */
export type Forgetting = "vector" | "scalar" | "fixed" | "none";

/** Parameters of a layer of gated linear attention: about 4·width², as many as softmax attention has. */
export interface GatedLinear<T = Tensor> {
  /** width → width/2, without bias; key too */
  readonly query: Linear<T>;
  readonly key: Linear<T>;
  /** width → width, without bias; gate and out too */
  readonly value: Linear<T>;
  readonly gate: Linear<T>;
  readonly out: Linear<T>;
  /** Over the values of a head. */
  readonly norm: RmsNorm<T>;
  /** Of "vector". */
  readonly channels?: LowRankGate<T>;
  /** Of "scalar": width → heads */
  readonly scalar?: Linear<T>;
}

/** First parameters, for a width that 2·heads divides; biases start at 0. */
export function initGatedLinear(
  key: TensorLike,
  { width, heads, forgetting = "vector" }: { width: number; heads: number; forgetting?: Forgetting },
): GatedLinear {
  const keys = split(key, 6);
  const map = (at: number, out: number) => initLinear(keys[at], { in: width, out, bias: false });
  return {
    query: map(0, width / 2),
    key: map(1, width / 2),
    value: map(2, width),
    gate: map(3, width),
    out: map(4, width),
    norm: initRmsNorm({ width: width / heads }),
    ...(forgetting === "vector" ? { channels: initLowRankGate(keys[5], { width, channels: width / 2 }) } : {}),
    ...(forgetting === "scalar"
      ? { scalar: initLinear(keys[5], { in: width, out: heads, biasInitialiser: zeros }) }
      : {}),
  };
}

export interface GatedLinearSettings extends Pick<GatedLinearOptions, "form" | "chunk" | "block"> {
  readonly heads: number;
  /** Default "vector". */
  readonly forgetting?: Forgetting;
  /** Root that is taken of gates, τ in the paper. Default 16. */
  readonly tau?: number;
}

/**
 * Gated linear attention as a layer: in the place of self-attention, without positions. What heads give is normalised, and
 * multiplied by a gate of its own before the last map.
 *
 * @param x  float[batch, time, width]
 * @returns  shape of x
 * @throws   ShapeError `attention/heads`
 * @source   Yang et al. 2023, arXiv:2312.06635, section 4.4; the norm is that of the released code
 * @example
 * gatedLinear(initGatedLinear(key(0), { width: 128, heads: 4 }), x, { heads: 4 })
 */
export function gatedLinear(params: GatedLinear<TensorLike>, x: TensorLike, settings: GatedLinearSettings): Tensor {
  const { heads, forgetting = "vector", tau = 16, ...form } = settings;
  const { out } = gatedLinearAttention(
    splitHeads(linear(params.query, x), heads),
    splitHeads(linear(params.key, x), heads),
    splitHeads(linear(params.value, x), heads),
    forgottenBy[forgetting](params, asTensor(x), heads, tau),
    form,
  );
  const normalised = mergeHeads(rmsNorm(params.norm, out, { epsilon: 1e-5 }));
  return linear(params.out, mul(normalised, silu(linear(params.gate, x))));
}

/** log α by kind, in a shape that `gatedLinearAttention` takes. */
const forgottenBy: Record<
  Forgetting,
  (params: GatedLinear<TensorLike>, x: Tensor, heads: number, tau: number) => Tensor
> = {
  vector: ({ channels }, x, heads, tau) => splitHeads(lowRankGate(channels!, x, { tau }), heads),
  scalar: ({ scalar }, x, heads, tau) => splitHeads(div(logSigmoid(linear(scalar!, x)), tau), heads),
  fixed: (_, __, heads) => log(value(Float32Array.from({ length: heads }, (_, head) => 1 - 2 ** (-5 - head)))),
  none: (_, __, heads) => asTensor(value(new Float32Array(heads))),
};
