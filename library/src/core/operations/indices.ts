import { DTypeError, NumericError } from "../errors.ts";
import { asTensor, type Tensor, type TensorLike } from "../tensor.ts";

/** Indices as a tensor: int32 or int64; plain numbers become int64. @throws DTypeError `…/indices` */
export function asIndices(operation: string, indices: TensorLike): Tensor {
  const tensor = asTensor(indices, "int64");
  if (tensor.dtype !== "int32" && tensor.dtype !== "int64")
    throw new DTypeError(`${operation}/indices`, `indices must be int32 or int64, they are ${tensor.dtype}`, {
      operands: { indices: tensor },
      fix: `cast(indices, "int64")`,
    });
  return tensor;
}

/** The place that a possibly negative index means, in the oracle. @throws NumericError `…/index-out-of-range` */
export function resolveIndex(operation: string, index: number, size: number, indices: Tensor): number {
  if (index < -size || index >= size)
    throw new NumericError(`${operation}/index-out-of-range`, `index ${index} is outside an axis of size ${size}`, {
      operands: { indices },
      given: index,
      fix: `indices go from ${-size} to ${size - 1}; clip them, or mask what they read`,
    });
  return index < 0 ? index + size : index;
}
