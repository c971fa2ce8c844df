import {
  add,
  exp,
  mean,
  mul,
  neg,
  type Reduction,
  softplus,
  sub,
  sum,
  type Tensor,
  type TensorLike,
} from "../../core/index.ts";
import { asTensor } from "../../core/tensor.ts";

export interface FocalLossOptions {
  /** Weight of the positive class, 0 … 1; 1 − α that of the negative. Default 0.25. */
  readonly alpha?: number;
  /** How fast easy examples lose weight, ≥ 0; 0 is the weighted cross-entropy. Default 2. */
  readonly gamma?: number;
  /** Default "mean". */
  readonly reduction?: Reduction;
}

/**
 * Focal loss of independent yes-or-no predictions: the cross-entropy, weighted down where the prediction is right already.
 *
 *     −α·y·(1 − p)^γ·ln p − (1 − α)·(1 − y)·p^γ·ln(1 − p),   p = σ(logit)
 *
 * Powers are taken as exp(−γ·softplus(·)), which neither overflows nor loses digits at either end.
 *
 * @param logits   float[...]
 * @param targets  y in [0, 1], shape of `logits`
 * @returns        nats; a scalar, or the shape of `logits` with reduction "none"
 * @source         Lin, Goyal, Girshick, He & Dollár 2017, arXiv:1708.02002, equation 5
 * @example
 * focalLoss(value([0]), value([1]))   // 0.25 · 0.5² · ln 2 = 0.0433
 */
export function focalLoss(
  logits: TensorLike,
  targets: TensorLike,
  { alpha = 0.25, gamma = 2, reduction = "mean" }: FocalLossOptions = {},
): Tensor {
  const z = asTensor(logits);
  const y = asTensor(targets);
  // −ln(1 − p) and −ln p.
  const [ofNo, ofYes] = [softplus(z), softplus(neg(z))];
  const yes = mul(mul(y, alpha), mul(exp(mul(ofNo, -gamma)), ofYes));
  const no = mul(mul(sub(1, y), 1 - alpha), mul(exp(mul(ofYes, -gamma)), ofNo));
  const losses = add(yes, no);
  return reduction === "none" ? losses : reduction === "sum" ? sum(losses) : mean(losses);
}
