import {
  add,
  binCount,
  div,
  mean,
  mul,
  square,
  stopGradient,
  sum,
  type Tensor,
  type TensorLike,
  variance,
} from "../../core/index.ts";
import { asTensor } from "../../core/tensor.ts";

/**
 * The squared coefficient of variation: population variance over squared mean. 0 where all are equal.
 *
 * @param v  float[n]
 * @returns  scalar ≥ 0
 * @source   Shazeer et al. 2017, arXiv:1701.06538, equation 7
 * @example
 * cvSquared(value([0, 2]))   // 1
 */
export function cvSquared(v: TensorLike): Tensor {
  return div(variance(v), add(square(mean(v)), 1e-10));
}

/**
 * Balances the total weight that experts get: `cvSquared` of the column sums.
 *
 * @param gates  float[rows, experts]
 * @returns      scalar
 * @source       Shazeer et al. 2017, arXiv:1701.06538, equations 6 and 7
 * @example
 * importanceLoss(value([[1, 0], [1, 0]]))   // 1: everything goes to the first of two
 */
export const importanceLoss = (gates: TensorLike): Tensor => cvSquared(sum(gates, { axis: 0 }));

/**
 * Balances the number of rows that experts get: `cvSquared` of the smooth load of `noisyTopK`.
 *
 * @param load  float[experts]
 * @returns     scalar
 * @source      Shazeer et al. 2017, arXiv:1701.06538, equations 10 and 11
 * @example
 * loadLoss(value([3, 3, 3]))   // 0
 */
export const loadLoss = (load: TensorLike): Tensor => cvSquared(load);

/**
 * The balance loss of the Switch Transformer: experts · Σ fᵢ · p̄ᵢ, with fᵢ the share of rows sent to expert i (without
 * gradient) and p̄ᵢ its mean probability. 1 where both are even.
 *
 * @param probabilities  of the router, float[rows, experts]
 * @param indices        the chosen experts, integers[rows, k]
 * @returns              scalar
 * @source               Fedus et al. 2021, arXiv:2101.03961, equations 4 to 6
 * @example
 * switchBalance(value([[0.5, 0.5], [0.5, 0.5]]), value([[0], [1]], { dtype: "int64" }))   // 1
 */
export function switchBalance(probabilities: TensorLike, indices: TensorLike): Tensor {
  const [p, chosen] = [asTensor(probabilities), asTensor(indices)];
  const experts = p.shape.at(-1)!;
  const share = div(stopGradient(binCount(chosen, experts)), chosen.size);
  return mul(sum(mul(share, mean(p, { axis: 0 }))), experts);
}
