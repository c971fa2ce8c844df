import {
  add,
  concat,
  gather,
  matmul,
  mul,
  normal,
  pad,
  sliceAxis,
  split,
  type Tensor,
  type TensorLike,
  transpose,
  value,
  zeros,
} from "../../core/index.ts";
import { asTensor } from "../../core/tensor.ts";
import { initLinear, type Linear, linear } from "../../nn/linear.ts";

/** Up to so many taps, a pass over the sequence for each costs less than the product with a matrix. */
const fewTaps = 8;

/**
 * A causal convolution with one filter per channel: y_t = Σ_j h_j ⊙ u_{t−j}.
 *
 * Few taps are added one by one; more are a product with a Toeplitz matrix per channel, for sequences of at most some
 * hundred places.
 *
 * @param u  float[batch, time, width]
 * @param h  filters, float[width, taps]; what reaches beyond the sequence counts nothing
 * @returns  shape of u
 * @throws   ShapeError `matmul/batch`
 * @source   Arora et al. 2023, arXiv:2312.04927, definition 4.1
 * @example
 * causalConv(value([[[1], [2], [3]]]), value([[0, 1]]))   // [[[0], [1], [2]]]: a shift by one
 */
export function causalConv(u: TensorLike, h: TensorLike): Tensor {
  const [sequence, filters] = [asTensor(u), asTensor(h)];
  const time = sequence.shape[1];
  const [width, taps] = filters.shape;
  if (taps <= fewTaps) {
    const before = pad(sequence, [null, [Math.max(0, taps - 1), 0], null]);
    const terms = Array.from({ length: taps }, (_, j) =>
      mul(sliceAxis(before, 1, taps - 1 - j, taps - 1 - j + time), gather(filters, j, { axis: 1 })),
    );
    return terms.reduce((sum, term) => add(sum, term));
  }
  // Place (t, s) holds tap t − s, or the zero behind the last tap.
  const tap = Int32Array.from({ length: time * time }, (_, at) => {
    const distance = Math.floor(at / time) - (at % time);
    return distance >= 0 && distance < taps ? distance : taps;
  });
  const padded = concat([filters, zeros([width, 1], { dtype: filters.dtype })], { axis: 1 });
  const toeplitz = gather(padded, value(tap, { shape: [time, time] }), { axis: 1 });
  return transpose(matmul(toeplitz, transpose(sequence, [2, 1, 0])), [2, 1, 0]);
}

/** Parameters of a gated convolution. */
export interface BaseConv<T = Tensor> {
  /** The gate's map, with its bias. */
  readonly gate: Linear<T>;
  /** [width, taps] */
  readonly filter: T;
  /** [width] */
  readonly bias: T;
}

/** First parameters: filters normal of deviation 0.02 (free, where the paper's long ones are implicit). */
export function initBaseConv(key: TensorLike, { width, taps }: { width: number; taps: number }): BaseConv {
  const [gate, filter] = split(key);
  return {
    gate: initLinear(gate, { in: width, out: width }),
    filter: normal(filter, [width, taps], { standardDeviation: 0.02 }),
    bias: zeros([width]),
  };
}

/**
 * BaseConv, the least gated convolution: y = (u W + b₁) ⊙ (h ∗ u + b₂), returned with u added.
 *
 * @param u  float[batch, time, width]
 * @returns  shape of u
 * @source   Arora et al. 2023, arXiv:2312.04927, equation 1 of section 4 and the released layer
 * @example
 * baseConv(initBaseConv(key, { width: 64, taps: 3 }), u)
 */
export const baseConv = ({ gate, filter, bias }: BaseConv<TensorLike>, u: TensorLike): Tensor =>
  add(mul(linear(gate, u), add(causalConv(u, filter), bias)), u);
