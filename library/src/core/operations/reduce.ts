import { type DType, floatKernels, numberKernels } from "../dtype.ts";
import { DTypeError, ShapeError } from "../errors.ts";
import type { Operation } from "../operation.ts";
import { forEachElement, type Shape, stridesOf } from "../shape.ts";
import { applyOne, asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { abs, add, div, mul, sqrt, square, sub } from "./arithmetic.ts";
import { broadcastTo } from "./broadcast.ts";
import { cast } from "./cast.ts";
import { equal, isFinite } from "./comparison.ts";
import { normaliseAxes, withKernel } from "./define.ts";
import { exp, log } from "./exponential.ts";
import { reshape } from "./reshape.ts";
import { stopGradient } from "./stop-gradient.ts";
import { where } from "./where.ts";
import { writeReduction } from "./write-reduction.ts";

/** Which axes a reduction runs over, and whether they stay with size 1. */
export interface ReductionOptions {
  /** Axis or axes; negative counts from the end. Default: all. */
  readonly axis?: number | readonly number[];
  /** Keep reduced axes with size 1. Default false. */
  readonly keepDims?: boolean;
}

interface ReductionAttributes {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

const reducedShape = (shape: Shape, { axes, keepDims }: ReductionAttributes): number[] =>
  keepDims
    ? shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
    : shape.filter((_, axis) => !axes.includes(axis));

/** A reduced tensor stretched back over the axes that were reduced. */
const stretch = (y: Tensor, x: Tensor, axes: readonly number[]): Tensor =>
  broadcastTo(reshape(y, reducedShape(x.shape, { axes, keepDims: true })), x.shape);

interface ReductionDefinition {
  readonly name: string;
  readonly onnx: string;
  readonly initial: number;
  readonly combine: (accumulated: number, element: number) => number;
  readonly finish?: (accumulated: number, count: number) => number;
  readonly gradient: (dy: Tensor, x: Tensor, y: Tensor, axes: readonly number[]) => Tensor | null;
  readonly kernels?: readonly DType[];
  /** Whether an empty reduction has a value (a sum has, a maximum has not). */
  readonly empty?: boolean;
  readonly linear?: Operation["linear"];
}

function reduction(definition: ReductionDefinition): (x: TensorLike, options?: ReductionOptions) => Tensor {
  const { name, onnx, initial, combine, finish, gradient, kernels = numberKernels, empty = false } = definition;
  const operation: Operation<ReductionAttributes> = {
    name,
    infer: ([x], attributes) => {
      if (x.dtype === "bool")
        throw new DTypeError(`${name}/dtype`, `${name} needs numbers, the input is bool`, {
          operands: { input: x },
          fix: `cast(x, "float32"), or any and all for booleans`,
        });
      if (!empty && attributes.axes.some((axis) => x.shape[axis] === 0))
        throw new ShapeError(`${name}/empty`, `${name} of no elements is undefined`, { operands: { input: x } });
      return [{ shape: reducedShape(x.shape, attributes), dtype: x.dtype }];
    },
    emit: (graph, [x], { inputs: [input], attributes: { axes, keepDims } }) => [
      withKernel(graph, kernels, [x], input.dtype, input.dtype, ([source]) =>
        writeReduction(graph, onnx, source, axes, keepDims),
      ),
    ],
    reference: ([x], { inputs: [input], outputs: [y], attributes: { axes } }) => [
      reduceReference(x, input.shape, axes, y.size, initial, combine, finish),
    ],
    gradient: ([dy], { inputs: [x], outputs: [y], attributes: { axes } }) => [gradient(dy!, x, y, axes)],
    batch: ([x], _, { axes, keepDims }) => [applyOne(operation, [x], { axes: axes.map((axis) => axis + 1), keepDims })],
    simplifications: {
      // Reducing axes of size 1, or none, only changes the shape; true of sums, means, products and extrema alike.
      "reduce-nothing": ({ inputs: [x], outputs: [y], attributes: { axes } }) =>
        axes.every((axis) => x.shape[axis] === 1) ? [reshape(x, y.shape)] : undefined,
    },
    linear: definition.linear,
    flops: ({ inputs: [x] }) => x.size,
  };
  return (x, { axis, keepDims = false } = {}) => {
    const tensor = asTensor(x);
    return applyOne(operation, [tensor], { axes: normaliseAxes(name, tensor, axis), keepDims });
  };
}

function reduceReference(
  x: Float64Array,
  shape: Shape,
  axes: readonly number[],
  size: number,
  initial: number,
  combine: (accumulated: number, element: number) => number,
  finish: (accumulated: number, count: number) => number = (accumulated) => accumulated,
): Float64Array {
  const result = new Float64Array(size).fill(initial);
  const kept = reducedShape(shape, { axes, keepDims: false });
  const strides = stridesOf(kept);
  let next = 0;
  const target = shape.map((_, axis) => (axes.includes(axis) ? 0 : strides[next++]));
  forEachElement(shape, [target], (position, [offset]) => {
    result[offset] = combine(result[offset], x[position]);
  });
  const count = axes.reduce((product, axis) => product * shape[axis], 1);
  return result.map((accumulated) => finish(accumulated, count));
}

/** Sum over axes (all by default). */
export const sum = reduction({
  name: "sum",
  onnx: "ReduceSum",
  linear: "jointly",
  initial: 0,
  empty: true,
  combine: (total, x) => total + x,
  gradient: (dy, x, _, axes) => stretch(dy, x, axes),
});

/** Mean over axes (all by default). */
export const mean = reduction({
  name: "mean",
  onnx: "ReduceMean",
  linear: "jointly",
  initial: 0,
  combine: (total, x) => total + x,
  finish: (total, count) => total / count,
  gradient: (dy, x, y, axes) => stretch(mul(dy, y.size / x.size), x, axes),
  kernels: floatKernels,
});

/** The share of a cotangent that each of several tied extrema gets: equal parts. */
const sharedAmongTies = (dy: Tensor, x: Tensor, y: Tensor, axes: readonly number[]): Tensor => {
  const ties = cast(equal(x, stretch(y, x, axes)), dy.dtype);
  const count = sum(ties, { axis: axes, keepDims: true });
  return mul(div(ties, count), stretch(dy, x, axes));
};

/** Largest element over axes (all by default); tied elements share the gradient equally. */
export const max = reduction({
  name: "max",
  onnx: "ReduceMax",
  initial: -Infinity,
  combine: Math.max,
  gradient: sharedAmongTies,
});

/** Smallest element over axes (all by default); tied elements share the gradient equally. */
export const min = reduction({
  name: "min",
  onnx: "ReduceMin",
  initial: Infinity,
  combine: Math.min,
  gradient: sharedAmongTies,
});

/** Product over axes (all by default). Its gradient is right with zeros among the factors, too. */
export const product = reduction({
  name: "product",
  onnx: "ReduceProd",
  initial: 1,
  empty: true,
  combine: (total, x) => total * x,
  gradient: (dy, x, y, axes) => {
    // One zero: only its own place has a gradient, the product of the rest. Two zeros: none has.
    const zero = equal(x, 0);
    const zeros = sum(cast(zero, x.dtype), { axis: axes, keepDims: true });
    const filled = where(zero, 1, x);
    const rest = product(filled, { axis: axes, keepDims: true });
    const others = where(zero, where(equal(zeros, 1), rest, 0), div(stretch(y, x, axes), filled));
    return mul(stretch(dy, x, axes), others);
  },
});

/** Whether any element over the axes is true (bool), as bool. */
export const any = (x: TensorLike, options: ReductionOptions = {}): Tensor =>
  cast(max(cast(x, "int32"), options), "bool");

/** Whether all elements over the axes are true (bool), as bool. */
export const all = (x: TensorLike, options: ReductionOptions = {}): Tensor =>
  cast(min(cast(x, "int32"), options), "bool");

/**
 * Variance over axes (all by default): mean squared distance from the mean.
 *
 * @param correction  subtracted from the count: 0 is the population's variance, 1 the unbiased sample's. Default 0
 */
export function variance(x: TensorLike, options: ReductionOptions & { correction?: number } = {}): Tensor {
  const tensor = asTensor(x);
  const axes = normaliseAxes("variance", tensor, options.axis);
  const count = axes.reduce((size, axis) => size * tensor.shape[axis], 1);
  const centred = sub(tensor, mean(tensor, { axis: axes, keepDims: true }));
  const reduced = { axis: axes, keepDims: options.keepDims };
  return options.correction
    ? div(sum(square(centred), reduced), count - options.correction)
    : mean(square(centred), reduced);
}

/** Square root of the variance; options as there. */
export const standardDeviation = (x: TensorLike, options: ReductionOptions & { correction?: number } = {}): Tensor =>
  sqrt(variance(x, options));

/**
 * ln Σ eˣ over axes (all by default), stable: the maximum is taken out first. −Infinity where all are −Infinity.
 */
export function logSumExp(x: TensorLike, options: ReductionOptions = {}): Tensor {
  const tensor = asTensor(x);
  const axes = normaliseAxes("logSumExp", tensor, options.axis);
  const largest = stopGradient(max(tensor, { axis: axes, keepDims: true }));
  // An infinite maximum is not taken out: ∞ − ∞ would be NaN.
  const shift = where(isFinite(largest), largest, 0);
  const total = add(log(sum(exp(sub(tensor, shift)), { axis: axes, keepDims: true })), shift);
  return options.keepDims ? total : reshape(total, reducedShape(tensor.shape, { axes, keepDims: false }));
}

/**
 * The p-norm (Σ|x|ᵖ)^(1/p) over axes (all by default), for p = 1, 2 or Infinity. The gradient of the 2-norm at 0 is 0.
 */
export function norm(x: TensorLike, options: ReductionOptions & { p?: 1 | 2 | typeof Infinity } = {}): Tensor {
  const { p = 2, ...reduced } = options;
  if (p === 1) return sum(abs(x), reduced);
  if (p === Infinity) return max(abs(x), reduced);
  const squared = sum(square(x), reduced);
  const zero = equal(squared, 0);
  return where(zero, 0, sqrt(where(zero, 1, squared)));
}

const indexOfExtremum = (name: string, onnx: string, better: (a: number, b: number) => boolean) => {
  const operation: Operation<{ axis: number; keepDims: boolean }> = {
    name,
    infer: ([x], { axis, keepDims }) => {
      if (x.shape[axis] === 0)
        throw new ShapeError(`${name}/empty`, `${name} of no elements is undefined`, { operands: { input: x } });
      return [{ shape: reducedShape(x.shape, { axes: [axis], keepDims }), dtype: "int64" }];
    },
    emit: (graph, [x], { inputs: [input], attributes: { axis, keepDims } }) => [
      withKernel(graph, ["float32", "float64", "float16", "int32", "int64"], [x], input.dtype, "int64", ([source]) =>
        graph.node(onnx, [source], { axis, keepdims: keepDims ? 1 : 0 }),
      ),
    ],
    reference: ([x], { inputs: [input], outputs: [y], attributes: { axis } }) => {
      const result = new Float64Array(y.size);
      const strides = stridesOf(input.shape);
      const outer = input.shape.map((size, i) => (i === axis ? 1 : size));
      forEachElement(outer, [strides], (position, [offset]) => {
        let best = 0;
        for (let i = 1; i < input.shape[axis]; i++)
          if (better(x[offset + i * strides[axis]], x[offset + best * strides[axis]])) best = i;
        result[position] = best;
      });
      return [result];
    },
    gradient: `${name} gives integers, which have no gradient`,
    batch: ([x], _, { axis, keepDims }) => [applyOne(operation, [x], { axis: axis + 1, keepDims })],
    flops: ({ inputs: [x] }) => x.size,
  };
  return (x: TensorLike, { axis, keepDims = false }: { axis?: number; keepDims?: boolean } = {}): Tensor => {
    const tensor = axis === undefined && asTensor(x).rank !== 1 ? reshape(x, [-1]) : asTensor(x);
    return applyOne(operation, [tensor], { axis: normaliseAxes(name, tensor, axis ?? 0)[0], keepDims });
  };
};

/** Index (int64) of the first largest element along `axis`, or in the flattened tensor. */
export const argMax = indexOfExtremum("argMax", "ArgMax", (a, b) => a > b);

/** Index (int64) of the first smallest element along `axis`, or in the flattened tensor. */
export const argMin = indexOfExtremum("argMin", "ArgMin", (a, b) => a < b);
