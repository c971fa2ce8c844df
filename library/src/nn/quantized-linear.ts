import {
  dynamicQuantizedMatmul,
  type MatMulNBitsOptions,
  matMulNBits,
  type PackedWeight,
  type PackOptions,
  packWeight,
  type Quantized,
  type Tensor,
  type TensorLike,
  Value,
} from "../core/index.ts";
import { halfToEven } from "../core/operations/half-to-even.ts";
import { reshape } from "../core/operations/index.ts";
import { asTensor } from "../core/tensor.ts";
import type { Linear } from "./linear.ts";

/** Parameters of a linear layer with a weight in 8 bits. */
export interface QuantizedLinear<T = Tensor> {
  /** codes int8 [in, out], scale float32 [out] */
  readonly weight: Quantized<T>;
  /** float32 [out] */
  readonly bias?: T;
}

/** Parameters of a linear layer with a weight of a few bits a number. */
export interface PackedLinear<T = Tensor> {
  readonly weight: PackedWeight<T>;
  /** float [out] */
  readonly bias?: T;
}

/**
 * A trained linear layer's parameters in 8 bits, on the host: each output channel has a scale of its own, such that its
 * largest weight in size is code ±127. A quarter of the memory of float32.
 *
 * @param layer  weight float32 [in, out] and bias, as `initLinear` makes and training leaves them
 * @returns      parameters for {@link quantizedLinear}
 * @example
 * const small = quantizeLayer(params.layers[0]);
 * const program = compile((x: Tensor) => quantizedLinear(small, x));
 */
export function quantizeLayer({ weight, bias }: Linear<Value>): QuantizedLinear<Value> {
  const [inner, columns] = weight.shape;
  const largest = new Float32Array(columns);
  for (let i = 0; i < weight.size; i++)
    largest[i % columns] = Math.max(largest[i % columns], Math.abs(Number(weight.data[i])));
  const scale = largest.map((most) => (most === 0 ? 1 : most / 127));
  const codes = Int8Array.from({ length: weight.size }, (_, i) =>
    // The scale is rounded too: the largest weight may come out a hair above 127.
    Math.max(-127, Math.min(127, halfToEven(Number(weight.data[i]) / scale[i % columns]))),
  );
  return withBias({ codes: new Value(codes, [inner, columns]), scale: new Value(scale, [columns]) }, bias);
}

const withBias = <W>(weight: W, bias: Value | undefined): { weight: W; bias?: Value } =>
  bias === undefined ? { weight } : { weight, bias };

/**
 * x · weight + bias over the last axis, with the product in 8-bit integers: the activations are quantized over their own
 * range as they come.
 *
 * Two to three times faster than float32 on processors with 8-bit dot products, where the layer is large enough for its
 * product to be what takes the time. Let the program close over the parameters instead of taking them as an argument:
 * their layout is then prepared once. See {@link dynamicQuantizedMatmul}, also for the gradient.
 *
 * @param x  float32[..., in]
 * @returns  float32[..., out]
 * @throws   ShapeError `dynamicQuantizedMatmul/inner`
 * @source   ONNX Runtime's dynamic quantization; the scheme: Jacob et al. 2018, arXiv:1712.05877, section 2
 */
export function quantizedLinear({ weight, bias }: QuantizedLinear<TensorLike>, x: TensorLike): Tensor {
  const input = asTensor(x);
  if (input.rank >= 2) return dynamicQuantizedMatmul(input, weight, bias);
  const row = dynamicQuantizedMatmul(reshape(input, [1, input.size]), weight, bias);
  return reshape(row, [row.size]);
}

/**
 * A trained linear layer's parameters in a few bits a number, on the host.
 *
 * @param layer    weight float [in, out] and bias
 * @param options  bits, block size and zero points; 4 bits in blocks of 32 unless said otherwise
 * @returns        parameters for {@link packedLinear}
 * @throws         SettingError `packWeight/bits`, `packWeight/block-size`
 */
export const packLayer = ({ weight, bias }: Linear<Value>, options: PackOptions = {}): PackedLinear<Value> =>
  withBias(packWeight(weight, options), bias);

/**
 * x · weight + bias over the last axis with a weight that stays packed: for models that are larger than what they compute
 * a step, such as one that writes text token by token. Let the program close over the parameters.
 *
 * @param x        float[..., in]
 * @param options  `bits` as in {@link packLayer}; `activationBits` 8 is faster for few rows, and rougher
 * @returns        float[..., out]
 * @throws         ShapeError `matMulNBits/codes`
 */
export const packedLinear = (
  { weight, bias }: PackedLinear<TensorLike>,
  x: TensorLike,
  options: MatMulNBitsOptions = {},
): Tensor => matMulNBits(x, weight, bias, options);
