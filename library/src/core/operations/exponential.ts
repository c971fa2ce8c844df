import { asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { abs, add, div, mul, sub } from "./arithmetic.ts";
import { less } from "./comparison.ts";
import { unary } from "./define.ts";
import { where } from "./where.ts";

/** eˣ. */
export const exp = unary({
  name: "exp",
  onnx: "Exp",
  reference: Math.exp,
  gradient: (dy, _, y) => mul(dy, y),
});

/** The natural logarithm: −Infinity at 0, NaN below. */
export const log = unary({
  name: "log",
  onnx: "Log",
  reference: Math.log,
  gradient: (dy, x) => div(dy, x),
});

/** eˣ − 1, without losing the digits of a small x. */
export const expm1 = unary({
  name: "expm1",
  // eˣ − 1 = tanh(x/2) · (eˣ + 1), where nothing cancels.
  onnx: (graph, x, dtype) =>
    graph.node("Mul", [
      graph.node("Tanh", [graph.node("Mul", [x, graph.scalar(0.5, dtype)])]),
      graph.node("Add", [graph.node("Exp", [x]), graph.scalar(1, dtype)]),
    ]),
  reference: Math.expm1,
  gradient: (dy, _, y) => mul(dy, add(y, 1)),
  flops: 4,
});

/** ln(1 + x), without losing the digits of a small x. */
export const log1p = unary({
  name: "log1p",
  // ln(1 + x) = 2 artanh(x / (2 + x)) where 1 + x would round, the plain form elsewhere.
  onnx: (graph, x, dtype) => {
    const small = graph.node("Less", [graph.node("Abs", [x]), graph.scalar(0.5, dtype)]);
    const kept = graph.node("Where", [small, x, graph.scalar(0, dtype)]);
    const ratio = graph.node("Div", [kept, graph.node("Add", [kept, graph.scalar(2, dtype)])]);
    const near = graph.node("Mul", [graph.node("Atanh", [ratio]), graph.scalar(2, dtype)]);
    return graph.node("Where", [small, near, graph.node("Log", [graph.node("Add", [x, graph.scalar(1, dtype)])])]);
  },
  reference: Math.log1p,
  gradient: (dy, x) => div(dy, add(x, 1)),
  flops: 8,
});

/** ln(eᵃ + eᵇ), elementwise and stable. */
export const logAddExp = (a: TensorLike, b: TensorLike): Tensor => {
  const [x, y] = [asTensor(a), asTensor(b)];
  const difference = sub(x, y);
  return add(where(less(difference, 0), y, x), log1p(exp(mul(abs(difference), -1))));
};
