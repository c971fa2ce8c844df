import type { Operation } from "../core/operation.ts";
import { applyOne, type Tensor } from "../core/tensor.ts";
import { convert, Value } from "../core/value.ts";

const orthogonaliseOperation: Operation<Record<never, never>> = {
  name: "orthogonalise",
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  emit: () => {
    throw new Error("matrices are made orthogonal on the host");
  },
  host: ([x]) => [new Value(convert(orthonormal(x.toFloat64(), x.shape), x.dtype), x.shape, x.dtype)],
  reference: ([x], { inputs: [{ shape }] }) => [orthonormal(x, shape)],
  gradient: "orthogonalise is for initial numbers and has no gradient",
  batch: ([x]) => [applyOne(orthogonaliseOperation, [x], {})],
};

/** Gram–Schmidt on the rows or the columns of each matrix, whichever are fewer. */
function orthonormal(source: Float64Array, shape: readonly number[]): Float64Array {
  const [rows, columns] = shape.slice(-2);
  const wide = rows <= columns;
  const [count, length] = wide ? [rows, columns] : [columns, rows];
  const result = source.slice();
  for (let start = 0; start < result.length; start += rows * columns) {
    const place = (vector: number, i: number) => start + (wide ? vector * columns + i : i * columns + vector);
    const dot = (a: number, b: number) => {
      let total = 0;
      for (let i = 0; i < length; i++) total += result[place(a, i)] * result[place(b, i)];
      return total;
    };
    for (let vector = 0; vector < count; vector++) {
      // Twice is enough: what rounding leaves of the earlier directions goes in the second round.
      for (let round = 0; round < 2; round++)
        for (let earlier = 0; earlier < vector; earlier++) {
          const overlap = dot(vector, earlier);
          for (let i = 0; i < length; i++) result[place(vector, i)] -= overlap * result[place(earlier, i)];
        }
      const norm = Math.sqrt(dot(vector, vector));
      for (let i = 0; i < length; i++) result[place(vector, i)] /= norm;
    }
  }
  return result;
}

/**
 * The matrices of the last two axes with orthonormal rows or columns, whichever are fewer, spanning what the given ones
 * span. Computed on the host, from random numbers or constants; no gradient.
 *
 * @source Gram–Schmidt; of independent normal numbers it gives the uniform distribution over orthogonal matrices
 */
export const orthogonalise = (x: Tensor): Tensor => applyOne(orthogonaliseOperation, [x], {});
