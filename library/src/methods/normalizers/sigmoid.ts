import { add, cast, log, maximum, neg, sigmoid, sum, type Tensor, type TensorLike, where } from "../../core/index.ts";
import { broadcastTo } from "../../core/operations/broadcast.ts";
import { asTensor } from "../../core/tensor.ts";

export interface SigmoidWeightsOptions {
  /**
   * Added to every score. "log-n" (the default) is −ln n for n keys, masked ones included; "log-row" is −ln of the number of
   * keys that the row may see, for causal rows; a number is used as it is.
   */
  readonly bias?: number | "log-n" | "log-row";
  /** bool, broadcasts to the scores: true where a score counts. Default: everywhere. */
  readonly mask?: TensorLike;
}

/**
 * Sigmoid in place of softmax: each weight depends on its own score alone, and rows need not sum to 1.
 *
 *     p = σ(z + b) = 1 / (1 + e^(−z − b))
 *
 * With the bias −ln n a row of scores near 0 sums to about 1, as softmax does; without one it sums to n/2.
 *
 * @param scores  float[..., n], already scaled
 * @returns       weights in [0, 1], shape and dtype of the scores; 0 where masked
 * @source        Ramapuram et al. 2024, arXiv:2409.04431, section 2 and the bias of section 3; "log-row" is ours
 * @example
 * sigmoidWeights(value([0, 0, 0, 0]))                // [0.2, 0.2, 0.2, 0.2]
 * sigmoidWeights(value([0, Math.log(3)]), { bias: 0 })   // [0.5, 0.75]
 */
export function sigmoidWeights(scores: TensorLike, { bias = "log-n", mask }: SigmoidWeightsOptions = {}): Tensor {
  const z = asTensor(scores);
  const keys = z.shape.at(-1) ?? 1;
  if (keys === 0) return z;
  const weights = sigmoid(add(z, typeof bias === "number" ? bias : rowBias(z, bias === "log-row" ? mask : undefined)));
  return mask === undefined ? weights : where(mask, weights, 0);
}

/** −ln of the number of keys of each row; of 1 for a row without any, so that it stays finite. */
function rowBias(z: Tensor, mask: TensorLike | undefined): TensorLike {
  const keys = z.shape.at(-1) ?? 1;
  if (mask === undefined) return -Math.log(keys);
  const visible = sum(cast(broadcastTo(mask, z.shape), z.dtype), { axis: -1, keepDims: true });
  return neg(log(maximum(visible, 1)));
}
