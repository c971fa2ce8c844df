import { ShapeError } from "../errors.ts";
import type { Operation } from "../operation.ts";
import { forEachElement, stridesOf } from "../shape.ts";
import { applyOne, asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { concatParts } from "./concat.ts";
import { normaliseAxis } from "./define.ts";
import { pad } from "./pad.ts";
import { reshape } from "./reshape.ts";

/**
 * What to take of one axis: `null` is all of it, a number one place (the axis goes away), `[start, end, step]` a range
 * in which any part may be null or left out. Negative places count from the end; `end` is not included; ranges are cut
 * to the axis, as in Python.
 */
export type SliceRange = null | number | readonly [start?: number | null, end?: number | null, step?: number];

/** Element i of the result is element start + i · step, for each axis. */
interface SliceAttributes {
  readonly starts: readonly number[];
  readonly sizes: readonly number[];
  readonly steps: readonly number[];
}

/** Below every place of every axis: a backward slice that includes element 0 ends there. */
const beforeAll = -(2 ** 31);

const sliceOperation: Operation<SliceAttributes> = {
  name: "slice",
  infer: ([x], { sizes }) => [{ shape: sizes, dtype: x.dtype }],
  emit: (graph, [x], { inputs: [input], attributes: { starts, sizes, steps } }) => {
    const axes = input.shape.flatMap((size, axis) => (size === sizes[axis] && steps[axis] === 1 ? [] : [axis]));
    const end = (axis: number): number => {
      const exact = starts[axis] + sizes[axis] * steps[axis];
      return exact < 0 ? beforeAll : exact;
    };
    return [
      graph.node("Slice", [
        x,
        graph.integers(axes.map((axis) => starts[axis])),
        graph.integers(axes.map(end)),
        graph.integers(axes),
        graph.integers(axes.map((axis) => steps[axis])),
      ]),
    ];
  },
  reference: ([x], { inputs: [input], outputs: [y], attributes: { starts, steps } }) => {
    const result = new Float64Array(y.size);
    const strides = stridesOf(input.shape);
    const first = starts.reduce((offset, start, axis) => offset + start * strides[axis], 0);
    forEachElement(y.shape, [steps.map((step, axis) => step * strides[axis])], (position, [offset]) => {
      result[position] = x[first + offset];
    });
    return [result];
  },
  gradient: ([dy], { inputs: [x], attributes }) => [scatterSlice(dy!, x.shape, attributes)],
  batch: ([x], _, { starts, sizes, steps }, size) => [
    applyOne(sliceOperation, [x], { starts: [0, ...starts], sizes: [size, ...sizes], steps: [1, ...steps] }),
  ],
  simplifications: {
    "merge-slices": ({ inputs: [x], attributes: { starts, sizes, steps } }) => {
      if (x.node.operation !== sliceOperation) return undefined;
      const inner = x.node.attributes as unknown as SliceAttributes;
      return [
        applyOne(sliceOperation, [x.node.inputs[0]], {
          starts: starts.map((start, axis) => inner.starts[axis] + start * inner.steps[axis]),
          sizes,
          steps: steps.map((step, axis) => step * inner.steps[axis]),
        }),
      ];
    },
    // A slice that lies within one part of a concatenation is a slice of that part.
    "slice-of-concat": ({ inputs: [x], attributes: { starts, sizes, steps } }) => {
      const { parts, axis } = concatParts(x) ?? {};
      if (parts === undefined || axis === undefined || sizes[axis] === 0) return undefined;
      const last = starts[axis] + (sizes[axis] - 1) * steps[axis];
      let offset = 0;
      for (const part of parts) {
        const end = offset + part.shape[axis];
        if (Math.min(starts[axis], last) >= offset && Math.max(starts[axis], last) < end) {
          const moved = starts.map((start, i) => (i === axis ? start - offset : start));
          return [applySlice(part, { starts: moved, sizes, steps })];
        }
        offset = end;
      }
      return undefined;
    },
  },
  flops: () => 0,
};

const applySlice = (x: Tensor, attributes: SliceAttributes): Tensor =>
  attributes.sizes.every((size, axis) => size === x.shape[axis] && attributes.steps[axis] === 1)
    ? x
    : applyOne(sliceOperation, [x], attributes);

/** The transpose of a slice: its elements at their places among zeros. */
function scatterSlice(dy: Tensor, shape: readonly number[], { starts, sizes, steps }: SliceAttributes): Tensor {
  const backwards = steps.map((step, axis) => step < 0 && sizes[axis] > 1);
  const forward = applySlice(dy, {
    starts: sizes.map((size, axis) => (backwards[axis] ? size - 1 : 0)),
    sizes,
    steps: backwards.map((backward) => (backward ? -1 : 1)),
  });
  const strides = steps.map((step, axis) => (sizes[axis] > 1 ? Math.abs(step) : 1));
  const lows = starts.map((start, axis) => (backwards[axis] ? start + (sizes[axis] - 1) * steps[axis] : start));
  // Between elements of a stride there are stride − 1 zeros: an axis of size 1 behind each, padded, makes them.
  const spread = strides.every((stride) => stride === 1)
    ? forward
    : reshape(
        pad(
          reshape(
            forward,
            sizes.flatMap((size) => [size, 1]),
          ),
          strides.flatMap((stride) => [null, [0, stride - 1]]),
        ),
        sizes.map((size, axis) => size * strides[axis]),
      );
  return pad(
    spread,
    lows.map((low, axis) => [low, shape[axis] - low - spread.shape[axis]]),
  );
}

/**
 * A part of a tensor: one range for each axis from the first; axes without a range are taken whole.
 *
 * @param x       any dtype
 * @param ranges  for each axis `null` (all), a number (one place; the axis goes away) or `[start, end, step]`
 * @throws        ShapeError `slice/rank` for more ranges than axes, `slice/index` for a number outside its axis,
 *                `slice/step` for a step of 0
 * @example
 * slice(x, [[1, 3]])                  // rows 1 and 2
 * slice(x, [null, 0])                 // the first column: float32[5,4] becomes float32[5]
 * slice(x, [null, [null, null, -1]])  // columns in reverse
 * slice(x, [[-2], [0, null, 2]])      // the last two rows, every other column
 */
export function slice(x: TensorLike, ranges: readonly SliceRange[]): Tensor {
  const tensor = asTensor(x);
  if (ranges.length > tensor.rank)
    throw new ShapeError("slice/rank", `${ranges.length} ranges for a tensor of rank ${tensor.rank}`, {
      operands: { input: tensor },
      given: ranges,
      fix: "give at most one range an axis",
    });
  const resolved = tensor.shape.map((_, axis) => resolveRange(tensor, axis, ranges[axis] ?? null));
  const part = applySlice(tensor, {
    starts: resolved.map(({ start }) => start),
    sizes: resolved.map(({ size }) => size),
    steps: resolved.map(({ step }) => step),
  });
  const kept = part.shape.filter((_, axis) => typeof ranges[axis] !== "number");
  return reshape(part, kept);
}

/**
 * `slice` along a single axis, negative axes counting from the end.
 *
 * @throws ShapeError `slice/axis-out-of-range`, `slice/step`
 * @example
 * sliceAxis(x, -1, 0, 3)   // float32[5,4] becomes float32[5,3]
 */
export function sliceAxis(
  x: TensorLike,
  axis: number,
  start: number | null,
  end: number | null = null,
  step = 1,
): Tensor {
  const tensor = asTensor(x);
  const position = normaliseAxis("slice", tensor, axis);
  return slice(tensor, [...new Array<null>(position).fill(null), [start, end, step]]);
}

/** Start, number of elements and step of a range on an axis, by Python's rules. */
function resolveRange(x: Tensor, axis: number, range: SliceRange): { start: number; size: number; step: number } {
  const length = x.shape[axis];
  if (range === null) return { start: 0, size: length, step: 1 };
  if (typeof range === "number") {
    if (!Number.isInteger(range) || range < -length || range >= length)
      throw new ShapeError("slice/index", `place ${range} is outside axis ${axis} of size ${length}`, {
        operands: { input: x },
        fix: length === 0 ? "an axis of size 0 has no places" : `give a place from ${-length} to ${length - 1}`,
      });
    return { start: range < 0 ? range + length : range, size: 1, step: 1 };
  }
  const step = range[2] ?? 1;
  if (step === 0 || ![range[0] ?? 0, range[1] ?? 0, step].every(Number.isInteger))
    throw new ShapeError("slice/step", `a range has whole numbers and a step other than 0`, {
      operands: { input: x },
      given: range,
    });
  const [lowest, highest] = step > 0 ? [0, length] : [-1, length - 1];
  const place = (given: number | null | undefined, otherwise: number): number =>
    given === null || given === undefined
      ? otherwise
      : Math.min(highest, Math.max(lowest, given < 0 ? given + length : given));
  const start = place(range[0], step > 0 ? lowest : highest);
  const end = place(range[1], step > 0 ? highest : lowest);
  const size = Math.max(0, Math.ceil((end - start) / step));
  return { start: size === 0 ? 0 : start, size, step };
}
