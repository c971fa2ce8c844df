import { isFloat } from "../dtype.ts";
import { DTypeError, SettingError, ShapeError } from "../errors.ts";
import type { Operation } from "../operation.ts";
import { forEachElement, stridesOf } from "../shape.ts";
import { applyOne, asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { add } from "./arithmetic.ts";
import { withKernel } from "./define.ts";
import { sum } from "./reduce.ts";
import { sliceAxis } from "./slice.ts";

/** How many elements to add before and after one axis; negative numbers take away. `null`: none. */
export type Padding = null | number | readonly [before: number, after: number];

export interface PadOptions {
  /** What the new elements are: `value`, the input mirrored at its border element, or the border element. Default "constant". */
  readonly mode?: "constant" | "reflect" | "edge";
  /** The constant. Default 0. */
  readonly value?: number;
}

interface PadAttributes {
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly mode: NonNullable<PadOptions["mode"]>;
  readonly value: number;
}

/** Where element `i` of a padded axis comes from, before the padding is counted off: inside [0, length), or outside. */
const sources: Record<PadAttributes["mode"], (i: number, length: number) => number> = {
  constant: (i) => i,
  edge: (i, length) => Math.min(length - 1, Math.max(0, i)),
  reflect: (i, length) => (i < 0 ? -i : i >= length ? 2 * (length - 1) - i : i),
};

const padOperation: Operation<PadAttributes> = {
  name: "pad",
  infer: ([x], { before, after, mode }) => {
    const shape = x.shape.map((size, axis) => size + before[axis] + after[axis]);
    const axis = x.shape.findIndex((size, i) =>
      mode === "constant"
        ? shape[i] < 0
        : Math.max(before[i], after[i]) > (mode === "reflect" ? Math.max(0, size - 1) : size === 0 ? 0 : Infinity),
    );
    if (axis >= 0)
      throw new ShapeError("pad/size", `axis ${axis} of size ${x.shape[axis]} cannot be padded so (${mode})`, {
        operands: { input: x },
        given: [before[axis], after[axis]],
        fix:
          mode === "reflect"
            ? "a mirror has no more than size − 1 elements: pad less, or use edge or constant"
            : "take away no more than there is; an edge needs at least one element",
      });
    return [{ shape, dtype: x.dtype }];
  },
  emit: (graph, [x], { inputs: [input], attributes: { before, after, mode, value } }) => [
    withKernel(
      graph,
      ["float32", "float64", "float16", "int32", "int64", "uint32", "uint64", "int8", "uint8", "bool"],
      [x],
      input.dtype,
      input.dtype,
      ([source], dtype) =>
        graph.node(
          "Pad",
          [source, graph.integers([...before, ...after]), mode === "constant" ? graph.scalar(value, dtype) : ""],
          { mode },
        ),
    ),
  ],
  reference: ([x], { inputs: [input], outputs: [y], attributes: { before, mode, value } }) => {
    const result = new Float64Array(y.size);
    const strides = stridesOf(input.shape);
    const place = stridesOf(y.shape);
    forEachElement(y.shape, [], (position) => {
      let offset = 0;
      for (let axis = 0; axis < y.rank; axis++) {
        const i = Math.floor(position / place[axis]) % y.shape[axis];
        const source = sources[mode](i - before[axis], input.shape[axis]);
        if (source < 0 || source >= input.shape[axis]) {
          result[position] = value;
          return;
        }
        offset += source * strides[axis];
      }
      result[position] = x[offset];
    });
    return [result];
  },
  gradient: ([dy], { inputs: [x], attributes: { before, after, mode } }) => {
    if (mode === "constant") return [crop(dy!, before, after)];
    let dx = dy!;
    for (let axis = 0; axis < x.rank; axis++) dx = foldBorders(dx, axis, before[axis], after[axis], mode);
    return [dx];
  },
  batch: ([x], _, { before, after, mode, value }) => [
    applyOne(padOperation, [x], { before: [0, ...before], after: [0, ...after], mode, value }),
  ],
  simplifications: {
    "merge-pads": ({ inputs: [x], attributes: { before, after, mode, value } }) => {
      if (x.node.operation !== padOperation || mode !== "constant") return undefined;
      const inner = x.node.attributes as unknown as PadAttributes;
      const grows = [before, after, inner.before, inner.after].every((list) => list.every((count) => count >= 0));
      if (inner.mode !== "constant" || !Object.is(inner.value, value) || !grows) return undefined;
      return [
        applyOne(padOperation, [x.node.inputs[0]], {
          before: before.map((count, axis) => count + inner.before[axis]),
          after: after.map((count, axis) => count + inner.after[axis]),
          mode,
          value,
        }),
      ];
    },
  },
  flops: () => 0,
};

/** Undoes constant padding: what was added goes, what was taken away comes back as 0. */
const crop = (x: Tensor, before: readonly number[], after: readonly number[]): Tensor =>
  pad(
    x,
    before.map((count, axis) => [-count, -after[axis]]),
  );

/** The transpose of reflecting or repeating along one axis: the borders are added back to where they came from. */
function foldBorders(dy: Tensor, axis: number, before: number, after: number, mode: "reflect" | "edge"): Tensor {
  const length = dy.shape[axis] - before - after;
  let result = sliceAxis(dy, axis, before, before + length);
  const place = (x: Tensor, start: number): Tensor =>
    pad(
      x,
      dy.shape.map((_, i) => (i === axis ? [start, length - start - x.shape[axis]] : null)),
    );
  const fold = (start: number, count: number, target: number): void => {
    if (count === 0) return;
    const border = sliceAxis(dy, axis, start, start + count);
    const folded = mode === "edge" ? sum(border, { axis, keepDims: true }) : sliceAxis(border, axis, null, null, -1);
    result = add(result, place(folded, target));
  };
  fold(0, before, mode === "edge" ? 0 : 1);
  fold(before + length, after, mode === "edge" ? length - 1 : length - 1 - after);
  return result;
}

/**
 * Adds elements before and after each axis.
 *
 * @param x         any dtype
 * @param paddings  for each axis from the first `[before, after]`, one number for both, or null; further axes stay.
 *                  Negative numbers take elements away
 * @throws          ShapeError `pad/rank`, `pad/size`; SettingError `pad/mode`; DTypeError `pad/value`
 * @example
 * pad(value([1, 2, 3]), [[1, 2]])                        // [0, 1, 2, 3, 0, 0]
 * pad(value([1, 2, 3]), [2], { mode: "reflect" })        // [3, 2, 1, 2, 3, 2, 1]
 */
export function pad(x: TensorLike, paddings: readonly Padding[], options: PadOptions = {}): Tensor {
  const { mode = "constant", value = 0 } = options;
  const tensor = asTensor(x);
  if (sources[mode] === undefined)
    throw new SettingError("pad/mode", "the mode is constant, reflect or edge", { given: mode });
  if (!isFloat(tensor.dtype) && !Number.isInteger(value))
    throw new DTypeError("pad/value", `the number ${value} is no ${tensor.dtype}`, { operands: { input: tensor } });
  if (paddings.length > tensor.rank)
    throw new ShapeError("pad/rank", `${paddings.length} paddings for a tensor of rank ${tensor.rank}`, {
      operands: { input: tensor },
      given: paddings,
      fix: "give at most one padding an axis",
    });
  const pairs = tensor.shape.map((_, axis) => {
    const padding = paddings[axis] ?? 0;
    return typeof padding === "number" ? [padding, padding] : padding;
  });
  if (pairs.every(([before, after]) => before === 0 && after === 0)) return tensor;
  // Mirrors and edges are those of what is left after taking away.
  const taken =
    mode === "constant"
      ? tensor
      : pairs.reduce(
          (rest, [before, after], axis) =>
            sliceAxis(rest, axis, Math.max(0, -before), rest.shape[axis] - Math.max(0, -after)),
          tensor,
        );
  const counts = mode === "constant" ? pairs : pairs.map((pair) => pair.map((count) => Math.max(0, count)));
  return applyOne(padOperation, [taken], {
    before: counts.map(([before]) => before),
    after: counts.map(([, after]) => after),
    mode,
    value,
  });
}
