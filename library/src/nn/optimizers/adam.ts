import { add, div, expm1, mul, neg, sqrt, square, sub } from "../../core/index.ts";
import { type DecayMask, defineOptimizer, matricesOnly, type Optimizer, shrink } from "./optimizer.ts";
import type { Rate } from "./schedules.ts";

export interface AdamOptions {
  readonly lr: Rate;
  /** Share of the old average of gradients that is kept, in [0, 1). Default 0.9. */
  readonly beta1?: number;
  /** Share of the old average of squares that is kept, in [0, 1). Default 0.999. */
  readonly beta2?: number;
  /** Added to the root. Default 1e-8. */
  readonly epsilon?: number;
}

export interface AdamWOptions extends AdamOptions {
  /** Decoupled: each step shrinks by lr · weightDecay. Default 0.01. */
  readonly weightDecay?: number;
  /** Which parameters shrink. Default: matrices and kernels, not biases and norms. */
  readonly decay?: DecayMask;
}

/**
 * Adam: steps along the average gradient, divided by the root of the average square.
 *
 *     m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²,   p ← p − lr · m̂ / (√v̂ + ε)
 *
 * where m̂ = m/(1 − β₁ᵗ) and v̂ = v/(1 − β₂ᵗ). The state keeps M = m/(1 − β₁) and V = v/(1 − β₂), which saves two passes
 * over the parameters; all corrections go into two scalars.
 *
 * @source Kingma & Ba 2014, arXiv:1412.6980, Algorithm 1
 */
export const adam = (options: AdamOptions): Optimizer => adamW({ ...options, weightDecay: 0 });

/**
 * Adam with decoupled weight decay.
 *
 * @source Loshchilov & Hutter 2017, arXiv:1711.05101, Algorithm 2, with the decay multiplied by the learning rate as in
 *         common implementations
 */
export function adamW(options: AdamWOptions): Optimizer {
  const { lr, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0.01, decay = matricesOnly } = options;
  return defineOptimizer({
    lr,
    decay,
    moments: ["first", "second"],
    // lr m̂/(√v̂ + ε) = lr (1 − β₁)/(1 − β₁ᵗ)/s · M/(√V + ε/s) with s = √((1 − β₂)/(1 − β₂ᵗ)).
    prepare: (rate, step) => {
      // 1 − βᵗ as −expm1(t ln β): with β near 1 the plain form would lose half of its digits.
      const correction = (beta: number) => div(1 - beta, neg(expm1(mul(step, Math.log(beta)))));
      const root = sqrt(correction(beta2));
      return { size: mul(rate, div(correction(beta1), root)), epsilon: div(epsilon, root) };
    },
    update: (parameter, gradient, [first, second], context) => {
      const { size, epsilon: floor } = context.shared;
      const average = add(mul(first, beta1), gradient);
      const squares = add(mul(second, beta2), square(gradient));
      const direction = div(average, add(sqrt(squares), floor));
      return [sub(shrink(parameter, weightDecay, context), mul(direction, size)), average, squares];
    },
  });
}
