import { ShapeError } from "../errors.ts";
import { asTensor, harmonise, type Tensor, type TensorLike } from "../tensor.ts";
import { cast } from "./cast.ts";
import { less, lessEqual, notEqual } from "./comparison.ts";
import { asIndices } from "./indices.ts";
import { pad } from "./pad.ts";
import { zeros } from "./range.ts";
import { sum } from "./reduce.ts";
import { expandDims, reshape } from "./reshape.ts";
import { scatterAdd, scatterSetAlong } from "./scatter.ts";
import { sliceAxis } from "./slice.ts";
import { sort } from "./sort.ts";

/**
 * Where along the last axis an element appears for the first time, as bool: what `unique` would keep, at a fixed shape.
 *
 * @param x  [..., n], any dtype; NaN has no place in an order: keep it out
 * @example
 * isFirstOccurrence(value([3, 1, 3, 1, 2]))   // [true, true, false, false, true]
 */
export function isFirstOccurrence(x: TensorLike): Tensor {
  const tensor = asTensor(x);
  if (tensor.rank === 0 || tensor.shape.at(-1) === 0)
    throw new ShapeError("isFirstOccurrence/empty", "there is nothing to occur", {
      operands: { input: tensor },
      fix: "give a tensor whose last axis has at least one element",
    });
  // Equal elements stand together when sorted, the first of them in front.
  const { values, indices } = sort(tensor);
  const changes = notEqual(sliceAxis(values, -1, 1), sliceAxis(values, -1, 0, -1));
  const starts = pad(changes, [...tensor.shape.slice(1).map(() => null), [1, 0]], { value: 1 });
  return scatterSetAlong(starts, indices, starts);
}

/**
 * How many elements of a sorted list lie before each value: where it would be inserted to keep the order (int64).
 * Compares every value with every element.
 *
 * @param sorted  [..., n], ascending along the last axis
 * @param values  [..., m]; leading axes broadcast
 * @param side    "left": before equal elements; "right": behind them. Default "left"
 * @returns       int64[..., m]
 * @throws        ShapeError `less/broadcast`; DTypeError `searchSorted/dtype`
 * @example
 * searchSorted(value([1, 3, 3, 5]), value([3, 4]))   // [1, 3]
 */
export function searchSorted(
  sorted: TensorLike,
  values: TensorLike,
  { side = "left" }: { side?: "left" | "right" } = {},
): Tensor {
  const [list, wanted] = harmonise("searchSorted", sorted, values);
  const before = side === "left" ? less : lessEqual;
  return sum(cast(before(expandDims(list, -2), expandDims(wanted, -1)), "int64"), { axis: -1 });
}

/**
 * How often each index from 0 to `count` − 1 occurs, or the sum of the weights at it.
 *
 * @param indices  int32 or int64 of any shape, within the count
 * @param count    number of bins
 * @param weights  numbers of the shape of the indices. Default: ones, float32
 * @returns        [count], in the dtype of the weights
 * @throws         DTypeError `binCount/indices`; ShapeError `broadcastTo/shape`; what `scatterAdd` throws
 * @example
 * binCount(value([0, 2, 2], { dtype: "int64" }), 4)   // [1, 0, 2, 0]
 */
export function binCount(indices: TensorLike, count: number, weights: TensorLike = 1): Tensor {
  const places = asIndices("binCount", indices);
  const added = asTensor(weights);
  const flat = added.rank === 0 ? added : reshape(added, [-1]);
  return scatterAdd(zeros([count], { dtype: added.dtype }), reshape(places, [-1]), flat);
}
