import {
  add,
  customGradient,
  div,
  exp,
  max,
  maximum,
  mul,
  neg,
  stopGradient,
  sub,
  sum,
  type Tensor,
  type TensorLike,
  where,
} from "../../core/index.ts";
import { normaliseAxis } from "../../core/operations/define.ts";
import { asTensor } from "../../core/tensor.ts";

export interface QuietSoftmaxOptions {
  /** Axis that becomes a row of weights. Default −1, as in `softmax`. */
  readonly axis?: number;
  /** bool, broadcasts to the scores: true where a score counts. Default: everywhere. */
  readonly mask?: TensorLike;
}

/**
 * Softmax with one added to its denominator, as if there were another score of 0 that nobody reads: a row whose scores
 * are all far below 0 is nearly silent.
 *
 *     y = eˣ / (1 + Σ eˣ)
 *
 * @param scores  float[..., n], already scaled; −Infinity counts as masked
 * @returns       weights, shape and dtype of the scores, whose sum is in [0, 1); 0 where masked, throughout where all are
 * @throws        ShapeError `quietSoftmax/axis-out-of-range`
 * @source        Miller 2023, "Attention is off by one" (softmax₁); its row is that of softmax over the scores and a 0
 * @example
 * quietSoftmax(value([0, Math.log(2)]))   // [0.25, 0.5]
 */
export function quietSoftmax(scores: TensorLike, { axis = -1, mask }: QuietSoftmaxOptions = {}): Tensor {
  const x = mask === undefined ? asTensor(scores) : where(mask, scores, -Infinity);
  return x.shape[normaliseAxis("quietSoftmax", x, axis)] === 0 ? x : quiet(axis)(x);
}

const quiet = (axis: number) =>
  customGradient(
    (x: Tensor): Tensor => {
      const largest = stopGradient(maximum(max(x, { axis, keepDims: true }), 0));
      const power = exp(sub(x, largest));
      return div(power, add(sum(power, { axis, keepDims: true }), exp(neg(largest))));
    },
    ({ result: y, cotangent }) => [mul(y, sub(cotangent, sum(mul(y, cotangent), { axis, keepDims: true })))],
  );
