import type { DType } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import { expectFloat } from "../operations/define.ts";
import { generated } from "../operations/generated.ts";
import { range } from "../operations/range.ts";
import { reshape } from "../operations/reshape.ts";
import { transpose } from "../operations/transpose.ts";
import { sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** The number of rows and columns of square float matrices [..., n, n]. @throws ShapeError `…/square`; DTypeError */
export function expectSquare(operation: string, x: Tensor): number {
  expectFloat(operation, x);
  const [rows, columns] = x.shape.slice(-2);
  if (x.rank < 2 || rows !== columns)
    throw new ShapeError(`${operation}/square`, `${operation} needs square matrices, this is [${x.shape}]`, {
      operands: { matrix: x },
      fix: "the last two axes are rows and columns and must be equal; axes before them are batches",
    });
  return rows;
}

/** The last two axes exchanged. */
export const transposed = (x: Tensor): Tensor =>
  transpose(x, [...x.shape.keys()].slice(0, -2).concat([x.rank - 1, x.rank - 2]));

/** The identity matrix [n, n] in x's dtype. */
export const identityLike = (x: Tensor): Tensor => {
  const n = x.shape.at(-1)!;
  return generated("identity matrix", [n, n], x.dtype, (at) => (at % (n + 1) === 0 ? 1 : 0));
};

/** 0 … n − 1: places along an axis. */
export const places = (n: number, dtype: DType = "int64"): Tensor => range(n, { dtype });

/** A row [..., n] as a column [..., n, 1]. */
export const asColumn = (x: Tensor): Tensor => reshape(x, [...x.shape, 1]);

/** A row [..., n] as a matrix of one row [..., 1, n]. */
export const asRow = (x: Tensor): Tensor => reshape(x, [...x.shape.slice(0, -1), 1, x.shape.at(-1)!]);

/** Calls `visit` for every matrix of a stack, for the oracle. */
export function forEachMatrix(
  data: Float64Array,
  shape: readonly number[],
  visit: (matrix: Float64Array, index: number) => void,
): void {
  const size = sizeOf(shape.slice(-2));
  const count = sizeOf(shape.slice(0, -2));
  for (let i = 0; i < count; i++) visit(data.subarray(i * size, (i + 1) * size), i);
}
