import type { Operation } from "../operation.ts";
import { type Shape, splitAt } from "../shape.ts";
import { applyOne, asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { mul, sub } from "./arithmetic.ts";
import { expectFloat, normaliseAxis, withKernel } from "./define.ts";
import { exp } from "./exponential.ts";
import { sum } from "./reduce.ts";

type Normaliser = Operation<{ axis: number }>;

/** An operation that turns scores along one axis into (log-)probabilities. */
const normaliser = (
  name: string,
  onnx: string,
  finish: (score: number, largest: number, total: number) => number,
  gradient: (dy: Tensor, y: Tensor, axis: number) => Tensor,
): Normaliser => {
  const operation: Normaliser = {
    name,
    infer: ([x]) => {
      expectFloat(name, x);
      return [{ shape: x.shape, dtype: x.dtype }];
    },
    emit: (graph, inputs, { inputs: [x], attributes: { axis } }) => [
      withKernel(graph, ["float32", "float64"], inputs, x.dtype, x.dtype, ([source]) =>
        graph.node(onnx, [source], { axis }),
      ),
    ],
    reference: ([x], { inputs: [{ shape }], attributes: { axis } }) => [
      alongAxis(x, shape, axis, (scores) => {
        const largest = scores.reduce((a, b) => Math.max(a, b), -Infinity);
        const total = scores.reduce((sofar, score) => sofar + Math.exp(score - largest), 0);
        return scores.map((score) => finish(score, largest, total));
      }),
    ],
    gradient: ([dy], { outputs: [y], attributes: { axis } }) => [gradient(dy!, y, axis)],
    batch: ([x], _, { axis }) => [applyOne(operation, [x], { axis: axis + 1 })],
    flops: ({ outputs: [y] }) => 5 * y.size,
  };
  return operation;
};

/** Applies a function of whole rows along `axis`, for oracles. */
export function alongAxis(
  x: Float64Array,
  shape: Shape,
  axis: number,
  compute: (row: Float64Array) => ArrayLike<number>,
): Float64Array {
  const { outer, length, inner } = splitAt(shape, axis);
  const result = new Float64Array(x.length);
  const row = new Float64Array(length);
  for (let i = 0; i < outer; i++)
    for (let j = 0; j < inner; j++) {
      const start = i * length * inner + j;
      for (let k = 0; k < length; k++) row[k] = x[start + k * inner];
      const computed = compute(row);
      for (let k = 0; k < length; k++) result[start + k * inner] = computed[k];
    }
  return result;
}

const softmaxOperation = normaliser(
  "softmax",
  "Softmax",
  (score, largest, total) => Math.exp(score - largest) / total,
  (dy, y, axis) => mul(y, sub(dy, sum(mul(dy, y), { axis, keepDims: true }))),
);

const logSoftmaxOperation = normaliser(
  "logSoftmax",
  "LogSoftmax",
  (score, largest, total) => score - largest - Math.log(total),
  (dy, y, axis) => sub(dy, mul(exp(y), sum(dy, { axis, keepDims: true }))),
);

const applyAlong = (operation: Normaliser, x: TensorLike, axis: number): Tensor => {
  const tensor = asTensor(x);
  return applyOne(operation, [tensor], { axis: normaliseAxis(operation.name, tensor, axis) });
};

/**
 * Scores to probabilities: eˣ / Σ eˣ along an axis, stable for scores of any size.
 *
 * @param x     scores, float[...]; −Infinity means "masked" and gets exactly 0. Where all scores along the axis are
 *              −Infinity there is no distribution: the result is NaN on every executor
 * @param axis  axis that becomes a distribution. Default −1
 * @returns     shape and dtype of `x`; along the axis it sums to 1
 * @throws      ShapeError `softmax/axis-out-of-range`; DTypeError `softmax/dtype`
 * @example
 * softmax(value([0, Math.log(3)]))   // [0.25, 0.75]
 */
export const softmax = (x: TensorLike, { axis = -1 }: { axis?: number } = {}): Tensor =>
  applyAlong(softmaxOperation, x, axis);

/**
 * The logarithm of `softmax`, exact where the probability itself would round to 0: x − ln Σ eˣ along an axis.
 *
 * @param x     scores, float[...]; masked scores (−Infinity) stay −Infinity, all masked gives NaN
 * @param axis  axis that becomes a distribution. Default −1
 * @returns     shape and dtype of `x`, numbers ≤ 0
 * @throws      ShapeError `logSoftmax/axis-out-of-range`; DTypeError `logSoftmax/dtype`
 * @example
 * logSoftmax(value([0, 1000]))   // [-1000, 0]
 */
export const logSoftmax = (x: TensorLike, { axis = -1 }: { axis?: number } = {}): Tensor =>
  applyAlong(logSoftmaxOperation, x, axis);
