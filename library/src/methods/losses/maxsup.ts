import {
  add,
  argMax,
  crossEntropy,
  expandDims,
  gatherAlong,
  greater,
  less,
  mean,
  mul,
  square,
  squeeze,
  sub,
  sum,
  type Tensor,
  type TensorLike,
  where,
} from "../../core/index.ts";
import { asTensor } from "../../core/tensor.ts";

/** The logit at an index of each example, float[...]; the gradient goes to this one alone. */
const at = (logits: Tensor, index: Tensor): Tensor => squeeze(gatherAlong(logits, expandDims(index, -1)), -1);

/**
 * MaxSup: cross-entropy plus a penalty on the distance of the largest logit from the mean logit.
 *
 *     L = CE(z, y) + α·(max_k z_k − (1/K) Σ_k z_k)
 *
 * Label smoothing penalises the true logit in place of the largest. Both are the same where the prediction is right; where it is
 * wrong, label smoothing pushes the true logit further down, MaxSup the wrong one.
 *
 * @param logits  z, float[..., classes]
 * @param labels  y, int32 or int64[...]
 * @param alpha   α ≥ 0, a number or a scalar tensor where it follows a schedule. Default 0.1
 * @returns       scalar, in nats: the mean over the examples. The maximum passes its gradient to one class, the first on ties
 * @throws        what `crossEntropy` throws
 * @source        Zhou et al. 2025, "MaxSup: Overcoming Representation Collapse in Label Smoothing", definition 3.6
 * @example
 * maxSupLoss(value([[1, 3, 2]]), value([0], { dtype: "int64" }), { alpha: 0.5 })   // 2.4076 + 0.5·(3 − 2) = 2.9076
 */
export function maxSupLoss(
  logits: TensorLike,
  labels: TensorLike,
  { alpha = 0.1 }: { alpha?: TensorLike } = {},
): Tensor {
  const z = asTensor(logits);
  const excess = sub(at(z, argMax(z, { axis: -1 })), mean(z, { axis: -1 }));
  return add(crossEntropy(z, labels), mul(mean(excess), alpha));
}

/**
 * Label smoothing written as the penalty that it is: CE(z, y) + α·(z_y − (1/K) Σ_k z_k). Equal to the cross-entropy of the target
 * (1 − α)·one-hot + α/K.
 *
 * @param alpha  α in [0, 1). Default 0.1
 * @returns      scalar, in nats
 * @source       Zhou et al. 2025, lemma 3.2; Szegedy et al. 2016, arXiv:1512.00567, section 7
 */
export function labelSmoothingLoss(
  logits: TensorLike,
  labels: TensorLike,
  { alpha = 0.1 }: { alpha?: TensorLike } = {},
): Tensor {
  const z = asTensor(logits);
  const excess = sub(at(z, asTensor(labels)), mean(z, { axis: -1 }));
  return add(crossEntropy(z, labels), mul(mean(excess), alpha));
}

/**
 * Cross-entropy plus β/2 times the squared logits, the mean over the examples.
 *
 * @param beta  β ≥ 0. Default 2e-3
 * @returns     scalar, in nats
 * @source      Dauphin & Cubuk 2021, "Deconstructing the regularization of BatchNorm", section 4
 */
export const logitPenaltyLoss = (
  logits: TensorLike,
  labels: TensorLike,
  { beta = 2e-3 }: { beta?: TensorLike } = {},
): Tensor => add(crossEntropy(logits, labels), mul(mean(sum(square(logits), { axis: -1 })), mul(beta, 0.5)));

/**
 * What label smoothing adds to the cross-entropy (at α = 1), z_y − mean z, as the sum of its two parts.
 *
 * @returns regularisation: (1/K) Σ over smaller logits of z_y − z_k, float[...] ≥ 0;
 *          errorEnhancement: −(1/K) Σ over larger logits of z_k − z_y, float[...] ≤ 0, which is 0 where the prediction is right
 * @source  Zhou et al. 2025, equation 5
 * @example
 * smoothingTerms(value([[1, 3, 2]]), value([0], { dtype: "int64" }))   // regularisation [0], errorEnhancement [-1]
 */
export function smoothingTerms(
  logits: TensorLike,
  labels: TensorLike,
): { regularisation: Tensor; errorEnhancement: Tensor } {
  const z = asTensor(logits);
  const apart = sub(expandDims(at(z, asTensor(labels)), -1), z);
  return {
    regularisation: mean(where(greater(apart, 0), apart, 0), { axis: -1 }),
    errorEnhancement: mean(where(less(apart, 0), apart, 0), { axis: -1 }),
  };
}
