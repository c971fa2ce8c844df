import { isFloat } from "../../core/dtype.ts";
import { ShapeError } from "../../core/errors.ts";
import {
  add,
  customGradient,
  expandDims,
  greater,
  max,
  mean,
  moveAxis,
  mul,
  oneHot,
  type Reduction,
  relu,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
  type TensorLike,
  where,
} from "../../core/index.ts";
import { sameShape } from "../../core/shape.ts";
import { asTensor } from "../../core/tensor.ts";
import { sparsemaxThreshold } from "../normalizers/sparsemax.ts";

export interface SparsemaxLossOptions {
  /** The axis of the classes. Default −1. */
  readonly axis?: number;
  /** Default "mean". */
  readonly reduction?: Reduction;
}

/**
 * The loss whose gradient is sparsemax(z) − q, as that of cross-entropy is softmax(z) − q.
 *
 *     L(z; q) = −qᵀz + ½ Σ_S (z² − τ²) + ½‖q‖²
 *
 * Convex, never negative, and 0 exactly where sparsemax(z) = q: for a single label, as soon as its score leads by 1.
 * For two classes it is a Huber loss of the difference.
 *
 * @param logits   float[..., classes] (or with the classes along another `axis`)
 * @param targets  labels, int32 or int64 of the logits' shape without the class axis; or distributions, float of the
 *                 logits' shape (multi-label: 1/n on each of n gold labels). No gradient goes to them
 * @returns        a scalar, or with reduction "none" the logits' shape without the class axis
 * @throws         ShapeError `sparsemaxLoss/targets`, `sparsemax/axis-out-of-range`
 * @source         Martins & Astudillo 2016, arXiv:1602.02068, equations 17 to 20 and 26
 * @example
 * sparsemaxLoss(value([[2, 1, 0]]), value([0], { dtype: "int64" }))   // 0: the margin is met
 */
export function sparsemaxLoss(
  logits: TensorLike,
  targets: TensorLike,
  { axis = -1, reduction = "mean" }: SparsemaxLossOptions = {},
): Tensor {
  const given = asTensor(logits);
  const scores = moveAxis(given, axis, -1);
  const target = asTensor(targets, "int64");
  const wanted = isFloat(target.dtype) ? given.shape : scores.shape.slice(0, -1);
  if (!sameShape(target.shape, wanted))
    throw new ShapeError("sparsemaxLoss/targets", `the targets have shape [${target.shape}], not [${wanted}]`, {
      operands: { logits: given, targets: target },
      fix: "give integer labels of the logits' shape without the class axis, or float distributions of their shape",
    });
  const goal = isFloat(target.dtype)
    ? moveAxis(target, axis, -1)
    : oneHot(target, scores.shape.at(-1)!, { dtype: scores.dtype });
  const losses = rowLoss(scores, goal);
  return reduction === "none" ? losses : reduction === "sum" ? sum(losses) : mean(losses);
}

/** One loss a row. Differentiating the formula gives p − q by cancellation only, so the rule says it outright. */
const rowLoss = customGradient(
  (scores: Tensor, goal: Tensor): Tensor => {
    // The loss does not change with a constant, and small numbers keep their digits when squared.
    const z = sub(scores, stopGradient(max(scores, { axis: -1, keepDims: true })));
    const { tau } = sparsemaxThreshold(z);
    const halves = where(greater(z, tau), sub(square(z), square(tau)), 0);
    const inner = sub(mul(add(halves, square(goal)), 0.5), mul(goal, z));
    return sum(inner, { axis: -1 });
  },
  ({ args: [scores, goal], cotangent }) => {
    const p = relu(sub(scores, sparsemaxThreshold(scores).tau));
    return [mul(sub(p, goal), expandDims(cotangent, -1)), null];
  },
);
