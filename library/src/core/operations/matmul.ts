import { DTypeError, ShapeError } from "../errors.ts";
import type { GraphBuilder, Operation } from "../operation.ts";
import { broadcastShapes, broadcastStrides, forEachElement, range, sizeOf } from "../shape.ts";
import { applyOne, asTensor, harmonise, type Tensor, type TensorLike } from "../tensor.ts";
import { broadcastTo, unbroadcast } from "./broadcast.ts";
import { alignBatched, broadcastError, withKernel } from "./define.ts";
import { reshape } from "./reshape.ts";
import { moveAxis, transposePermutation } from "./transpose.ts";

export interface MatmulOptions {
  /** Use `a` with its last two axes exchanged. Default false. */
  readonly transposeA?: boolean;
  /** Use `b` with its last two axes exchanged. Default false. */
  readonly transposeB?: boolean;
}

type MatmulAttributes = Required<MatmulOptions>;

/** Rows, inner size and columns of the product of two (possibly transposed) matrices. */
function sizes(a: Tensor, b: Tensor, { transposeA, transposeB }: MatmulAttributes) {
  const [aRows, aColumns] = a.shape.slice(-2);
  const [bRows, bColumns] = b.shape.slice(-2);
  return {
    rows: transposeA ? aColumns : aRows,
    inner: transposeA ? aRows : aColumns,
    innerOfB: transposeB ? bColumns : bRows,
    columns: transposeB ? bRows : bColumns,
  };
}

const swapLastTwo = (rank: number): number[] => [...range(rank - 2), rank - 1, rank - 2];

const swapsLastTwo = (permutation: readonly number[] | undefined): boolean =>
  permutation !== undefined &&
  permutation.length >= 2 &&
  swapLastTwo(permutation.length).every((axis, i) => permutation[i] === axis);

const matmulOperation: Operation<MatmulAttributes> = {
  name: "matmul",
  infer: ([a, b], attributes) => {
    const { rows, inner, innerOfB, columns } = sizes(a, b, attributes);
    if (a.dtype === "bool")
      throw new DTypeError("matmul/dtype", "matmul needs numbers", {
        operands: { left: a, right: b },
        fix: `cast both: cast(x, "float32")`,
      });
    if (inner !== innerOfB)
      throw new ShapeError("matmul/inner", `inner sizes differ: ${inner} and ${innerOfB}`, {
        operands: { left: a, right: b },
        fix: `give the right side the shape [${[...b.shape.slice(0, -2), ...(attributes.transposeB ? [columns, inner] : [inner, columns])]}]`,
      });
    const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
    if (batch === undefined) throw broadcastError("matmul", { left: a, right: b });
    return [{ shape: [...batch, rows, columns], dtype: a.dtype }];
  },
  emit: (graph, inputs, { inputs: [a, b], attributes }) => [
    withKernel(graph, ["float32", "float64", "float16", "int32", "int64"], inputs, a.dtype, a.dtype, ([x, y]) =>
      writeProduct(graph, x, y, a, b, attributes),
    ),
  ],
  reference: ([x, y], { inputs: [a, b], outputs: [c], attributes }) => {
    const { rows, inner, columns } = sizes(a, b, attributes);
    const result = new Float64Array(c.size);
    const batch = c.shape.slice(0, -2);
    const [rowA, stepA] = attributes.transposeA ? [1, rows] : [inner, 1];
    const [stepB, columnB] = attributes.transposeB ? [1, inner] : [columns, 1];
    const strides = [a, b].map((tensor) =>
      broadcastStrides(tensor.shape.slice(0, -2), batch).map((stride) => stride * sizeOf(tensor.shape.slice(-2))),
    );
    forEachElement(batch, strides, (position, [offsetA, offsetB]) => {
      for (let i = 0; i < rows; i++)
        for (let j = 0; j < columns; j++) {
          let total = 0;
          for (let k = 0; k < inner; k++)
            total += x[offsetA + i * rowA + k * stepA] * y[offsetB + k * stepB + j * columnB];
          result[(position * rows + i) * columns + j] = total;
        }
    });
    return [result];
  },
  gradient: ([dy], { inputs: [a, b], attributes: { transposeA, transposeB } }, { needs }) => [
    needs[0]
      ? unbroadcast(
          transposeA
            ? matmul(b, dy!, { transposeA: transposeB, transposeB: true })
            : matmul(dy!, b, { transposeB: !transposeB }),
          a.shape,
        )
      : null,
    needs[1]
      ? unbroadcast(
          transposeB
            ? matmul(dy!, a, { transposeA: true, transposeB: transposeA })
            : matmul(a, dy!, { transposeA: !transposeA }),
          b.shape,
        )
      : null,
  ],
  batch: (inputs, batched, attributes) => {
    const [a, b] = alignBatched(inputs, batched);
    return [matmul(a, b, attributes)];
  },
  simplifications: {
    "transpose-into-product": ({ inputs: [a, b], attributes: { transposeA, transposeB } }) => {
      const swapA = swapsLastTwo(transposePermutation(a));
      const swapB = swapsLastTwo(transposePermutation(b));
      if (!swapA && !swapB) return undefined;
      return [
        applyOne(matmulOperation, [swapA ? a.node.inputs[0] : a, swapB ? b.node.inputs[0] : b], {
          transposeA: transposeA !== swapA,
          transposeB: transposeB !== swapB,
        }),
      ];
    },
  },
  linear: "separately",
  // The summed axis joins the inner one: one long product instead of many short ones.
  contract: ([a, b], { transposeA, transposeB }) => {
    const batch = broadcastShapes(a.shape.slice(1, -2), b.shape.slice(1, -2))!;
    const joined = (x: Tensor, innerFirst: boolean): Tensor => {
      const [size, matrix] = [x.shape[0], x.shape.slice(-2)];
      const aligned = reshape(x, [size, ...new Array<number>(batch.length + 3 - x.rank).fill(1), ...x.shape.slice(1)]);
      const moved = moveAxis(broadcastTo(aligned, [size, ...batch, ...matrix]), 0, innerFirst ? -3 : -2);
      return reshape(moved, [
        ...batch,
        ...(innerFirst ? [size * matrix[0], matrix[1]] : [matrix[0], size * matrix[1]]),
      ]);
    };
    return matmul(joined(a, transposeA), joined(b, !transposeB), { transposeA, transposeB });
  },
  flops: ({ inputs: [a, b], outputs: [c], attributes }) => 2 * c.size * sizes(a, b, attributes).inner,
};

/** The node for a product: Gemm for transposed matrices, FusedMatMul for transposed stacks of them. */
function writeProduct(
  graph: GraphBuilder,
  x: string,
  y: string,
  a: Tensor,
  b: Tensor,
  { transposeA, transposeB }: MatmulAttributes,
): string {
  if (!transposeA && !transposeB) return graph.node("MatMul", [x, y]);
  if (a.rank === 2 && b.rank === 2)
    return graph.node("Gemm", [x, y], { transA: transposeA ? 1 : undefined, transB: transposeB ? 1 : undefined });
  if (graph.contributed && a.dtype === "float32")
    return graph.nodes("FusedMatMul", [x, y], {
      outputs: 1,
      domain: "com.microsoft",
      attributes: { transA: transposeA ? 1 : undefined, transB: transposeB ? 1 : undefined },
    })[0];
  const turned = (name: string, tensor: Tensor, turn: boolean): string =>
    turn ? graph.node("Transpose", [name], { perm: swapLastTwo(tensor.rank) }) : name;
  return graph.node("MatMul", [turned(x, a, transposeA), turned(y, b, transposeB)]);
}

/**
 * Matrix product of the last two axes; leading axes are batches and broadcast. A side with one axis is a row (left) or a
 * column (right), and that axis is absent from the result.
 *
 * Several rows of matrices times one matrix run as one large two-dimensional product, which is the fast kernel.
 *
 * @param a  [..., rows, inner] or [inner]
 * @param b  [..., inner, columns] or [inner]
 * @returns  [..., rows, columns]
 * @throws   ShapeError `matmul/inner`, `matmul/broadcast`, `matmul/scalar`; DTypeError `matmul/dtype`
 */
export function matmul(a: TensorLike, b: TensorLike, options: MatmulOptions = {}): Tensor {
  const { transposeA = false, transposeB = false } = options;
  const [left, right] = harmonise("matmul", a, b);
  if (left.rank === 0 || right.rank === 0)
    throw new ShapeError("matmul/scalar", "matmul needs vectors or matrices", {
      operands: { left, right },
      fix: "multiply by a scalar with mul",
    });
  if (left.rank === 1) {
    const result = matmul(reshape(left, [1, left.size]), right, { transposeB });
    return reshape(result, [...result.shape.slice(0, -2), ...(right.rank === 1 ? [] : result.shape.slice(-1))]);
  }
  if (right.rank === 1) {
    const result = matmul(left, reshape(right, [right.size, 1]), { transposeA });
    return reshape(result, result.shape.slice(0, -1));
  }
  const attributes = { transposeA, transposeB };
  if (left.rank > 2 && right.rank === 2 && !transposeA) {
    const { inner, columns } = sizes(left, right, attributes);
    if (inner === left.shape.at(-1) && inner === right.shape[transposeB ? 1 : 0]) {
      const rows = reshape(left, [left.size / Math.max(inner, 1) || sizeOf(left.shape.slice(0, -1)), inner]);
      return reshape(applyOne(matmulOperation, [rows, right], attributes), [...left.shape.slice(0, -1), columns]);
    }
  }
  return applyOne(matmulOperation, [left, right], attributes);
}

/** Σ aᵢ bᵢ over the last axis; leading axes broadcast. */
export function dot(a: TensorLike, b: TensorLike): Tensor {
  const [left, right] = harmonise("dot", a, b);
  const product = matmul(
    reshape(left, [...left.shape.slice(0, -1), 1, left.shape.at(-1)!]),
    reshape(right, [...right.shape, 1]),
  );
  return reshape(product, product.shape.slice(0, -2));
}

/** All products of an element of `a` with one of `b`: shape [...a.shape, ...b.shape]. */
export function outer(a: TensorLike, b: TensorLike): Tensor {
  const [left, right] = [asTensor(a), asTensor(b)];
  return reshape(matmul(reshape(left, [-1, 1]), reshape(right, [1, -1])), [...left.shape, ...right.shape]);
}
