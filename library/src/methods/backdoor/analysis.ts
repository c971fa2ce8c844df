import { abs, add, div, mean, mul, sqrt, square, sub, sum, type Tensor, type TensorLike } from "../../core/index.ts";
import { asTensor } from "../../core/tensor.ts";

/**
 * How much each channel reacts to a trigger: the mean distance of its maps without and with it.
 *
 * @param clean      float[batch, channels, ...space]
 * @param triggered  maps of the same images with the trigger
 * @returns          float[channels]
 * @source           Zheng et al. 2022, arXiv:2208.03111, definition 1 ("trigger activation change")
 * @example
 * triggerActivationChange(value([[[3, 4]]]), value([[[0, 0]]]))   // [5]
 */
export function triggerActivationChange(clean: TensorLike, triggered: TensorLike): Tensor {
  const change = sub(clean, triggered);
  const space = change.shape.slice(2).map((_, i) => i + 2);
  return mean(sqrt(sum(square(change), { axis: space })), { axis: 0 });
}

/**
 * The size of each channel of a convolution as its batch normalisation lets it through: ‖W_k‖·|γ_k|/√(variance + ε). Norms
 * of the kernel alone say nothing where a normalisation follows.
 *
 * @param weight    float[channels, in, ...kernel]
 * @param scale     γ, float[channels]
 * @param variance  running, float[channels]
 * @source          Zhu et al. 2023, arXiv:2304.11823, section 5, with the normalisation folded in (ours)
 */
export function foldedNorms(
  weight: TensorLike,
  scale: TensorLike,
  variance: TensorLike,
  { epsilon = 1e-5 } = {},
): Tensor {
  const kernels = asTensor(weight);
  const norms = sqrt(sum(square(kernels), { axis: kernels.shape.slice(1).map((_, i) => i + 1) }));
  return div(mul(norms, abs(scale)), sqrt(add(variance, epsilon)));
}
