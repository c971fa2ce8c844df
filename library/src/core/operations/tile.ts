import { ShapeError } from "../errors.ts";
import { asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { broadcastTo } from "./broadcast.ts";
import { reshape } from "./reshape.ts";

/**
 * The whole tensor repeated along each axis.
 *
 * @param repeats  how often, for each axis from the first (missing ones: once); more repeats than axes add axes in front
 * @throws         ShapeError `tile/repeats`
 * @example
 * tile(value([1, 2]), [2])      // [1, 2, 1, 2]
 * tile(value([1, 2]), [2, 1])   // [[1, 2], [1, 2]]
 */
export function tile(x: TensorLike, repeats: readonly number[]): Tensor {
  const tensor = asTensor(x);
  if (!repeats.every((count) => Number.isInteger(count) && count >= 0))
    throw new ShapeError("tile/repeats", "repeats are whole numbers of at least 0", {
      operands: { input: tensor },
      given: repeats,
    });
  const shape = [...new Array<number>(Math.max(0, repeats.length - tensor.rank)).fill(1), ...tensor.shape];
  const counts = shape.map((_, axis) => repeats[axis] ?? 1);
  // A repetition is a stretched axis in front of the one repeated.
  const split = shape.flatMap((size, axis) => (counts[axis] === 1 ? [size] : [1, size]));
  const wide = shape.flatMap((size, axis) => (counts[axis] === 1 ? [size] : [counts[axis], size]));
  return reshape(
    broadcastTo(reshape(tensor, split), wide),
    shape.map((size, axis) => size * counts[axis]),
  );
}
