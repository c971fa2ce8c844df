import { expandDims, gather, mul, onesLike, reshape, type Tensor } from "../../../core/index.ts";
import type { Operation } from "../../../core/operation.ts";
import { applyOne } from "../../../core/tensor.ts";
import type { Converters } from "../context.ts";
import { Unsupported } from "../faults.ts";
import { constantOf } from "./types.ts";

/** The determinant of each of the matrices in the last two axes. */
const determinantOperation: Operation<Record<never, never>> = {
  name: "determinant",
  infer: ([x]) => [{ shape: x.shape.slice(0, -2), dtype: x.dtype }],
  emit: (graph, inputs) => [graph.node("Det", inputs)],
  reference: ([data], { inputs: [x] }) => {
    const n = x.shape.at(-1)!;
    const count = data.length / (n * n);
    return [Float64Array.from({ length: count }, (_, i) => eliminate(data.slice(i * n * n, (i + 1) * n * n), n))];
  },
  gradient: ([dy], { inputs: [x] }) => [mul(expandDims(expandDims(dy!, -1), -1), cofactors(x))],
  batch: ([x]) => [determinant(x)],
};

/** Gaussian elimination with the largest pivot; changes the matrix. */
function eliminate(matrix: Float64Array, n: number): number {
  let result = 1;
  for (let k = 0; k < n; k++) {
    let best = k;
    for (let row = k + 1; row < n; row++)
      if (Math.abs(matrix[row * n + k]) > Math.abs(matrix[best * n + k])) best = row;
    const pivot = matrix[best * n + k];
    if (pivot === 0) return 0;
    result *= best === k ? pivot : -pivot;
    for (let column = 0; column < n; column++) {
      const kept = matrix[k * n + column];
      matrix[k * n + column] = matrix[best * n + column];
      matrix[best * n + column] = kept;
    }
    for (let row = k + 1; row < n; row++) {
      const factor = matrix[row * n + k] / pivot;
      for (let column = k; column < n; column++) matrix[row * n + column] -= factor * matrix[k * n + column];
    }
  }
  return result;
}

/** Largest matrix with a gradient: it takes n² determinants. */
const largest = 16;

/** The derivative by each element: the determinant of what is left without its row and column, with its sign. */
function cofactors(x: Tensor): Tensor {
  const n = x.shape.at(-1)!;
  if (n > largest) throw new Unsupported(`the gradient of determinants is there up to ${largest} rows, not ${n}`);
  const signs = Array.from({ length: n * n }, (_, i) => ((Math.floor(i / n) + (i % n)) % 2 === 0 ? 1 : -1));
  const sign = constantOf(signs, [n, n], x.dtype as "float32");
  if (n === 1) return mul(sign, onesLike(x));
  const rest = Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, k) => k).filter((k) => k !== i));
  const places = rest.flatMap((rows) => rest.flatMap((columns) => rows.flatMap((r) => columns.map((c) => r * n + c))));
  const flat = reshape(x, [...x.shape.slice(0, -2), n * n]);
  const minors = gather(flat, constantOf(places, [n, n, n - 1, n - 1], "int64"), { axis: x.rank - 2 });
  return mul(sign, determinant(minors));
}

const determinant = (x: Tensor): Tensor => applyOne(determinantOperation, [x], {});

export const determinantOperators: Converters = { Det: (node) => determinant(node.tensor(0)) };
