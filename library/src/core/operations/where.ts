import { DTypeError } from "../errors.ts";
import type { Operation } from "../operation.ts";
import { broadcastShapes } from "../shape.ts";
import { applyOne, asTensor, harmonise, type Tensor, type TensorLike } from "../tensor.ts";
import { unbroadcast } from "./broadcast.ts";
import { alignBatched, broadcastError, broadcastLast, withKernel, zipReference } from "./define.ts";

const whereOperation: Operation<Record<never, never>> = {
  name: "where",
  infer: ([condition, a, b]) => {
    if (condition.dtype !== "bool")
      throw new DTypeError("where/condition", `the condition must be bool, it is ${condition.dtype}`, {
        operands: { condition },
        fix: "compare: where(greater(x, 0), a, b)",
      });
    const sides = broadcastShapes(a.shape, b.shape);
    if (sides === undefined) throw broadcastError("where", { left: a, right: b });
    const shape = broadcastShapes(condition.shape, sides);
    if (shape === undefined) throw broadcastError("where", { condition, side: sides.length === a.rank ? a : b });
    return [{ shape, dtype: a.dtype }];
  },
  emit: (graph, [condition, ...sides], { outputs: [{ dtype }] }) => [
    withKernel(graph, ["float32", "float64", "int32", "int64", "uint8"], sides, dtype, dtype, ([a, b]) =>
      graph.node("Where", [condition, a, b]),
    ),
  ],
  reference: (inputs, { inputs: tensors, outputs: [y] }) => [
    zipReference(
      inputs,
      tensors.map((x) => x.shape),
      y.shape,
      ([condition, a, b]) => (condition !== 0 ? a : b),
    ),
  ],
  gradient: ([dy], { inputs: [condition, a, b] }, { needs }) => [
    null,
    needs[1] ? unbroadcast(where(condition, dy!, 0), a.shape) : null,
    needs[2] ? unbroadcast(where(condition, 0, dy!), b.shape) : null,
  ],
  batch: (inputs, batched) => [applyOne(whereOperation, alignBatched(inputs, batched), {})],
  simplifications: { "broadcast-last": broadcastLast },
  elementwise: true,
};

/**
 * `a` where the condition holds, else `b`; all three broadcast. The side not taken gets a gradient of exactly 0,
 * but is still computed: keep it finite, or 0 · ∞ makes NaN in what comes before it.
 *
 * @throws DTypeError `where/condition`; ShapeError `where/broadcast`
 */
export function where(condition: TensorLike, a: TensorLike, b: TensorLike): Tensor {
  return applyOne(whereOperation, [asTensor(condition), ...harmonise("where", a, b)], {});
}
