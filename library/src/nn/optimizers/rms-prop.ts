import { add, div, mul, sqrt, square, sub } from "../../core/index.ts";
import { defineOptimizer, type Optimizer } from "./optimizer.ts";
import type { Rate } from "./schedules.ts";

export interface RmsPropOptions {
  readonly lr: Rate;
  /** Share of the old average of squares that is kept, in [0, 1). Default 0.99. */
  readonly decayRate?: number;
  /** Added to the root. Default 1e-8. */
  readonly epsilon?: number;
  /** Momentum of the steps. Default 0. */
  readonly momentum?: number;
}

/**
 * RMSProp: the gradient divided by the root of a running average of its square.
 *
 *     v ← a v + (1 − a) g²,   p ← p − lr · g / (√v + ε)
 *
 * @source Tieleman & Hinton 2012, "Lecture 6.5 — RMSProp"
 */
export function rmsProp({ lr, decayRate = 0.99, epsilon = 1e-8, momentum = 0 }: RmsPropOptions): Optimizer {
  return defineOptimizer({
    lr,
    moments: momentum === 0 ? ["square"] : ["square", "velocity"],
    update: (parameter, gradient, [average, velocity], { lr: rate }) => {
      const next = add(mul(average, decayRate), mul(square(gradient), 1 - decayRate));
      const scaled = div(gradient, add(sqrt(next), epsilon));
      if (momentum === 0) return [sub(parameter, mul(scaled, rate)), next];
      const moved = add(mul(velocity, momentum), scaled);
      return [sub(parameter, mul(moved, rate)), next, moved];
    },
  });
}
