import { add, mul, sub } from "../../core/index.ts";
import { type DecayMask, defineOptimizer, type Optimizer } from "./optimizer.ts";
import type { Rate } from "./schedules.ts";

export interface SgdOptions {
  readonly lr: Rate;
  /** Share of the last step that is taken again, in [0, 1). Default 0: no memory at all. */
  readonly momentum?: number;
  /** Look ahead: apply the momentum to the gradient as well. Default false. */
  readonly nesterov?: boolean;
  /** Added to the gradient: weightDecay · parameter (L2 regularisation). Default 0. */
  readonly weightDecay?: number;
  /** Default: all parameters. */
  readonly decay?: DecayMask;
}

/**
 * Stochastic gradient descent, with momentum v ← momentum · v + g and p ← p − lr · v (Nesterov: g + momentum · v).
 *
 * @source Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning", in the form where
 *         the rate multiplies the accumulated gradient
 */
export function sgd({ lr, momentum = 0, nesterov = false, weightDecay = 0, decay }: SgdOptions): Optimizer {
  return defineOptimizer({
    lr,
    decay,
    moments: momentum === 0 ? [] : ["velocity"],
    update: (parameter, gradient, [velocity], context) => {
      const g = weightDecay !== 0 && context.decays ? add(gradient, mul(parameter, weightDecay)) : gradient;
      if (momentum === 0) return [sub(parameter, mul(g, context.lr))];
      const next = add(mul(velocity, momentum), g);
      const direction = nesterov ? add(mul(next, momentum), g) : next;
      return [sub(parameter, mul(direction, context.lr)), next];
    },
  });
}
