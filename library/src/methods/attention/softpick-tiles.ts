import {
  abs,
  add,
  causalMask,
  div,
  exp,
  log,
  matmul,
  max,
  maximum,
  mul,
  neg,
  relu,
  sliceAxis,
  sub,
  sum,
  type Tensor,
  type TensorLike,
  where,
  zeros,
} from "../../core/index.ts";
import { asTensor } from "../../core/tensor.ts";

export interface SoftpickTilesOptions {
  /** Each query sees only keys up to its own place. Default false. */
  readonly causal?: boolean;
  /** Keys that are looked at together. Default 64. */
  readonly tile?: number;
  /** Factor of the scores. Default 1/√width. */
  readonly scale?: number;
  /** As in `softpick`. Default 1e-6. */
  readonly epsilon?: number;
}

/**
 * Softpick attention one tile of keys after another: never more than [..., queries, tile] scores at a time.
 *
 * For each query it carries m, the largest score so far (at least 0), a = Σ |e^(x−m) − e^(−m)| and the sum of values
 * weighted by max(e^(x−m) − e^(−m), 0); a larger m scales both down.
 *
 * @param query  float[..., queries, width]
 * @param key    float[..., keys, width]
 * @param value  float[..., keys, width of values]
 * @returns      out as `attentionWith` gives it; logTotal float[..., queries, 1] = ln(a + ε) + m, all that a backward pass
 *               over the tiles needs beside them
 * @source       Zuhri et al. 2025, arXiv:2504.20966, Algorithm 1
 */
export function softpickTiles(
  query: TensorLike,
  key: TensorLike,
  value: TensorLike,
  { causal = false, tile = 64, scale, epsilon = 1e-6 }: SoftpickTilesOptions = {},
): { out: Tensor; logTotal: Tensor } {
  const [q, k, v] = [asTensor(query), asTensor(key), asTensor(value)];
  const [queries, width] = q.shape.slice(-2);
  const keys = k.shape.at(-2)!;
  const scaled = mul(q, scale ?? 1 / Math.sqrt(width));
  const visible = causal ? causalMask(queries, { keys }) : undefined;
  const perQuery = [...q.shape.slice(0, -1), 1];
  let largest = zeros(perQuery, { dtype: q.dtype });
  let total = zeros(perQuery, { dtype: q.dtype });
  let out = zeros([...q.shape.slice(0, -1), v.shape.at(-1)!], { dtype: q.dtype });
  for (let start = 0; start < keys; start += tile) {
    const end = Math.min(keys, start + tile);
    const scores = matmul(scaled, sliceAxis(k, k.rank - 2, start, end), { transposeB: true });
    // A masked score becomes 0, which weighs nothing: see `softpick`.
    const x = visible === undefined ? scores : where(sliceAxis(visible, visible.rank - 1, start, end), scores, 0);
    const next = maximum(largest, max(x, { axis: -1, keepDims: true }));
    const shrink = exp(sub(largest, next));
    const excess = sub(exp(sub(x, next)), exp(neg(next)));
    total = add(mul(total, shrink), sum(abs(excess), { axis: -1, keepDims: true }));
    out = add(mul(out, shrink), matmul(relu(excess), sliceAxis(v, v.rank - 2, start, end)));
    largest = next;
  }
  const denominator = add(total, epsilon);
  return { out: div(out, denominator), logTotal: add(log(denominator), largest) };
}
