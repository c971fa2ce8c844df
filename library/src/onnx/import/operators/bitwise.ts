import { dtypes } from "../../../core/dtype.ts";
import { DTypeError } from "../../../core/errors.ts";
import type { Operation } from "../../../core/operation.ts";
import { alignBatched, broadcastError, zipReference } from "../../../core/operations/define.ts";
import { broadcastShapes } from "../../../core/shape.ts";
import { applyOne } from "../../../core/tensor.ts";
import type { Converters } from "../context.ts";

/** Operators on the bits of integers. The oracle computes with bigints, since 64 bits do not fit into a float. */
function bitwise(
  opType: string,
  compute: (a: bigint, b: bigint, bits: number) => bigint,
): Operation<{ direction?: string }> {
  const operation: Operation<{ direction?: string }> = {
    name: opType,
    infer: (inputs) => {
      const [a, b = a] = inputs;
      const shape = broadcastShapes(a.shape, b.shape);
      if (!shape) throw broadcastError(opType, { left: a, right: b });
      const { kind } = dtypes[a.dtype];
      if (kind === "float" || kind === "bool" || a.dtype !== b.dtype)
        throw new DTypeError(`${opType}/dtype`, `${opType} needs two integers of one dtype`, {
          operands: { left: a, right: b },
        });
      return [{ shape, dtype: a.dtype }];
    },
    emit: (graph, inputs, { attributes: { direction } }) => [graph.node(opType, inputs, { direction })],
    reference: (inputs, { inputs: tensors, outputs: [y] }) => {
      const { kind, bytes } = dtypes[y.dtype];
      const wrap = kind === "signed" ? BigInt.asIntN : BigInt.asUintN;
      const shapes = tensors.map(({ shape }) => shape);
      return [
        zipReference(inputs, shapes, y.shape, ([a, b = 0]) =>
          Number(wrap(8 * bytes, compute(BigInt(a), BigInt(b), 8 * bytes))),
        ),
      ];
    },
    gradient: `${opType} works on the bits of integers, which have no gradient`,
    batch: (inputs, batched, attributes) => [applyOne(operation, alignBatched(inputs, batched), attributes)],
    elementwise: true,
  };
  return operation;
}

const shiftLeft = bitwise("BitShift", (a, b) => a << b);
const shiftRight = bitwise("BitShift", (a, b) => a >> b);
const binaries = {
  BitwiseAnd: bitwise("BitwiseAnd", (a, b) => a & b),
  BitwiseOr: bitwise("BitwiseOr", (a, b) => a | b),
  BitwiseXor: bitwise("BitwiseXor", (a, b) => a ^ b),
};
const complement = bitwise("BitwiseNot", (a) => ~a);

export const bitwiseOperators: Converters = {
  BitShift: (node) => {
    const direction = node.attributes.string("direction", "LEFT");
    return applyOne(direction === "LEFT" ? shiftLeft : shiftRight, node.tensors(), { direction });
  },
  BitwiseNot: (node) => applyOne(complement, [node.tensor(0)], {}),
  ...Object.fromEntries(
    Object.entries(binaries).map(([name, operation]) => [name, (node) => applyOne(operation, node.tensors(), {})]),
  ),
};
