import { type DType, dtypes, isFloat } from "../dtype.ts";
import { DTypeError } from "../errors.ts";
import type { Operation } from "../operation.ts";
import { splitAt } from "../shape.ts";
import { applyOne, asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { mul, neg, sub } from "./arithmetic.ts";
import { cast } from "./cast.ts";
import { greater } from "./comparison.ts";
import { normaliseAxis, withKernel } from "./define.ts";
import { gatherAlong } from "./gather.ts";
import { pad } from "./pad.ts";
import { zeros } from "./range.ts";
import { scatterAddAlong } from "./scatter.ts";
import { sliceAxis } from "./slice.ts";
import { where } from "./where.ts";

export interface CumulativeOptions {
  /** Default −1. */
  readonly axis?: number;
  /** Start at the end. Default false. */
  readonly reverse?: boolean;
}

export interface ExclusiveOptions extends CumulativeOptions {
  /** Leave the element itself out: the first result is that of nothing. Default false. */
  readonly exclusive?: boolean;
}

const kernels: readonly DType[] = ["float32", "float64", "int32", "int64"];

function prepare(operation: string, x: TensorLike, axis = -1): { tensor: Tensor; axis: number } {
  const tensor = asTensor(x);
  if (tensor.dtype === "bool")
    throw new DTypeError(`${operation}/dtype`, `${operation} needs numbers, the input is bool`, {
      operands: { input: tensor },
      fix: `cast(x, "int64")`,
    });
  return { tensor, axis: normaliseAxis(operation, tensor, axis) };
}

/** Runs along every line of an axis in order; `visit` gets the places of a line's elements. */
function forEachLine(x: Tensor, axis: number, reverse: boolean, visit: (places: number[]) => void): void {
  const { outer, length, inner } = splitAt(x.shape, axis);
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < inner; i++) {
      const places = Array.from({ length }, (_, k) => (o * length + k) * inner + i);
      visit(reverse ? places.reverse() : places);
    }
}

const cumSumOperation: Operation<Required<ExclusiveOptions>> = {
  name: "cumSum",
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  emit: (graph, [x], { inputs: [{ dtype }], attributes: { axis, reverse, exclusive } }) => [
    withKernel(graph, kernels, [x], dtype, dtype, ([source]) =>
      graph.node("CumSum", [source, graph.scalar(axis, "int64")], {
        reverse: reverse ? 1 : undefined,
        exclusive: exclusive ? 1 : undefined,
      }),
    ),
  ],
  reference: ([x], { inputs: [input], attributes: { axis, reverse, exclusive } }) => {
    const result = new Float64Array(x.length);
    forEachLine(input, axis, reverse, (places) => {
      let total = 0;
      for (const place of places) {
        const before = total;
        total += x[place];
        result[place] = exclusive ? before : total;
      }
    });
    return [result];
  },
  gradient: ([dy], { attributes: { axis, reverse, exclusive } }) => [
    cumSum(dy!, { axis, reverse: !reverse, exclusive }),
  ],
  batch: ([x], _, attributes) => [applyOne(cumSumOperation, [x], { ...attributes, axis: attributes.axis + 1 })],
};

/**
 * Running sums along an axis: yᵢ = x₀ + … + xᵢ.
 *
 * @throws DTypeError `cumSum/dtype` for bool; ShapeError `cumSum/axis-out-of-range`
 * @example
 * cumSum(value([1, 2, 3]))                        // [1, 3, 6]
 * cumSum(value([1, 2, 3]), { exclusive: true })   // [0, 1, 3]
 * cumSum(value([1, 2, 3]), { reverse: true })     // [6, 5, 3]
 */
export function cumSum(x: TensorLike, options: ExclusiveOptions = {}): Tensor {
  const { tensor, axis } = prepare("cumSum", x, options.axis);
  const { reverse = false, exclusive = false } = options;
  return applyOne(cumSumOperation, [tensor], { axis, reverse, exclusive });
}

/** Every element moved `distance` places on along an axis (back where `reverse`), `fill` where nothing comes. */
const shift = (x: Tensor, axis: number, distance: number, reverse: boolean, fill: number): Tensor =>
  pad(
    x,
    x.shape.map((_, i) => (i !== axis ? null : reverse ? [-distance, distance] : [distance, -distance])),
    { value: fill },
  );

/**
 * Running products along an axis: yᵢ = x₀ · … · xᵢ, in ⌈log₂ n⌉ passes. The gradient never divides, so that zeros among
 * the factors are no exception.
 *
 * @throws DTypeError `cumProduct/dtype` for bool; ShapeError `cumProduct/axis-out-of-range`
 * @source Hillis & Steele 1986, "Data parallel algorithms" (the doubling of distances)
 * @example
 * cumProduct(value([2, 0, 3]))                        // [2, 0, 0]
 * cumProduct(value([2, 3, 4]), { exclusive: true })   // [1, 2, 6]
 */
export function cumProduct(x: TensorLike, options: ExclusiveOptions = {}): Tensor {
  const { tensor, axis } = prepare("cumProduct", x, options.axis);
  const { reverse = false, exclusive = false } = options;
  const length = tensor.shape[axis];
  let result = exclusive && length > 0 ? shift(tensor, axis, 1, reverse, 1) : tensor;
  for (let distance = 1; distance < length; distance *= 2)
    result = mul(result, shift(result, axis, distance, reverse, 1));
  return result;
}

/** Nothing is smaller. */
const lowest = (dtype: DType): number =>
  isFloat(dtype) ? -Infinity : dtypes[dtype].kind === "signed" ? -(2 ** (8 * dtypes[dtype].bytes - 1)) : 0;

const cumMaxOperation: Operation<Required<CumulativeOptions>> = {
  name: "cumMax",
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  emit: (graph, [x], { inputs: [{ dtype, shape }], attributes: { axis, reverse } }) => [
    withKernel(graph, kernels, [x], dtype, dtype, ([source], via) => {
      let result = source;
      for (let distance = 1; distance < shape[axis]; distance *= 2) {
        const pads = new Array<number>(2 * shape.length).fill(0);
        pads[axis] = reverse ? -distance : distance;
        pads[axis + shape.length] = -pads[axis];
        const moved = graph.node("Pad", [result, graph.integers(pads), graph.scalar(lowest(via), via)]);
        result = graph.node("Max", [result, moved]);
      }
      return result;
    }),
  ],
  reference: ([x], { inputs: [input], attributes: { axis, reverse } }) => {
    const result = new Float64Array(x.length);
    forEachLine(input, axis, reverse, (places) => {
      let largest = -Infinity;
      for (const place of places) result[place] = largest = Math.max(largest, x[place]);
    });
    return [result];
  },
  // A new record starts a run of equal results; what their cotangents sum to belongs to the record.
  gradient: ([dy], { inputs: [x], outputs: [y], attributes: { axis, reverse } }) => {
    const length = x.shape[axis];
    if (length === 0) return [dy];
    // What comes later in the order of running, against the maximum before it.
    const later = sliceAxis(x, axis, reverse ? 0 : 1, reverse ? length - 1 : length);
    const earlier = sliceAxis(y, axis, reverse ? 1 : 0, reverse ? length : length - 1);
    const records = pad(
      greater(later, earlier),
      x.shape.map((_, i) => (i !== axis ? null : reverse ? [0, 1] : [1, 0])),
      { value: 1 },
    );
    const runs = sub(cumSum(cast(records, "int64"), { axis, reverse }), 1);
    const sums = scatterAddAlong(zeros(x.shape, { dtype: x.dtype }), runs, dy!, { axis });
    return [where(records, gatherAlong(sums, runs, { axis }), 0)];
  },
  batch: ([x], _, attributes) => [applyOne(cumMaxOperation, [x], { ...attributes, axis: attributes.axis + 1 })],
  flops: ({ inputs: [x], attributes: { axis } }) => x.size * Math.ceil(Math.log2(Math.max(2, x.shape[axis]))),
};

/**
 * Running maxima along an axis: yᵢ = max(x₀, …, xᵢ), in ⌈log₂ n⌉ passes. Of equal maxima the first gets the gradient.
 *
 * @throws DTypeError `cumMax/dtype` for bool; ShapeError `cumMax/axis-out-of-range`
 * @example
 * cumMax(value([1, 3, 2, 3, 5]))   // [1, 3, 3, 3, 5]
 */
export function cumMax(x: TensorLike, options: CumulativeOptions = {}): Tensor {
  const { tensor, axis } = prepare("cumMax", x, options.axis);
  return applyOne(cumMaxOperation, [tensor], { axis, reverse: options.reverse ?? false });
}

/** Running minima along an axis; as `cumMax`, for signed numbers. */
export const cumMin = (x: TensorLike, options?: CumulativeOptions): Tensor => neg(cumMax(neg(x), options));
