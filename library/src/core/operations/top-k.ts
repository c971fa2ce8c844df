import { type DType, dtypes, isFloat } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import type { Operation } from "../operation.ts";
import { splitAt } from "../shape.ts";
import { apply, asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { normaliseAxis } from "./define.ts";
import { zeros } from "./range.ts";
import { scatterAddAlong } from "./scatter.ts";

interface TopKAttributes {
  readonly k: number;
  readonly axis: number;
  readonly largest: boolean;
}

const kernels: readonly DType[] = ["float32", "float64", "int32", "int64"];

const topKOperation: Operation<TopKAttributes> = {
  name: "topK",
  infer: ([x], { k, axis }) => {
    const shape = x.shape.map((size, i) => (i === axis ? k : size));
    return [
      { shape, dtype: x.dtype },
      { shape, dtype: "int64" },
    ];
  },
  emit: (graph, [x], { inputs: [{ dtype }], attributes: { k, axis, largest } }) => {
    const via: DType = kernels.includes(dtype) ? dtype : isFloat(dtype) ? "float32" : "int64";
    const source = via === dtype ? x : graph.node("Cast", [x], { to: dtypes[via].onnx });
    const [values, indices] = graph.nodes("TopK", [source, graph.integers([k])], {
      outputs: 2,
      attributes: { axis, largest: largest ? undefined : 0 },
    });
    return [via === dtype ? values : graph.node("Cast", [values], { to: dtypes[dtype].onnx }), indices];
  },
  reference: ([x], { inputs: [input], outputs: [y], attributes: { k, axis, largest } }) => {
    const [values, indices] = [new Float64Array(y.size), new Float64Array(y.size)];
    const { outer, length, inner } = splitAt(input.shape, axis);
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < inner; i++) {
        const at = (place: number): number => x[(o * length + place) * inner + i];
        // Sorting is stable: of equal elements the one with the lower index comes first.
        const order = Array.from({ length }, (_, place) => place).sort((a, b) =>
          at(a) === at(b) ? 0 : at(a) < at(b) === largest ? 1 : -1,
        );
        for (let rank = 0; rank < k; rank++) {
          const target = (o * k + rank) * inner + i;
          values[target] = at(order[rank]);
          indices[target] = order[rank];
        }
      }
    return [values, indices];
  },
  gradient: ([dy], { inputs: [x], outputs: [, indices], attributes: { axis } }) => [
    dy && scatterAddAlong(zeros(x.shape, { dtype: x.dtype }), indices, dy, { axis }),
  ],
  batch: ([x], _, { k, axis, largest }) => apply(topKOperation, [x], { k, axis: axis + 1, largest }),
  flops: ({ inputs: [x], attributes: { axis } }) => x.size * Math.ceil(Math.log2(Math.max(2, x.shape[axis]))),
};

/** Elements in order, and where they were (int64). */
export interface Ordered {
  readonly values: Tensor;
  readonly indices: Tensor;
}

/**
 * The k largest elements along an axis, largest first, and where they are. Of equal elements the one with the lower
 * index comes first. NaN has no place in an order: keep it out.
 *
 * @param x        any dtype
 * @param k        0 ≤ k ≤ size of the axis
 * @param axis     default −1
 * @param largest  false: the smallest, smallest first. Default true
 * @throws         ShapeError `topK/k`, `topK/axis-out-of-range`
 * @example
 * topK(value([3, 1, 4, 1, 5]), 2)   // values [5, 4], indices [4, 2]
 */
export function topK(
  x: TensorLike,
  k: number,
  { axis = -1, largest = true }: { axis?: number; largest?: boolean } = {},
): Ordered {
  const tensor = asTensor(x);
  const position = normaliseAxis("topK", tensor, axis);
  const length = tensor.shape[position];
  if (!Number.isInteger(k) || k < 0 || k > length)
    throw new ShapeError("topK/k", `there are no ${k} of ${length} elements along axis ${position}`, {
      operands: { input: tensor },
      fix: `give a whole number from 0 to ${length}`,
    });
  // The runtime divides by the size: it does not survive an empty input.
  const shape = tensor.shape.map((size, i) => (i === position ? k : size));
  if (shape.includes(0))
    return { values: zeros(shape, { dtype: tensor.dtype }), indices: zeros(shape, { dtype: "int64" }) };
  const [values, indices] = apply(topKOperation, [tensor], { k, axis: position, largest });
  return { values, indices };
}
