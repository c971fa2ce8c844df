import type { Operation } from "../operation.ts";
import { forEachElement, sizeOf, stridesOf } from "../shape.ts";
import { applyOne, type Tensor } from "../tensor.ts";
import { mul } from "./arithmetic.ts";
import { averagePool } from "./average-pool.ts";
import { withKernel } from "./define.ts";
import { reshape } from "./reshape.ts";

const upsampleNearestOperation: Operation<{ factors: readonly number[] }> = {
  name: "upsampleNearest",
  infer: ([x], { factors }) => [
    { shape: [...x.shape.slice(0, 2), ...factors.map((factor, i) => factor * x.shape[i + 2])], dtype: x.dtype },
  ],
  emit: (graph, [x], { inputs: [{ dtype }], outputs: [{ shape }] }) => [
    withKernel(graph, ["float32"], [x], dtype, dtype, ([source]) =>
      graph.node("Resize", [source, "", "", graph.integers(shape)], {
        mode: "nearest",
        coordinate_transformation_mode: "asymmetric",
        nearest_mode: "floor",
      }),
    ),
  ],
  reference: ([x], { inputs: [input], outputs: [y], attributes: { factors } }) => {
    const result = new Float64Array(y.size);
    const all = [1, 1, ...factors];
    // Each axis is seen as two: the element, and its copies, which lie at the same place.
    const strides = stridesOf(input.shape).flatMap((stride) => [stride, 0]);
    forEachElement(
      input.shape.flatMap((size, axis) => [size, all[axis]]),
      [strides],
      (position, [offset]) => {
        result[position] = x[offset];
      },
    );
    return [result];
  },
  gradient: ([dy], { attributes: { factors } }) => [mul(averagePool(dy!, factors), sizeOf(factors))],
  batch: ([x], _, { factors }, size) => {
    const y = upsampleNearest(reshape(x, [size * x.shape[1], ...x.shape.slice(2)]), factors);
    return [reshape(y, [size, x.shape[1], ...y.shape.slice(1)])];
  },
  linear: "jointly",
  flops: () => 0,
};

/** Every element of [batch, channels, ...space] repeated along each spatial axis: the gradient of a sum over tiles. */
export const upsampleNearest = (x: Tensor, factors: readonly number[]): Tensor =>
  factors.every((factor) => factor === 1) ? x : applyOne(upsampleNearestOperation, [x], { factors });
