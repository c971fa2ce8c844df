import { NumericError, ShapeError } from "../errors.ts";
import { lower } from "../lower.ts";
import type { Operation } from "../operation.ts";
import { add, div, neg } from "../operations/arithmetic.ts";
import { unbroadcast } from "../operations/broadcast.ts";
import { concat } from "../operations/concat.ts";
import { alignBatched, broadcastError } from "../operations/define.ts";
import { generated } from "../operations/generated.ts";
import { matmul } from "../operations/matmul.ts";
import { pad } from "../operations/pad.ts";
import { full } from "../operations/range.ts";
import { reshape } from "../operations/reshape.ts";
import { slice } from "../operations/slice.ts";
import { lowerTriangle, upperTriangle } from "../operations/triangular.ts";
import { broadcastShapes, broadcastStrides, forEachElement, sizeOf } from "../shape.ts";
import { applyOne, harmonise, type Tensor, type TensorLike } from "../tensor.ts";
import { expectSquare, transposed } from "./matrices.ts";

export interface TriangularOptions {
  /** Take the upper triangle instead of the lower one. The other is not read. Default false. */
  readonly upper?: boolean;
  /** Use the triangle transposed. Default false. */
  readonly transpose?: boolean;
  /** Take the diagonal as ones, without reading it. Default false. */
  readonly unitDiagonal?: boolean;
}

type TriangularAttributes = Required<TriangularOptions>;

const triangularSolveOperation: Operation<TriangularAttributes> = {
  name: "triangularSolve",
  infer: ([a, b]) => [solutionOf("triangularSolve", a, b)],
  emit: (graph, inputs, node) =>
    lower(graph, inputs, node, (a, b) => {
      const { upper, transpose, unitDiagonal } = node.attributes;
      const inverse = invertLower(upper ? transposed(a) : a, unitDiagonal);
      return [matmul(inverse, b, { transposeA: upper !== transpose })];
    }),
  reference: ([a, b], { inputs: [matrix, right], outputs: [x], attributes: { upper, transpose, unitDiagonal } }) => {
    const [n, columns] = x.shape.slice(-2);
    const result = new Float64Array(x.size);
    const batch = x.shape.slice(0, -2);
    const strides = [matrix, right].map((one) =>
      broadcastStrides(one.shape.slice(0, -2), batch).map((stride) => stride * sizeOf(one.shape.slice(-2))),
    );
    const backwards = upper !== transpose;
    forEachElement(batch, strides, (position, [offsetA, offsetB]) => {
      const at = (i: number, j: number): number => a[offsetA + (transpose ? j * n + i : i * n + j)];
      for (let step = 0; step < n; step++) {
        const i = backwards ? n - 1 - step : step;
        const pivot = unitDiagonal ? 1 : at(i, i);
        if (pivot === 0)
          throw new NumericError("triangularSolve/singular", `element ${i} of the diagonal is 0`, {
            operands: { matrix },
            fix: "a triangular matrix with a zero on its diagonal has no inverse",
          });
        for (let k = 0; k < columns; k++) {
          let rest = b[offsetB + i * columns + k];
          for (let done = 0; done < step; done++) {
            const j = backwards ? n - 1 - done : done;
            rest -= at(i, j) * result[(position * n + j) * columns + k];
          }
          result[(position * n + i) * columns + k] = rest / pivot;
        }
      }
    });
    return [result];
  },
  gradient: ([dx], { inputs: [a, b], outputs: [x], attributes }, { needs }) => {
    const { upper, transpose, unitDiagonal } = attributes;
    const db = applyOne(triangularSolveOperation, [a, dx!], { ...attributes, transpose: !transpose });
    const [left, right] = transpose ? [x, db] : [db, x];
    const triangle = upper ? upperTriangle : lowerTriangle;
    const diagonal = unitDiagonal ? (upper ? 1 : -1) : 0;
    return [
      needs[0] ? unbroadcast(triangle(neg(matmul(left, right, { transposeB: true })), { diagonal }), a.shape) : null,
      needs[1] ? unbroadcast(db, b.shape) : null,
    ];
  },
  batch: (inputs, batched, attributes) => [
    applyOne(triangularSolveOperation, alignBatched(inputs, batched), attributes),
  ],
  flops: ({ inputs: [a], outputs: [x] }) => x.size * a.shape.at(-1)!,
};

/** The solution of a system with matrices [..., n, n] and right sides [..., n, k]. */
export function solutionOf(operation: string, a: Tensor, b: Tensor): { shape: number[]; dtype: Tensor["dtype"] } {
  const n = expectSquare(operation, a);
  if (b.rank < 2 || b.shape.at(-2) !== n)
    throw new ShapeError(`${operation}/rows`, `the matrix has ${n} rows, the right side is [${b.shape}]`, {
      operands: { matrix: a, right: b },
      fix: `give a right side [${n}, columns], with batches before, or [${n}]`,
    });
  const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
  if (batch === undefined) throw broadcastError(operation, { matrix: a, right: b });
  return { shape: [...batch, ...b.shape.slice(-2)], dtype: a.dtype };
}

/**
 * The inverse of lower triangles [..., n, n] by halving: the inverse of [[A, 0], [B, C]] is [[A⁻¹, 0], [−C⁻¹BA⁻¹, C⁻¹]].
 * All blocks of a size are one stack, so that the runtime makes log₂ n steps, not n.
 */
function invertLower(a: Tensor, unitDiagonal: boolean): Tensor {
  const n = a.shape.at(-1)!;
  const batch = a.shape.slice(0, -2);
  const size = 2 ** Math.ceil(Math.log2(Math.max(1, n)));
  const added = size - n;
  // Missing rows are those of the identity.
  const ending = generated(`identity from ${n}`, [size, size], a.dtype, (at) =>
    at % (size + 1) === 0 && at / size >= n ? 1 : 0,
  );
  const whole = added === 0 ? a : add(pad(a, [...batch.map(() => null), [0, added], [0, added]]), ending);
  const below: Tensor[] = [];
  let blocks = reshape(whole, [...batch, 1, size, size]);
  for (let half = size / 2; half >= 1; half /= 2) {
    const count = size / half / 2;
    const parts = reshape(blocks, [...batch, count, 2, half, 2, half]);
    const part = (row: 0 | 1, column: 0 | 1): Tensor =>
      slice(parts, [...batch.map(() => null), null, row, null, column]);
    below.push(part(1, 0));
    const both = concat(
      [part(0, 0), part(1, 1)].map((x) => reshape(x, [...batch, count, 1, half, half])),
      { axis: -3 },
    );
    blocks = reshape(both, [...batch, 2 * count, half, half]);
  }
  let inverses = unitDiagonal ? full(blocks.shape, 1, { dtype: a.dtype }) : div(1, blocks);
  for (let half = 1; half < size; half *= 2) {
    const count = size / half / 2;
    const pairs = reshape(inverses, [...batch, count, 2, half, half]);
    const [first, second] = ([0, 1] as const).map((i) => slice(pairs, [...batch.map(() => null), null, i]));
    const corner = neg(matmul(matmul(second, below.pop()!), first));
    const nothing = full(corner.shape, 0, { dtype: a.dtype });
    inverses = concat([concat([first, nothing], { axis: -1 }), concat([corner, second], { axis: -1 })], { axis: -2 });
  }
  return slice(reshape(inverses, [...batch, size, size]), [...batch.map(() => null), [0, n], [0, n]]);
}

/** A right side given as a vector is a matrix of one column, and so is the solution. */
export function withColumns(
  operation: string,
  a: TensorLike,
  b: TensorLike,
  solveColumns: (a: Tensor, b: Tensor) => Tensor,
): Tensor {
  const [matrix, right] = harmonise(operation, a, b);
  if (right.rank !== 1) return solveColumns(matrix, right);
  const x = solveColumns(matrix, reshape(right, [right.size, 1]));
  return reshape(x, x.shape.slice(0, -1));
}

/**
 * Solves a system with a triangular matrix: A·X = B, or Aᵀ·X = B.
 *
 * Differentiable in closed form, any number of times; gradients to A are triangular as A is.
 *
 * @param a  float[..., n, n]; only the chosen triangle is read
 * @param b  float[..., n, k], or [n]; leading axes broadcast against those of `a`
 * @returns  float[..., n, k], or [..., n]. With a zero on the diagonal: not finite; NumericError
 *           `triangularSolve/singular` in the oracle
 * @throws   ShapeError `triangularSolve/square`, `triangularSolve/rows`, `triangularSolve/broadcast`; DTypeError
 * @example
 * triangularSolve(value([[2, 0], [1, 4]]), value([2, 9]))   // [1, 2]
 */
export function triangularSolve(a: TensorLike, b: TensorLike, options: TriangularOptions = {}): Tensor {
  const { upper = false, transpose = false, unitDiagonal = false } = options;
  return withColumns("triangularSolve", a, b, (matrix, right) =>
    applyOne(triangularSolveOperation, [matrix, right], { upper, transpose, unitDiagonal }),
  );
}
