import { whileLoop } from "../control-flow/while-loop.ts";
import { lower } from "../lower.ts";
import type { Operation } from "../operation.ts";
import { abs, add, div, mul, reciprocal, rsqrt, sqrt, square, sub } from "../operations/arithmetic.ts";
import { broadcastTo } from "../operations/broadcast.ts";
import { equal, greater, less } from "../operations/comparison.ts";
import { concat } from "../operations/concat.ts";
import { gatherAlong } from "../operations/gather.ts";
import { generated } from "../operations/generated.ts";
import { matmul } from "../operations/matmul.ts";
import { pad } from "../operations/pad.ts";
import { any, argMax, sum } from "../operations/reduce.ts";
import { reshape } from "../operations/reshape.ts";
import { sliceAxis } from "../operations/slice.ts";
import { sort } from "../operations/sort.ts";
import { where } from "../operations/where.ts";
import { apply, asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { asColumn, asRow, expectSquare, forEachMatrix, identityLike, transposed } from "./matrices.ts";

const symmetricEigenOperation: Operation<Record<never, never>> = {
  name: "symmetricEigen",
  infer: ([a]) => [
    { shape: a.shape.slice(0, -1), dtype: a.dtype },
    { shape: a.shape, dtype: a.dtype },
  ],
  emit: (graph, inputs, node) => lower(graph, inputs, node, byRotations),
  reference: ([data], { inputs: [a] }) => {
    const n = a.shape.at(-1)!;
    const values = new Float64Array(n === 0 ? 0 : data.length / n);
    const vectors = new Float64Array(data.length);
    forEachMatrix(data, a.shape, (matrix, index) => {
      const found = jacobi(matrix, n);
      values.set(found.values, index * n);
      vectors.set(found.vectors, index * n * n);
    });
    return [values, vectors];
  },
  // Ā = V (diag(w̄) + F ∘ VᵀV̄) Vᵀ with Fᵢⱼ = 1/(wⱼ − wᵢ), made symmetric. Giles 2008, section 3.1
  gradient: ([dw, dv], { outputs: [w, v] }) => {
    const identity = identityLike(v);
    const ofValues = dw === null ? null : mul(asColumn(dw), identity);
    const distance = sub(asRow(w), asColumn(w));
    const same = equal(distance, 0);
    const factor = where(same, 0, reciprocal(where(same, 1, distance)));
    const ofVectors = dv === null ? null : mul(factor, matmul(v, dv, { transposeA: true }));
    const inner = ofValues === null ? ofVectors! : ofVectors === null ? ofValues : add(ofValues, ofVectors);
    const outer = matmul(matmul(v, inner), v, { transposeB: true });
    return [mul(add(outer, transposed(outer)), 0.5)];
  },
  batch: ([a]) => apply(symmetricEigenOperation, [a], {}),
  flops: ({ inputs: [a] }) => 9 * a.size * a.shape.at(-1)!,
};

/** For the oracle: Jacobi's rotations one after the other, until nothing is left beside the diagonal. */
function jacobi(matrix: Float64Array, n: number): { values: Float64Array; vectors: Float64Array } {
  const a = matrix.slice();
  const v = Float64Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? 1 : 0));
  for (let sweep = 0; sweep < 100; sweep++) {
    let rotated = false;
    for (let p = 0; p < n; p++)
      for (let q = p + 1; q < n; q++) {
        const beside = a[p * n + q];
        if (Math.abs(beside) <= 1e-17 * Math.sqrt(Math.abs(a[p * n + p] * a[q * n + q])) || beside === 0) continue;
        rotated = true;
        const ratio = (a[q * n + q] - a[p * n + p]) / (2 * beside);
        const tangent = (ratio < 0 ? -1 : 1) / (Math.abs(ratio) + Math.hypot(1, ratio));
        const cosine = 1 / Math.hypot(1, tangent);
        const sine = tangent * cosine;
        const turn = (list: Float64Array, first: number, second: number): void => {
          const [x, y] = [list[first], list[second]];
          list[first] = cosine * x - sine * y;
          list[second] = sine * x + cosine * y;
        };
        for (let k = 0; k < n; k++) turn(a, k * n + p, k * n + q);
        for (let k = 0; k < n; k++) turn(a, p * n + k, q * n + k);
        for (let k = 0; k < n; k++) turn(v, k * n + p, k * n + q);
        a[p * n + q] = a[q * n + p] = 0;
      }
    if (!rotated) break;
  }
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => a[i * n + i] - a[j * n + j]);
  const vectors = new Float64Array(n * n);
  order.forEach((from, to) => {
    let largest = 0;
    for (let k = 1; k < n; k++) if (Math.abs(v[k * n + from]) > Math.abs(v[largest * n + from])) largest = k;
    const sign = v[largest * n + from] < 0 ? -1 : 1;
    for (let k = 0; k < n; k++) vectors[k * n + to] = sign * v[k * n + from];
  });
  return { values: Float64Array.from(order, (i) => a[i * n + i]), vectors };
}

/** Sweeps after which Jacobi's method stops in any case; it converges quadratically and needs about six. */
const sweeps = 12;

/**
 * Jacobi's method, n/2 rotations at a time: row i is paired with row i + n/2, and after each round the rows move on as in
 * a round-robin tournament, so that all pairs meet in n − 1 rounds.
 */
function byRotations(a: Tensor): Tensor[] {
  const n = a.shape.at(-1)!;
  const batch = a.shape.slice(0, -2);
  if (a.size === 0) return [reshape(a, [...batch, n]), a];
  const size = n + (n % 2);
  const half = size / 2;
  const norm = sqrt(sum(square(a), { axis: [-2, -1], keepDims: true }));
  // A row added to make the number even is never rotated; its eigenvalue comes last, and is left out.
  const beyond = mul(add(norm, 1), 2);
  const corner = generated("last of the diagonal", [size, size], a.dtype, (at) => (at === size * size - 1 ? 1 : 0));
  const even = size === n ? a : add(pad(a, [...batch.map(() => null), [0, 1], [0, 1]]), mul(beyond, corner));

  // Who stands where in the next round: the first stays, the others go round.
  const next = (at: number): number => {
    if (at === 0 || half === 1) return at;
    if (at < half) return at === 1 ? half : at - 1;
    return at === size - 1 ? half - 1 : at + 1;
  };
  const mask = (name: string, rows: number, partner: (row: number, column: number) => boolean): Tensor =>
    generated(`${name} ${size}`, [rows, size], a.dtype, (at) => (partner(Math.floor(at / size), at % size) ? 1 : 0));
  const beside = mask("pairs", half, (row, column) => column === row + half);
  const staying = mask("moved on", size, (row, column) => next(column) === row);
  const crossing = mask("moved across", size, (row, column) => (next(column) + half) % size === row);
  const diagonal = identityLike(even);

  const offDiagonal = (x: Tensor): Tensor => sum(square(sub(x, mul(x, diagonal))), { axis: [-2, -1], keepDims: true });
  const enough = square(mul(norm, size * (a.dtype === "float64" ? 2 ** -52 : 2 ** -23)));
  const { x, v } = whileLoop(
    (state) => any(greater(state.left, enough)),
    (state) => {
      const own = sum(mul(state.x, diagonal), { axis: -1 });
      const [p, q] = [sliceAxis(own, -1, 0, half), sliceAxis(own, -1, half)];
      const between = sum(mul(sliceAxis(state.x, -2, 0, half), beside), { axis: -1 });
      const nothing = equal(between, 0);
      const ratio = div(sub(q, p), mul(2, where(nothing, 1, between)));
      const size = reciprocal(add(abs(ratio), sqrt(add(1, square(ratio)))));
      const tangent = where(nothing, 0, where(less(ratio, 0), mul(size, -1), size));
      const cosine = rsqrt(add(1, square(tangent)));
      const sine = mul(tangent, cosine);
      const rotation = add(
        mul(asColumn(concat([cosine, cosine], { axis: -1 })), staying),
        mul(asColumn(concat([sine, mul(sine, -1)], { axis: -1 })), crossing),
      );
      const turned = matmul(matmul(rotation, state.x, { transposeA: true }), rotation);
      return { x: turned, v: matmul(state.v, rotation), left: offDiagonal(turned) };
    },
    { x: even, v: broadcastTo(diagonal, even.shape), left: offDiagonal(even) },
    { maximum: sweeps * Math.max(1, size - 1) },
  );
  const { values, indices } = sort(sum(mul(x, diagonal), { axis: -1 }));
  const ordered = sliceAxis(sliceAxis(gatherAlong(v, asRow(indices), { axis: -1 }), -1, 0, n), -2, 0, n);
  const largest = gatherAlong(ordered, argMax(abs(ordered), { axis: -2, keepDims: true }), { axis: -2 });
  return [sliceAxis(values, -1, 0, n), where(less(largest, 0), mul(ordered, -1), ordered)];
}

/**
 * Eigenvalues and eigenvectors of symmetric matrices: A·V = V·diag(w).
 *
 * The gradient of a vector needs eigenvalues that differ: between equal ones it counts as 0.
 *
 * @param a  float[..., n, n]; taken as symmetric: (A + Aᵀ)/2 is what is decomposed
 * @returns  { values: float[..., n], ascending; vectors: float[..., n, n], orthonormal columns, in each of which the
 *           element of largest size is positive }
 * @throws   ShapeError `symmetricEigen/square`; DTypeError `symmetricEigen/dtype`
 * @source   Jacobi's method in parallel order: Brent & Luk 1985; gradient: Giles 2008
 * @example
 * symmetricEigen(value([[2, 1], [1, 2]])).values   // [1, 3]
 */
export function symmetricEigen(a: TensorLike): { values: Tensor; vectors: Tensor } {
  const matrix = asTensor(a);
  expectSquare("symmetricEigen", matrix);
  const [values, vectors] = apply(symmetricEigenOperation, [mul(add(matrix, transposed(matrix)), 0.5)], {});
  return { values, vectors };
}
