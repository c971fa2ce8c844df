import { isFloat } from "../../../core/dtype.ts";
import {
  add,
  cast,
  clip,
  concat,
  dequantizeLinear,
  div,
  dynamicQuantizedMatmul,
  dynamicQuantizeLinear,
  less,
  matMulInteger,
  matmul,
  maximum,
  mean,
  minimum,
  mul,
  type Quantized,
  qLinearMatMul,
  quantizeLinear,
  reshape,
  round,
  sigmoid,
  sliceAxis,
  softmax,
  stopGradient,
  straightThrough,
  sub,
  type Tensor,
  where,
} from "../../../core/index.ts";
import type { DataTypeName } from "../../../runtime/onnx/protobuf/index.ts";
import type { Converter, Converters, NodeContext } from "../context.ts";
import { type Entry, heldAs, isSimulated, type TensorEntry, tensorEntry } from "../entry.ts";
import { Unsupported } from "../faults.ts";
import { repeat } from "./arranging.ts";
import { normalAxis } from "./axes.ts";
import { roundTo } from "./rounding.ts";
import { typeOf } from "./types.ts";

/** Smallest and largest number of an integer type. */
export function rangeOf(type: DataTypeName): [number, number] {
  const found = /^(u?)int(\d+)$/.exec(type);
  if (!found) throw new Unsupported(`it quantizes to ${type}`);
  const bits = Number(found[2]);
  return found[1] ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
}

const codeTypes = ["uint8", "int8", "uint16", "int16"] as const;
type CodeType = (typeof codeTypes)[number];
const isCodeType = (type: DataTypeName): type is CodeType => (codeTypes as readonly string[]).includes(type);

/** Whether scales are those of an operation of ours: one for all, one for each place of an axis, or one for each block. */
const isRegular = ({ rank, size }: Tensor, block: number): boolean =>
  (size === 1 && rank <= 1) || rank === 1 || block > 0;

/** Scales or zero points in a shape that broadcasts against x: one for all, one each place of an axis, or one each block. */
function spread(setting: Tensor, x: Tensor, axis: number, block: number): Tensor {
  if (setting.size === 1 && setting.rank <= 1) return reshape(setting, []);
  if (block > 0) {
    const repeated = repeat(setting, axis, block);
    return repeated.shape[axis] === x.shape[axis] ? repeated : sliceAxis(repeated, axis, 0, x.shape[axis]);
  }
  const at = normalAxis(axis, x.rank);
  return setting.rank === 1
    ? reshape(
        setting,
        x.shape.map((size, i) => (i === at ? size : 1)),
      )
    : setting;
}

/** (x − zero) · scale. What was quantized from a known tensor gets the gradient of that tensor. */
export function dequantize(entry: TensorEntry, scale: Tensor, zero: Tensor | undefined, axis = 1, block = 0): Tensor {
  const { tensor: x, source } = entry;
  const y = dequantized(x, scale, zero, axis, block);
  return source ? straightThrough(y, cast(source, y.dtype)) : y;
}

function dequantized(x: Tensor, scale: Tensor, zero: Tensor | undefined, axis: number, block: number): Tensor {
  if ((isCodeType(x.dtype) || x.dtype === "int32") && isFloat(scale.dtype) && isRegular(scale, block))
    return dequantizeLinear(x, scale, zero, { axis: axisOf(x, scale, axis, block), blockSize: block });
  // Numbers of types that the core has not are held in another.
  const wide = isFloat(x.dtype) ? x : cast(x, "int32");
  const centred = zero ? sub(wide, spread(cast(zero, wide.dtype), x, axis, block)) : wide;
  return mul(cast(centred, scale.dtype), spread(scale, x, axis, block));
}

/** An axis that exists: a scale for all may come with the default one. */
const axisOf = (x: Tensor, scale: Tensor, axis: number, block: number): number =>
  scale.size === 1 && block === 0 ? -1 : normalAxis(axis, x.rank);

/** round(x / scale) + zero, kept in the range of the type. */
export function quantize(
  x: Tensor,
  scale: Tensor,
  zero: Tensor | undefined,
  type: DataTypeName,
  axis = 1,
  block = 0,
): Entry {
  const step = cast(scale, x.dtype);
  if (isSimulated(type)) {
    const ratio = div(x, spread(step, x, axis, block));
    return tensorEntry(roundTo(cast(ratio, "float32"), type), type);
  }
  const [low, high] = rangeOf(type);
  const offset = zero && spread(cast(zero, x.dtype), x, axis, block);
  const codes = (): Tensor => {
    if (isCodeType(type) && isFloat(x.dtype) && isRegular(scale, block))
      return quantizeLinear(x, step, zero, { axis: axisOf(x, scale, axis, block), blockSize: block, dtype: type });
    const whole = round(div(x, spread(step, x, axis, block)));
    return cast(clip(offset ? add(whole, offset) : whole, low, high), heldAs(type));
  };
  // Inside the range the rounding is passed through by gradients; outside, nothing is.
  const bound = (limit: number) => mul(offset ? sub(limit, offset) : limit, spread(step, x, axis, block));
  const source = minimum(maximum(x, bound(low)), bound(high));
  return { ...tensorEntry(codes(), type), source } as TensorEntry;
}

const tensorAt = (node: NodeContext, input: number): TensorEntry => {
  const entry = node.given(input);
  if (entry.kind !== "tensor") throw new Unsupported(`input ${input} is not a tensor`);
  return entry;
};

/** The element type that a quantizing node gives: that of its zero point, or its attribute's. */
const quantizedType = (node: NodeContext, zeroInput: number): DataTypeName =>
  node.entry(zeroInput) ? node.type(zeroInput) : typeOf(node, "output_dtype", "uint8");

/** Inputs from `at` on as a number: quantized tensor, scale, zero point. */
export const readQuantized = (node: NodeContext, at: number, axis = 1): Tensor =>
  dequantize(tensorAt(node, at), node.tensor(at + 1), node.optional(at + 2), axis);

/** A result with the scale and zero point that two inputs give. */
export const writeQuantized = (node: NodeContext, y: Tensor, at: number): Entry =>
  quantize(y, node.tensor(at), node.optional(at + 1), quantizedType(node, at + 1));

/** An operator on one quantized tensor: x, x_scale, x_zero, y_scale, y_zero. */
const quantizedUnary =
  (operation: (x: Tensor, node: NodeContext) => Tensor): Converter =>
  (node) =>
    writeQuantized(node, operation(readQuantized(node, 0), node), 3);

/** An operator on two: a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero. */
const quantizedBinary =
  (operation: (a: Tensor, b: Tensor) => Tensor): Converter =>
  (node) =>
    writeQuantized(node, operation(readQuantized(node, 0), readQuantized(node, 3)), 6);

function dynamicQuantize(x: Tensor): { quantized: TensorEntry; scale: Tensor; zero: Tensor } {
  const { codes, scale, zeroPoint } = dynamicQuantizeLinear(cast(x, "float32"));
  // All numbers are in the range: gradients pass, and take the range for given.
  return { quantized: { ...tensorEntry(codes), source: x }, scale: stopGradient(scale), zero: zeroPoint };
}

/** The quantized tensor that inputs from `at` on describe, where its types and scales are those of integer kernels. */
export function integersAt(node: NodeContext, at: number): Quantized | undefined {
  const [codes, scale, zeroPoint] = [node.tensor(at), node.tensor(at + 1), node.optional(at + 2)];
  const regular = scale.rank <= 1 && (zeroPoint?.rank ?? 0) <= 1;
  return (codes.dtype === "uint8" || codes.dtype === "int8") && scale.dtype === "float32" && regular
    ? { codes, scale, zeroPoint }
    : undefined;
}

/** An integer kernel's codes for what is written with the type of its first input; gradients are those of the floats. */
export function asIntegers(
  node: NodeContext,
  at: number,
  floats: Entry,
  compute: (a: Quantized, b: Quantized, result: { scale: Tensor; zeroPoint?: Tensor }) => Tensor,
): Entry {
  const [a, b] = [integersAt(node, 0), integersAt(node, 3)];
  const result = { scale: node.tensor(at), zeroPoint: node.optional(at + 1) };
  const plain = result.scale.size === 1 && (result.zeroPoint?.dtype ?? "uint8") === a?.codes.dtype;
  return a && b && plain ? ({ ...floats, tensor: compute(a, b, result) } as TensorEntry) : floats;
}

export const quantizedOperators: Converters = {
  DequantizeLinear: (node) => {
    const axis = node.attributes.int("axis", 1);
    const entry = tensorAt(node, 0);
    const y = dequantize(entry, node.tensor(1), node.optional(2), axis, node.attributes.int("block_size", 0));
    return tensorEntry(
      cast(y, heldAs(typeOf(node, "output_dtype", node.type(1)))),
      typeOf(node, "output_dtype", node.type(1)),
    );
  },
  DynamicQuantizeLinear: (node) => {
    const { quantized, scale, zero } = dynamicQuantize(node.tensor(0));
    return [quantized, tensorEntry(scale), tensorEntry(zero)];
  },
  QLinearMatMul: (node) => {
    const rows = (x: number) => node.tensor(x).rank - 2;
    const product = matmul(readQuantized(node, 0, rows(0)), readQuantized(node, 3, rows(3) + 1));
    const floats = writeQuantized(node, product, 6);
    return rows(0) < 0 || rows(3) < 0 ? floats : asIntegers(node, 6, floats, qLinearMatMul);
  },
  QuantizeLinear: (node) =>
    quantize(
      node.tensor(0),
      node.tensor(1),
      node.optional(2),
      quantizedType(node, 2),
      node.attributes.int("axis", 1),
      node.attributes.int("block_size", 0),
    ),
};

/** The quantized operators of com.microsoft. */
export const contributedQuantized: Converters = {
  DequantizeLinear: quantizedOperators.DequantizeLinear,
  DynamicQuantizeMatMul: (node) => {
    const [codes, scale, zeroPoint] = [node.tensor(1), node.tensor(2), node.optional(3)];
    return dynamicQuantizedMatmul(node.tensor(0), { codes, scale, zeroPoint }, node.optional(4));
  },
  MatMulIntegerToFloat: (node) => {
    const a = dequantize(tensorAt(node, 0), node.tensor(2), node.optional(4));
    const b = dequantize(tensorAt(node, 1), node.tensor(3), node.optional(5), node.tensor(1).rank - 1);
    const sums = matMulInteger(node.tensor(0), node.tensor(1), node.optional(4), node.optional(5));
    const scale = mul(node.tensor(2), node.tensor(3));
    const product = straightThrough(mul(cast(sums, scale.dtype), scale), matmul(a, b));
    const bias = node.optional(6);
    return bias ? add(product, bias) : product;
  },
  QGemm: (node) => {
    const { attributes } = node;
    const a = readQuantized(node, 0);
    const transposed = attributes.int("transB", 0) === 1;
    const b = readQuantized(node, 3, transposed ? 0 : 1);
    const product = matmul(a, b, { transposeA: attributes.int("transA", 0) === 1, transposeB: transposed });
    const scaled = mul(product, attributes.float("alpha", 1));
    const bias = node.optional(6);
    // The bias has the scale of the products.
    const shifted = bias ? add(scaled, mul(cast(bias, a.dtype), mul(node.tensor(1), node.tensor(4)))) : scaled;
    return node.optional(7) ? writeQuantized(node, shifted, 7) : shifted;
  },
  QLinearAdd: quantizedBinary(add),
  QLinearConcat: (node) => {
    const parts: Tensor[] = [];
    for (let at = 2; at < node.inputs; at += 3) parts.push(readQuantized(node, at));
    return writeQuantized(node, concat(parts, { axis: normalAxis(node.attributes.int("axis", 0), parts[0].rank) }), 0);
  },
  QLinearGlobalAveragePool: quantizedUnary((x, node) => {
    const last = node.attributes.int("channels_last", 0) === 1;
    const axis = x.shape.map((_, i) => i).filter((i) => (last ? i > 0 && i < x.rank - 1 : i > 1));
    return mean(x, { axis, keepDims: true });
  }),
  QLinearLeakyRelu: quantizedUnary((x, node) => where(less(x, 0), mul(x, node.attributes.float("alpha", 0.01)), x)),
  QLinearMul: quantizedBinary(mul),
  QLinearSigmoid: quantizedUnary(sigmoid),
  QLinearSoftmax: quantizedUnary((x, node) =>
    softmax(x, { axis: normalAxis(node.attributes.int("axis", -1), x.rank) }),
  ),
  QuantizeLinear: quantizedOperators.QuantizeLinear,
};
