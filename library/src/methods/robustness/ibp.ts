import {
  abs,
  add,
  cast,
  crossEntropy,
  equal,
  expandDims,
  gatherAlong,
  less,
  matmul,
  maximum,
  minimum,
  mul,
  reshape,
  squeeze,
  sub,
  sum,
  type Tensor,
  type TensorLike,
} from "../../core/index.ts";
import type { ConvolutionOptions } from "../../core/operations/convolution.ts";
import { asTensor } from "../../core/tensor.ts";
import { type Convolution, convolution } from "../../nn/convolution.ts";
import { type Linear, linear } from "../../nn/linear.ts";
import type { GradientAttackOptions } from "./attacks.ts";

/** All values between two bounds, element by element: `centre` ± `radius`, the radius ≥ 0. */
export interface Box<T = Tensor> {
  readonly centre: T;
  readonly radius: T;
}

/** Between two bounds. */
function between(lower: Tensor, upper: Tensor): Box {
  return { centre: mul(add(upper, lower), 0.5), radius: mul(sub(upper, lower), 0.5) };
}

/** The lowest and highest value of every element. */
export const boundsOf = ({ centre, radius }: Box<TensorLike>): { lower: Tensor; upper: Tensor } => ({
  lower: sub(centre, radius),
  upper: add(centre, radius),
});

/**
 * All inputs that differ from `x` by at most a radius in every element, cut off at the range of inputs.
 *
 * @param x  float[batch, ...]
 */
export function inputBox(x: TensorLike, { radius, range: [low, high] = [0, 1] }: GradientAttackOptions): Box {
  const { lower, upper } = boundsOf({ centre: x, radius });
  return between(maximum(lower, low), minimum(upper, high));
}

/**
 * What a linear layer makes of a box: exactly the smallest box around all its results.
 *
 *     centre' = centre·W + b,   radius' = radius·|W|
 *
 * @source Gowal et al. 2018, arXiv:1810.12715, equation 6
 * @example
 * boxLinear({ weight: value([[1], [-2]]), bias: value([0.5]) }, inputBox(value([0.5, 0.5]), { radius: 0.1 }))   // 0 ± 0.3
 */
export const boxLinear = (layer: Linear<TensorLike>, { centre, radius }: Box<TensorLike>): Box => ({
  centre: linear(layer, centre),
  radius: linear({ weight: abs(layer.weight) }, radius),
});

/** What a convolution makes of a box; padding is 0 without any radius. */
export const boxConvolution = (
  layer: Convolution<TensorLike>,
  { centre, radius }: Box<TensorLike>,
  options?: ConvolutionOptions,
): Box => ({
  centre: convolution(layer, centre, options),
  radius: convolution({ weight: abs(layer.weight) }, radius, options),
});

/** What a function makes of a box that rises (or stays) in each of its inputs: rectifiers, tanh, poolings. */
export function boxMonotone(box: Box<TensorLike>, rising: (x: Tensor) => Tensor): Box {
  const { lower, upper } = boundsOf(box);
  return between(rising(lower), rising(upper));
}

/** What a function makes of a box that only moves elements: reshape, transpose, padding with zeros. */
export const boxMoved = ({ centre, radius }: Box<TensorLike>, move: (x: Tensor) => Tensor): Box => ({
  centre: move(asTensor(centre)),
  radius: move(asTensor(radius)),
});

/**
 * How far the score of each class can rise above that of the true class, by bounds over a box of features.
 *
 * The last layer is merged with the difference of two scores before it is bounded, which is never looser than the
 * difference of their bounds.
 *
 *     marginⱼ = (Wⱼ − W_y)·centre + bⱼ − b_y + |Wⱼ − W_y|·radius
 *
 * @param layer   the last layer, weight [width, classes]
 * @param box     float[batch, width]
 * @param labels  true classes, int[batch]
 * @returns       float[batch, classes]; exactly 0 for the true class
 * @source        Gowal et al. 2018, arXiv:1810.12715, section 3.2 ("elision of the last layer")
 * @example
 * // rows 1 and 2 of Wᵀ are (1, 1) and (1, −1): the first input is the same for both classes and cannot matter
 * worstMargins({ weight: value([[1, 1], [1, -1]]) }, { centre: value([[0, 0]]), radius: value([[1, 1]]) }, labels)   // [0, 2]
 */
export function worstMargins(layer: Linear<TensorLike>, box: Box<TensorLike>, labels: TensorLike): Tensor {
  const weight = asTensor(layer.weight);
  const [width, classes] = weight.shape;
  const scores = linear(layer, box.centre);
  const own = expandDims(asTensor(labels), -1);
  // |W[:, j] − W[:, k]| for all pairs: one product for all labels, then each example picks the row of its own.
  const apart = reshape(abs(sub(expandDims(weight, 1), expandDims(weight, 2))), [width, classes * classes]);
  const spread = reshape(matmul(box.radius, apart), [...scores.shape.slice(0, -1), classes, classes]);
  const reach = squeeze(gatherAlong(spread, expandDims(own, -1), { axis: -2 }), -2);
  return add(sub(scores, gatherAlong(scores, own)), reach);
}

/** Whether no other class can reach the true one: bool[...] from the margins of `worstMargins`. */
export function isVerified(margins: TensorLike): Tensor {
  const classes = asTensor(margins).shape.at(-1)!;
  return equal(sum(cast(less(margins, 0), "int32"), { axis: -1 }), classes - 1);
}

/**
 * Cross-entropy of the scores, mixed with that of the worst case: the latter bounds the loss of every input in the box.
 *
 *     κ·CE(logits, labels) + (1 − κ)·CE(margins, labels)
 *
 * @param logits   scores without perturbation, float[batch, classes]
 * @param margins  of `worstMargins`, float[batch, classes]
 * @param labels   int[batch]
 * @param natural  κ in [0, 1], the weight of the loss without perturbation
 * @returns        mean over the batch, nats
 * @source         Gowal et al. 2018, arXiv:1810.12715, equation 12
 */
export function ibpLoss({
  logits,
  margins,
  labels,
  natural,
}: {
  readonly logits: TensorLike;
  readonly margins: TensorLike;
  readonly labels: TensorLike;
  readonly natural: TensorLike;
}): Tensor {
  const worst = crossEntropy(margins, labels);
  return add(worst, mul(sub(crossEntropy(logits, labels), worst), natural));
}

export interface RampOptions {
  /** Steps of ordinary training at the beginning. */
  readonly warmUp: number;
  /** Steps over which radius and weight go from their first to their last value. */
  readonly ramp: number;
  /** Radius at the end; the paper takes more than is tested. */
  readonly radius: number;
  /** Weight κ of the ordinary loss at the end. Default 0.5 */
  readonly natural?: number;
}

/**
 * Radius and weight of the ordinary loss at a step: 0 and 1 during the warm-up, then straight lines, then constant. A
 * network that meets the whole radius at once often learns nothing at all.
 *
 * @source Gowal et al. 2018, arXiv:1810.12715, appendix A
 * @example
 * rampSchedule(150, { warmUp: 100, ramp: 100, radius: 0.2 })   // { radius: 0.1, natural: 0.75 }
 */
export function rampSchedule(
  step: number,
  { warmUp, ramp, radius, natural = 0.5 }: RampOptions,
): { radius: number; natural: number } {
  const done = step < warmUp ? 0 : ramp === 0 ? 1 : Math.min(1, (step - warmUp) / ramp);
  return { radius: done * radius, natural: 1 - done * (1 - natural) };
}
