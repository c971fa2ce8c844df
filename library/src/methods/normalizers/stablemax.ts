import {
  exp,
  greaterEqual,
  log1p,
  logSoftmax,
  maximum,
  minimum,
  neg,
  type Tensor,
  type TensorLike,
  where,
} from "../../core/index.ts";
import { asTensor } from "../../core/tensor.ts";

export interface StablemaxOptions {
  /** Axis that becomes a distribution. Default −1, as in `softmax`. */
  readonly axis?: number;
}

/**
 * The logarithm of `stablemax`, without rounding small probabilities away.
 *
 * @param x  float[..., n]
 * @returns  float[..., n], nats
 * @throws   ShapeError `logSoftmax/axis-out-of-range`
 * @source   Prieto et al. 2025, arXiv:2501.04697, definition 4 and proposition 1: softmax of ± ln(1 + |x|)
 * @example
 * logStablemax(value([0, 3]))   // [ln 0.2, ln 0.8]
 */
export function logStablemax(x: TensorLike, { axis = -1 }: StablemaxOptions = {}): Tensor {
  const scores = asTensor(x);
  // Each branch sees its own side alone: on the other one its gradient would be singular.
  const scaled = where(greaterEqual(scores, 0), log1p(maximum(scores, 0)), neg(log1p(neg(minimum(scores, 0)))));
  return logSoftmax(scaled, { axis });
}

/**
 * Stablemax: a softmax with x + 1 (from 0 on) and 1/(1 − x) (below) in place of the exponential.
 *
 * It grows linearly, so that sums of 32-bit floats do not lose their small terms until scores are millions apart. Adding a
 * constant to the scores changes it.
 *
 * @param x  float[..., n]
 * @returns  probabilities, shape and dtype of x
 * @throws   ShapeError `logSoftmax/axis-out-of-range`
 * @source   Prieto et al. 2025, arXiv:2501.04697, definition 4
 * @example
 * stablemax(value([0, 3]))   // [0.2, 0.8]
 */
export const stablemax = (x: TensorLike, options?: StablemaxOptions): Tensor => exp(logStablemax(x, options));
