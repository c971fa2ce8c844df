import { lower } from "../lower.ts";
import type { Operation } from "../operation.ts";
import { mul } from "../operations/arithmetic.ts";
import { exp } from "../operations/exponential.ts";
import { ones, zeros } from "../operations/range.ts";
import { reshape } from "../operations/reshape.ts";
import { apply, applyOne, asTensor, type Node, type Tensor, type TensorLike } from "../tensor.ts";
import { determinantOf, eliminate } from "./elimination.ts";
import { decompose } from "./lu.ts";
import { expectSquare, forEachMatrix, transposed } from "./matrices.ts";
import { inverse } from "./solve.ts";

/** Sign and ln |det| of every matrix, for the oracle. */
function referenceParts(data: Float64Array, { inputs: [a] }: Node<any>): [sign: Float64Array, log: Float64Array] {
  const n = a.shape.at(-1)!;
  const signs: number[] = [];
  const logs: number[] = [];
  forEachMatrix(data, a.shape, (matrix) => {
    const { factors, parity } = decompose(matrix, n);
    let [sign, log] = [parity, 0];
    for (let i = 0; i < n; i++) {
      sign *= Math.sign(factors[i * n + i]);
      log += Math.log(Math.abs(factors[i * n + i]));
    }
    signs.push(sign);
    logs.push(log);
  });
  return [Float64Array.from(signs), Float64Array.from(logs)];
}

function loweredParts(a: Tensor): { sign: Tensor; logAbsolute: Tensor } {
  const batch = a.shape.slice(0, -2);
  if (a.size === 0) return { sign: ones(batch, { dtype: a.dtype }), logAbsolute: zeros(batch, { dtype: a.dtype }) };
  return determinantOf(eliminate(a));
}

/** A cotangent [...] of something whose gradient is the transposed inverse. */
const timesInverse = (dy: Tensor, a: Tensor): Tensor => mul(reshape(dy, [...dy.shape, 1, 1]), transposed(inverse(a)));

const logDeterminantOperation: Operation<Record<never, never>> = {
  name: "logDeterminant",
  infer: ([a]) => [0, 1].map(() => ({ shape: a.shape.slice(0, -2), dtype: a.dtype })),
  emit: (graph, inputs, node) =>
    lower(graph, inputs, node, (a) => {
      const { sign, logAbsolute } = loweredParts(a);
      return [sign, logAbsolute];
    }),
  reference: ([data], node) => referenceParts(data, node),
  gradient: ([, dy], { inputs: [a] }) => [dy && timesInverse(dy, a)],
  batch: ([a]) => apply(logDeterminantOperation, [a], {}),
  flops: ({ inputs: [a] }) => (2 * a.size * a.shape.at(-1)!) / 3,
};

const determinantOperation: Operation<Record<never, never>> = {
  name: "determinant",
  infer: ([a]) => [{ shape: a.shape.slice(0, -2), dtype: a.dtype }],
  emit: (graph, inputs, node) => {
    const [a] = node.inputs;
    if (a.dtype === "float32" && a.size > 0) return [graph.node("Det", inputs)];
    return lower(graph, inputs, node, (x) => {
      const { sign, logAbsolute } = loweredParts(x);
      return [mul(sign, exp(logAbsolute))];
    });
  },
  reference: ([data], node) => {
    const [signs, logs] = referenceParts(data, node);
    return [signs.map((sign, i) => sign * Math.exp(logs[i]))];
  },
  gradient: ([dy], { inputs: [a], outputs: [y] }) => [timesInverse(mul(dy!, y), a)],
  batch: ([a]) => [applyOne(determinantOperation, [a], {})],
  flops: ({ inputs: [a] }) => (2 * a.size * a.shape.at(-1)!) / 3,
};

/**
 * The determinant of square matrices. It overflows soon; `logDeterminant` does not.
 *
 * The gradient det(A)·A⁻ᵀ needs an inverse: of singular matrices there is none (not finite; NumericError in the oracle).
 *
 * @param a  float[..., n, n]
 * @returns  float[...]
 * @throws   ShapeError `determinant/square`; DTypeError `determinant/dtype`
 * @example
 * determinant(value([[1, 2], [3, 4]]))   // −2
 */
export function determinant(a: TensorLike): Tensor {
  const matrix = asTensor(a);
  expectSquare("determinant", matrix);
  return applyOne(determinantOperation, [matrix], {});
}

/**
 * Sign and logarithm of the absolute value of the determinant of square matrices: det = sign · e^logAbsolute. Of a
 * singular matrix 0 and −Infinity.
 *
 * @param a  float[..., n, n]
 * @returns  { sign, logAbsolute }, float[...] each; the sign has no gradient
 * @throws   ShapeError `logDeterminant/square`; DTypeError `logDeterminant/dtype`
 * @example
 * logDeterminant(value([[0, 2], [3, 0]]))   // { sign: −1, logAbsolute: ln 6 }
 */
export function logDeterminant(a: TensorLike): { sign: Tensor; logAbsolute: Tensor } {
  const matrix = asTensor(a);
  expectSquare("logDeterminant", matrix);
  const [sign, logAbsolute] = apply(logDeterminantOperation, [matrix], {});
  return { sign, logAbsolute };
}
