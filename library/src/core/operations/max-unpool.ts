import { ShapeError } from "../errors.ts";
import type { Operation } from "../operation.ts";
import { type Shape, sameShape, sizeOf } from "../shape.ts";
import { applyOne, asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { add, mul } from "./arithmetic.ts";
import { cast } from "./cast.ts";
import { ensureBatched, expectFloat, withKernel } from "./define.ts";
import { gather } from "./gather.ts";
import { asIndices, resolveIndex } from "./indices.ts";
import { range, zeros } from "./range.ts";
import { reshape } from "./reshape.ts";

interface MaxUnpoolAttributes {
  readonly shape: Shape;
  /** Whether indices may repeat; what meets is added. */
  readonly overlapping: boolean;
}

const maxUnpoolOperation: Operation<MaxUnpoolAttributes> = {
  name: "maxUnpool",
  infer: ([x], { shape }) => [{ shape, dtype: x.dtype }],
  emit: (graph, [x, indices], { inputs: [{ dtype, size }], attributes: { shape, overlapping } }) => {
    const shaped = (name: string, to: Shape) =>
      graph.node("Reshape", [name, graph.integers(to)], { allowzero: to.includes(0) ? 1 : undefined });
    const flat = sizeOf(shape);
    const result = withKernel(graph, ["float32"], [x], dtype, dtype, ([source]) => {
      if (!overlapping)
        return graph.node(
          "MaxUnpool",
          [shaped(source, [1, 1, size]), shaped(indices, [1, 1, size]), graph.integers([1, 1, flat])],
          {
            kernel_shape: [1],
          },
        );
      const nothing = graph.node("Expand", [graph.scalar(0, "float32"), graph.integers([flat])]);
      return graph.node("ScatterElements", [nothing, shaped(indices, [size]), shaped(source, [size])], {
        reduction: "add",
      });
    });
    return [shaped(result, shape)];
  },
  reference: ([x, indices], { inputs: [, places], attributes: { shape } }) => {
    const result = new Float64Array(sizeOf(shape));
    x.forEach((element, i) => {
      result[resolveIndex("maxUnpool", indices[i], result.length, places)] += element;
    });
    return [result];
  },
  gradient: ([dy], { inputs: [, indices] }) => [gather(reshape(dy!, [dy!.size]), indices), null],
  batch: ([x, indices], [xBatched, _indicesBatched], { shape, overlapping }, size) => {
    const all = ensureBatched(x, xBatched, size);
    const places = add(indices, firstPlaces(size, sizeOf(shape), all.rank));
    return [applyOne(maxUnpoolOperation, [all, places], { shape: [size, ...shape], overlapping })];
  },
  simplifications: {
    // The runtime refuses to place nothing.
    "nothing-to-place": ({ inputs: [x], attributes: { shape } }) =>
      x.size === 0 ? [zeros(shape, { dtype: x.dtype })] : undefined,
  },
  linear: "separately",
  flops: () => 0,
};

/** Where each of `size` examples begins in a flat batch of them: int64[size, 1, …], of the given rank. */
export const firstPlaces = (size: number, elements: number, rank: number): Tensor =>
  reshape(mul(range(size), elements), [size, ...new Array<number>(rank - 1).fill(1)]);

/**
 * Puts elements back where `maxPoolWithIndices` found them, with zeros everywhere else.
 *
 * @param x            float, any shape
 * @param indices      int32 or int64 of the same shape: flat places in the result
 * @param shape        the result's
 * @param overlapping  whether several elements may go to one place, where they are added; without, the runtime is three
 *                     times as fast and no place may repeat. Default true
 * @throws             ShapeError `maxUnpool/shape`; DTypeError `maxUnpool/dtype`, `maxUnpool/indices`; RuntimeError, or
 *                     NumericError `maxUnpool/index-out-of-range` in the oracle
 * @example
 * const { values, indices } = maxPoolWithIndices(x, 2);
 * maxUnpool(values, indices, x.shape)   // x with all but the maxima replaced by 0
 */
export function maxUnpool(
  x: TensorLike,
  indices: TensorLike,
  shape: Shape,
  { overlapping = true }: { overlapping?: boolean } = {},
): Tensor {
  const [tensor, places] = [asTensor(x), asIndices("maxUnpool", indices)];
  expectFloat("maxUnpool", tensor);
  if (!sameShape(tensor.shape, places.shape))
    throw new ShapeError("maxUnpool/shape", `${tensor.size} elements of shape [${tensor.shape}] need as many indices`, {
      operands: { input: tensor, indices: places },
    });
  const wide = places.dtype === "int64" ? places : cast(places, "int64");
  return applyOne(maxUnpoolOperation, [tensor, wide], { shape: [...shape], overlapping });
}
