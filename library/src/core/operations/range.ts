import { type DType, isFloat } from "../dtype.ts";
import { SettingError } from "../errors.ts";
import type { Shape } from "../shape.ts";
import { scalar, type Tensor } from "../tensor.ts";
import { broadcastTo } from "./broadcast.ts";
import { cast } from "./cast.ts";
import { equal } from "./comparison.ts";
import { generated } from "./generated.ts";
import { reshape } from "./reshape.ts";

/** Element type of a tensor that is made from nothing. */
export interface DTypeOption {
  readonly dtype?: DType;
}

/** A tensor full of one number. It takes no memory until something needs every element. Default float32. */
export const full = (shape: Shape, number: number, { dtype = "float32" }: DTypeOption = {}): Tensor =>
  broadcastTo(scalar(number, dtype), shape);

/** Zeros of a shape. Default float32. */
export const zeros = (shape: Shape, options?: DTypeOption): Tensor => full(shape, 0, options);

/** Ones of a shape. Default float32. */
export const ones = (shape: Shape, options?: DTypeOption): Tensor => full(shape, 1, options);

interface RangeOptions extends DTypeOption {
  /** From one number to the next; not 0. Default 1. */
  readonly step?: number;
}

/**
 * Numbers from `start` (default 0) up to `end`, which is not included.
 *
 * @param dtype  default int64 where start, end and step are whole, else float32
 * @throws       SettingError `range/step`, `range/dtype`
 * @example
 * range(4)                       // int64 [0, 1, 2, 3]
 * range(1, 0, { step: -0.25 })   // float32 [1, 0.75, 0.5, 0.25]
 */
export function range(end: number, options?: RangeOptions): Tensor;
export function range(start: number, end: number, options?: RangeOptions): Tensor;
export function range(first: number, second?: number | RangeOptions, third: RangeOptions = {}): Tensor {
  const [start, end, options] = typeof second === "number" ? [first, second, third] : [0, first, second ?? {}];
  const { step = 1 } = options;
  const whole = [start, end, step].every(Number.isInteger);
  const dtype = options.dtype ?? (whole ? "int64" : "float32");
  if (step === 0 || ![start, end, step].every(Number.isFinite))
    throw new SettingError("range/step", "a range needs finite numbers and a step other than 0", {
      given: { start, end, step },
    });
  if (!whole && !isFloat(dtype))
    throw new SettingError("range/dtype", `a range of fractions is no ${dtype}`, { given: { start, end, step } });
  // A quotient that is whole but for rounding counts as whole: from 0 to 1 by 0.1 are 10 steps.
  const quotient = (end - start) / step;
  const nearest = Math.round(quotient);
  const close = Math.abs(quotient - nearest) <= 1e-9 * Math.abs(nearest);
  const count = Math.max(0, close ? nearest : Math.ceil(quotient));
  return generated(`range ${start} ${step}`, [count], dtype, (i) => start + i * step);
}

/**
 * `count` numbers at equal distances, both ends included. Default float32.
 *
 * @throws SettingError `linspace/count`
 * @example
 * linspace(0, 1, 5)   // [0, 0.25, 0.5, 0.75, 1]
 */
export function linspace(start: number, end: number, count: number, { dtype = "float32" }: DTypeOption = {}): Tensor {
  if (!Number.isInteger(count) || count < 0)
    throw new SettingError("linspace/count", "the count is a whole number of at least 0", { given: count });
  const distance = (end - start) / Math.max(1, count - 1);
  return generated(`linspace ${start} ${end}`, [count], dtype, (i) =>
    i > 0 && i === count - 1 ? end : start + i * distance,
  );
}

/**
 * Ones on a diagonal, zeros elsewhere: the identity matrix where nothing else is said.
 *
 * @param rows      number of rows
 * @param columns   default `rows`
 * @param diagonal  0 is the main diagonal, 1 the one above, −1 the one below. Default 0
 * @param dtype     default float32
 */
export function eye(
  rows: number,
  { columns = rows, diagonal = 0, dtype = "float32" }: DTypeOption & { columns?: number; diagonal?: number } = {},
): Tensor {
  const places = reshape(range(diagonal, rows + diagonal), [rows, 1]);
  return cast(equal(places, range(columns)), dtype);
}
