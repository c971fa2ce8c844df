import {
  add,
  clip,
  grad,
  maximum,
  minimum,
  mul,
  repeat,
  sign,
  sub,
  type Tensor,
  type TensorLike,
  uniform,
} from "../../core/index.ts";
import { asTensor } from "../../core/tensor.ts";

/** Lowest and highest value of an input, e.g. [0, 1] for pixels. */
export type InputRange = readonly [low: number, high: number];

export interface GradientAttackOptions {
  /** Radius ε of the box around every element. */
  readonly radius: TensorLike;
  /** Default [0, 1]. */
  readonly range?: InputRange;
}

/**
 * The fast gradient sign method: one step to the edge of the box, in the direction that raises the loss.
 *
 * @param lossOf  from inputs to a scalar: the sum or mean over examples that do not influence each other
 * @param x       float[batch, ...]
 * @returns       clip(x + ε·sign(∂loss/∂x)), shape of `x`
 * @source        Goodfellow, Shlens & Szegedy 2014, arXiv:1412.6572, section 4
 */
export const fgsm = (
  lossOf: (x: Tensor) => Tensor,
  x: TensorLike,
  { radius, range: [low, high] = [0, 1] }: GradientAttackOptions,
): Tensor => {
  const from = asTensor(x);
  return clip(add(from, mul(sign(grad(lossOf)(from)), radius)), low, high);
};

export interface PgdOptions extends GradientAttackOptions {
  /** Number of steps. */
  readonly steps: number;
  /** Size of a step in every element. Default: radius/10. */
  readonly stepSize?: TensorLike;
  /** Begins at a random point of the box. Default: at `x`. */
  readonly key?: TensorLike;
}

/**
 * Projected gradient descent: signed steps that raise the loss, each followed by the projection on the box and the range.
 *
 * @param lossOf  as in `fgsm`
 * @param x       float[batch, ...]
 * @returns       inputs within `radius` of `x` and within the range, shape of `x`
 * @source        Madry et al. 2017, arXiv:1706.06083, section 2.1
 */
export function pgd(
  lossOf: (x: Tensor) => Tensor,
  x: TensorLike,
  { radius, range: [low, high] = [0, 1], steps, stepSize = mul(radius, 0.1), key }: PgdOptions,
): Tensor {
  const from = asTensor(x);
  const lowest = maximum(sub(from, radius), low);
  const highest = minimum(add(from, radius), high);
  const inside = (at: Tensor) => minimum(maximum(at, lowest), highest);
  const start =
    key === undefined ? from : inside(add(from, mul(uniform(key, from.shape, { low: -1, high: 1 }), radius)));
  return repeat(steps, (at: Tensor) => inside(add(at, mul(sign(grad(lossOf)(at)), stepSize))), start);
}
