import {
  add,
  broadcastTo,
  cast,
  gather,
  gatherAlong,
  less,
  mul,
  oneHot,
  reshape,
  scatterAdd,
  scatterAddAlong,
  scatterSet,
  scatterSetAlong,
  sliceAxis,
  sub,
  type Tensor,
  where,
} from "../../../core/index.ts";
import { sizeOf, stridesOf } from "../../../core/shape.ts";
import type { Converters, NodeContext } from "../context.ts";
import { type Entry, tensorEntry } from "../entry.ts";
import { NeedsData, Unsupported } from "../faults.ts";
import { normalAxis } from "./axes.ts";
import { isReduction, scatterReduce } from "./scatter-reduce.ts";
import { constantOf } from "./types.ts";

/** Indices of rows when the leading axes of a tensor are laid out as one; the last axis of `indices` counts them off. */
function flatIndices(indices: Tensor, sizes: readonly number[]): Tensor {
  const strides = stridesOf(sizes);
  const wide = cast(indices, "int64");
  const parts = sizes.map((size, k) => {
    const part = reshape(sliceAxis(wide, -1, k, k + 1), wide.shape.slice(0, -1));
    return mul(where(less(part, 0), add(part, size), part), strides[k]);
  });
  return parts.length > 0 ? parts.reduce((a, b) => add(a, b)) : constantOf([0], [1], "int64");
}

function scatterElements(node: NodeContext): Tensor {
  const [x, indices, updates] = node.tensors();
  const axis = normalAxis(node.attributes.int("axis", 0), x.rank);
  const reduction = node.attributes.string("reduction", "none");
  if (reduction === "none") return scatterSetAlong(x, indices, updates, { axis });
  if (reduction === "add") return scatterAddAlong(x, indices, updates, { axis });
  if (!isReduction(reduction)) throw new Unsupported(`it reduces by "${reduction}"`);
  return scatterReduce(x, cast(indices, "int64"), updates, axis, reduction);
}

/** A text entry or tensor seen as one, for look-ups that must work on both. */
function gatherText(node: NodeContext): Entry {
  const entry = node.given(0);
  if (entry.kind !== "text" || entry.shape.length !== 1) throw new Unsupported("it looks up text along several axes");
  const places = node.numbers(1)!;
  return { kind: "text", shape: node.tensor(1).shape, data: places.map((at) => entry.data.at(at) ?? "") };
}

export const indexingOperators: Converters = {
  Compress: (node) => {
    const x = node.tensor(0);
    const kept = node.numbers(1)!.flatMap((keep, i) => (keep ? [i] : []));
    const axis = node.attributes.int("axis");
    const places = constantOf(kept, [kept.length], "int64");
    if (axis === undefined) return gather(reshape(x, [x.size]), places);
    return gather(x, places, { axis: normalAxis(axis, x.rank) });
  },
  Gather: (node) => {
    if (node.given(0).kind === "text") return gatherText(node);
    const x = node.tensor(0);
    return gather(x, node.tensor(1), { axis: normalAxis(node.attributes.int("axis", 0), x.rank) });
  },
  GatherElements: (node) => {
    const x = node.tensor(0);
    const axis = normalAxis(node.attributes.int("axis", 0), x.rank);
    const indices = node.tensor(1);
    // The other axes of the indices may be shorter than the tensor's, which stands for its first elements.
    const cut = indices.shape.reduce(
      (part, size, i) => (i === axis || size === part.shape[i] ? part : sliceAxis(part, i, 0, size)),
      x,
    );
    return gatherAlong(cut, indices, { axis });
  },
  GatherND: (node) => {
    const [x, indices] = [node.tensor(0), node.tensor(1)];
    const batch = node.attributes.int("batch_dims", 0);
    const depth = indices.shape.at(-1)!;
    const inner = x.shape.slice(batch + depth);
    const count = sizeOf(x.shape.slice(0, batch));
    const outer = indices.shape.slice(batch, -1);
    const rows = reshape(x, [count, sizeOf(x.shape.slice(batch, batch + depth)), ...inner]);
    const places = flatIndices(reshape(indices, [count, sizeOf(outer), depth]), x.shape.slice(batch, batch + depth));
    const found = gather(rows, places, { axis: 1, batchDims: 1 });
    return reshape(found, [...x.shape.slice(0, batch), ...outer, ...inner]);
  },
  NonMaxSuppression: nonMaxSuppression,
  NonZero: (node) => {
    const x = node.tensor(0);
    const found = node.numbers(0)!.flatMap((number, i) => (number !== 0 ? [i] : []));
    const strides = stridesOf(x.shape);
    const places = x.shape.flatMap((size, axis) => found.map((at) => Math.floor(at / strides[axis]) % size));
    return constantOf(places, [x.rank, found.length], "int64");
  },
  OneHot: (node) => {
    const [indices, values] = [node.tensor(0), node.tensor(2)];
    const depth = node.number(1)!;
    const axis = node.attributes.int("axis", -1);
    const hot = oneHot(cast(indices, "int64"), depth, { axis, dtype: "bool" });
    const [off, on] = [0, 1].map((i) => reshape(sliceAxis(values, 0, i, i + 1), []));
    return where(hot, broadcastTo(on, hot.shape), off);
  },
  ReverseSequence: (node) => {
    const [x, lengths] = [node.tensor(0), node.tensor(1)];
    const time = node.attributes.int("time_axis", 0);
    const batch = node.attributes.int("batch_axis", 1);
    const along = (axis: number): number[] => x.shape.map((size, i) => (i === axis ? size : 1));
    const step = constantOf(
      Array.from({ length: x.shape[time] }, (_, i) => i),
      along(time),
      "int64",
    );
    const length = reshape(cast(lengths, "int64"), along(batch));
    const mirrored = sub(sub(length, 1), step);
    return gatherAlong(x, where(less(step, length), mirrored, step), { axis: time });
  },
  Scatter: scatterElements,
  ScatterElements: scatterElements,
  ScatterND: (node) => {
    const [x, indices, updates] = node.tensors();
    const depth = indices.shape.at(-1)!;
    const inner = x.shape.slice(depth);
    const places = flatIndices(reshape(indices, [sizeOf(indices.shape.slice(0, -1)), depth]), x.shape.slice(0, depth));
    const rows = reshape(x, [sizeOf(x.shape.slice(0, depth)), sizeOf(inner)]);
    const flat = reshape(updates, [places.size, sizeOf(inner)]);
    const reduction = node.attributes.string("reduction", "none");
    if (reduction === "none") return reshape(scatterSet(rows, places, flat), x.shape);
    if (reduction === "add") return reshape(scatterAdd(rows, places, flat), x.shape);
    if (!isReduction(reduction)) throw new Unsupported(`it reduces by "${reduction}"`);
    const wide = broadcastTo(reshape(places, [places.size, 1]), flat.shape);
    return reshape(scatterReduce(rows, wide, flat, 0, reduction), x.shape);
  },
  TensorScatter: (node) => {
    const [past, update] = [node.tensor(0), node.tensor(1)];
    const axis = normalAxis(node.attributes.int("axis", -2), past.rank);
    const [size, added] = [past.shape[axis], update.shape[axis]];
    const along = (at: number, length: number) => past.shape.map((_, i) => (i === at ? length : 1));
    const offset = constantOf(
      Array.from({ length: added }, (_, i) => i),
      along(axis, added),
      "int64",
    );
    const start = node.optional(2);
    const places = start ? add(reshape(cast(start, "int64"), along(0, past.shape[0])), offset) : offset;
    const circular = node.attributes.string("mode", "linear") === "circular";
    const wrapped = circular ? where(less(places, size), places, sub(places, size)) : places;
    return scatterSetAlong(past, broadcastTo(wrapped, update.shape), update, { axis });
  },
  Unique: unique,
};

/** Distinct elements, or slices along an axis, of a tensor that is known while tracing. */
function unique(node: NodeContext): Entry[] {
  const x = node.tensor(0);
  const numbers = node.numbers(0)!;
  const given = node.attributes.int("axis");
  const axis = given === undefined ? 0 : normalAxis(given, x.rank);
  const shape = given === undefined ? [x.size] : x.shape;
  const [length, inner] = [shape[axis], sizeOf(shape.slice(axis + 1))];
  const outer = sizeOf(shape.slice(0, axis));
  const sliceAt = (k: number): number[] =>
    Array.from(
      { length: outer * inner },
      (_, i) => numbers[(Math.floor(i / inner) * length + k) * inner + (i % inner)],
    );
  const groups = new Map<string, { slice: number[]; first: number; count: number }>();
  const keys = Array.from({ length }, (_, k) => {
    const slice = sliceAt(k);
    const key = slice.join();
    const group = groups.get(key);
    if (group) group.count++;
    else groups.set(key, { slice, first: k, count: 1 });
    return key;
  });
  const order = [...groups.keys()];
  if (node.attributes.int("sorted", 1) === 1)
    order.sort((a, b) => {
      const [x0, x1] = [groups.get(a)!.slice, groups.get(b)!.slice];
      const at = x0.findIndex((number, i) => number !== x1[i]);
      return at < 0 ? 0 : x0[at] - x1[at];
    });
  const place = new Map(order.map((key, i) => [key, i]));
  const count = order.length;
  const distinct = new Float64Array(outer * count * inner);
  order.forEach((key, k) => {
    groups.get(key)!.slice.forEach((number, i) => {
      distinct[(Math.floor(i / inner) * count + k) * inner + (i % inner)] = number;
    });
  });
  const integers = (list: number[]) => tensorEntry(constantOf(list, [list.length], "int64"));
  return [
    tensorEntry(constantOf(distinct, shape.with(axis, count), node.type(0)), node.type(0)),
    integers(order.map((key) => groups.get(key)!.first)),
    integers(keys.map((key) => place.get(key)!)),
    integers(order.map((key) => groups.get(key)!.count)),
  ];
}

/** Greedy choice of boxes that do not overlap much, of boxes and scores that are known while tracing. */
function nonMaxSuppression(node: NodeContext): Tensor {
  const [boxes, scores] = [node.numbers(0), node.numbers(1)];
  if (!boxes || !scores) throw new NeedsData("it needs boxes and scores");
  const [batches, count] = node.tensor(0).shape;
  const classes = node.tensor(1).shape[1];
  const most = node.number(2) ?? 0;
  const overlap = node.number(3) ?? 0;
  const least = node.number(4) ?? Number.NEGATIVE_INFINITY;
  const centered = node.attributes.int("center_point_box", 0) === 1;
  const corners = (batch: number, i: number): number[] => {
    const [a, b, c, d] = boxes.slice((batch * count + i) * 4, (batch * count + i) * 4 + 4);
    if (centered) return [b - d / 2, a - c / 2, b + d / 2, a + c / 2];
    return [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)];
  };
  const area = ([top, left, bottom, right]: number[]) => (bottom - top) * (right - left);
  const union = (a: number[], b: number[]): number => {
    const height = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
    const width = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
    const shared = Math.max(0, height) * Math.max(0, width);
    return shared / (area(a) + area(b) - shared);
  };
  const chosen: number[] = [];
  for (let batch = 0; batch < batches; batch++)
    for (let category = 0; category < classes; category++) {
      const score = (i: number) => scores[(batch * classes + category) * count + i];
      const order = Array.from({ length: count }, (_, i) => i)
        .filter((i) => score(i) > least)
        .sort((a, b) => score(b) - score(a) || a - b);
      const kept: number[] = [];
      for (const i of order) {
        if (kept.length >= most) break;
        if (kept.every((other) => union(corners(batch, i), corners(batch, other)) <= overlap)) kept.push(i);
      }
      for (const i of kept) chosen.push(batch, category, i);
    }
  return constantOf(chosen, [chosen.length / 3, 3], "int64");
}
