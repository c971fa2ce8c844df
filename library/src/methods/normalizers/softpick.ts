import {
  abs,
  add,
  customGradient,
  div,
  exp,
  greater,
  max,
  maximum,
  mul,
  neg,
  relu,
  stopGradient,
  sub,
  sum,
  type Tensor,
  type TensorLike,
  where,
} from "../../core/index.ts";
import { normaliseAxis } from "../../core/operations/define.ts";
import { asTensor } from "../../core/tensor.ts";

export interface SoftpickOptions {
  /** Axis that becomes a row of weights. Default −1, as in `softmax`. */
  readonly axis?: number;
  /** bool, broadcasts to the scores: true where a score counts. Default: everywhere. */
  readonly mask?: TensorLike;
  /** Added to the denominator, in the scale in which the largest exponential is 1. Default 1e-6, as in the authors' kernel. */
  readonly epsilon?: number;
}

/**
 * Softpick: a softmax whose exponentials are rectified, so that a row may be silent.
 *
 *     y = max(eˣ − 1, 0) / (Σ |eˣ − 1| + ε)
 *
 * Scores ≤ 0 get weight exactly 0, rows sum to at most 1 (to 1 where a score is positive and none is negative), and a row
 * without positive scores is 0 throughout. Unlike softmax it changes when a constant is added to the scores.
 *
 * The gradient at a score of exactly 0 is that from below, as in the authors' kernel.
 *
 * @param scores  float[..., n], already scaled; unmasked scores of −Infinity still add 1 to the denominator: use the mask
 * @returns       weights, shape and dtype of the scores; 0 where masked
 * @throws        ShapeError `softpick/axis-out-of-range`
 * @source        Zuhri et al. 2025, arXiv:2504.20966, equations 3 and 4 and the gradient below them; the maximum is
 *                clamped at 0 from below, so that no exponential overflows
 * @example
 * softpick(value([Math.log(2), Math.log(3), 0, -Math.log(2)]))   // [2/7, 4/7, 0, 0]
 */
export function softpick(scores: TensorLike, options: SoftpickOptions = {}): Tensor {
  const { axis = -1, mask, epsilon = 1e-6 } = options;
  // A score of 0 has no weight and adds nothing to the denominator: that is what a masked one becomes.
  const x = mask === undefined ? asTensor(scores) : where(mask, scores, 0);
  return x.shape[normaliseAxis("softpick", x, axis)] === 0 ? x : rectified(axis, epsilon)(x);
}

/** e^(x − m), u = e^(x−m) − e^(−m) and Σ|u| + ε, where m = max(0, max x) is a constant. */
function parts(x: Tensor, axis: number, epsilon: number): { power: Tensor; excess: Tensor; total: Tensor } {
  const largest = stopGradient(maximum(max(x, { axis, keepDims: true }), 0));
  const power = exp(sub(x, largest));
  const excess = sub(power, exp(neg(largest)));
  return { power, excess, total: add(sum(abs(excess), { axis, keepDims: true }), epsilon) };
}

const rectified = (axis: number, epsilon: number) =>
  customGradient(
    (x: Tensor): Tensor => {
      const { excess, total } = parts(x, axis, epsilon);
      return div(relu(excess), total);
    },
    ({ args: [x], result: y, cotangent }) => {
      const { power, total } = parts(x, axis, epsilon);
      const shared = sum(mul(y, cotangent), { axis, keepDims: true });
      return [mul(div(power, total), where(greater(x, 0), sub(cotangent, shared), shared))];
    },
  );
