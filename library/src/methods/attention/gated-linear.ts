import { SettingError, ShapeError } from "../../core/errors.ts";
import {
  add,
  broadcastTo,
  cumSum,
  exp,
  expandDims,
  lowerTriangle,
  matmul,
  moveAxis,
  mul,
  neg,
  pad,
  reshape,
  scan,
  sliceAxis,
  sub,
  sum,
  type Tensor,
  type TensorLike,
  where,
  zeros,
} from "../../core/index.ts";
import { generated } from "../../core/operations/generated.ts";
import { asTensor } from "../../core/tensor.ts";

/** A result of gated linear attention, and the state behind its last time. */
export interface GatedLinearResult {
  /** float[batch, heads, time, width of values] */
  readonly out: Tensor;
  /** float[batch, heads, width of keys, width of values] */
  readonly state: Tensor;
}

export interface GatedLinearOptions {
  /** Factor of the queries. Default 1/√(width of keys). */
  readonly scale?: number;
  /**
   * How it is computed; all give the same numbers.
   * - "chunk": products of matrices within and between chunks. Linear in time, and safe: no exponent is above 0.
   * - "recurrent": one time after the other.
   * - "parallel": every pair of times by itself; quadratic in time.
   * - "factorised": pairs as one product of decayed queries and keys that grow: overflows when decays add up to
   *   some −88 in 32 bits. Kept to show that.
   *
   * Default "chunk".
   */
  readonly form?: "chunk" | "recurrent" | "parallel" | "factorised";
  /** Times of a chunk. Default 64. */
  readonly chunk?: number;
  /** Times of a block within a chunk whose pairs are taken one by one; divides `chunk`. Default 16, or `chunk` if that is less. */
  readonly block?: number;
  /** The state before the first time, float[batch, heads, width of keys, width of values]. Default 0. */
  readonly initial?: TensorLike;
}

/** More chunks are taken in turn: what all of them need between would leave the caches, and cost more than a loop. */
const chunksAtOnce = 4;

/**
 * Linear attention whose state forgets, each row at a rate of its own that may depend on the input:
 *
 *     S_t = diag(α_t) S_{t−1} + k_tᵀ v_t,   o_t = (q_t · scale) S_t
 *
 * @param query     float[batch, heads, time, width of keys]; key too
 * @param value     float[batch, heads, time, width of values]
 * @param logDecay  log α ≤ 0, finite unless the form is "recurrent": float[batch, heads, time, width of keys], one number a
 *                  time [batch, heads, time, 1], or one a head [heads]
 * @throws          ShapeError `gatedLinear/decay`; SettingError `gatedLinear/block`
 * @source          Yang et al. 2023, arXiv:2312.06635, sections 4.1 to 4.3
 * @example
 * const { out, state } = gatedLinearAttention(q, k, v, lowRankGate(gate, x));
 */
export function gatedLinearAttention(
  query: TensorLike,
  key: TensorLike,
  value: TensorLike,
  logDecay: TensorLike,
  options: GatedLinearOptions = {},
): GatedLinearResult {
  const [q, k, v] = [asTensor(query), asTensor(key), asTensor(value)];
  const [batch, heads, time, width] = q.shape;
  const { scale = 1 / Math.sqrt(width), form = "chunk" } = options;
  const decay = decayOf(asTensor(logDecay), q);
  const state = asTensor(options.initial ?? zeros([batch, heads, width, v.shape[3]], { dtype: q.dtype }));
  const scaled = mul(q, scale);
  if (form === "recurrent") return recurrent(scaled, k, v, decay, state);
  if (form !== "chunk") return chunked(scaled, k, v, decay, state, time, time, form === "factorised");
  const { chunk = 64 } = options;
  const { block = Math.min(16, chunk) } = options;
  if (!(chunk >= 1 && block >= 1 && chunk % block === 0))
    throw new SettingError("gatedLinear/block", "a chunk is some whole blocks", {
      given: { chunk, block },
      fix: "give a block that divides the chunk",
    });
  // A chunk longer than the sequence would be filled up with nothing.
  const fitting = Math.min(chunk, Math.ceil(time / block) * block);
  return time <= chunksAtOnce * fitting
    ? chunked(scaled, k, v, decay, state, fitting, block, false)
    : inTurn(scaled, k, v, decay, state, fitting, block);
}

/**
 * One time of gated linear attention, for writing token after token.
 *
 * @param state     float[..., width of keys, width of values]
 * @param query     float[..., width of keys], with its scale already in it; key too
 * @param value     float[..., width of values]
 * @param logDecay  float[..., width of keys or 1]
 * @source          Yang et al. 2023, arXiv:2312.06635, equation 3
 */
export function gatedLinearStep(
  state: TensorLike,
  query: TensorLike,
  key: TensorLike,
  value: TensorLike,
  logDecay: TensorLike,
): GatedLinearResult {
  const next = add(mul(expandDims(exp(logDecay), -1), state), mul(expandDims(key, -1), expandDims(value, -2)));
  return { out: sum(mul(expandDims(query, -1), next), { axis: -2 }), state: next };
}

/** A decay for every time, with one number a channel or one for all of them. */
function decayOf(logDecay: Tensor, query: Tensor): Tensor {
  const [batch, heads, time, width] = query.shape;
  const last = logDecay.shape.at(-1);
  if (logDecay.rank === 1 && last === heads)
    return broadcastTo(reshape(logDecay, [heads, 1, 1]), [batch, heads, time, 1]);
  if (logDecay.rank === 4 && (last === 1 || last === width)) return broadcastTo(logDecay, [batch, heads, time, last]);
  throw new ShapeError(
    "gatedLinear/decay",
    `decays of the shape [${logDecay.shape}] fit no queries of [${query.shape}]`,
    {
      operands: { logDecay, query },
      fix: "give [batch, heads, time, width of keys], [batch, heads, time, 1] or [heads]",
    },
  );
}

function recurrent(query: Tensor, key: Tensor, value: Tensor, decay: Tensor, state: Tensor): GatedLinearResult {
  const [last, out] = scan(
    (carried: Tensor, [q, k, v, logDecay]: readonly Tensor[]) => {
      const step = gatedLinearStep(carried, q, k, v, logDecay);
      return [step.state, step.out] as const;
    },
    state,
    [query, key, value, decay],
    { axis: 2 },
  );
  return { out, state: last };
}

/** One chunk after the other. */
function inTurn(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  decay: Tensor,
  initial: Tensor,
  chunk: number,
  block: number,
): GatedLinearResult {
  const [state, out] = scan(
    (carried: Tensor, [q, k, v, logDecay]: readonly Tensor[]) => {
      const one = chunked(q, k, v, logDecay, carried, chunk, block, false);
      return [one.state, one.out] as const;
    },
    initial,
    [query, key, value, decay].map((x) => inChunks(x, chunk)),
    { axis: 2 },
  );
  return { out: joined(out, query.shape[2]), state };
}

/** [batch, heads, time, width] → [batch, heads, chunks, chunk, width]; times behind the end neither add nor forget. */
function inChunks(x: Tensor, chunk: number): Tensor {
  const [batch, heads, time, width] = x.shape;
  const count = Math.ceil(time / chunk);
  return reshape(pad(x, [0, 0, [0, count * chunk - time]]), [batch, heads, count, chunk, width]);
}

/** The inverse of `inChunks`. */
function joined(x: Tensor, time: number): Tensor {
  const [batch, heads, count, chunk, width] = x.shape;
  return sliceAxis(reshape(x, [batch, heads, count * chunk, width]), 2, 0, time);
}

function chunked(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  decay: Tensor,
  initial: Tensor,
  chunk: number,
  block: number,
  factorised: boolean,
): GatedLinearResult {
  const [q, k, v, rates] = [query, key, value, decay].map((x) => inChunks(x, chunk));
  const [batch, heads, count] = q.shape;
  // Summed within a chunk: over the whole sequence the digits that differences need would be lost.
  const sums = cumSum(rates, { axis: 3 });
  const whole = sliceAxis(sums, 3, chunk - 1, chunk);
  const added = matmul(mul(k, exp(sub(whole, sums))), v, { transposeA: true });
  const kept = reshape(exp(whole), [batch, heads, count, whole.shape[4], 1]);
  const [state, before] = scan(
    (carried: Tensor, [share, more]: readonly Tensor[]) => [add(mul(share, carried), more), carried] as const,
    initial,
    [kept, added],
    { axis: 2 },
  );
  const decayed = mul(q, exp(sums));
  const weights = factorised
    ? lowerTriangle(matmul(decayed, mul(k, exp(neg(sums))), { transposeB: true }))
    : pairs(q, k, sums, block);
  const out = add(matmul(decayed, before), matmul(weights, v));
  return { out: joined(out, query.shape[2]), state };
}

/** What each time of a chunk takes from each earlier one, float[batch, heads, chunks, chunk, chunk]. */
function pairs(q: Tensor, k: Tensor, sums: Tensor, block: number): Tensor {
  const [batch, heads, count, chunk] = q.shape;
  if (sums.shape[4] === 1) {
    // One rate for all channels stands outside the product of queries and keys.
    const apart = sub(sums, moveAxis(sums, 3, 4));
    const visible = earlier("earlier", [chunk, chunk], (i, j) => j <= i);
    return mul(matmul(q, k, { transposeB: true }), exp(where(visible, apart, -Infinity)));
  }
  const blocks = chunk / block;
  const inBlocks = (x: Tensor) => reshape(x, [batch, heads, count, blocks, block, x.shape[4]]);
  const [queries, keys, rates] = [q, k, sums].map(inBlocks);
  // Within a block each pair by itself: [.., query, key, channel]. Later keys are masked before the exponential.
  const apart = where(
    expandDims(
      earlier("earlier", [block, block], (i, j) => j <= i),
      -1,
    ),
    sub(expandDims(rates, 5), expandDims(rates, 4)),
    -Infinity,
  );
  const own = sum(mul(mul(expandDims(queries, 5), expandDims(keys, 4)), exp(apart)), { axis: -1 });
  if (blocks === 1) return reshape(own, [batch, heads, count, chunk, chunk]);
  // Between blocks a product of matrices: queries have decayed since the end of the block before theirs, keys until then.
  const start = pad(sliceAxis(sliceAxis(rates, 4, block - 1, block), 3, 0, blocks - 1), [0, 0, 0, [1, 0]]);
  const until = where(
    expandDims(
      earlier(`blocks of ${block}`, [blocks, chunk], (i, j) => j < i * block),
      -1,
    ),
    sub(start, expandDims(sums, 3)),
    -Infinity,
  );
  const across = matmul(mul(queries, exp(sub(rates, start))), mul(expandDims(k, 3), exp(until)), { transposeB: true });
  // A block's own weights stand on the diagonal: [.., blocks, block, blocks, block].
  const places = reshape(
    earlier("same", [blocks, blocks], (i, j) => i === j),
    [blocks, 1, blocks, 1],
  );
  const tiles = [batch, heads, count, blocks, block, blocks, block];
  const joined = where(places, expandDims(own, 5), reshape(across, tiles));
  return reshape(joined, [batch, heads, count, chunk, chunk]);
}

/** A constant mask over rows and columns. */
const earlier = (name: string, shape: [number, number], holds: (row: number, column: number) => boolean): Tensor =>
  generated(`gatedLinear ${name}`, shape, "bool", (at) => Number(holds(Math.floor(at / shape[1]), at % shape[1])));
