import { type DType, dtypes } from "../../dtype.ts";
import { DTypeError, ShapeError } from "../../errors.ts";
import { type Shape, splitAt } from "../../shape.ts";
import { asTensor, harmonise, type Tensor, type TensorLike } from "../../tensor.ts";
import { vmap } from "../../transforms/vmap.ts";
import { sub } from "../arithmetic.ts";
import { broadcastTo } from "../broadcast.ts";
import { cast } from "../cast.ts";
import { ensureBatched, normaliseAxis } from "../define.ts";
import { halfToEven } from "../half-to-even.ts";
import { expandDims, reshape } from "../reshape.ts";
import { sliceAxis } from "../slice.ts";
import { moveAxis } from "../transpose.ts";

/** Element types of codes. */
export type CodeType = "uint8" | "int8" | "uint16" | "int16";

/** Codes and what they stand for: (codes − zeroPoint) · scale. */
export interface Quantized<T = Tensor> {
  /** Integers. */
  readonly codes: T;
  /** float: one number for all, or one for each place of an axis. */
  readonly scale: T;
  /** The code that stands for 0; dtype of the codes, shape of the scale or a scalar. Default 0. */
  readonly zeroPoint?: T;
}

/** How a result is quantized. */
export interface QuantizedAs<T = Tensor> {
  /** float, a scalar: the step between neighbouring codes. */
  readonly scale: T;
  /** The code of 0, a scalar. Its dtype is that of the codes. Default 0, of the dtype of the first operand. */
  readonly zeroPoint?: T;
}

/** Which elements share a scale. */
export interface ScaleOptions {
  /** The axis that a scale of one axis runs along, or that blocks divide. Default −1, the last. */
  readonly axis?: number;
  /**
   * So many neighbours along `axis` share a scale, which then has the rank of the tensor and ⌈size / blockSize⌉ along the
   * axis. Default: no blocks.
   */
  readonly blockSize?: number;
}

/** The same, checked: the scale's rank is 0 (for all), 1 (along the axis) or, where blockSize is not 0, the tensor's. */
export interface ScaleAttributes {
  readonly axis: number;
  readonly blockSize: number;
}

/** Smallest and largest code. */
export function rangeOfCodes(dtype: DType): readonly [low: number, high: number] {
  const { bytes, kind } = dtypes[dtype];
  return kind === "unsigned" ? [0, 2 ** (8 * bytes) - 1] : [-(2 ** (8 * bytes - 1)), 2 ** (8 * bytes - 1) - 1];
}

export function expectCodes(operation: string, role: string, x: Tensor, accepted: readonly DType[]): void {
  if (!accepted.includes(x.dtype))
    throw new DTypeError(`${operation}/codes`, `${role} is ${x.dtype}, expected ${accepted.join(" or ")}`, {
      operands: { [role]: x },
      fix: "quantize it first: quantizeLinear(x, scale)",
    });
}

/** A zero point in the shape of a scale; it must have the dtype of the codes. */
export function asZeroPoint(operation: string, zeroPoint: TensorLike, scale: Shape, dtype: DType): Tensor {
  const zero = asTensor(zeroPoint, dtype);
  if (zero.dtype !== dtype)
    throw new DTypeError(`${operation}/zero-point`, `codes are ${dtype}, their zero point is ${zero.dtype}`, {
      operands: { zeroPoint: zero },
      fix: `cast the zero point: cast(zeroPoint, "${dtype}")`,
    });
  if (zero.size === 1) return broadcastTo(reshape(zero, []), scale);
  if (`${zero.shape}` !== `${scale}`)
    throw new ShapeError(`${operation}/zero-point`, `shape [${zero.shape}] for scales of shape [${scale}]`, {
      operands: { zeroPoint: zero },
      fix: "give a zero point for each scale, or one for all",
    });
  return zero;
}

/** Checks a scale against the tensor that it belongs to. */
export function normaliseScale(
  operation: string,
  x: Tensor,
  given: Tensor,
  { axis = -1, blockSize = 0 }: ScaleOptions,
): { scale: Tensor; attributes: ScaleAttributes } {
  if (blockSize === 0 && given.size === 1 && given.rank <= 1)
    return { scale: reshape(given, []), attributes: { axis: 0, blockSize: 0 } };
  const attributes = { axis: normaliseAxis(operation, x, axis), blockSize };
  const expected =
    blockSize > 0
      ? x.shape.with(attributes.axis, Math.ceil(x.shape[attributes.axis] / blockSize))
      : [x.shape[attributes.axis]];
  if (!(Number.isInteger(blockSize) && blockSize >= 0) || `${given.shape}` !== `${expected}`)
    throw new ShapeError(`${operation}/scale`, `scales of shape [${given.shape}] for a tensor of [${x.shape}]`, {
      operands: { input: x, scale: given },
      given: { axis, blockSize },
      fix: `give one scale, or scales of shape [${expected}]`,
    });
  return { scale: given, attributes };
}

/** A scale or zero point in a shape that broadcasts against the tensor that it belongs to. */
export function spread(setting: Tensor, shape: Shape, { axis, blockSize }: ScaleAttributes): Tensor {
  if (setting.rank === 0) return setting;
  if (blockSize === 0)
    return reshape(
      setting,
      shape.map((size, i) => (i === axis ? size : 1)),
    );
  const stretched = broadcastTo(expandDims(setting, axis + 1), setting.shape.toSpliced(axis + 1, 0, blockSize));
  return sliceAxis(reshape(stretched, shape.with(axis, setting.shape[axis] * blockSize)), axis, 0, shape[axis]);
}

/** Where the scale of element i of a tensor is. */
export function scaleIndex(shape: Shape, scale: Shape, { axis, blockSize }: ScaleAttributes): (i: number) => number {
  if (scale.length === 0) return () => 0;
  const { length, inner } = splitAt(shape, axis);
  if (blockSize === 0) return (i) => Math.floor(i / inner) % length;
  return (i) => {
    const place = Math.floor(i / inner) % length;
    const outer = Math.floor(i / (inner * length));
    return (outer * scale[axis] + Math.floor(place / blockSize)) * inner + (i % inner);
  };
}

/** Applies an operation of a tensor, its scale and zero point to inputs of which some have a leading batch axis. */
export function batchScaled(
  apply: (inputs: readonly Tensor[], attributes: ScaleAttributes) => Tensor,
  inputs: readonly Tensor[],
  batched: readonly boolean[],
  { axis, blockSize }: ScaleAttributes,
  size: number,
): Tensor {
  const shared = !batched[1] && !batched[2];
  const rank = inputs[1].rank - (batched[1] ? 1 : 0);
  if (shared && blockSize === 0) return apply(inputs, { axis: rank === 0 ? 0 : axis + 1, blockSize });
  const [x, ...settings] = inputs.map((one, i) => ensureBatched(one, batched[i], size));
  if (blockSize > 0) return apply([x, ...settings], { axis: axis + 1, blockSize });
  if (rank === 0) return apply([x, ...settings], { axis: 0, blockSize });
  // A scale for each example and place: both axes as one.
  const moved = moveAxis(x, axis + 1, 1);
  const [, places, ...rest] = moved.shape;
  const joined = [reshape(moved, [size * places, ...rest]), ...settings.map((one) => reshape(one, [size * places]))];
  return moveAxis(reshape(apply(joined, { axis: 0, blockSize }), moved.shape), 1, axis + 1);
}

/** The code of a number that is already divided by its scale. */
export const toCode = (quotient: number, zero: number, [low, high]: readonly [number, number]): number =>
  halfToEven(Math.min(Math.max(quotient, low - zero), high - zero)) + zero;

/** The code of each sum of products of codes, given the factor that brings it to the result's scale. */
export const requantize = (
  sums: Float64Array,
  factorAt: (i: number) => number,
  zero: number,
  range: readonly [number, number],
): Float64Array => sums.map((sum, i) => toCode(Math.fround(Math.fround(sum) * factorAt(i)), zero, range));

/** The factor from a product's scales to the result's, in the steps of 32 bits that the runtime takes. */
export const factorOf = (left: number, right: number, result: number): number =>
  Math.fround(Math.fround(left * right) / result);

/** 8-bit codes and their zero point with a sign: the same numbers 128 lower. */
export const withSign = (codes: Tensor): Tensor => cast(sub(cast(codes, "int32"), 128), "int8");

/** The function that an operation is composed of, over inputs of which some have a leading batch axis. */
export const batchComposed = <R extends Tensor | readonly Tensor[]>(
  fn: (...inputs: Tensor[]) => R,
  inputs: readonly Tensor[],
  batched: readonly boolean[],
): R => vmap(fn, { inAxes: batched.map((one) => (one ? 0 : null)) })(...inputs);

/** A bias for each column of a product, of the dtype of the product's float side. */
export function expectBias(operation: string, x: Tensor, bias: TensorLike, columns: number): Tensor {
  const [, given] = harmonise(operation, x, bias);
  if (given.rank !== 1 || given.size !== columns)
    throw new ShapeError(`${operation}/bias`, `a bias of shape [${given.shape}] for ${columns} columns`, {
      operands: { input: x, bias: given },
      fix: `give it the shape [${columns}]`,
    });
  return given;
}
