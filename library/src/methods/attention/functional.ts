import { and, causalMask, matmul, mul, type Tensor, type TensorLike } from "../../core/index.ts";
import { asTensor } from "../../core/tensor.ts";
import { maskedSoftmax, type Normalizer } from "../../nn/attention.ts";

export interface AttentionWithOptions {
  /** Each query sees only keys up to its own place. Default false. */
  readonly causal?: boolean;
  /** bool, broadcasts to [..., queries, keys]: true where a query may look. */
  readonly mask?: TensorLike;
  /** Factor of the scores. Default 1/√width. */
  readonly scale?: number;
}

/**
 * Attention with any normalizer in place of softmax, and its weights: `selfAttention` of `nn` takes the same normalizers,
 * but keeps the weights to itself.
 *
 * @param query       float[..., queries, width]
 * @param key         float[..., keys, width]
 * @param value       float[..., keys, width of values]
 * @param normalizer  weights from scores and mask along the last axis. Default softmax
 * @returns           out float[..., queries, width of values], weights float[..., queries, keys]
 * @source            Vaswani et al. 2017, arXiv:1706.03762, equation 1
 * @example
 * attentionWith(q, k, v, (scores, mask) => softpick(scores, { mask }), { causal: true })
 */
export function attentionWith(
  query: TensorLike,
  key: TensorLike,
  value: TensorLike,
  normalizer: Normalizer = maskedSoftmax,
  { causal = false, mask, scale }: AttentionWithOptions = {},
): { out: Tensor; weights: Tensor } {
  const [q, k] = [asTensor(query), asTensor(key)];
  const [queries, width] = q.shape.slice(-2);
  const scores = matmul(mul(q, scale ?? 1 / Math.sqrt(width)), k, { transposeB: true });
  const masks = [
    mask === undefined ? undefined : asTensor(mask),
    causal ? causalMask(queries, { keys: k.shape.at(-2) }) : undefined,
  ].filter((one) => one !== undefined);
  const visible = masks.length === 0 ? undefined : masks.reduce((a, b) => and(a, b));
  const weights = normalizer(scores, visible);
  return { out: matmul(weights, value), weights };
}
