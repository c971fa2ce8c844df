import type { DType } from "../dtype.ts";
import { NumericError } from "../errors.ts";
import { lower } from "../lower.ts";
import type { GraphBuilder, Operation } from "../operation.ts";
import { add, neg, sub } from "../operations/arithmetic.ts";
import { broadcastTo, unbroadcast } from "../operations/broadcast.ts";
import { concat } from "../operations/concat.ts";
import { alignBatched } from "../operations/define.ts";
import { matmul } from "../operations/matmul.ts";
import { sliceAxis } from "../operations/slice.ts";
import { broadcastStrides, forEachElement, sizeOf } from "../shape.ts";
import { applyOne, asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { eliminate } from "./elimination.ts";
import { type Decomposed, decompose, substitute } from "./lu.ts";
import { expectSquare, forEachMatrix, identityLike, transposed } from "./matrices.ts";
import { solutionOf, withColumns } from "./triangular-solve.ts";

/** Whether ONNX Runtime inverts matrices itself: as fast as one product, where elimination is a loop over columns. */
const hasInverse = (graph: GraphBuilder, dtype: DType): boolean =>
  graph.contributed && (dtype === "float32" || dtype === "float64");

function expectRegular(operation: string, found: Decomposed, matrix: Tensor, index: number): Decomposed {
  if (found.singularAt >= 0)
    throw new NumericError(`${operation}/singular`, `the matrix has no inverse: pivot ${found.singularAt} is 0`, {
      operands: { matrix },
      given: { matrix: index },
      fix: "add a multiple of the identity: add(a, mul(1e-6, eye(n)))",
    });
  return found;
}

/** A⁻¹B by elimination, for runtimes that do not invert. */
function byElimination(a: Tensor, b: Tensor): Tensor {
  const n = a.shape.at(-1)!;
  const batch = solutionOf("solve", a, b).shape.slice(0, -2);
  const sides = [a, b].map((x) => broadcastTo(x, [...batch, ...x.shape.slice(-2)]));
  const { rest, order } = eliminate(concat(sides, { axis: -1 }));
  return matmul(order, sliceAxis(rest, -1, n));
}

const inverseOperation: Operation<Record<never, never>> = {
  name: "inverse",
  infer: ([a]) => [{ shape: a.shape, dtype: a.dtype }],
  emit: (graph, inputs, node) => {
    const [a] = node.inputs;
    if (a.size === 0) return [graph.node("Identity", inputs)];
    return hasInverse(graph, a.dtype)
      ? graph.nodes("Inverse", inputs, { outputs: 1, domain: "com.microsoft" })
      : lower(graph, inputs, node, (x) => [byElimination(x, broadcastTo(identityLike(x), x.shape))]);
  },
  reference: ([data], { inputs: [a] }) => {
    const n = a.shape.at(-1)!;
    const identity = Float64Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? 1 : 0));
    const result = new Float64Array(data.length);
    forEachMatrix(data, a.shape, (matrix, index) => {
      const found = expectRegular("inverse", decompose(matrix, n), a, index);
      result.set(substitute(found, n, identity, n), index * n * n);
    });
    return [result];
  },
  gradient: ([dy], { outputs: [y] }) => [neg(matmul(matmul(y, dy!, { transposeA: true }), y, { transposeB: true }))],
  batch: ([a]) => [applyOne(inverseOperation, [a], {})],
  flops: ({ inputs: [a] }) => 2 * a.size * a.shape.at(-1)!,
};

const solveOperation: Operation<Record<never, never>> = {
  name: "solve",
  infer: ([a, b]) => [solutionOf("solve", a, b)],
  emit: (graph, inputs, node) => {
    const [{ dtype }] = node.inputs;
    if (node.outputs[0].size === 0) return lower(graph, inputs, node, (a, b) => [matmul(a, b)]);
    return lower(graph, inputs, node, (a, b) => {
      if (!hasInverse(graph, dtype)) return [byElimination(a, b)];
      // The product with an inverse is less accurate than elimination; one correction by what is left makes it as good.
      const inverted = inverse(a);
      const x = matmul(inverted, b);
      return [add(x, matmul(inverted, sub(b, matmul(a, x))))];
    });
  },
  reference: ([a, b], { inputs: [matrix, right], outputs: [x] }) => {
    const [n, columns] = x.shape.slice(-2);
    const batch = x.shape.slice(0, -2);
    const result = new Float64Array(x.size);
    const strides = [matrix, right].map((one) =>
      broadcastStrides(one.shape.slice(0, -2), batch).map((stride) => stride * sizeOf(one.shape.slice(-2))),
    );
    forEachElement(batch, strides, (position, [offsetA, offsetB]) => {
      const found = expectRegular("solve", decompose(a.subarray(offsetA, offsetA + n * n), n), matrix, position);
      result.set(substitute(found, n, b.subarray(offsetB, offsetB + n * columns), columns), position * n * columns);
    });
    return [result];
  },
  gradient: ([dx], { inputs: [a, b], outputs: [x] }, { needs }) => {
    const db = applyOne(solveOperation, [transposed(a), dx!], {});
    return [
      needs[0] ? unbroadcast(neg(matmul(db, x, { transposeB: true })), a.shape) : null,
      needs[1] ? unbroadcast(db, b.shape) : null,
    ];
  },
  batch: (inputs, batched) => [applyOne(solveOperation, alignBatched(inputs, batched), {})],
  flops: ({ inputs: [a], outputs: [x] }) => 2 * x.size * a.shape.at(-1)! + (2 * a.size * a.shape.at(-1)!) / 3,
};

/**
 * The inverse of square matrices. To solve a system, `solve` is more accurate.
 *
 * @param a  float[..., n, n]
 * @returns  float[..., n, n]. Where A is singular: not finite; NumericError `inverse/singular` in the oracle
 * @throws   ShapeError `inverse/square`; DTypeError `inverse/dtype`
 * @example
 * inverse(value([[2, 0], [0, 4]]))   // [[0.5, 0], [0, 0.25]]
 */
export function inverse(a: TensorLike): Tensor {
  const matrix = asTensor(a);
  expectSquare("inverse", matrix);
  return applyOne(inverseOperation, [matrix], {});
}

/**
 * Solves the system A·X = B.
 *
 * @param a  float[..., n, n]
 * @param b  float[..., n, k], or [n]; leading axes broadcast against those of `a`
 * @returns  float[..., n, k], or [..., n]. Where A is singular: not finite; NumericError `solve/singular` in the oracle
 * @throws   ShapeError `solve/square`, `solve/rows`, `solve/broadcast`; DTypeError
 * @example
 * solve(value([[2, 1], [1, 3]]), value([3, 5]))   // [0.8, 1.4]
 */
export const solve = (a: TensorLike, b: TensorLike): Tensor =>
  withColumns("solve", a, b, (matrix, right) => applyOne(solveOperation, [matrix, right], {}));
