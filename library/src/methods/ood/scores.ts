import { div, logSumExp, max, mul, softmax, type Tensor, type TensorLike } from "../../core/index.ts";

/**
 * The free energy of a classifier's logits: low for inputs like those it was trained on.
 *
 *     E = −T ln Σ exp(f / T)
 *
 * As a score of being in distribution take −E: larger is more familiar.
 *
 * @param logits       f, float[..., classes]
 * @param temperature  T > 0. Default 1
 * @returns            float[...], in the unit of the logits
 * @source             Liu et al. 2020, arXiv:2010.03759, equation 3
 * @example
 * energy(value([0, 0]))   // −ln 2 = −0.6931
 */
export const energy = (logits: TensorLike, { temperature = 1 } = {}): Tensor =>
  mul(logSumExp(div(logits, temperature), { axis: -1 }), -temperature);

/**
 * The largest softmax probability: the usual score of being in distribution. It does not see the size of the logits.
 *
 * @param logits  float[..., classes]
 * @returns       float[...], in [1/classes, 1]
 * @source        Hendrycks & Gimpel 2016, arXiv:1610.02136, section 3
 */
export const maxSoftmax = (logits: TensorLike, { temperature = 1 } = {}): Tensor =>
  max(softmax(div(logits, temperature)), { axis: -1 });

/**
 * The largest logit as a score of being in distribution.
 *
 * @param logits  float[..., classes]
 * @returns       float[...]
 * @source        Hendrycks et al. 2019, arXiv:1911.11132, section 4
 */
export const maxLogit = (logits: TensorLike): Tensor => max(logits, { axis: -1 });
