import { type DType, dtypes } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import type { Operation } from "../operation.ts";
import { splitAt } from "../shape.ts";
import { applyOne, type Tensor, type TensorLike } from "../tensor.ts";
import { value } from "../value.ts";
import { normaliseAxis } from "./define.ts";
import { asIndices } from "./indices.ts";
import { reshape } from "./reshape.ts";

const oneHotOperation: Operation<{ depth: number; axis: number; dtype: DType }> = {
  name: "oneHot",
  infer: ([indices], { depth, axis, dtype }) => [
    { shape: [...indices.shape.slice(0, axis), depth, ...indices.shape.slice(axis)], dtype },
  ],
  emit: (graph, [indices], { inputs: [places], attributes: { depth, axis, dtype } }) => {
    const wide = places.dtype === "int64" ? indices : graph.node("Cast", [indices], { to: dtypes.int64.onnx });
    const made: DType = dtype === "int64" ? "int64" : "float32";
    const offOn = graph.constant(value([0, 1], { dtype: made }));
    const result = graph.node("OneHot", [wide, graph.scalar(depth, "int64"), offOn], { axis });
    return [made === dtype ? result : graph.node("Cast", [result], { to: dtypes[dtype].onnx })];
  },
  reference: ([indices], { outputs: [y], attributes: { depth, axis } }) => {
    const result = new Float64Array(y.size);
    const { inner } = splitAt(y.shape, axis);
    indices.forEach((index, position) => {
      const place = index < 0 ? index + depth : index;
      const outer = Math.floor(position / inner);
      if (place >= 0 && place < depth) result[(outer * depth + place) * inner + (position % inner)] = 1;
    });
    return [result];
  },
  gradient: "oneHot takes integers, which have no gradient",
  batch: ([indices], _, { depth, axis, dtype }) => [
    applyOne(oneHotOperation, [indices], { depth, axis: axis + 1, dtype }),
  ],
  flops: () => 0,
};

/**
 * A new axis of size `depth` that is 1 at the index and 0 elsewhere. Negative indices count from the end; an index
 * outside [−depth, depth) gives zeros only.
 *
 * @param indices  int32 or int64 of any shape, or a number
 * @param depth    size of the new axis, at least 0
 * @param axis     where the new axis is in the result. Default −1
 * @param dtype    of the result. Default float32
 * @throws         DTypeError `oneHot/indices`; ShapeError `oneHot/depth`, `oneHot/axis-out-of-range`
 * @example
 * oneHot(value([2, 0], { dtype: "int64" }), 3)   // [[0, 0, 1], [1, 0, 0]]
 */
export function oneHot(
  indices: TensorLike,
  depth: number,
  { axis = -1, dtype = "float32" }: { axis?: number; dtype?: DType } = {},
): Tensor {
  const places = asIndices("oneHot", indices);
  if (!Number.isInteger(depth) || depth < 0)
    throw new ShapeError("oneHot/depth", "the depth is a whole number of at least 0", {
      operands: { indices: places },
      given: depth,
    });
  const position = normaliseAxis("oneHot", places, axis, places.rank + 1);
  // The runtime takes no single index: one in a row is the same.
  return places.rank === 0
    ? reshape(oneHot(reshape(places, [1]), depth, { dtype }), [depth])
    : applyOne(oneHotOperation, [places], { depth, axis: position, dtype });
}
