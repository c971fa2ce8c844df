import { isFloat } from "../../../core/dtype.ts";
import {
  abs,
  argMax,
  argMin,
  broadcastTo,
  cast,
  expandDims,
  log,
  logSumExp,
  max,
  mean,
  min,
  product,
  type ReductionOptions,
  sliceAxis,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
} from "../../../core/index.ts";
import { scalar } from "../../../core/tensor.ts";
import { type Converter, type Converters, integersOf } from "../context.ts";
import { normalAxis } from "./axes.ts";

type Reduction = (x: Tensor, options: ReductionOptions) => Tensor;

/** A reduction over the axes of an attribute or of the second input; `empty` is its value over no elements. */
const reduction =
  (reduce: Reduction, empty?: (dtype: Tensor["dtype"]) => number): Converter =>
  (node) => {
    const x = node.tensor(0);
    const axes = integersOf(node, "axes", 1) ?? [];
    if (axes.length === 0 && node.attributes.int("noop_with_empty_axes", 0) === 1) return applyToEach(reduce, x);
    const axis = axes.length > 0 ? axes.map((one) => normalAxis(one, x.rank)) : x.shape.map((_, i) => i);
    const keepDims = node.attributes.int("keepdims", 1) === 1;
    if (empty && axis.some((one) => x.shape[one] === 0)) {
      const shape = x.shape.flatMap((size, i) => (axis.includes(i) ? (keepDims ? [1] : []) : [size]));
      return broadcastTo(scalar(empty(x.dtype), x.dtype), shape);
    }
    if (x.dtype === "bool") return cast(reduce(cast(x, "int32"), { axis, keepDims }), "bool");
    return reduce(x, { axis, keepDims });
  };

/** The reduction of single elements: over a new axis of size 1. */
const applyToEach = (reduce: Reduction, x: Tensor): Tensor => reduce(expandDims(x, -1), { axis: [-1] });

/** Reductions of integers that pass through roots and logarithms go by way of float64. */
const throughFloats =
  (reduce: Reduction): Reduction =>
  (x, options) =>
    isFloat(x.dtype) ? reduce(x, options) : cast(reduce(cast(x, "float64"), options), x.dtype);

const extreme =
  (index: typeof argMax): Converter =>
  (node) => {
    const x = node.tensor(0);
    const axis = normalAxis(node.attributes.int("axis", 0), x.rank);
    const keepDims = node.attributes.int("keepdims", 1) === 1;
    if (node.attributes.int("select_last_index", 0) === 0) return index(x, { axis, keepDims });
    return cast(
      sub(x.shape[axis] - 1, cast(index(sliceAxis(x, axis, null, null, -1), { axis, keepDims }), "float64")),
      "int64",
    );
  };

const bounds: Partial<Record<string, [number, number]>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int64: [-(2 ** 63), 2 ** 63 - 2 ** 10],
  uint32: [0, 2 ** 32 - 1],
  bool: [0, 1],
};
const lowest = (dtype: Tensor["dtype"]) => bounds[dtype]?.[0] ?? Number.NEGATIVE_INFINITY;
const highest = (dtype: Tensor["dtype"]) => bounds[dtype]?.[1] ?? Number.POSITIVE_INFINITY;
const zero = () => 0;

export const reductionOperators: Converters = {
  ArgMax: extreme(argMax),
  ArgMin: extreme(argMin),
  ReduceL1: reduction((x, options) => sum(abs(x), options), zero),
  ReduceL2: reduction(
    throughFloats((x, options) => sqrt(sum(square(x), options))),
    zero,
  ),
  ReduceLogSum: reduction(throughFloats((x, options) => log(sum(x, options)))),
  ReduceLogSumExp: reduction(throughFloats(logSumExp), () => Number.NEGATIVE_INFINITY),
  ReduceMax: reduction(max, lowest),
  ReduceMean: reduction(throughFloats(mean)),
  ReduceMin: reduction(min, highest),
  ReduceProd: reduction(product, () => 1),
  ReduceSum: reduction(sum, zero),
  ReduceSumSquare: reduction((x, options) => sum(square(x), options), zero),
};
