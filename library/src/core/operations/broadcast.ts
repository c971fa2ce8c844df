import { ShapeError } from "../errors.ts";
import type { Operation } from "../operation.ts";
import { broadcastShapes, broadcastStrides, forEachElement, type Shape, sameShape, stretchedAxes } from "../shape.ts";
import { applyOne, asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { sum } from "./reduce.ts";
import { reshape } from "./reshape.ts";

const broadcastOperation: Operation<{ shape: Shape }> = {
  name: "broadcastTo",
  infer: ([x], { shape }) => {
    const joint = broadcastShapes(x.shape, shape);
    if (joint === undefined || !sameShape(joint, shape))
      throw new ShapeError("broadcastTo/shape", `[${x.shape}] does not broadcast to [${shape}]`, {
        operands: { input: x },
        fix: "sizes are aligned from the right; each size of the input must be 1 or equal",
      });
    return [{ shape, dtype: x.dtype }];
  },
  emit: (graph, [x], { attributes: { shape } }) => [graph.node("Expand", [x, graph.integers(shape)])],
  reference: ([x], { inputs: [input], outputs: [y] }) => {
    const result = new Float64Array(y.size);
    forEachElement(y.shape, [broadcastStrides(input.shape, y.shape)], (position, [offset]) => {
      result[position] = x[offset];
    });
    return [result];
  },
  gradient: ([dy], { inputs: [x] }) => [unbroadcast(dy!, x.shape)],
  batch: ([x], _, { shape }, size) => [
    broadcastTo(reshape(x, [size, ...new Array<number>(shape.length + 1 - x.rank).fill(1), ...x.shape.slice(1)]), [
      size,
      ...shape,
    ]),
  ],
  simplifications: {
    "merge-broadcasts": ({ inputs: [x], attributes: { shape } }) =>
      x.node.operation === broadcastOperation ? [broadcastTo(x.node.inputs[0], shape)] : undefined,
  },
  linear: "jointly",
  flops: () => 0,
};

/**
 * Repeats `x` along axes of size 1 and new leading axes until it has `shape`.
 *
 * @throws ShapeError `broadcastTo/shape`
 * @example
 * broadcastTo(value([1, 2]), [3, 2])   // [[1,2],[1,2],[1,2]]
 */
export function broadcastTo(x: TensorLike, shape: Shape): Tensor {
  const tensor = asTensor(x);
  return sameShape(tensor.shape, shape) ? tensor : applyOne(broadcastOperation, [tensor], { shape: [...shape] });
}

/** What `broadcastTo` repeated, summed back: the inverse that gradients need. */
export function unbroadcast(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const summed = sum(x, { axis: stretchedAxes(shape, x.shape), keepDims: true });
  return reshape(summed, shape);
}

/** The operation behind `broadcastTo`, for rules that look through it. */
export const isBroadcast = (x: Tensor): boolean => x.node.operation === broadcastOperation;
