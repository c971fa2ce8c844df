import {
  add,
  and,
  attention,
  broadcastTo,
  cast,
  concat,
  div,
  full,
  gather,
  greaterEqual,
  less,
  lessEqual,
  matmul,
  mul,
  not,
  range,
  reshape,
  sliceAxis,
  softmax,
  splitAxis,
  stack,
  sub,
  swapAxes,
  type Tensor,
  tanh,
  transpose,
  where,
} from "../../../core/index.ts";
import { scalar } from "../../../core/tensor.ts";
import type { Converters, NodeContext } from "../context.ts";
import { Unsupported } from "../faults.ts";
import { type AttentionMethod, maskedBelow, type NormalizerMethod } from "../methods.ts";
import { replaced } from "./normalization.ts";

/** What attention does besides weighing values. */
interface AttentionSettings {
  scale?: number;
  /** Scores are kept within ±softcap by a tanh; 0: they are not. */
  softcap?: number;
  /** bool (true: may look) or float (added), broadcast to [batch, heads, queries, keys]. */
  masks?: readonly (Tensor | undefined)[];
  /** What a rewritten model has put in the place of softmax, or of the whole. */
  method?: NormalizerMethod | AttentionMethod;
}

/** Attention of [batch, heads, queries, width] over [batch, fewer heads, keys, width]: heads share keys in groups. */
function attend(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  { scale, softcap = 0, masks = [], method }: AttentionSettings,
): Tensor {
  const [batch, heads, queries, width] = query.shape;
  const shared = heads / key.shape[1];
  const group = (x: Tensor, each: number) =>
    shared === 1 ? x : reshape(x, [batch, x.shape[1] / each, each, x.shape[2], x.shape[3]]);
  const [q, k, v] = [group(query, shared), group(key, 1), group(value, 1)];
  const wide = masks
    .filter((one) => one !== undefined)
    .map((mask) => {
      if (shared === 1 || mask.rank < 3) return mask;
      const leading = mask.rank === 3 ? reshape(mask, [1, ...mask.shape]) : mask;
      const count = leading.shape[1];
      return count === 1
        ? reshape(leading, [leading.shape[0], 1, 1, ...leading.shape.slice(2)])
        : reshape(leading, [leading.shape[0], count / shared, shared, ...leading.shape.slice(2)]);
    });
  const factor = scale ?? 1 / Math.sqrt(width);
  const bools = wide.filter(({ dtype }) => dtype === "bool");
  const adds = wide.filter(({ dtype }) => dtype !== "bool").map((one) => cast(one, q.dtype));
  let y: Tensor;
  if (method && isWhole(method)) y = method(q, k, v, { scale: factor, mask: joined(bools, adds) });
  else if (!method && softcap === 0 && bools.length === 0 && adds.length <= 1)
    y = attention(q, k, v, adds[0], { scale: factor });
  else {
    const products = mul(matmul(q, k, { transposeB: true }), factor);
    const capped = softcap === 0 ? products : mul(tanh(div(products, softcap)), softcap);
    const shifted = adds.reduce((scores, one) => add(scores, one), capped);
    const allowed = bools.length > 0 ? bools.reduce((a, b) => and(a, b)) : undefined;
    // The lowest finite number instead of −∞: a query that may look nowhere then looks everywhere, as runtimes do.
    const scores = allowed ? where(allowed, shifted, -3.4028234663852886e38) : shifted;
    y = matmul(method ? replaced(method as NormalizerMethod)(scores, { axis: scores.rank - 1 }) : softmax(scores), v);
  }
  return reshape(y, [batch, heads, queries, v.shape.at(-1)!]);
}

/** Methods for whole attentions take three tensors, those for normalizers one. */
const isWhole = (method: NormalizerMethod | AttentionMethod): method is AttentionMethod => method.length >= 3;

/** Conditions and additions as one mask. */
function joined(bools: readonly Tensor[], adds: readonly Tensor[]): Tensor | undefined {
  const allowed = bools.length > 0 ? bools.reduce((a, b) => and(a, b)) : undefined;
  if (adds.length === 0) return allowed;
  const added = adds.reduce((a, b) => add(a, b));
  return allowed ? where(allowed, added, Number.NEGATIVE_INFINITY) : added;
}

/** Which keys each query may see: those up to itself, `past` keys coming before the first query. */
function causal(queries: number, keys: number, past: number, window = 0): Tensor {
  const [row, column] = [reshape(range(queries), [queries, 1]), reshape(range(keys), [1, keys])];
  const reach = add(row, past);
  const before = lessEqual(column, reach);
  return window > 0 ? and(before, greaterEqual(column, sub(reach, window - 1))) : before;
}

/** [batch, time, heads·width] as [batch, heads, time, width]. */
const splitHeads = (x: Tensor, heads: number): Tensor =>
  x.rank === 4 ? x : transpose(reshape(x, [x.shape[0], x.shape[1], heads, x.shape[2] / heads]), [0, 2, 1, 3]);

const mergeHeads = (x: Tensor): Tensor => {
  const [batch, heads, time, width] = x.shape;
  return reshape(transpose(x, [0, 2, 1, 3]), [batch, time, heads * width]);
};

/** The keys and values that came before, followed by the new ones. */
const continued = (past: Tensor | undefined, now: Tensor): Tensor => (past ? concat([past, now], { axis: 2 }) : now);

/** Turns pairs of features by angles that grow with the position. */
function rotate(x: Tensor, cosine: Tensor, sine: Tensor, interleaved: boolean): Tensor {
  const width = 2 * cosine.shape.at(-1)!;
  const [turning, rest] = width < x.shape.at(-1)! ? splitAxis(x, [width, x.shape.at(-1)! - width], { axis: -1 }) : [x];
  const half = width / 2;
  const pairs = interleaved ? reshape(turning, [...turning.shape.slice(0, -1), half, 2]) : undefined;
  const [a, b] = pairs
    ? [0, 1].map((i) => reshape(sliceAxis(pairs, -1, i, i + 1), [...turning.shape.slice(0, -1), half]))
    : splitAxis(turning, 2, { axis: -1 });
  const [real, imaginary] = [sub(mul(a, cosine), mul(b, sine)), add(mul(a, sine), mul(b, cosine))];
  const turned = interleaved
    ? reshape(stack([real, imaginary], { axis: -1 }), turning.shape)
    : concat([real, imaginary], { axis: -1 });
  return rest ? concat([turned, rest], { axis: -1 }) : turned;
}

/** Rows of the tables of cosines or sines for positions [batch, time], for all heads. */
const tableFor = (table: Tensor, positions: Tensor): Tensor => {
  const rows = gather(table, positions);
  return reshape(rows, [rows.shape[0], 1, rows.shape[1], rows.shape[2]]);
};

/** The rotary embedding of x [batch, time, heads·width] or [batch, heads, time, width]. */
function rotaryEmbedding(
  node: NodeContext,
  x: Tensor,
  positions: Tensor | undefined,
  tables: [Tensor, Tensor],
): Tensor {
  const heads = node.attributes.int("num_heads", 0);
  const table = tables[0];
  const width = node.attributes.int("rotary_embedding_dim", 0) || 2 * table.shape.at(-1)!;
  const wide = splitHeads(x, heads || x.shape.at(-1)! / width);
  const time = wide.shape[2];
  const places =
    positions && positions.size > 1
      ? positions
      : broadcastTo(reshape(positions ? add(range(time), positions) : range(time), [1, time]), [x.shape[0], time]);
  const rows = (one: Tensor): Tensor =>
    one.rank === 3 ? reshape(one, [one.shape[0], 1, ...one.shape.slice(1)]) : tableFor(one, places);
  const turned = rotate(wide, rows(tables[0]), rows(tables[1]), node.attributes.int("interleaved", 0) === 1);
  return x.rank === 4 ? turned : mergeHeads(turned);
}

function standardAttention(node: NodeContext): (Tensor | undefined)[] {
  const { attributes } = node;
  const flat = node.tensor(0).rank === 3;
  const query = splitHeads(node.tensor(0), attributes.int("q_num_heads", 0));
  const [newKey, newValue] = [1, 2].map((i) => splitHeads(node.tensor(i), attributes.int("kv_num_heads", 0)));
  const [pastKey, pastValue] = [node.optional(4), node.optional(5)];
  if (node.wants(3)) throw new Unsupported("it gives out its scores");
  const [key, value] = [continued(pastKey, newKey), continued(pastValue, newValue)];
  const [queries, keys] = [query.shape[2], key.shape[2]];
  const lengths = node.optional(6);
  const mask = node.optional(3);
  const y = attend(query, key, value, {
    method: node.method,
    scale: attributes.float("scale") || undefined,
    softcap: attributes.float("softcap", 0),
    masks: [
      mask && padMask(mask, keys),
      attributes.int("is_causal", 0) === 1 ? causal(queries, keys, pastKey?.shape[2] ?? 0) : undefined,
      lengths && less(reshape(range(keys), [1, 1, 1, keys]), reshape(lengths, [lengths.size, 1, 1, 1])),
    ],
  });
  return [flat ? mergeHeads(y) : y, key, value];
}

/** A mask for fewer keys than there are hides the rest. */
function padMask(mask: Tensor, keys: number): Tensor {
  const missing = keys - mask.shape.at(-1)!;
  if (missing <= 0 || mask.shape.at(-1) === 1) return mask;
  const shape = [...mask.shape.slice(0, -1), missing];
  const rest =
    mask.dtype === "bool"
      ? broadcastTo(asBool(false), shape)
      : full(shape, Number.NEGATIVE_INFINITY, { dtype: mask.dtype });
  return concat([mask, rest], { axis: -1 });
}

const asBool = (truth: boolean): Tensor => scalar(Number(truth), "bool");

/** The masks of com.microsoft: lengths [batch], kept keys [batch, keys], or whole masks [batch, queries, keys]. */
function keyMask(mask: Tensor | undefined, batch: number, keys: number): Tensor | undefined {
  if (!mask) return undefined;
  const places = reshape(range(keys, { dtype: mask.dtype === "int64" ? "int64" : "int32" }), [1, 1, 1, keys]);
  const column = (x: Tensor): Tensor => reshape(x, [batch, 1, 1, 1]);
  if (mask.rank === 1 && mask.size === batch) return less(places, column(mask));
  if (mask.rank === 1 && mask.size === 2 * batch) {
    const [end, start] = splitAxis(mask, 2);
    return and(less(places, column(end)), greaterEqual(places, column(start)));
  }
  const kept = cast(mask, "bool");
  if (mask.rank === 2) return reshape(kept, [batch, 1, 1, mask.shape[1]]);
  if (mask.rank === 3) return reshape(kept, [batch, 1, ...mask.shape.slice(1)]);
  throw new Unsupported(`its mask has the shape [${mask.shape}]`);
}

function packedAttention(node: NodeContext): (Tensor | undefined)[] {
  const { attributes } = node;
  const heads = attributes.int("num_heads", 1);
  const [x, weights, bias] = [node.tensor(0), node.tensor(1), node.optional(2)];
  const product = matmul(x, weights);
  const all = bias ? add(product, bias) : product;
  const sizes = attributes.ints("qkv_hidden_sizes") ?? [0, 1, 2].map(() => all.shape[2] / 3);
  const [query, key0, value0] = splitAxis(all, sizes, { axis: 2 }).map((part) => splitHeads(part, heads));
  const past = node.optional(4);
  const [pastKey, pastValue] = past ? splitAxis(past, 2).map((part) => reshape(part, past.shape.slice(1))) : [];
  const [key, value] = [continued(pastKey, key0), continued(pastValue, value0)];
  const [queries, keys] = [query.shape[2], key.shape[2]];
  const y = attend(query, key, value, {
    method: node.method,
    scale: attributes.float("scale") || undefined,
    masks: [
      keyMask(node.optional(3), x.shape[0], keys),
      attributes.int("unidirectional", 0) === 1 ? causal(queries, keys, keys - queries) : undefined,
      node.optional(5),
    ],
  });
  return [mergeHeads(y), node.wants(1) ? stack([key, value]) : undefined];
}

function multiHeadAttention(node: NodeContext): (Tensor | undefined)[] {
  const { attributes } = node;
  const heads = attributes.int("num_heads", 1);
  const first = node.tensor(0);
  const bias = node.optional(3);
  const parts =
    first.rank === 5
      ? unpack(first, 3)
      : [first, ...(node.tensor(1).rank === 5 ? unpack(node.tensor(1), 2) : [node.tensor(1), node.tensor(2)])];
  const shifts = bias ? splitAxis(bias, parts.map(hidden), { axis: 0 }) : [];
  const [query, key0, value0] = parts.map((part, i) =>
    splitHeads(shifts[i] && part.rank === 3 ? add(part, shifts[i]) : part, heads),
  );
  const [key, value] = [continued(node.optional(6), key0), continued(node.optional(7), value0)];
  const [queries, keys] = [query.shape[2], key.shape[2]];
  const y = attend(query, key, value, {
    method: node.method,
    scale: attributes.float("scale") || undefined,
    masks: [
      keyMask(node.optional(4), query.shape[0], keys),
      node.optional(5),
      attributes.int("unidirectional", 0) === 1 ? causal(queries, keys, keys - queries) : undefined,
    ],
  });
  return [mergeHeads(y), key, value];
}

const hidden = (x: Tensor): number => (x.rank === 4 ? x.shape[1] * x.shape[3] : x.shape[2]);

/** [batch, time, heads, count, width] as `count` tensors of [batch, time, heads·width]. */
const unpack = (x: Tensor, count: number): Tensor[] =>
  splitAxis(x, count, { axis: 3 }).map((part) => reshape(part, [x.shape[0], x.shape[1], x.shape[2] * x.shape[4]]));

function groupQueryAttention(node: NodeContext): (Tensor | undefined)[] {
  const { attributes } = node;
  const [heads, keyHeads] = [attributes.int("num_heads", 1), attributes.int("kv_num_heads", 1)];
  const packed = !node.entry(1);
  const width = packed ? node.tensor(0).shape[2] / (heads + 2 * keyHeads) : 0;
  const parts = packed
    ? splitAxis(node.tensor(0), [heads * width, keyHeads * width, keyHeads * width], { axis: 2 })
    : [node.tensor(0), node.tensor(1), node.tensor(2)];
  let [query, key0, value0] = parts.map((part, i) => splitHeads(part, i === 0 ? heads : keyHeads));
  const lengths = node.tensor(5);
  const [batch, , time] = query.shape;
  // Each row's tokens end at its length; the new ones are the last of them.
  const last = reshape(cast(lengths, "int64"), [batch, 1]);
  const pastKey = node.optional(3);
  const past = pastKey && pastKey.shape[2] > 0 ? pastKey.shape[2] : 0;
  const positions =
    past > 0 ? add(sub(last, time - 1), range(time)) : broadcastTo(reshape(range(time), [1, time]), [batch, time]);
  if (attributes.int("do_rotary", 0) === 1) {
    const interleaved = attributes.int("rotary_interleaved", 0) === 1;
    const [cosine, sine] = [7, 8].map((i) => tableFor(node.tensor(i), positions));
    [query, key0] = [query, key0].map((x) => rotate(x, cosine, sine, interleaved));
  }
  const key = continued(past > 0 ? pastKey : undefined, key0);
  const value = continued(past > 0 ? node.optional(4) : undefined, value0);
  const keys = key.shape[2];
  const y = attend(query, key, value, {
    method: node.method,
    scale: attributes.float("scale") || undefined,
    softcap: attributes.float("softcap", 0),
    masks: [
      causal(time, keys, past, Math.max(0, attributes.int("local_window_size", -1))),
      past > 0 ? undefined : lessEqual(reshape(range(keys), [1, 1, 1, keys]), reshape(last, [batch, 1, 1, 1])),
    ],
  });
  return [mergeHeads(y), key, value];
}

/** The attention that a rewritten model has put in the place of several nodes. */
function swappedAttention(node: NodeContext): Tensor {
  const { attributes } = node;
  const [query, given, value] = node.tensors();
  const key = attributes.int("key_transposed", 0) === 1 ? swapAxes(given, -1, -2) : given;
  const count = attributes.int("added", 0);
  const adds = Array.from({ length: count }, (_, i) => {
    const mask = node.tensor(3 + i);
    return where(less(mask, maskedBelow), Number.NEGATIVE_INFINITY, mask);
  });
  const keeps = attributes.ints("keeps", []);
  const bools = keeps.map((keep, i) => {
    const condition = node.tensor(3 + count + i);
    return keep === 1 ? condition : not(condition);
  });
  const method = node.method as AttentionMethod | undefined;
  if (!method) throw new Unsupported("its method is not there");
  return method(query, key, value, { scale: attributes.float("scale", 1), mask: joined(bools, adds) });
}

/** The operators of Sluice itself, which rewriting makes. */
export const ownOperators: Converters = { Attention: swappedAttention };

export const attentionOperators: Converters = {
  Attention: standardAttention,
  RotaryEmbedding: (node) => rotaryEmbedding(node, node.tensor(0), node.optional(3), [node.tensor(1), node.tensor(2)]),
};

/** The attention operators of com.microsoft. */
export const contributedAttention: Converters = {
  Attention: packedAttention,
  GroupQueryAttention: groupQueryAttention,
  MultiHeadAttention: multiHeadAttention,
  RotaryEmbedding: (node) => rotaryEmbedding(node, node.tensor(0), node.tensor(1), [node.tensor(2), node.tensor(3)]),
};
