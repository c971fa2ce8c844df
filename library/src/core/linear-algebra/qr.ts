import { scan } from "../control-flow/scan.ts";
import { ShapeError } from "../errors.ts";
import { lower } from "../lower.ts";
import type { Operation } from "../operation.ts";
import { add, div, mul, neg, sqrt, sub } from "../operations/arithmetic.ts";
import { broadcastTo } from "../operations/broadcast.ts";
import { cast } from "../operations/cast.ts";
import { equal, greaterEqual, less } from "../operations/comparison.ts";
import { expectFloat } from "../operations/define.ts";
import { gather } from "../operations/gather.ts";
import { generated } from "../operations/generated.ts";
import { matmul } from "../operations/matmul.ts";
import { sum } from "../operations/reduce.ts";
import { slice } from "../operations/slice.ts";
import { lowerTriangle, upperTriangle } from "../operations/triangular.ts";
import { where } from "../operations/where.ts";
import { apply, asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { zerosLike } from "../transforms/vjp.ts";
import { asColumn, asRow, forEachMatrix, identityLike, places, transposed } from "./matrices.ts";
import { triangularSolve } from "./triangular-solve.ts";

const qrOperation: Operation<Record<never, never>> = {
  name: "qr",
  infer: ([a]) => [
    { shape: a.shape, dtype: a.dtype },
    { shape: [...a.shape.slice(0, -2), a.shape.at(-1)!, a.shape.at(-1)!], dtype: a.dtype },
  ],
  emit: (graph, inputs, node) => lower(graph, inputs, node, byReflections),
  reference: ([data], { inputs: [a] }) => {
    const [rows, columns] = a.shape.slice(-2);
    const q = new Float64Array(data.length);
    const r = new Float64Array(rows === 0 ? 0 : (data.length / rows) * columns);
    forEachMatrix(data, a.shape, (matrix, index) => {
      const [own, triangle] = [q.subarray(index * matrix.length), r.subarray(index * columns * columns)];
      own.set(matrix);
      // Gram–Schmidt, each column twice: that is orthogonal to the last digit.
      for (let j = 0; j < columns; j++) {
        for (let pass = 0; pass < 2; pass++)
          for (let k = 0; k < j; k++) {
            let along = 0;
            for (let i = 0; i < rows; i++) along += own[i * columns + k] * own[i * columns + j];
            for (let i = 0; i < rows; i++) own[i * columns + j] -= along * own[i * columns + k];
            triangle[k * columns + j] += along;
          }
        let length = 0;
        for (let i = 0; i < rows; i++) length = Math.hypot(length, own[i * columns + j]);
        for (let i = 0; i < rows; i++) own[i * columns + j] /= length;
        triangle[j * columns + j] = length;
      }
    });
    return [q, r];
  },
  // M = R·R̄ᵀ − Q̄ᵀ·Q, made symmetric from its lower triangle; Ā = (Q̄ + Q·M)·R⁻ᵀ. Roberts & Roberts 2020, arXiv:2009.10071
  gradient: ([dq, dr], { outputs: [q, r] }) => {
    const given = dq ?? zerosLike(q);
    const fromR = dr === null ? zerosLike(r) : matmul(r, upperTriangle(dr), { transposeB: true });
    const m = sub(fromR, matmul(given, q, { transposeA: true }));
    const symmetric = add(lowerTriangle(m), transposed(lowerTriangle(m, { diagonal: -1 })));
    const product = add(given, matmul(q, symmetric));
    return [transposed(triangularSolve(r, transposed(product), { upper: true }))];
  },
  batch: ([a]) => apply(qrOperation, [a], {}),
  flops: ({ inputs: [a] }) => 4 * a.size * a.shape.at(-1)!,
};

/** Householder's reflections, one a column, and then Q as their product, from the last to the first. */
function byReflections(a: Tensor): Tensor[] {
  const [rows, columns] = a.shape.slice(-2);
  const place = places(rows);
  const reflect = (matrix: Tensor, normal: Tensor): Tensor =>
    sub(matrix, mul(asColumn(mul(normal, 2)), matmul(asRow(normal), matrix)));
  const [rest, normals] = scan(
    (matrix, at) => {
      const column = where(greaterEqual(place, at), gather(matrix, at, { axis: -1 }), 0);
      const length = sqrt(sum(mul(column, column), { axis: -1, keepDims: true }));
      const head = asColumn(gather(column, at, { axis: -1 }));
      // Away from the column's own direction, so that nothing cancels.
      const target = where(greaterEqual(head, 0), neg(length), length);
      const normal = sub(column, where(equal(place, at), target, 0));
      const size = sqrt(sum(mul(normal, normal), { axis: -1, keepDims: true }));
      const unit = where(equal(size, 0), 0, div(normal, where(equal(size, 0), 1, size)));
      return [reflect(matrix, unit), unit];
    },
    a,
    places(columns),
  );
  const identity = generated(`identity ${columns}`, [rows, columns], a.dtype, (at) =>
    at % columns === Math.floor(at / columns) ? 1 : 0,
  );
  const [q] = scan((product, normal) => [reflect(product, normal), null], broadcastTo(identity, a.shape), normals, {
    reverse: true,
  });
  const r = upperTriangle(slice(rest, [...a.shape.slice(0, -2).map(() => null), [0, columns]]));
  const negative = less(sum(mul(r, identityLike(r)), { axis: -1 }), 0);
  const sign = sub(1, mul(2, cast(negative, a.dtype)));
  return [mul(q, asRow(sign)), mul(r, asColumn(sign))];
}

/**
 * The QR decomposition of matrices with at least as many rows as columns: A = Q·R, with orthonormal columns in Q and R
 * upper triangular. Its diagonal is not negative, so that the two are unique where A has full rank; the Q of a normal
 * random matrix is then uniformly distributed among orthogonal ones.
 *
 * @param a  float[..., m, n], m ≥ n; for gradients of full rank
 * @returns  { q: float[..., m, n], r: float[..., n, n] }
 * @throws   ShapeError `qr/wide`, `qr/rank`; DTypeError `qr/dtype`
 * @source   gradient: Roberts & Roberts 2020, arXiv:2009.10071
 * @example
 * qr(value([[3, 1], [4, 2]]))   // q: [[0.6, −0.8], [0.8, 0.6]], r: [[5, 2.2], [0, 0.4]]
 */
export function qr(a: TensorLike): { q: Tensor; r: Tensor } {
  const matrix = asTensor(a);
  expectFloat("qr", matrix);
  const [rows, columns] = matrix.shape.slice(-2);
  if (matrix.rank < 2)
    throw new ShapeError("qr/rank", `qr needs matrices, this is [${matrix.shape}]`, { operands: { matrix } });
  if (rows < columns)
    throw new ShapeError("qr/wide", `the matrix has more columns (${columns}) than rows (${rows})`, {
      operands: { matrix },
      fix: "decompose its transpose",
    });
  const [q, r] = apply(qrOperation, [matrix], {});
  return { q, r };
}
