import { asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { normaliseAxis } from "./define.ts";
import { type Ordered, topK } from "./top-k.ts";

export interface SortOptions {
  /** Default −1. */
  readonly axis?: number;
  /** Largest first. Default false. */
  readonly descending?: boolean;
}

/**
 * The elements along an axis in order, and where they were. Equal elements keep their order in both directions. NaN has
 * no place in an order: keep it out.
 *
 * @throws ShapeError `sort/axis-out-of-range`
 * @example
 * sort(value([3, 1, 2]))   // values [1, 2, 3], indices [1, 2, 0]
 */
export function sort(x: TensorLike, { axis = -1, descending = false }: SortOptions = {}): Ordered {
  const tensor = asTensor(x);
  const position = normaliseAxis("sort", tensor, axis);
  return topK(tensor, tensor.shape[position], { axis: position, largest: descending });
}

/** The indices (int64) that would sort `x` along an axis: `sort(x).indices`. */
export const argSort = (x: TensorLike, options?: SortOptions): Tensor => sort(x, options).indices;
