import { ShapeError } from "../errors.ts";
import type { Operation } from "../operation.ts";
import { sameShape, splitAt } from "../shape.ts";
import { applyOne, asTensor, harmonise, type Tensor, type TensorLike } from "../tensor.ts";
import { ensureBatched, normaliseAxis } from "./define.ts";
import { expandDims } from "./reshape.ts";
import { sliceAxis } from "./slice.ts";
import { splitAxis } from "./split.ts";

const concatOperation: Operation<{ axis: number }> = {
  name: "concat",
  infer: (inputs, { axis }) => {
    const [first] = inputs;
    const others = (x: Tensor) => x.shape.map((size, i) => (i === axis ? 0 : size));
    const odd = inputs.find((x) => !sameShape(others(x), others(first)));
    if (odd !== undefined)
      throw new ShapeError(
        "concat/shape",
        `shapes [${first.shape}] and [${odd.shape}] differ in more than axis ${axis}`,
        { operands: { first, other: odd }, fix: "sizes along all other axes must be equal" },
      );
    const total = inputs.reduce((size, x) => size + x.shape[axis], 0);
    return [{ shape: first.shape.map((size, i) => (i === axis ? total : size)), dtype: first.dtype }];
  },
  emit: (graph, inputs, { attributes: { axis } }) => [graph.node("Concat", inputs, { axis })],
  reference: (parts, { inputs, outputs: [y], attributes: { axis } }) => {
    const result = new Float64Array(y.size);
    const { outer, length, inner } = splitAt(y.shape, axis);
    let place = 0;
    parts.forEach((part, k) => {
      const row = inputs[k].shape[axis] * inner;
      for (let i = 0; i < outer; i++)
        result.set(part.subarray(i * row, (i + 1) * row), i * length * inner + place * inner);
      place += inputs[k].shape[axis];
    });
    return [result];
  },
  gradient: ([dy], { inputs, attributes: { axis } }, { needs }) => {
    const sizes = inputs.map((x) => x.shape[axis]);
    if (needs.every(Boolean)) return splitAxis(dy!, sizes, { axis });
    let place = 0;
    return sizes.map((size, i) => {
      const start = place;
      place += size;
      return needs[i] ? sliceAxis(dy!, axis, start, place) : null;
    });
  },
  batch: (inputs, batched, { axis }, size) => [
    applyOne(
      concatOperation,
      inputs.map((x, i) => ensureBatched(x, batched[i], size)),
      { axis: axis + 1 },
    ),
  ],
  simplifications: {
    "merge-concats": ({ inputs, attributes: { axis } }) => {
      if (!inputs.some((x) => concatParts(x)?.axis === axis || x.shape[axis] === 0)) return undefined;
      const parts = inputs.flatMap((x) => (concatParts(x)?.axis === axis ? concatParts(x)!.parts : [x]));
      const filled = parts.filter((x) => x.shape[axis] !== 0);
      return [concat(filled.length > 0 ? filled : parts.slice(0, 1), { axis })];
    },
  },
  flops: () => 0,
};

/** What a concatenation joins, for rules that look through it. */
export const concatParts = (x: Tensor): { parts: readonly Tensor[]; axis: number } | undefined =>
  x.node.operation === concatOperation
    ? { parts: x.node.inputs, axis: (x.node.attributes as { axis: number }).axis }
    : undefined;

/**
 * Tensors one after the other along an existing axis.
 *
 * @param parts  at least one, of one dtype, with equal sizes along all other axes
 * @param axis   default 0
 * @throws       ShapeError `concat/none`, `concat/shape`, `concat/axis-out-of-range`; DTypeError `concat/dtype`
 * @example
 * concat([value([1, 2]), value([3])])   // [1, 2, 3]
 */
export function concat(parts: readonly TensorLike[], { axis = 0 }: { axis?: number } = {}): Tensor {
  expectParts("concat", parts);
  const tensors = harmonise("concat", ...parts);
  const position = normaliseAxis("concat", tensors[0], axis);
  return tensors.length === 1 ? tensors[0] : applyOne(concatOperation, tensors, { axis: position });
}

/**
 * Tensors of one shape side by side along a new axis, which is `axis` of the result.
 *
 * @throws ShapeError `stack/none`, `stack/shape`, `expandDims/axis-out-of-range`; DTypeError `concat/dtype`
 * @example
 * stack([value([1, 2]), value([3, 4])])   // [[1, 2], [3, 4]]
 */
export function stack(parts: readonly TensorLike[], { axis = 0 }: { axis?: number } = {}): Tensor {
  expectParts("stack", parts);
  const tensors = parts.map((part) => asTensor(part));
  const odd = tensors.find((x) => !sameShape(x.shape, tensors[0].shape));
  if (odd !== undefined)
    throw new ShapeError("stack/shape", `shapes [${tensors[0].shape}] and [${odd.shape}] differ`, {
      operands: { first: tensors[0], other: odd },
      fix: "stack takes equal shapes; concat joins along an existing axis",
    });
  const position = normaliseAxis("stack", tensors[0], axis, tensors[0].rank + 1);
  return concat(
    tensors.map((x) => expandDims(x, position)),
    { axis: position },
  );
}

function expectParts(operation: string, parts: readonly TensorLike[]): void {
  if (parts.length === 0)
    throw new ShapeError(`${operation}/none`, `${operation} needs at least one tensor`, {
      fix: "of no tensors neither shape nor dtype is known; use zeros for an empty one",
    });
}
