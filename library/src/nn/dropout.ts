import { SettingError } from "../core/errors.ts";
import { bernoulli, mul, type Tensor, type TensorLike, where } from "../core/index.ts";
import { asTensor } from "../core/tensor.ts";

/**
 * Sets elements to 0 with probability `rate` and divides the others by 1 − rate, so that the mean stays.
 *
 * @param key   a key of its own; undefined when not training: then `x` passes unchanged
 * @param rate  probability to drop, in [0, 1)
 * @throws      SettingError `dropout/rate`
 * @source      Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting"
 */
export function dropout(key: TensorLike | undefined, x: TensorLike, rate: number): Tensor {
  if (!(rate >= 0 && rate < 1))
    throw new SettingError("dropout/rate", "the rate is a probability below 1", {
      given: rate,
      fix: "0 drops nothing",
    });
  const tensor = asTensor(x);
  if (key === undefined || rate === 0) return tensor;
  return where(bernoulli(key, 1 - rate, tensor.shape), mul(tensor, 1 / (1 - rate)), 0);
}
