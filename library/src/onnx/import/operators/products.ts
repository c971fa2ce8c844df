import { add, cast, einsum, matmul, mul, reshape, sub, type Tensor } from "../../../core/index.ts";
import type { Converters, NodeContext } from "../context.ts";

/** An integer matrix minus its zero point, as int32; zero points of rows or columns stand along them. */
function centred(node: NodeContext, input: number, zeroInput: number, rows: boolean): Tensor {
  const x = cast(node.tensor(input), "int32");
  const zero = node.optional(zeroInput);
  if (!zero) return x;
  const wide = cast(zero, "int32");
  return sub(x, rows && wide.rank === 1 && wide.size > 1 ? reshape(wide, [wide.size, 1]) : wide);
}

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
  MatMulInteger: (node) => matmul(centred(node, 0, 2, true), centred(node, 1, 3, false)),
};
