import {
  add,
  cast,
  cumSum,
  customGradient,
  div,
  greater,
  max,
  mul,
  range,
  relu,
  reshape,
  sort,
  sub,
  sum,
  type Tensor,
  type TensorLike,
  where,
} from "../../core/index.ts";
import { normaliseAxis } from "../../core/operations/define.ts";
import { asTensor } from "../../core/tensor.ts";

export interface SparsemaxOptions {
  /** Axis that becomes a distribution. Default −1, as in `softmax`. */
  readonly axis?: number;
  /** bool, broadcasts to the scores: true where a score counts. Default: everywhere. */
  readonly mask?: TensorLike;
}

/** Below every score that a model gives, and finite: sums over it stay numbers. */
const masked = -1e30;

/**
 * Sparsemax: the projection of scores onto the probability simplex.
 *
 *     p = max(z − τ(z), 0)   with τ such that Σ p = 1
 *
 * Unlike softmax it returns exact zeros; its gradient is zero outside the support.
 *
 * @param scores  float[..., n]
 * @returns       probabilities, shape and dtype of the scores; 0 where masked, and throughout where all are
 * @throws        ShapeError `sparsemax/axis-out-of-range`
 * @source        Martins & Astudillo 2016, arXiv:1602.02068, Algorithm 1 and equation 14
 * @example
 * sparsemax(value([1, 0.5, -1]))   // [0.75, 0.25, 0]
 */
export function sparsemax(scores: TensorLike, { axis = -1, mask }: SparsemaxOptions = {}): Tensor {
  if (mask === undefined) return projection(axis)(asTensor(scores));
  return where(mask, projection(axis)(where(mask, scores, masked)), 0);
}

/**
 * The threshold τ of `sparsemax` and the number of scores above it.
 *
 * @param scores  float[..., n]
 * @returns       both with size 1 along the axis, in the dtype of the scores
 * @throws        ShapeError `sparsemax/axis-out-of-range`
 * @example
 * sparsemaxThreshold(value([1, 0.8, 0.1]))   // tau [0.4], support [2]
 */
export function sparsemaxThreshold(scores: TensorLike, { axis = -1 } = {}): { tau: Tensor; support: Tensor } {
  const z = asTensor(scores);
  const place = normaliseAxis("sparsemax", z, axis);
  // Sums of large scores lose digits. The threshold moves with the scores, so it is found for those near 0.
  const largest = max(z, { axis: place, keepDims: true });
  const sorted = sort(sub(z, largest), { axis: place, descending: true }).values;
  const length = z.shape[place];
  const rank = reshape(
    cast(range(1, length + 1), z.dtype),
    z.shape.map((_, i) => (i === place ? length : 1)),
  );
  // Strict: a tie at the threshold would enter the support with probability 0 and change the gradient.
  const inside = greater(add(mul(rank, sorted), 1), cumSum(sorted, { axis: place }));
  const support = sum(cast(inside, z.dtype), { axis: place, keepDims: true });
  const total = sum(where(inside, sorted, 0), { axis: place, keepDims: true });
  return { tau: add(div(sub(total, 1), support), largest), support };
}

/** The Jacobian is Diag(s) − s sᵀ/|S| on the support s: differentiating through the sort would give the same, slower. */
const projection = (axis: number) =>
  customGradient(
    (z: Tensor): Tensor => relu(sub(z, sparsemaxThreshold(z, { axis }).tau)),
    ({ result: p, cotangent }) => [projectToSupport(p, cotangent, axis)],
  );

/** J v of sparsemax: on the support of `p`, v less its mean there; 0 elsewhere. */
function projectToSupport(p: Tensor, v: Tensor, axis: number): Tensor {
  const support = greater(p, 0);
  const total = sum(where(support, v, 0), { axis, keepDims: true });
  const size = sum(cast(support, p.dtype), { axis, keepDims: true });
  return where(support, sub(v, div(total, size)), 0);
}
