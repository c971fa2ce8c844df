import { add, clip, cos, div, floor, less, minimum, mul, pow, sub, where } from "../../core/index.ts";
import { evaluateReference } from "../../core/oracle.ts";
import { asTensor, scalar, type Tensor, type TensorLike } from "../../core/tensor.ts";

/** A learning rate (or another setting) as a function of the number of steps done: 0 at the first step. */
export interface Schedule {
  /** On the host: for plots and logs. */
  (step: number): number;
  /** Inside a program. */
  (step: Tensor): Tensor;
}

/** A constant rate, or one that changes. */
export type Rate = number | Schedule;

/** A schedule from a formula over tensors. */
export function schedule(formula: (step: Tensor) => TensorLike): Schedule {
  const both = (step: number | Tensor): number | Tensor =>
    typeof step === "number"
      ? evaluateReference([asTensor(formula(scalar(step, "float64")))])[0][0]
      : asTensor(formula(step));
  return both as Schedule;
}

/** Always the same. */
export const constantSchedule = (rate: number): Schedule => schedule((step) => asTensor(rate, step.dtype));

/** A number as a constant schedule; a schedule as it is. */
export const asRate = (rate: Rate): Schedule => (typeof rate === "number" ? constantSchedule(rate) : rate);

/**
 * A linear rise before another schedule: the first step has 1/steps of its first rate, step `steps` its full one. The
 * other schedule starts counting after the rise.
 */
export const warmUp = (steps: number, after: Rate): Schedule =>
  schedule((step) => {
    const rest = asRate(after)(clip(sub(step, steps), 0));
    return mul(rest, minimum(div(add(step, 1), steps), 1));
  });

/** A straight line from one rate to another over `steps`, then constant. */
export const linearSchedule = (from: number, to: number, steps: number): Schedule =>
  schedule((step) => add(mul(clip(div(step, steps), 0, 1), to - from), from));

/**
 * Half a cosine from `peak` down to `floor` over `steps`, then constant.
 *
 * @source Loshchilov & Hutter 2016, arXiv:1608.03983, equation 5 without restarts
 */
export const cosineSchedule = (peak: number, steps: number, { floor: low = 0 } = {}): Schedule =>
  schedule((step) => {
    const phase = mul(clip(div(step, steps), 0, 1), Math.PI);
    return add(mul(add(cos(phase), 1), (peak - low) / 2), low);
  });

/** `rate`, multiplied by `factor` after every `every` steps. */
export const stepSchedule = (rate: number, { every, factor = 0.1 }: { every: number; factor?: number }): Schedule =>
  schedule((step) => mul(pow(asTensor(factor, step.dtype), floor(div(step, every))), rate));

/** `rates[i]` until `boundaries[i]` steps are done; the last rate from then on. One rate more than boundaries. */
export const piecewiseSchedule = (rates: readonly number[], boundaries: readonly number[]): Schedule =>
  schedule((step) =>
    boundaries.reduceRight<TensorLike>(
      (later, boundary, i) => where(less(step, boundary), asTensor(rates[i], step.dtype), later),
      asTensor(rates.at(-1)!, step.dtype),
    ),
  );
