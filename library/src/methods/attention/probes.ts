import {
  cast,
  div,
  equal,
  expandDims,
  greater,
  mean,
  mul,
  ones,
  slice,
  square,
  sub,
  sum,
  type Tensor,
  type TensorLike,
} from "../../core/index.ts";
import { broadcastTo } from "../../core/operations/broadcast.ts";
import { asTensor } from "../../core/tensor.ts";

/**
 * How much each head looks at the first key: the mean weight on key 0 over the queries after the first.
 *
 * @param weights  attention weights, float[batch, heads, queries, keys] with at least 2 queries
 * @param queries  bool[batch, queries]: true where a query counts (query 0 never does). Default: all
 * @returns        float[heads], in [0, 1]
 * @source         Gu et al. 2024, arXiv:2410.10781, section 3 (the sink metric)
 */
export function attentionToFirst(weights: TensorLike, { queries }: { queries?: TensorLike } = {}): Tensor {
  const all = asTensor(weights);
  const [batch, , time] = all.shape;
  const toFirst = slice(all, [null, null, [1], 0]);
  const kept = queries === undefined ? ones([batch, time - 1]) : cast(slice(queries, [null, [1]]), all.dtype);
  return div(sum(mul(toFirst, expandDims(kept, 1)), { axis: [0, 2] }), sum(kept));
}

/**
 * The share of heads that sink: that look at the first key with more than `threshold` of their weight.
 *
 * @param weights    attention weights, float[batch, heads, queries, keys]; join layers along the heads
 * @param threshold  in (0, 1). Default 0.3, as in the source
 * @returns          scalar in [0, 1]
 * @source           Gu et al. 2024, arXiv:2410.10781, section 3
 */
export const sinkRate = (weights: TensorLike, { threshold = 0.3 } = {}): Tensor =>
  mean(cast(greater(attentionToFirst(weights), threshold), "float32"));

/**
 * The share of weights that are exactly zero among those that may be anything else.
 *
 * @param weights  attention weights, float[..., queries, keys]
 * @param mask     bool, broadcasts to the weights: true where a query may look
 * @returns        scalar in [0, 1]
 */
export function attentionSparsity(weights: TensorLike, mask: TensorLike): Tensor {
  const all = asTensor(weights);
  const visible = cast(broadcastTo(mask, all.shape), "float32");
  return div(sum(mul(cast(equal(all, 0), "float32"), visible)), sum(visible));
}

/**
 * The kurtosis E[(x − μ)⁴] / σ⁴ of all numbers of a tensor: 3 for normal ones, the more the fewer hold the variance.
 *
 * @param x  float, of a variance above 0
 * @returns  scalar ≥ 1
 */
export function kurtosis(x: TensorLike): Tensor {
  const squares = square(sub(x, mean(x)));
  return div(mean(square(squares)), square(mean(squares)));
}
