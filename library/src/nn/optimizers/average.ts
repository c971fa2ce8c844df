import { add, mul, sub, type TensorLike, zipTrees } from "../../core/index.ts";

/**
 * One step of an exponential moving average of weights: decay · average + (1 − decay) · params, leaf by leaf. Evaluate
 * with the average in place of the parameters.
 *
 * @param decay  share of the old average that is kept, in [0, 1): 0.999 averages over about a thousand steps
 * @source       Polyak & Juditsky 1992, "Acceleration of stochastic approximation by averaging"
 */
export const movingAverage = <P>(average: P, params: P, decay: TensorLike): P =>
  // One product less than the formula: average + (1 − decay)(params − average).
  zipTrees((old, fresh) => add(old, mul(sub(fresh, old), sub(1, decay))), average, params);
