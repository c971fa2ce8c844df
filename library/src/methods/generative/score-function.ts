import {
  add,
  div,
  maximum,
  mean,
  mul,
  sqrt,
  square,
  stopGradient,
  sub,
  type Tensor,
  type TensorLike,
} from "../../core/index.ts";
import { zeros } from "../../core/operations/range.ts";
import { asTensor } from "../../core/tensor.ts";

/** What a score function estimator remembers of its costs, two scalars. */
export interface Baseline<T = Tensor> {
  readonly mean: T;
  readonly variance: T;
}

/** Nothing seen yet. */
export const initBaseline = (): Baseline => ({ mean: zeros([]), variance: zeros([]) });

/**
 * The score function estimator (REINFORCE): a loss whose gradient is that of the expected cost of discrete samples.
 *
 *     ∇ E[f(z)] ≈ mean of (f(z) − c) / max(1, σ) · ∇ ln q(z)
 *
 * c and σ are moving figures of earlier costs. Its value means nothing; its gradient is unbiased up to the factor 1/σ.
 *
 * @param logProbability  ln q(z) of each sample, float[batch]
 * @param cost            f(z) of each sample, float[batch]; no gradient goes through it
 * @param decay           share of the old figures that is kept. Default 0.9
 * @returns               loss, a scalar; baseline, for the next step
 * @source                Williams 1992; centred and divided as in Mnih & Gregor 2014, arXiv:1402.0030, section 2.3
 * @example
 * const { loss, baseline } = scoreFunction(logQ, cost, initBaseline());
 */
export function scoreFunction(
  logProbability: TensorLike,
  cost: TensorLike,
  baseline: Baseline<TensorLike>,
  { decay = 0.9 } = {},
): { loss: Tensor; baseline: Baseline } {
  const f = stopGradient(cost);
  const [center, variance] = [asTensor(baseline.mean), asTensor(baseline.variance)];
  const centred = div(sub(f, center), maximum(sqrt(variance), 1));
  const move = (old: Tensor, fresh: Tensor) => add(mul(old, decay), mul(fresh, 1 - decay));
  return {
    loss: mean(mul(centred, logProbability)),
    baseline: { mean: move(center, mean(f)), variance: move(variance, mean(square(sub(f, center)))) },
  };
}
