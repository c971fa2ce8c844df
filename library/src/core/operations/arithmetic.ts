import { isFloat, isInteger } from "../dtype.ts";
import type { Operation } from "../operation.ts";
import { applyOne, asTensor, constantValue, type Tensor, type TensorLike } from "../tensor.ts";
import { broadcastTo } from "./broadcast.ts";
import { cast } from "./cast.ts";
import { equal, greater, less } from "./comparison.ts";
import { binary, unary, unaryOperation } from "./define.ts";
import { log } from "./exponential.ts";
import { halfToEven } from "./half-to-even.ts";
import { where } from "./where.ts";

/** The number that a constant is full of, or undefined. */
const fill = (x: Tensor): number | undefined => {
  const value = constantValue(x);
  return value?.size === 1 ? Number(value.data[0]) : undefined;
};

/** Drops a constant operand that changes nothing: x + 0, x · 1, x / 1. */
const dropNeutral =
  (neutral: number, sides: readonly (0 | 1)[]): NonNullable<Operation["simplifications"]>[string] =>
  ({ inputs, outputs: [y] }) => {
    for (const side of sides)
      if (fill(inputs[side]) === neutral && (!Object.is(neutral, 0) || isFloat(y.dtype) || isInteger(y.dtype)))
        return [broadcastTo(inputs[1 - side], y.shape)];
    return undefined;
  };

/** a + b, elementwise with broadcasting. */
export const add = binary({
  name: "add",
  linear: "jointly",
  onnx: "Add",
  reference: (a, b) => a + b,
  gradient: (dy) => [dy, dy],
  simplifications: { "add-zero": dropNeutral(0, [0, 1]) },
});

/** a − b, elementwise with broadcasting. */
export const sub = binary({
  name: "sub",
  linear: "jointly",
  onnx: "Sub",
  reference: (a, b) => a - b,
  gradient: (dy, _a, _b, _y, needs) => [dy, needs[1] ? neg(dy) : null],
  simplifications: { "subtract-zero": dropNeutral(0, [1]) },
});

/** a · b, elementwise with broadcasting. */
export const mul = binary({
  name: "mul",
  linear: "separately",
  onnx: "Mul",
  reference: (a, b) => a * b,
  gradient: (dy, a, b, _, needs) => [needs[0] ? mul(dy, b) : null, needs[1] ? mul(dy, a) : null],
  simplifications: { "multiply-one": dropNeutral(1, [0, 1]) },
});

/** a / b, elementwise with broadcasting; integers divide towards zero. */
export const div = binary({
  name: "div",
  onnx: "Div",
  reference: (a, b, dtype) => (isFloat(dtype) ? a / b : Math.trunc(a / b)),
  gradient: (dy, _, b, y, needs) => {
    const da = div(dy, b);
    return [da, needs[1] ? neg(mul(da, y)) : null];
  },
  simplifications: { "divide-one": dropNeutral(1, [1]) },
});

/**
 * The remainder of a / b with the sign of the divisor (as Python's %), floats and integers.
 * Gradient: 1 to `a`, −floor(a/b) to `b`.
 */
export const mod = binary({
  name: "mod",
  onnx: (graph, a, b, dtype) => {
    if (!isFloat(dtype)) return graph.node("Mod", [a, b]);
    return graph.node("Sub", [a, graph.node("Mul", [b, graph.node("Floor", [graph.node("Div", [a, b])])])]);
  },
  reference: (a, b) => a - b * Math.floor(a / b),
  gradient: (dy, a, b, _, needs) => [dy, needs[1] ? neg(mul(dy, floor(div(a, b)))) : null],
});

/** −x. */
export const neg = unary({
  name: "neg",
  linear: "jointly",
  onnx: "Neg",
  accepts: "number",
  kernels: ["float32", "float64", "float16", "int32", "int64", "int8"],
  reference: (x) => -x,
  gradient: (dy) => neg(dy),
  simplifications: {
    "double-negation": ({ inputs: [x], operation }) =>
      x.node.operation === operation ? [x.node.inputs[0]] : undefined,
  },
});

/** |x|; the gradient at 0 is 0. */
export const abs = unary({
  name: "abs",
  onnx: "Abs",
  accepts: "number",
  kernels: ["float32", "float64", "float16", "int32", "int64", "int8", "uint8"],
  reference: Math.abs,
  gradient: (dy, x) => mul(dy, sign(x)),
});

/** −1, 0 or 1. Its gradient is zero everywhere (see `straightThrough` for another). */
export const sign = unary({
  name: "sign",
  onnx: "Sign",
  accepts: "number",
  kernels: ["float32", "float64", "float16", "int32", "int64", "int8", "uint8"],
  reference: Math.sign,
  gradient: () => null,
});

/** 1 / x. */
export const reciprocal = unary({
  name: "reciprocal",
  onnx: "Reciprocal",
  reference: (x) => 1 / x,
  gradient: (dy, _, y) => neg(mul(dy, square(y))),
});

/** x². */
export const square = (x: TensorLike): Tensor => {
  const tensor = asTensor(x);
  return mul(tensor, tensor);
};

/** √x, of numbers ≥ 0 (NaN below); the gradient at 0 is infinite. */
export const sqrt = unary({
  name: "sqrt",
  onnx: "Sqrt",
  reference: Math.sqrt,
  gradient: (dy, _, y) => div(mul(dy, 0.5), y),
});

/** 1 / √x. */
export const rsqrt = (x: TensorLike): Tensor => reciprocal(sqrt(x));

/**
 * aᵇ, elementwise with broadcasting. The gradient to the exponent is aᵇ·ln a, taken as 0 where a is 0;
 * that to the base is b·aᵇ⁻¹, taken as 0 where b is 0.
 */
export const pow = binary({
  name: "pow",
  onnx: "Pow",
  reference: (a, b) => a ** b,
  gradient: (dy, a, b, y, needs) => [
    needs[0] ? mul(dy, mul(b, pow(a, where(equal(b, 0), 1, sub(b, 1))))) : null,
    needs[1] ? mul(dy, mul(y, log(where(equal(a, 0), 1, a)))) : null,
  ],
  simplifications: {
    "power-to-product": ({ inputs: [a, b], outputs: [y] }) => {
      const exponent = fill(b);
      if (exponent === 1) return [broadcastTo(a, y.shape)];
      if (exponent === 2) return [broadcastTo(square(a), y.shape)];
      if (exponent === 0.5 && isFloat(a.dtype)) return [broadcastTo(sqrt(a), y.shape)];
      return undefined;
    },
  },
});

/** Shares the cotangent between two sides: all to the one that won, half to each on a tie. */
const shared = (dy: Tensor, wins: Tensor, ties: Tensor): Tensor =>
  mul(dy, add(cast(wins, dy.dtype), mul(cast(ties, dy.dtype), 0.5)));

const extremumKernels = [
  "float32",
  "float64",
  "float16",
  "int32",
  "int64",
  "int8",
  "uint8",
  "uint32",
  "uint64",
] as const;

/** The larger of a and b; NaN where either is. On a tie each side gets half of the gradient. */
export const maximum = binary({
  name: "maximum",
  onnx: "Max",
  kernels: extremumKernels,
  reference: (a, b) => Math.max(a, b),
  gradient: (dy, a, b) => [shared(dy, greater(a, b), equal(a, b)), shared(dy, less(a, b), equal(a, b))],
});

/** The smaller of a and b; NaN where either is. On a tie each side gets half of the gradient. */
export const minimum = binary({
  name: "minimum",
  onnx: "Min",
  kernels: extremumKernels,
  reference: (a, b) => Math.min(a, b),
  gradient: (dy, a, b) => [shared(dy, less(a, b), equal(a, b)), shared(dy, greater(a, b), equal(a, b))],
});

const clipOperation = unaryOperation<{ low: number; high: number }>({
  name: "clip",
  accepts: "number",
  kernels: extremumKernels,
  onnx: (graph, x, dtype, { low, high }) =>
    graph.node("Clip", [
      x,
      low === -Infinity ? "" : graph.scalar(low, dtype),
      high === Infinity ? "" : graph.scalar(high, dtype),
    ]),
  reference: (x, { low, high }) => Math.min(Math.max(x, low), high),
  gradient: (dy, x, y) => mul(dy, cast(equal(x, y), dy.dtype)),
});

/**
 * x kept between two numbers. The gradient passes where the number was inside (ends included).
 *
 * @example
 * clip([-2, 0.5, 3], 0, 1)   // [0, 0.5, 1]
 */
export const clip = (x: TensorLike, low = -Infinity, high = Infinity): Tensor =>
  applyOne(clipOperation, [asTensor(x)], { low, high });

const rounding = (name: string, onnx: string, reference: (x: number) => number) =>
  unary({ name, onnx, accepts: "number", reference, gradient: () => null });

/** The largest integer ≤ x. Its gradient is zero. */
export const floor = rounding("floor", "Floor", Math.floor);

/** The smallest integer ≥ x. Its gradient is zero. */
export const ceil = rounding("ceil", "Ceil", Math.ceil);

/** The nearest integer, halves to the even one. Its gradient is zero. */
export const round = rounding("round", "Round", halfToEven);
