import { type DType, numberKernels } from "../dtype.ts";
import { asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { binary, unary } from "./define.ts";

const orderKernels: readonly DType[] = numberKernels;

const comparison = (name: string, onnx: string, reference: (a: number, b: number) => boolean, kernels = orderKernels) =>
  binary({
    name,
    onnx,
    kernels,
    result: "bool",
    reference: (a, b) => Number(reference(a, b)),
    gradient: `${name} gives booleans, which have no gradient`,
  });

/** a = b, elementwise, as bool. NaN equals nothing. */
export const equal = comparison("equal", "Equal", (a, b) => a === b, [...orderKernels, "bool"]);
/** a < b, elementwise, as bool. */
export const less = comparison("less", "Less", (a, b) => a < b);
/** a ≤ b, elementwise, as bool. */
export const lessEqual = comparison("lessEqual", "LessOrEqual", (a, b) => a <= b);
/** a > b, elementwise, as bool. */
export const greater = comparison("greater", "Greater", (a, b) => a > b);
/** a ≥ b, elementwise, as bool. */
export const greaterEqual = comparison("greaterEqual", "GreaterOrEqual", (a, b) => a >= b);
/** a ≠ b, elementwise, as bool. NaN differs from everything. */
export const notEqual = (a: TensorLike, b: TensorLike): Tensor => not(equal(a, b));

const logic = (name: string, onnx: string, reference: (a: number, b: number) => number) =>
  binary({
    name,
    onnx,
    kernels: ["bool"],
    accepts: (dtype) => dtype === "bool",
    reference,
    gradient: `${name} gives booleans, which have no gradient`,
  });

/** a ∧ b of booleans. */
export const and = logic("and", "And", (a, b) => a && b);
/** a ∨ b of booleans. */
export const or = logic("or", "Or", (a, b) => a || b);
/** Exactly one of a and b. */
export const xor = logic("xor", "Xor", (a, b) => Number(a !== b));

/** ¬x of booleans. */
export const not = unary({
  name: "not",
  onnx: "Not",
  accepts: "any",
  kernels: ["bool"],
  result: "bool",
  reference: (x) => Number(x === 0),
  gradient: "not gives booleans, which have no gradient",
});

/** Where x is not a number. */
export const isNaN = unary({
  name: "isNaN",
  onnx: "IsNaN",
  result: "bool",
  reference: (x) => Number(Number.isNaN(x)),
  gradient: "isNaN gives booleans, which have no gradient",
});

/** Where x is neither infinite nor NaN. */
export const isFinite = (x: TensorLike): Tensor => {
  const tensor = asTensor(x);
  // Infinity − Infinity and NaN − NaN are NaN; every finite number minus itself is 0.
  return equal(subtractItself(tensor), 0);
};

const subtractItself = unary({
  name: "subtractItself",
  onnx: (graph, x) => graph.node("Sub", [x, x]),
  reference: (x) => x - x,
  gradient: () => null,
});
