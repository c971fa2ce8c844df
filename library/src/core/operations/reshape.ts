import { ShapeError } from "../errors.ts";
import type { Operation } from "../operation.ts";
import { type Shape, sameShape, sizeOf } from "../shape.ts";
import { applyOne, asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { normaliseAxes, normaliseAxis } from "./define.ts";

const reshapeOperation: Operation<{ shape: Shape }> = {
  name: "reshape",
  infer: ([x], { shape }) => [{ shape, dtype: x.dtype }],
  emit: (graph, [x], { attributes: { shape } }) => [
    // Sizes of 0 mean "copy" to ONNX unless allowzero is set.
    graph.node("Reshape", [x, graph.integers(shape)], { allowzero: shape.includes(0) ? 1 : undefined }),
  ],
  reference: ([x]) => [x],
  gradient: ([dy], { inputs: [x] }) => [reshape(dy!, x.shape)],
  batch: ([x], _, { shape }, size) => [reshape(x, [size, ...shape])],
  simplifications: {
    "merge-reshapes": ({ inputs: [x], attributes: { shape } }) =>
      x.node.operation === reshapeOperation
        ? [reshape(x.node.inputs[0], shape)]
        : sameShape(x.shape, shape)
          ? [x]
          : undefined,
  },
  linear: "jointly",
  flops: () => 0,
};

/**
 * The same elements in row-major order under another shape; one size may be −1, "whatever is left".
 *
 * @throws ShapeError `reshape/size` when the numbers of elements differ
 * @example
 * reshape(x, [16, -1])   // float32[16,8,4] becomes float32[16,32]
 */
export function reshape(x: TensorLike, shape: Shape): Tensor {
  const tensor = asTensor(x);
  const known = shape.filter((size) => size !== -1);
  const rest = tensor.size / sizeOf(known);
  const target =
    known.length === shape.length - 1
      ? shape.map((size) => (size === -1 ? (tensor.size === 0 ? 0 : rest) : size))
      : shape;
  if (target.some((size) => !Number.isInteger(size) || size < 0) || sizeOf(target) !== tensor.size)
    throw new ShapeError("reshape/size", `[${tensor.shape}] has ${tensor.size} elements, [${shape}] does not`, {
      operands: { input: tensor },
      fix: "give sizes whose product is the same; one of them may be −1",
    });
  return sameShape(tensor.shape, target) ? tensor : applyOne(reshapeOperation, [tensor], { shape: [...target] });
}

/** Adds an axis of size 1, so that `axis` of the result is it. */
export function expandDims(x: TensorLike, axis: number): Tensor {
  const tensor = asTensor(x);
  const position = normaliseAxis("expandDims", tensor, axis, tensor.rank + 1);
  return reshape(tensor, [...tensor.shape.slice(0, position), 1, ...tensor.shape.slice(position)]);
}

/** Removes axes of size 1: those named, or all of them. @throws ShapeError `squeeze/size` */
export function squeeze(x: TensorLike, axis?: number | readonly number[]): Tensor {
  const tensor = asTensor(x);
  const axes =
    axis === undefined
      ? tensor.shape.flatMap((size, i) => (size === 1 ? [i] : []))
      : normaliseAxes("squeeze", tensor, axis);
  const wide = axes.find((i) => tensor.shape[i] !== 1);
  if (wide !== undefined)
    throw new ShapeError("squeeze/size", `axis ${wide} has size ${tensor.shape[wide]}, not 1`, {
      operands: { input: tensor },
    });
  return reshape(
    tensor,
    tensor.shape.filter((_, i) => !axes.includes(i)),
  );
}

/** All elements in one row, or the axes from `start` to `end` (inclusive) merged into one. */
export function flatten(x: TensorLike, start = 0, end = -1): Tensor {
  const tensor = asTensor(x);
  if (tensor.rank === 0) return reshape(tensor, [1]);
  const first = normaliseAxis("flatten", tensor, start);
  const last = normaliseAxis("flatten", tensor, end);
  return reshape(tensor, [
    ...tensor.shape.slice(0, first),
    sizeOf(tensor.shape.slice(first, last + 1)),
    ...tensor.shape.slice(last + 1),
  ]);
}

/** The input of a reshape, for rules that look through it. */
export const reshapedFrom = (x: Tensor): Tensor | undefined =>
  x.node.operation === reshapeOperation ? x.node.inputs[0] : undefined;
