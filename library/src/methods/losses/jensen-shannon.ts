import { add, div, equal, log, mul, sum, type Tensor, type TensorLike, where } from "../../core/index.ts";

/** Σ a ln(a / b) along the axis, with 0 · ln 0 = 0. */
function relativeEntropy(a: TensorLike, b: Tensor, axis: number): Tensor {
  const absent = equal(a, 0);
  // Where a is 0 the quotient may be 0/0: its logarithm is not taken.
  return sum(mul(a, log(where(absent, 1, div(a, where(absent, 1, b))))), { axis });
}

/**
 * The Jensen–Shannon divergence of two distributions, in nats: how far both are from their average.
 *
 *     ½ Σ p ln(p/m) + ½ Σ q ln(q/m),   m = (p + q)/2
 *
 * Symmetric, 0 exactly for equal distributions and ln 2 for disjoint ones; zeros are allowed.
 *
 * @param p     probabilities, float[..., n]
 * @param q     probabilities, float[..., n]
 * @param axis  of the distributions. Default −1
 * @returns     float[...], in [0, ln 2]
 * @source      Lin 1991, "Divergence measures based on the Shannon entropy", equation 4.1 with equal weights
 * @example
 * jensenShannon(value([1, 0]), value([0, 1]))   // ln 2 = 0.6931
 */
export function jensenShannon(p: TensorLike, q: TensorLike, { axis = -1 } = {}): Tensor {
  const middle = mul(add(p, q), 0.5);
  return mul(add(relativeEntropy(p, middle, axis), relativeEntropy(q, middle, axis)), 0.5);
}
