import type { Tensor } from "../../core/index.ts";
import { towardScore } from "./mahalanobis.ts";
import { maxSoftmax } from "./scores.ts";

export interface OdinOptions {
  /** Softens the softmax. Default 1000, as in the paper. */
  readonly temperature?: number;
  /** Size of the step in every input element. Default 0.0014, as in the paper. */
  readonly epsilon?: number;
}

/**
 * ODIN: the largest softmax probability at a high temperature, of inputs moved by a small step that raises it.
 *
 * @param logitsOf  the classifier, from inputs to float[batch, classes]
 * @param x         float[batch, ...]
 * @returns         float[batch], higher is more familiar
 * @source          Liang, Li & Srikant 2017, arXiv:1706.02690, section 3
 */
export function odin(
  logitsOf: (x: Tensor) => Tensor,
  x: Tensor,
  { temperature = 1000, epsilon = 0.0014 }: OdinOptions = {},
): Tensor {
  const score = (at: Tensor) => maxSoftmax(logitsOf(at), { temperature });
  return score(towardScore(score, x, epsilon));
}
