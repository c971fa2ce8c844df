import type { GraphBuilder } from "../operation.ts";
import { add, div, mul, neg, rsqrt, sqrt, square, sub } from "./arithmetic.ts";
import { unary } from "./define.ts";

/** sin x, x in radians. */
export const sin = unary({ name: "sin", onnx: "Sin", reference: Math.sin, gradient: (dy, x) => mul(dy, cos(x)) });

/** cos x, x in radians. */
export const cos = unary({ name: "cos", onnx: "Cos", reference: Math.cos, gradient: (dy, x) => neg(mul(dy, sin(x))) });

/** tan x, x in radians. */
export const tan = unary({
  name: "tan",
  onnx: "Tan",
  kernels: ["float32", "float16"],
  reference: Math.tan,
  gradient: (dy, _, y) => mul(dy, add(square(y), 1)),
});

/** arcsin x in radians, −1 ≤ x ≤ 1. */
export const asin = unary({
  name: "asin",
  onnx: "Asin",
  kernels: ["float32", "float16"],
  reference: Math.asin,
  gradient: (dy, x) => mul(dy, rsqrt(sub(1, square(x)))),
});

/** arccos x in radians, −1 ≤ x ≤ 1. */
export const acos = unary({
  name: "acos",
  onnx: "Acos",
  kernels: ["float32", "float16"],
  reference: Math.acos,
  gradient: (dy, x) => neg(mul(dy, rsqrt(sub(1, square(x))))),
});

/** arctan x in radians. */
export const atan = unary({
  name: "atan",
  onnx: "Atan",
  kernels: ["float32", "float16"],
  reference: Math.atan,
  gradient: (dy, x) => div(dy, add(square(x), 1)),
});

/** sinh x. */
export const sinh = unary({
  name: "sinh",
  onnx: "Sinh",
  kernels: ["float32", "float16"],
  reference: Math.sinh,
  gradient: (dy, x) => mul(dy, cosh(x)),
});

/** cosh x. */
export const cosh = unary({
  name: "cosh",
  onnx: "Cosh",
  kernels: ["float32", "float16"],
  reference: Math.cosh,
  gradient: (dy, x) => mul(dy, sinh(x)),
});

/** tanh x. */
export const tanh = unary({
  name: "tanh",
  nonDecreasing: true,
  onnx: "Tanh",
  reference: Math.tanh,
  gradient: (dy, _, y) => mul(dy, sub(1, square(y))),
});

/** The inverse of sinh. */
export const asinh = unary({
  name: "asinh",
  onnx: "Asinh",
  kernels: ["float32", "float16"],
  reference: Math.asinh,
  gradient: (dy, x) => mul(dy, rsqrt(add(square(x), 1))),
});

/** The inverse of cosh, x ≥ 1. */
export const acosh = unary({
  name: "acosh",
  onnx: "Acosh",
  kernels: ["float32", "float16"],
  reference: Math.acosh,
  gradient: (dy, x) => div(dy, sqrt(sub(square(x), 1))),
});

/** The inverse of tanh, −1 < x < 1. */
export const atanh = unary({
  name: "atanh",
  onnx: (graph: GraphBuilder, x) => graph.node("Atanh", [x]),
  kernels: ["float32", "float16"],
  reference: Math.atanh,
  gradient: (dy, x) => div(dy, sub(1, square(x))),
});
