import {
  cast,
  expandDims,
  isFirstOccurrence,
  topK as largest,
  mul,
  not,
  ones,
  scatterSetAlong,
  type Tensor,
  type TensorLike,
  zeros,
} from "../../core/index.ts";
import { asTensor } from "../../core/tensor.ts";
import { attentionWith } from "./functional.ts";

/**
 * Where a token has stood before: the places that may need to look something up.
 *
 * @param tokens  int32 or int64 [batch, time]
 * @returns       float32[batch, time], 1 where the token occurred earlier
 * @source        Arora et al. 2023, arXiv:2312.04927, section 5
 * @example
 * repeatedTokenMask(value([[4, 7, 4]], { dtype: "int64" }))   // [[0, 0, 1]]
 */
export const repeatedTokenMask = (tokens: TensorLike): Tensor => cast(not(isFirstOccurrence(tokens)), "float32");

/**
 * Causal softmax attention at selected places alone; elsewhere the result is 0.
 *
 * @param query   float[batch, time, width], key and value too
 * @param select  how much each place is selected, float[batch, time]: it multiplies the result there, so that what made
 *                it learns
 * @param topK    only so many places of each sequence, those with the largest `select`. Default: all
 * @returns       float[batch, time, width]
 * @source        Arora et al. 2023, arXiv:2312.04927, section 5
 * @example
 * selectedAttention(q, k, v, repeatedTokenMask(tokens))
 */
export function selectedAttention(
  query: TensorLike,
  key: TensorLike,
  value: TensorLike,
  select: TensorLike,
  { topK }: { topK?: number } = {},
): Tensor {
  const { out } = attentionWith(query, key, value, undefined, { causal: true });
  const scores = asTensor(select);
  if (topK === undefined) return mul(out, expandDims(scores, -1));
  const { indices } = largest(scores, topK);
  const kept = scatterSetAlong(
    zeros(scores.shape, { dtype: scores.dtype }),
    indices,
    ones(indices.shape, { dtype: scores.dtype }),
  );
  return mul(out, expandDims(mul(scores, kept), -1));
}
