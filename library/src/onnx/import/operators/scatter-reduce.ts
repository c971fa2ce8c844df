import {
  cast,
  div,
  equal,
  gatherAlong,
  mul,
  onesLike,
  scatterAddAlong,
  type Tensor,
  where,
  zerosLike,
} from "../../../core/index.ts";
import type { Operation } from "../../../core/operation.ts";
import { ensureBatched } from "../../../core/operations/define.ts";
import { forEachElement, stridesOf } from "../../../core/shape.ts";
import { applyOne } from "../../../core/tensor.ts";

const combine = {
  mul: (a: number, b: number) => a * b,
  max: Math.max,
  min: Math.min,
} as const;

/** How updates that meet at one place, and what was there, are combined. */
export type ScatterReduction = keyof typeof combine;

export const isReduction = (name: string): name is ScatterReduction => Object.hasOwn(combine, name);

interface ScatterAttributes {
  readonly axis: number;
  readonly reduction: ScatterReduction;
}

const scatterReduceOperation: Operation<ScatterAttributes> = {
  name: "scatterReduce",
  infer: ([x]) => [x],
  emit: (graph, inputs, { attributes: { axis, reduction } }) => [
    graph.node("ScatterElements", inputs, { axis, reduction }),
  ],
  reference: ([x, indices, updates], { inputs: [{ shape }, places], attributes: { axis, reduction } }) => {
    const result = x.slice();
    const strides = stridesOf(shape);
    const others = strides.map((stride, i) => (i === axis ? 0 : stride));
    forEachElement(places.shape, [others], (position, [offset]) => {
      const index = indices[position] < 0 ? indices[position] + shape[axis] : indices[position];
      const at = offset + index * strides[axis];
      result[at] = combine[reduction](result[at], updates[position]);
    });
    return [result];
  },
  gradient: ([dy], { inputs, outputs: [y], attributes }) =>
    attributes.reduction === "mul"
      ? productGradient(dy!, inputs, attributes)
      : extremeGradient(dy!, inputs, y, attributes),
  batch: (inputs, batched, { axis, reduction }, size) => [
    applyOne(
      scatterReduceOperation,
      inputs.map((x, i) => ensureBatched(x, batched[i], size)),
      { axis: axis + 1, reduction },
    ),
  ],
};

/** Whatever equals the extremum shares its gradient equally. */
function extremeGradient(dy: Tensor, [x, indices, updates]: readonly Tensor[], y: Tensor, { axis }: ScatterAttributes) {
  const at = (z: Tensor) => gatherAlong(z, indices, { axis });
  const kept = cast(equal(x, y), dy.dtype);
  const won = cast(equal(updates, at(y)), dy.dtype);
  const share = div(dy, scatterAddAlong(kept, indices, won, { axis }));
  return [mul(share, kept), null, mul(at(share), won)];
}

/** A factor's gradient is the product of the others, found without dividing by a zero. */
function productGradient(dy: Tensor, [x, indices, updates]: readonly Tensor[], { axis }: ScatterAttributes) {
  const at = (z: Tensor) => gatherAlong(z, indices, { axis });
  const zero = equal(updates, 0);
  const filled = where(zero, 1, updates);
  const zeros = scatterAddAlong(zerosLike(x), indices, cast(zero, x.dtype), { axis });
  const factors = scatterReduce(onesLike(x), indices, filled, axis, "mul");
  const whole = at(mul(x, factors));
  const others = where(zero, where(equal(at(zeros), 1), whole, 0), where(equal(at(zeros), 0), div(whole, filled), 0));
  return [mul(dy, where(equal(zeros, 0), factors, 0)), null, mul(at(dy), others)];
}

/** ScatterElements that combines what meets at one place. Indices are int64, of the updates' shape. */
export const scatterReduce = (
  x: Tensor,
  indices: Tensor,
  updates: Tensor,
  axis: number,
  reduction: ScatterReduction,
): Tensor => applyOne(scatterReduceOperation, [x, indices, updates], { axis, reduction });
