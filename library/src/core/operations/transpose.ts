import { ShapeError } from "../errors.ts";
import type { Operation } from "../operation.ts";
import { forEachElement, range, stridesOf } from "../shape.ts";
import { applyOne, asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { normaliseAxis } from "./define.ts";
import { reshape } from "./reshape.ts";

const transposeOperation: Operation<{ permutation: readonly number[] }> = {
  name: "transpose",
  infer: ([x], { permutation }) => [{ shape: permutation.map((axis) => x.shape[axis]), dtype: x.dtype }],
  emit: (graph, [x], { attributes: { permutation } }) => [graph.node("Transpose", [x], { perm: permutation })],
  reference: ([x], { inputs: [input], outputs: [y], attributes: { permutation } }) => {
    const result = new Float64Array(y.size);
    const strides = stridesOf(input.shape);
    forEachElement(y.shape, [permutation.map((axis) => strides[axis])], (position, [offset]) => {
      result[position] = x[offset];
    });
    return [result];
  },
  gradient: ([dy], { attributes: { permutation } }) => [transpose(dy!, inverse(permutation))],
  batch: ([x], _, { permutation }) => [transpose(x, [0, ...permutation.map((axis) => axis + 1)])],
  simplifications: {
    "merge-transposes": ({ inputs: [x], attributes: { permutation } }) => {
      const inner = transposePermutation(x);
      return inner === undefined
        ? undefined
        : [
            transpose(
              x.node.inputs[0],
              permutation.map((axis) => inner[axis]),
            ),
          ];
    },
    // Moving only axes of size 1 changes no element's place.
    "transpose-to-reshape": ({ inputs: [x], outputs: [y], attributes: { permutation } }) => {
      const wide = permutation.filter((axis) => x.shape[axis] !== 1);
      return wide.every((axis, i) => i === 0 || wide[i - 1] < axis) ? [reshape(x, y.shape)] : undefined;
    },
  },
  linear: "jointly",
  flops: () => 0,
};

const inverse = (permutation: readonly number[]): number[] => {
  const result = new Array<number>(permutation.length);
  permutation.forEach((axis, i) => {
    result[axis] = i;
  });
  return result;
};

/**
 * Permutes axes: axis i of the result is axis `permutation[i]` of `x`. Default: all axes reversed.
 *
 * @throws ShapeError `transpose/permutation`
 * @example
 * transpose(x, [0, 2, 1])   // float32[8,3,5] becomes float32[8,5,3]
 */
export function transpose(x: TensorLike, permutation?: readonly number[]): Tensor {
  const tensor = asTensor(x);
  const axes = (permutation ?? range(tensor.rank).reverse()).map((axis) => normaliseAxis("transpose", tensor, axis));
  if (axes.length !== tensor.rank || new Set(axes).size !== tensor.rank)
    throw new ShapeError("transpose/permutation", `[${axes}] is no permutation of ${tensor.rank} axes`, {
      operands: { input: tensor },
      fix: `name each axis from 0 to ${tensor.rank - 1} once`,
    });
  return axes.every((axis, i) => axis === i) ? tensor : applyOne(transposeOperation, [tensor], { permutation: axes });
}

/** Exchanges two axes. */
export function swapAxes(x: TensorLike, a: number, b: number): Tensor {
  const tensor = asTensor(x);
  const [i, j] = [normaliseAxis("swapAxes", tensor, a), normaliseAxis("swapAxes", tensor, b)];
  return transpose(
    tensor,
    range(tensor.rank).map((axis) => (axis === i ? j : axis === j ? i : axis)),
  );
}

/** Moves one axis to another place; the others keep their order. */
export function moveAxis(x: TensorLike, from: number, to: number): Tensor {
  const tensor = asTensor(x);
  const source = normaliseAxis("moveAxis", tensor, from);
  const order = range(tensor.rank).filter((axis) => axis !== source);
  order.splice(normaliseAxis("moveAxis", tensor, to), 0, source);
  return transpose(tensor, order);
}

/** The permutation that made `x`, where a transpose did. */
export const transposePermutation = (x: Tensor): readonly number[] | undefined =>
  x.node.operation === transposeOperation
    ? (x.node.attributes as { permutation: readonly number[] }).permutation
    : undefined;
