import { add, mul, sign, sub } from "../../core/index.ts";
import { type DecayMask, defineOptimizer, matricesOnly, type Optimizer, shrink } from "./optimizer.ts";
import type { Rate } from "./schedules.ts";

export interface LionOptions {
  readonly lr: Rate;
  /** Of the average that gives the sign. Default 0.9. */
  readonly beta1?: number;
  /** Of the average that is kept. Default 0.99. */
  readonly beta2?: number;
  /** Decoupled: each step shrinks by lr · weightDecay. Default 0. */
  readonly weightDecay?: number;
  /** Default: matrices and kernels only. */
  readonly decay?: DecayMask;
}

/**
 * Lion: steps of equal size in the direction of a sign.
 *
 *     p ← p·(1 − lr·weightDecay) − lr · sign(β₁ m + (1 − β₁) g),   m ← β₂ m + (1 − β₂) g
 *
 * @source Chen et al. 2023, arXiv:2302.06675, Program 1
 */
export function lion(options: LionOptions): Optimizer {
  const { lr, beta1 = 0.9, beta2 = 0.99, weightDecay = 0, decay = matricesOnly } = options;
  return defineOptimizer({
    lr,
    decay,
    moments: ["average"],
    update: (parameter, gradient, [average], context) => {
      // The sign does not change when both are divided by 1 − β₁.
      const direction = sign(add(mul(average, beta1 / (1 - beta1)), gradient));
      const next = add(mul(average, beta2), mul(gradient, 1 - beta2));
      return [sub(shrink(parameter, weightDecay, context), mul(direction, context.lr)), next];
    },
  });
}
