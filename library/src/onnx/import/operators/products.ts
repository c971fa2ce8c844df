import { add, cast, einsum, matMulInteger, matmul, mul, sub, type Tensor } from "../../../core/index.ts";
import type { Converter, Converters } from "../context.ts";

/** An integer matrix minus its zero points, as int32. */
const centred = (x: Tensor, zero: Tensor | undefined): Tensor =>
  zero ? sub(cast(x, "int32"), cast(zero, "int32")) : cast(x, "int32");

/** A product of integers; zero points that form stacks of matrices, and vectors, are left to plain 32-bit integers. */
const integerProduct: Converter = (node) => {
  const [a, b, aZero, bZero] = [node.tensor(0), node.tensor(1), node.optional(2), node.optional(3)];
  const plain = a.rank >= 2 && b.rank >= 2 && (aZero?.rank ?? 0) <= 1 && (bZero?.rank ?? 0) <= 1;
  return plain ? matMulInteger(a, b, aZero, bZero) : matmul(centred(a, aZero), centred(b, bZero));
};

export const productOperators: Converters = {
  Gemm: (node) => {
    const { attributes } = node;
    const [a, b, c] = [node.tensor(0), node.tensor(1), node.optional(2)];
    const alpha = attributes.float("alpha", 1);
    const beta = attributes.float("beta", 1);
    const product = matmul(a, b, {
      transposeA: attributes.int("transA", 0) === 1,
      transposeB: attributes.int("transB", 0) === 1,
    });
    const scaled = alpha === 1 ? product : mul(product, alpha);
    return c ? add(scaled, beta === 1 ? c : mul(c, beta)) : scaled;
  },
  Einsum: (node) => einsum(node.attributes.string("equation", "").replaceAll(" ", ""), ...node.tensors()),
  MatMul: (node) => matmul(node.tensor(0), node.tensor(1)),
  MatMulInteger: integerProduct,
};
