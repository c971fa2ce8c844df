import { SettingError, ShapeError } from "../errors.ts";
import type { Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** One number for all spatial axes, or one an axis. */
export type PerAxis = number | readonly number[];

/**
 * Elements of nothing around the input: one number for every side, or for each spatial axis one number or
 * `[before, after]`. "valid" is none; "same" as many as make ⌈size / stride⌉ results, the odd one after.
 */
export type WindowPadding = "same" | "valid" | number | readonly (number | readonly [before: number, after: number])[];

/** How a window moves over spatial axes. */
export interface WindowOptions {
  /** Distance between neighbouring windows. Default 1. */
  readonly stride?: PerAxis;
  /** Default "valid". */
  readonly padding?: WindowPadding;
  /** Distance between neighbouring elements within a window. Default 1. */
  readonly dilation?: PerAxis;
}

/**
 * Windows over spatial axes, each list with one number an axis: element k of window o reads the input at
 * o · stride + k · dilation − before, or nothing where that is outside.
 */
export interface Windows {
  /** Sizes of the input. */
  readonly input: readonly number[];
  /** Elements of a window. */
  readonly kernel: readonly number[];
  /** How many windows. */
  readonly output: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Padding before the first element. */
  readonly before: readonly number[];
}

/** Whole numbers of at least `least`, one for each of `rank` axes. */
export function perAxis(operation: string, name: string, given: PerAxis, rank: number, least = 1): number[] {
  const list = typeof given === "number" ? new Array<number>(rank).fill(given) : [...given];
  if (list.length !== rank || !list.every((number) => Number.isInteger(number) && number >= least))
    throw new SettingError(`${operation}/${name}`, `${name} is a whole number of at least ${least}, or one an axis`, {
      given,
      fix: `give one number, or ${rank}`,
    });
  return list;
}

/** How many elements of the input a window spans. */
const span = (kernel: number, dilation: number): number => (kernel === 0 ? 0 : (kernel - 1) * dilation + 1);

/** Where the last window ends, counted from the first element of the input, less the input's size: the padding after. */
export const paddingAfter = ({ input, kernel, output, strides, dilations, before }: Windows): number[] =>
  input.map(
    (size, axis) => (output[axis] - 1) * strides[axis] + span(kernel[axis], dilations[axis]) - before[axis] - size,
  );

/** Padding pairs that were asked for; "same" given what it must add up to along each axis. */
export function paddingPairs(
  operation: string,
  padding: WindowPadding,
  same: readonly number[],
): (readonly [number, number])[] {
  if (padding === "same")
    return same.map((total) => [Math.floor(Math.max(0, total) / 2), Math.ceil(Math.max(0, total) / 2)]);
  const list =
    padding === "valid" || typeof padding === "number" ? same.map(() => (padding === "valid" ? 0 : padding)) : padding;
  const pairs = list.map((item): readonly [number, number] => (typeof item === "number" ? [item, item] : item));
  if (pairs.length !== same.length || !pairs.flat().every((count) => Number.isInteger(count) && count >= 0))
    throw new SettingError(`${operation}/padding`, "padding is a whole number of at least 0, or one or two an axis", {
      given: padding,
      fix: `give "same", "valid", one number, or a list of ${same.length} numbers or [before, after] pairs`,
    });
  return pairs;
}

/**
 * The windows of `kernel` over axes of `input` sizes, as the options say. Errors name the operands.
 *
 * @throws SettingError `…/stride`, `…/dilation`, `…/padding`; ShapeError `…/window` when not even one window fits
 */
export function windowsOver(
  operation: string,
  input: readonly number[],
  kernel: readonly number[],
  { stride = 1, padding = "valid", dilation = 1 }: WindowOptions,
  operands: Readonly<Record<string, Tensor>>,
): Windows {
  const rank = kernel.length;
  const strides = perAxis(operation, "stride", stride, rank);
  const dilations = perAxis(operation, "dilation", dilation, rank);
  const spans = kernel.map((size, axis) => span(size, dilations[axis]));
  const same = input.map((size, axis) => (Math.ceil(size / strides[axis]) - 1) * strides[axis] + spans[axis] - size);
  const pairs = paddingPairs(operation, padding, same);
  const output = input.map((size, axis) => {
    const room = size + pairs[axis][0] + pairs[axis][1] - spans[axis];
    if (room < 0 || kernel[axis] === 0)
      throw new ShapeError(
        `${operation}/window`,
        `a window that spans ${spans[axis]} elements does not fit into ${size}, padded by ${pairs[axis].join(" and ")}`,
        {
          operands,
          given: { kernel, padding },
          fix: 'pad more, or use padding "same" or a smaller window',
        },
      );
    return Math.floor(room / strides[axis]) + 1;
  });
  return { input, kernel, output, strides, dilations, before: pairs.map(([before]) => before) };
}

/**
 * Calls `visit(place, tap, position)` for every element of every window that lies inside the input: flat places in the
 * input, in the kernel and among the windows.
 */
export function forEachTap(windows: Windows, visit: (place: number, tap: number, position: number) => void): void {
  const { input, kernel, output, strides, dilations, before } = windows;
  const walk = (axis: number, place: number, tap: number, position: number): void => {
    if (axis === input.length) {
      visit(place, tap, position);
      return;
    }
    for (let o = 0; o < output[axis]; o++)
      for (let k = 0; k < kernel[axis]; k++) {
        const i = o * strides[axis] + k * dilations[axis] - before[axis];
        if (i >= 0 && i < input[axis])
          walk(axis + 1, place * input[axis] + i, tap * kernel[axis] + k, position * output[axis] + o);
      }
  };
  walk(0, 0, 0, 0);
}

/** Attributes of ONNX operators with windows; more padding after than nothing only where a window needs it. */
export const windowAttributes = (windows: Windows) => ({
  kernel_shape: windows.kernel,
  strides: windows.strides,
  dilations: windows.dilations,
  pads: [...windows.before, ...paddingAfter(windows).map((count) => Math.max(0, count))],
});

/** The spatial axes of [batch, channels, ...space]. @throws ShapeError `…/rank` */
export function spaceOf(operation: string, x: Tensor): Shape {
  if (x.rank < 3)
    throw new ShapeError(
      `${operation}/rank`,
      `the input needs the axes [batch, channels, ...space], it has ${x.rank}`,
      {
        operands: { input: x },
        fix: "add the missing axes with reshape or expandDims",
      },
    );
  return x.shape.slice(2);
}
