import { matmul, moveAxis, type Tensor } from "../../../core/index.ts";
import { checkedShape, constantOf, mostGenerated } from "./types.ts";

/** One output element of a linear map along an axis: which elements it takes, and how much of each. */
export type Taps = readonly (readonly [index: number, weight: number])[];

/** The matrix [taps.length, size] of a linear map, or its transpose. */
function matrixOf(taps: readonly Taps[], size: number, transposed: boolean, x: Tensor): Tensor {
  const [rows, columns] = transposed ? [size, taps.length] : [taps.length, size];
  checkedShape([rows, columns], mostGenerated);
  const matrix = new Float64Array(rows * columns);
  taps.forEach((row, i) => {
    for (const [index, weight] of row) matrix[transposed ? index * columns + i : i * columns + index] += weight;
  });
  return constantOf(matrix, [rows, columns], x.dtype as "float32");
}

/** A linear map along one axis, as a product with a constant matrix; `transposed` is the map that gradients take. */
export function linearAlong(x: Tensor, axis: number, taps: readonly Taps[], size: number, transposed = false): Tensor {
  if (axis === x.rank - 1) return matmul(x, matrixOf(taps, size, !transposed, x));
  if (axis === x.rank - 2) return matmul(matrixOf(taps, size, transposed, x), x);
  const last = moveAxis(x, axis, -1);
  return moveAxis(matmul(last, matrixOf(taps, size, !transposed, x)), -1, axis);
}
