import { ShapeError } from "../errors.ts";
import { asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { concat } from "./concat.ts";
import { normaliseAxis } from "./define.ts";
import { sliceAxis } from "./slice.ts";

/**
 * The elements moved along an axis; those that leave at one end come back at the other.
 *
 * @param shift  how far, towards higher places; negative: towards lower ones
 * @param axis   default −1
 * @throws       ShapeError `roll/shift`, `roll/axis-out-of-range`
 * @example
 * roll(value([1, 2, 3, 4]), 1)   // [4, 1, 2, 3]
 */
export function roll(x: TensorLike, shift: number, { axis = -1 }: { axis?: number } = {}): Tensor {
  const tensor = asTensor(x);
  const position = normaliseAxis("roll", tensor, axis);
  if (!Number.isInteger(shift))
    throw new ShapeError("roll/shift", "a shift is a whole number of places", {
      operands: { input: tensor },
      given: shift,
    });
  const length = tensor.shape[position];
  const cut = length === 0 ? 0 : ((-shift % length) + length) % length;
  return cut === 0
    ? tensor
    : concat([sliceAxis(tensor, position, cut), sliceAxis(tensor, position, 0, cut)], { axis: position });
}
