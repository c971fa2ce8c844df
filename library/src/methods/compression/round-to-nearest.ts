import { abs, clip, div, equal, max, mul, round, type Tensor, type TensorLike, where } from "../../core/index.ts";
import { asTensor } from "../../core/tensor.ts";

export interface RoundToNearestOptions {
  /** Bits of a number, 2 … 16. */
  readonly bits: number;
  /** Axis along which every slice has a step of its own. Default: one step for all. */
  readonly axis?: number;
}

/**
 * Weights rounded to the nearest of 2^bits − 1 evenly spaced numbers around 0, the largest of which is the largest weight:
 * the plainest quantization, against which others are measured. The result is still float.
 *
 * @param weights  float
 * @returns        shape and dtype of the weights
 * @source         common practice; Nagel et al. 2021, arXiv:2106.08295, section 2.2 (symmetric uniform quantization)
 * @example
 * roundToNearest(value([1, 0.4, -0.2]), { bits: 2 })   // [1, 0, 0]
 */
export function roundToNearest(weights: TensorLike, { bits, axis }: RoundToNearestOptions): Tensor {
  const w = asTensor(weights);
  const others =
    axis === undefined ? undefined : w.shape.map((_, i) => i).filter((i) => i !== (axis + w.rank) % w.rank);
  const largest = max(abs(w), { axis: others, keepDims: true });
  const levels = 2 ** (bits - 1) - 1;
  const step = div(where(equal(largest, 0), 1, largest), levels);
  return mul(clip(round(div(w, step)), -levels, levels), step);
}
