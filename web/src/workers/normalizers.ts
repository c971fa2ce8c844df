import { greater, moveAxis, mul, softmax, type Tensor } from "sluice";
import { entmax } from "sluice/methods/normalizers/entmax";
import { quietSoftmax } from "sluice/methods/normalizers/quiet-softmax";
import { sigmoidWeights } from "sluice/methods/normalizers/sigmoid";
import { softpick } from "sluice/methods/normalizers/softpick";
import { sparsemax } from "sluice/methods/normalizers/sparsemax";
import { maskedSoftmax, type Normalizer } from "sluice/nn";
import type { NormalizerId } from "../playground/normalizer-list.ts";

/** How a normalizer is set. */
export interface NormalizerSettings {
  /** α of entmax, in (1, 2]. */
  readonly alpha: number;
  /** Scores are divided by it; above 0. */
  readonly temperature: number;
}

/** The library's function for each name on the page. */
export function normalizerOf(id: NormalizerId, { alpha, temperature }: NormalizerSettings): Normalizer {
  const plain: Record<NormalizerId, Normalizer> = {
    softmax: (scores, mask) => (mask === undefined ? softmax(scores) : maskedSoftmax(scores, mask)),
    entmax: (scores, mask) => entmax(scores, { alpha, mask }),
    sparsemax: (scores, mask) => sparsemax(scores, { mask }),
    softpick: (scores, mask) => softpick(scores, { mask }),
    quiet: (scores, mask) => quietSoftmax(scores, { mask }),
    sigmoid: (scores, mask) => sigmoidWeights(scores, { bias: "log-row", mask }),
  };
  return temperature === 1 ? plain[id] : (scores, mask) => plain[id](mul(scores, 1 / temperature), mask);
}

/** A normalizer as `swapSoftmax` takes it: along any axis, −Infinity where masked. */
export function methodOf(id: NormalizerId, settings: NormalizerSettings): (x: Tensor, at: { axis: number }) => Tensor {
  const normalizer = normalizerOf(id, settings);
  return (scores, { axis }) => {
    const last = moveAxis(scores, axis, -1);
    return moveAxis(normalizer(last, greater(last, -1e30)), -1, axis);
  };
}
