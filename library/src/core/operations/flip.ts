import { asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { normaliseAxes } from "./define.ts";
import { slice } from "./slice.ts";

/**
 * The elements in reverse order along axes.
 *
 * @param axis  axis or axes. Default: all
 * @throws      ShapeError `flip/axis-out-of-range`, `flip/axis-twice`
 * @example
 * flip(value([1, 2, 3]))   // [3, 2, 1]
 */
export function flip(x: TensorLike, { axis }: { axis?: number | readonly number[] } = {}): Tensor {
  const tensor = asTensor(x);
  const axes = new Set(normaliseAxes("flip", tensor, axis));
  return slice(
    tensor,
    tensor.shape.map((size, i) => (axes.has(i) && size > 1 ? [null, null, -1] : null)),
  );
}
