import { ShapeError } from "../errors.ts";
import type { Operation } from "../operation.ts";
import { splitAt } from "../shape.ts";
import { apply, asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { concat } from "./concat.ts";
import { normaliseAxis } from "./define.ts";
import { pad } from "./pad.ts";
import { zeros } from "./range.ts";

const splitOperation: Operation<{ axis: number; sizes: readonly number[] }> = {
  name: "splitAxis",
  infer: ([x], { axis, sizes }) =>
    sizes.map((size) => ({ shape: x.shape.map((whole, i) => (i === axis ? size : whole)), dtype: x.dtype })),
  emit: (graph, [x], { attributes: { axis, sizes } }) =>
    graph.nodes("Split", [x, graph.integers(sizes)], { outputs: sizes.length, attributes: { axis } }),
  reference: ([x], { inputs: [input], outputs, attributes: { axis, sizes } }) => {
    const { outer, length, inner } = splitAt(input.shape, axis);
    let place = 0;
    return outputs.map((output, k) => {
      const result = new Float64Array(output.size);
      const row = sizes[k] * inner;
      for (let i = 0; i < outer; i++) {
        const from = (i * length + place) * inner;
        result.set(x.subarray(from, from + row), i * row);
      }
      place += sizes[k];
      return result;
    });
  },
  gradient: (cotangents, { inputs: [x], outputs, attributes: { axis, sizes } }) => {
    const used = cotangents.flatMap((cotangent, i) => (cotangent === null ? [] : [i]));
    if (used.length > 1)
      return [
        concat(
          cotangents.map((cotangent, i) => cotangent ?? zeros(outputs[i].shape, { dtype: x.dtype })),
          { axis },
        ),
      ];
    const before = sizes.slice(0, used[0]).reduce((total, size) => total + size, 0);
    const after = x.shape[axis] - before - sizes[used[0]];
    return [
      pad(
        cotangents[used[0]]!,
        x.shape.map((_, i) => (i === axis ? [before, after] : null)),
      ),
    ];
  },
  batch: ([x], _, { axis, sizes }) => apply(splitOperation, [x], { axis: axis + 1, sizes }),
  flops: () => 0,
};

/**
 * A tensor cut along an axis: into equal parts, or into parts of given sizes.
 *
 * @param parts  how many equal parts, or the size of each part
 * @param axis   default 0
 * @returns      the parts in order, each of the input's rank
 * @throws       ShapeError `splitAxis/parts` when the axis does not divide so, `splitAxis/axis-out-of-range`
 * @example
 * const [q, k, v] = splitAxis(qkv, 3, { axis: -1 });
 * const [head, rest] = splitAxis(x, [1, 4]);
 */
export function splitAxis(
  x: TensorLike,
  parts: number | readonly number[],
  { axis = 0 }: { axis?: number } = {},
): Tensor[] {
  const tensor = asTensor(x);
  const position = normaliseAxis("splitAxis", tensor, axis);
  const length = tensor.shape[position];
  const sizes = typeof parts === "number" ? new Array<number>(parts).fill(length / parts) : [...parts];
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (sizes.length === 0 || total !== length || !sizes.every((size) => Number.isInteger(size) && size >= 0))
    throw new ShapeError("splitAxis/parts", `axis ${position} of size ${length} does not split so`, {
      operands: { input: tensor },
      given: parts,
      fix:
        typeof parts === "number"
          ? `give a divisor of ${length}, or a list of sizes`
          : `give whole sizes that add up to ${length}`,
    });
  return sizes.length === 1 ? [tensor] : apply(splitOperation, [tensor], { axis: position, sizes });
}
