import { scan } from "../control-flow/scan.ts";
import { NumericError } from "../errors.ts";
import { lower } from "../lower.ts";
import type { Operation } from "../operation.ts";
import { add, div, mul, sqrt, sub } from "../operations/arithmetic.ts";
import { gather } from "../operations/gather.ts";
import { generated } from "../operations/generated.ts";
import { matmul } from "../operations/matmul.ts";
import { zeros } from "../operations/range.ts";
import { moveAxis } from "../operations/transpose.ts";
import { lowerTriangle } from "../operations/triangular.ts";
import { where } from "../operations/where.ts";
import { applyOne, asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { asColumn, asRow, expectSquare, forEachMatrix, places, transposed } from "./matrices.ts";
import { triangularSolve } from "./triangular-solve.ts";

const choleskyOperation: Operation<Record<never, never>> = {
  name: "cholesky",
  infer: ([a]) => [{ shape: a.shape, dtype: a.dtype }],
  emit: (graph, inputs, node) => lower(graph, inputs, node, (a) => [byColumns(a)]),
  reference: ([data], { inputs: [a] }) => {
    const n = a.shape.at(-1)!;
    const result = new Float64Array(data.length);
    forEachMatrix(data, a.shape, (matrix, index) => {
      const l = result.subarray(index * n * n, (index + 1) * n * n);
      for (let i = 0; i < n; i++)
        for (let j = 0; j <= i; j++) {
          let rest = matrix[i * n + j];
          for (let k = 0; k < j; k++) rest -= l[i * n + k] * l[j * n + k];
          if (i === j && !(rest > 0))
            throw new NumericError("cholesky/not-positive-definite", `pivot ${i} is ${rest}`, {
              operands: { matrix: a },
              given: { matrix: index },
              fix: "add a multiple of the identity: add(a, mul(1e-6, eye(n)))",
            });
          l[i * n + j] = i === j ? Math.sqrt(rest) : rest / l[j * n + j];
        }
    });
    return [result];
  },
  // Murray 2016, arXiv:1602.07527, equation 10: S = L⁻ᵀ Φ(LᵀL̄) L⁻¹, and Ā its symmetric part.
  gradient: ([dl], { inputs: [a], outputs: [l] }) => {
    const n = a.shape.at(-1)!;
    const halved = generated("half diagonal", [n, n], a.dtype, (at) => (at % (n + 1) === 0 ? 0.5 : 1));
    const phi = mul(lowerTriangle(matmul(l, dl!, { transposeA: true })), halved);
    const left = triangularSolve(l, phi, { transpose: true });
    const s = transposed(triangularSolve(l, transposed(left), { transpose: true }));
    return [mul(add(s, transposed(s)), 0.5)];
  },
  batch: ([a]) => [applyOne(choleskyOperation, [a], {})],
  flops: ({ inputs: [a] }) => (a.size * a.shape.at(-1)!) / 3,
};

/** Column after column, each taken out of what remains. */
function byColumns(a: Tensor): Tensor {
  const n = a.shape.at(-1)!;
  const reached = generated("on or below", [n, n], "bool", (at) => (at % n >= Math.floor(at / n) ? 1 : 0));
  const [, columns] = scan(
    (rest, { at, from }) => {
      const column = gather(rest, at, { axis: -1 });
      const pivot = sqrt(gather(column, at, { axis: -1 }));
      const l = where(from, div(column, asColumn(pivot)), 0);
      return [sub(rest, mul(asColumn(l), asRow(l))), l];
    },
    a,
    { at: places(n), from: reached },
  );
  return n === 0 ? zeros(a.shape, { dtype: a.dtype }) : moveAxis(columns, 0, -1);
}

/**
 * The Cholesky factor of symmetric positive definite matrices: the lower triangle L with positive diagonal and LLᵀ = A.
 *
 * The gradient is in closed form, symmetric, and differentiable again. For the log-determinant of A:
 * 2 · Σ log of L's diagonal.
 *
 * @param a  float[..., n, n]; taken as symmetric: (A + Aᵀ)/2 is what is factored
 * @returns  float[..., n, n], zeros above the diagonal. Where A is not positive definite, NaN from the first column that
 *           fails; NumericError `cholesky/not-positive-definite` in the oracle
 * @throws   ShapeError `cholesky/square`; DTypeError `cholesky/dtype`
 * @source   gradient: Murray 2016, arXiv:1602.07527
 * @example
 * cholesky(value([[4, 2], [2, 5]]))   // [[2, 0], [1, 2]]
 */
export function cholesky(a: TensorLike): Tensor {
  const matrix = asTensor(a);
  expectSquare("cholesky", matrix);
  return applyOne(choleskyOperation, [mul(add(matrix, transposed(matrix)), 0.5)], {});
}
