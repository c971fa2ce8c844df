import {
  abs,
  add,
  cast,
  div,
  equal,
  lessEqual,
  max,
  mean,
  mul,
  neg,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  type TensorLike,
  where,
  zipTrees,
} from "../../core/index.ts";
import { asTensor } from "../../core/tensor.ts";
import { leavesOf } from "../../core/tree.ts";
import type { Optimizer } from "../../nn/optimizers/optimizer.ts";

/**
 * The gradient without its part along the weights, at its old length: a step that does not merely scale the logits.
 *
 *     g⊥ = g − ⟨w, g⟩/⟨w, w⟩ · w,   rescaled to ‖g‖
 *
 * Zeros where the gradient lies along the weights up to rounding (ours); unchanged where the weights are 0.
 *
 * @param parameter  float of any shape
 * @param gradient   of the same shape
 * @source           Prieto et al. 2025, arXiv:2501.04697, equation 10 and the authors' code, tensor by tensor
 * @example
 * perpendicular(value([1, 0]), value([3, 4]))   // [0, 5]
 */
export function perpendicular(parameter: TensorLike, gradient: TensorLike): Tensor {
  const { unit: g, peak } = toUnit(asTensor(gradient));
  const along = div(sum(mul(parameter, g)), add(sum(square(parameter)), 1e-30));
  const across = sub(g, mul(along, parameter));
  const [length, left] = [g, across].map((x) => sqrt(sum(square(x))));
  const nothing = lessEqual(left, mul(length, 1e-6));
  return mul(across, mul(peak, where(nothing, 0, div(length, where(nothing, 1, left)))));
}

/** x over its largest magnitude: squares of late gradients would vanish in 32 bits. */
function toUnit(x: Tensor): { unit: Tensor; peak: Tensor } {
  const largest = max(abs(x));
  const peak = where(equal(largest, 0), 1, largest);
  return { unit: div(x, peak), peak };
}

/**
 * An optimizer that gets perpendicular gradients: ⊥AdamW, ⊥SGD and so on. Weight decay stays the optimizer's own.
 *
 * @source  Prieto et al. 2025, arXiv:2501.04697, section 5.2
 * @example
 * withPerpendicularGradient(adamW({ lr: 0.01, weightDecay: 0 }))
 */
export const withPerpendicularGradient = (optimizer: Optimizer): Optimizer => ({
  init: (params) => optimizer.init(params),
  update: <P>(params: P, gradient: P, state: ReturnType<typeof optimizer.init<P>>) =>
    optimizer.update(params, zipTrees(perpendicular, params, gradient) as P, state),
});

/**
 * How far descent merely scales the weights: the cosine between −gradient and weights, over all of them together.
 *
 * @param params    tree of tensors
 * @param gradient  a tree like it
 * @returns         scalar in [−1, 1]; 1 is naive loss minimisation and nothing else
 * @source          Prieto et al. 2025, arXiv:2501.04697, section 5.1
 * @example
 * scalingCosine(value([1, 0]), value([-3, 4]))   // 0.6
 */
export function scalingCosine(params: unknown, gradient: unknown): Tensor {
  const [weights, slopes] = [params, gradient].map((tree) => leavesOf(tree) as Tensor[]);
  const total = (terms: readonly Tensor[]) => terms.reduce((a, b) => add(a, b));
  const product = total(weights.map((weight, i) => sum(mul(weight, slopes[i]))));
  const [one, other] = [weights, slopes].map((list) => sqrt(total(list.map((x) => sum(square(x))))));
  return neg(div(product, add(mul(one, other), 1e-30)));
}

/**
 * Softmax collapse: the share of examples whose loss is exactly 0, because rounding swallowed all other classes. They
 * send no gradient to their own logit.
 *
 * @param losses  of single examples, float[batch], computed in 32 bits
 * @returns       scalar in [0, 1]
 * @source        Prieto et al. 2025, arXiv:2501.04697, section 3
 * @example
 * softmaxCollapse(value([0, 0.3, 0, 0]))   // 0.75
 */
export const softmaxCollapse = (losses: TensorLike): Tensor => mean(cast(equal(losses, 0), "float32"));
