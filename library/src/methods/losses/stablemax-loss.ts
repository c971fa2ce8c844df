import { expandDims, gatherAlong, neg, squeeze, type Tensor, type TensorLike } from "../../core/index.ts";
import { logStablemax } from "../normalizers/stablemax.ts";

/**
 * Cross-entropy under stablemax: −ln stablemax(logits)[label] of each example.
 *
 * Confident predictions keep a gradient: it falls with the logits and does not vanish by rounding.
 *
 * @param logits  float[batch, classes]
 * @param labels  int32 or int64 [batch]
 * @returns       float[batch], nats
 * @source        Prieto et al. 2025, arXiv:2501.04697, section 4
 * @example
 * stablemaxCrossEntropy(value([[20, 0]]), value([0], { dtype: "int64" }))   // [ln(22/21)] = [0.0465]
 */
export const stablemaxCrossEntropy = (logits: TensorLike, labels: TensorLike): Tensor =>
  neg(squeeze(gatherAlong(logStablemax(logits), expandDims(labels, -1)), -1));
