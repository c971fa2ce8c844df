import { ShapeError } from "../../errors.ts";
import { lower } from "../../lower.ts";
import type { Operation } from "../../operation.ts";
import { evaluateReference } from "../../oracle.ts";
import { broadcastShapes } from "../../shape.ts";
import { applyOne, asTensor, scalar, type Tensor, type TensorLike } from "../../tensor.ts";
import { convert } from "../../value.ts";
import { add, mul, sub } from "../arithmetic.ts";
import { cast } from "../cast.ts";
import { alignBatched, broadcastError } from "../define.ts";
import { matmul } from "../matmul.ts";
import { zeros } from "../range.ts";
import { sum } from "../reduce.ts";
import { reshape } from "../reshape.ts";
import { asZeroPoint, batchComposed, expectCodes } from "./codes.ts";

// Inputs: a, b, and perhaps both zero points: of `a` a scalar or one a row, of `b` a scalar or one a column.
const matMulIntegerOperation: Operation<Record<never, never>> = {
  name: "matMulInteger",
  infer: ([a, b]) => [{ shape: productShape("matMulInteger", a, b), dtype: "int32" }],
  emit: (graph, names, node) =>
    node.inputs.length > 2 && node.inputs[2].rank > 0
      ? lower(graph, names, node, (a, b, aZero, bZero) => [corrected(a, b, aZero, bZero)])
      : [graph.node("MatMulInteger", names)],
  reference: (data, { inputs }) => {
    const [a, b, aZero, bZero] = inputs;
    const wide = (x: Tensor, zero?: Tensor): Tensor =>
      zero === undefined ? cast(x, "int32") : sub(cast(x, "int32"), cast(zero, "int32"));
    const product = matmul(wide(a, aZero && column(aZero)), wide(b, bZero));
    const [sums] = evaluateReference([product], new Map(inputs.map((x, i) => [x, data[i]])));
    return [Float64Array.from(convert(sums, "int32") as Int32Array)];
  },
  gradient: "matMulInteger gives integers, which have no gradient (dynamicQuantizedMatmul gives floats that have one)",
  batch: (inputs, batched) => {
    if (batched[2] || batched[3]) return [batchComposed(corrected, inputs, batched)];
    const [a, b] = alignBatched(inputs.slice(0, 2), batched.slice(0, 2));
    return [applyOne(matMulIntegerOperation, [a, b, ...inputs.slice(2)], {})];
  },
  simplifications: {
    // The runtime leaves a sum of nothing unwritten.
    "empty-sum": ({ inputs: [a], outputs: [y] }) =>
      a.shape.at(-1) === 0 ? [zeros(y.shape, { dtype: "int32" })] : undefined,
  },
  flops: ({ inputs: [a], outputs: [y] }) => 2 * y.size * a.shape.at(-1)!,
};

/** A number for each row as a column. */
export const column = (x: Tensor): Tensor => (x.rank === 1 ? reshape(x, [x.size, 1]) : x);

/** The product without zero points, and what they take away: for zero points that the runtime's kernel does not take. */
function corrected(a: Tensor, b: Tensor, aZero: Tensor, bZero: Tensor): Tensor {
  const [left, right] = [column(cast(aZero, "int32")), cast(bZero, "int32")];
  const sums = [
    sum(cast(b, "int32"), { axis: -2, keepDims: true }),
    sum(cast(a, "int32"), { axis: -1, keepDims: true }),
  ];
  const product = applyOne(matMulIntegerOperation, [a, b], {});
  const both = mul(mul(left, right), a.shape.at(-1)!);
  return add(sub(sub(product, mul(left, sums[0])), mul(sums[1], right)), both);
}

/** The shape of a product of two matrices, or of stacks of them. @throws ShapeError `…/rank`, `…/inner`, `…/broadcast` */
export function productShape(operation: string, left: Tensor, right: Tensor): number[] {
  const operands = { left, right };
  if (left.rank < 2 || right.rank < 2)
    throw new ShapeError(`${operation}/rank`, `${operation} needs matrices`, {
      operands,
      fix: "give vectors an axis of size 1 with reshape",
    });
  const [inner, given] = [left.shape.at(-1), right.shape.at(-2)];
  if (inner !== given)
    throw new ShapeError(`${operation}/inner`, `inner sizes differ: ${inner} and ${given}`, {
      operands,
      fix: `give the right side the shape [${[...right.shape.slice(0, -2), inner, right.shape.at(-1)]}]`,
    });
  const batch = broadcastShapes(left.shape.slice(0, -2), right.shape.slice(0, -2));
  if (batch === undefined) throw broadcastError(operation, operands);
  return [...batch, left.shape.at(-2)!, right.shape.at(-1)!];
}

/** A zero point of a product's side: a scalar, or one for each of its rows or columns. */
export function sideZero(operation: string, zero: TensorLike | undefined, codes: Tensor, count: number): Tensor {
  if (zero === undefined) return scalar(0, codes.dtype);
  const given = asTensor(zero, codes.dtype);
  return asZeroPoint(operation, given, given.size === 1 && given.rank <= 1 ? [] : [count], codes.dtype);
}

/**
 * Matrix product of 8-bit codes in 32 bits: Σ (a − aZero)(b − bZero), wrapping where 32 bits end.
 *
 * The fast kernels are those of a signed `b`: uint8 by int8 is about twice as fast as uint8 by uint8.
 *
 * @param a      uint8 or int8 [..., rows, inner]
 * @param b      uint8 or int8 [..., inner, columns]
 * @param aZero  zero point of `a`: a scalar, or one for each row. Default 0
 * @param bZero  zero point of `b`: a scalar, or one for each column. Default 0
 * @returns      int32[..., rows, columns]
 * @throws       ShapeError `matMulInteger/rank`, `…/inner`, `…/broadcast`, `…/zero-point`; DTypeError
 *               `matMulInteger/codes`, `…/zero-point`
 * @source       ONNX operator set 10, MatMulInteger
 * @example
 * matMulInteger(value([[11, 7, 3]], { dtype: "uint8" }), value([[1], [2], [3]], { dtype: "int8" }), 12)   // [[-38]]
 */
export function matMulInteger(a: TensorLike, b: TensorLike, aZero?: TensorLike, bZero?: TensorLike): Tensor {
  const [left, right] = [asTensor(a), asTensor(b)];
  expectCodes("matMulInteger", "left", left, ["uint8", "int8"]);
  expectCodes("matMulInteger", "right", right, ["uint8", "int8"]);
  const [rows, columns] = productShape("matMulInteger", left, right).slice(-2);
  if (aZero === undefined && bZero === undefined) return applyOne(matMulIntegerOperation, [left, right], {});
  const zeros = [sideZero("matMulInteger", aZero, left, rows), sideZero("matMulInteger", bZero, right, columns)];
  return applyOne(matMulIntegerOperation, [left, right, ...zeros], {});
}
