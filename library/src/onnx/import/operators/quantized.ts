import {
  add,
  cast,
  clip,
  concat,
  div,
  less,
  matmul,
  max,
  maximum,
  mean,
  min,
  minimum,
  mul,
  neg,
  reshape,
  round,
  sigmoid,
  sliceAxis,
  softmax,
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
  const factor = spread(scale, x, axis, block);
  // Differences of integers are taken before they become floats, as the runtime does.
  const integers = isSimulated(entry.type) ? x : cast(x, "int32");
  const centred = zero ? sub(integers, spread(cast(zero, integers.dtype), x, axis, block)) : integers;
  const y = mul(cast(centred, scale.dtype), factor);
  return source ? straightThrough(y, cast(source, y.dtype)) : y;
}

/** round(x / scale) + zero, kept in the range of the type. */
export function quantize(
  x: Tensor,
  scale: Tensor,
  zero: Tensor | undefined,
  type: DataTypeName,
  axis = 1,
  block = 0,
): Entry {
  const ratio = div(x, spread(cast(scale, x.dtype), x, axis, block));
  if (isSimulated(type)) return tensorEntry(roundTo(cast(ratio, "float32"), type), type);
  const [low, high] = rangeOf(type);
  const offset = zero && spread(cast(zero, x.dtype), x, axis, block);
  const whole = round(ratio);
  const shifted = clip(offset ? add(whole, offset) : whole, low, high);
  // Inside the range the rounding is passed through by gradients; outside, nothing is.
  const bound = (limit: number) =>
    mul(offset ? sub(limit, offset) : limit, spread(cast(scale, x.dtype), x, axis, block));
  const source = minimum(maximum(x, bound(low)), bound(high));
  return { ...tensorEntry(cast(shifted, heldAs(type)), type), source } as TensorEntry;
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
  const low = minimum(min(x), 0);
  const high = maximum(max(x), 0);
  const scale = div(sub(high, low), 255);
  const zero = cast(clip(round(div(neg(low), scale)), 0, 255), "uint8");
  return { quantized: quantize(x, scale, zero, "uint8") as TensorEntry, scale, zero };
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
    return writeQuantized(node, matmul(readQuantized(node, 0, rows(0)), readQuantized(node, 3, rows(3) + 1)), 6);
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
    const { quantized, scale, zero } = dynamicQuantize(node.tensor(0));
    const product = matmul(
      dequantize(quantized, scale, zero),
      dequantize(tensorAt(node, 1), node.tensor(2), node.optional(3), node.tensor(1).rank - 1),
    );
    const bias = node.optional(4);
    return bias ? add(product, bias) : product;
  },
  MatMulIntegerToFloat: (node) => {
    const a = dequantize(tensorAt(node, 0), node.tensor(2), node.optional(4));
    const b = dequantize(tensorAt(node, 1), node.tensor(3), node.optional(5), node.tensor(1).rank - 1);
    const bias = node.optional(6);
    return bias ? add(matmul(a, b), bias) : matmul(a, b);
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
