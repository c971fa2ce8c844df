import {
  broadcastTo,
  concat,
  expandDims,
  type PadOptions,
  pad,
  reshape,
  sliceAxis,
  splitAxis,
  stack,
  type Tensor,
  tile,
} from "../../../core/index.ts";
import { type Converters, integersOf, type NodeContext } from "../context.ts";
import type { Entry, TextEntry } from "../entry.ts";
import { Unsupported } from "../faults.ts";
import { normalAxes, normalAxis } from "./axes.ts";
import { checkedShape, constantOf } from "./types.ts";

/** Slices one axis by the rules of the format: places are counted from the end where negative, then cut to the axis. */
function sliceBy(x: Tensor, axis: number, start: number, end: number, step: number): Tensor {
  if (step === 0) throw new Unsupported("it slices with a step of 0");
  const size = x.shape[axis];
  const place = (at: number, low: number, high: number) => Math.min(high, Math.max(low, at < 0 ? at + size : at));
  if (step > 0) return sliceAxis(x, axis, place(start, 0, size), place(end, 0, size), step);
  const last = place(end, -1, size - 1);
  // An end before the first element cannot be said as a place, only left out.
  return sliceAxis(x, axis, place(start, 0, size - 1), last < 0 ? null : last, step);
}

function joinText(entries: readonly Entry[], axis: number): TextEntry {
  const texts = entries as TextEntry[];
  if (texts.some(({ kind, shape }) => kind !== "text" || shape.length !== 1) || axis !== 0)
    throw new Unsupported("it joins text along several axes");
  const data = texts.flatMap((one) => one.data);
  return { kind: "text", shape: [data.length], data };
}

/** The sizes of a split: given, or as equal as they can be. */
function partSizes(node: NodeContext, size: number): number[] {
  const given = integersOf(node, "split", 1);
  if (given) return given;
  const count = node.node.output.length;
  const each = Math.ceil(size / count);
  return Array.from({ length: count }, (_, i) => Math.max(0, Math.min(each, size - i * each)));
}

export const arrangingOperators: Converters = {
  Concat: (node) => {
    const entries = node.node.input.map((_, i) => node.given(i));
    if (entries.some(({ kind }) => kind === "text")) return joinText(entries, node.attributes.int("axis", 0));
    const parts = node.tensors();
    return concat(parts, { axis: normalAxis(node.attributes.int("axis", 1), parts[0].rank) });
  },
  Pad: (node) => {
    const x = node.tensor(0);
    const pads = node.attributes.ints("pads") ?? node.numbers(1) ?? [];
    const axes = normalAxes(node.numbers(3) ?? x.shape.map((_, i) => i), x.rank);
    const mode = node.attributes.string("mode", "constant");
    const value = node.attributes.float("value") ?? node.number(2) ?? 0;
    const paddings = x.shape.map((_, axis): [number, number] => {
      const i = axes.indexOf(axis);
      return i < 0 ? [0, 0] : [pads[i], pads[i + axes.length]];
    });
    if (mode === "wrap") return wrap(x, paddings);
    return pad(x, paddings, mode === "constant" ? { value } : { mode: mode as PadOptions["mode"] });
  },
  Slice: (node) => {
    const x = node.tensor(0);
    const starts = integersOf(node, "starts", 1) ?? [];
    const ends = integersOf(node, "ends", 2) ?? [];
    const axes = normalAxes(integersOf(node, "axes", 3) ?? starts.map((_, i) => i), x.rank);
    const steps = node.numbers(4) ?? [];
    return axes.reduce((part, axis, i) => sliceBy(part, axis, starts[i], ends[i], steps[i] ?? 1), x);
  },
  Split: (node) => {
    const x = node.tensor(0);
    const axis = normalAxis(node.attributes.int("axis", 0), x.rank);
    return splitAxis(x, partSizes(node, x.shape[axis]), { axis });
  },
  Tile: (node) => tile(node.tensor(0), node.numbers(1) ?? []),

  ConcatFromSequence: (node) => {
    const items = sequenceItems(node, 0).map(tensorOf);
    const axis = node.attributes.int("axis", 0);
    return node.attributes.int("new_axis", 0) === 1 ? stack(items, { axis }) : concat(items, { axis });
  },
  SequenceAt: (node) => {
    const items = sequenceItems(node, 0);
    return items[place(node, 1, items.length)];
  },
  SequenceConstruct: (node) => ({ kind: "sequence", items: node.node.input.map((_, i) => node.given(i)) }),
  SequenceEmpty: () => ({ kind: "sequence", items: [] }),
  SequenceErase: (node) => {
    const items = sequenceItems(node, 0);
    const gone = node.entry(1) ? place(node, 1, items.length) : items.length - 1;
    return { kind: "sequence", items: items.filter((_, i) => i !== gone) };
  },
  SequenceInsert: (node) => {
    const items = sequenceItems(node, 0);
    const at = node.entry(2) ? place(node, 2, items.length + 1, items.length) : items.length;
    return { kind: "sequence", items: items.toSpliced(at, 0, node.given(1)) };
  },
  SequenceLength: (node) => constantOf([sequenceItems(node, 0).length], [], "int64"),
  SequenceMap: (node) => {
    const body = node.attributes.graph("body");
    if (!body) throw new Unsupported("it has no body");
    const given = node.node.input.map((_, i) => node.given(i));
    const results = sequenceItems(node, 0).map((_, k) =>
      node.traceSubgraph(
        body,
        given.map((entry) => (entry.kind === "sequence" ? entry.items[k] : entry)),
      ),
    );
    return body.output.map((_, i) => ({ kind: "sequence", items: results.map((one) => one[i]) }) as const);
  },
  SplitToSequence: (node) => {
    const x = node.tensor(0);
    const axis = normalAxis(node.attributes.int("axis", 0), x.rank);
    const size = x.shape[axis];
    const given = node.numbers(1);
    const scalar = given && node.tensor(1).rank === 0;
    const chunk = scalar ? given[0] : 1;
    if (chunk < 1 || size / chunk > mostParts) throw new Unsupported(`it splits ${size} into parts of ${chunk}`);
    const sizes =
      given && !scalar
        ? given
        : Array.from({ length: Math.ceil(size / chunk) }, (_, i) => Math.min(chunk, size - i * chunk));
    const keep = given !== undefined || node.attributes.int("keepdims", 1) === 1;
    const items = splitAxis(x, sizes, { axis }).map((part): Entry => {
      const tensor = keep ? part : squeezeAxis(part, axis);
      return { kind: "tensor", tensor, type: node.type(0) };
    });
    return { kind: "sequence", items };
  },

  Optional: (node) => ({ kind: "optional", item: node.entry(0) }),
  OptionalGetElement: (node) => {
    const entry = node.given(0);
    if (entry.kind !== "optional") return entry;
    if (!entry.item) throw new Unsupported("it takes what an empty optional holds");
    return entry.item;
  },
  OptionalHasElement: (node) => {
    const entry = node.entry(0);
    return constantOf(
      [Number(entry !== undefined && (entry.kind !== "optional" || entry.item !== undefined))],
      [],
      "bool",
    );
  },
};

function sequenceItems(node: NodeContext, input: number): readonly Entry[] {
  const entry = node.given(input);
  const held = entry.kind === "optional" ? entry.item : entry;
  if (held?.kind !== "sequence") throw new Unsupported(`input ${input} is not a sequence`);
  return held.items;
}

function tensorOf(entry: Entry): Tensor {
  if (entry.kind !== "tensor") throw new Unsupported("the sequence does not hold tensors");
  return entry.tensor;
}

/** A place in a sequence, counted from the end where negative. */
function place(node: NodeContext, input: number, size: number, length = size): number {
  const at = node.number(input)!;
  const normal = at < 0 ? at + length : at;
  if (normal < 0 || normal >= size) throw new Unsupported(`place ${at} is outside a sequence of ${length}`);
  return normal;
}

/** Most tensors that a sequence is split into. */
const mostParts = 4096;

const squeezeAxis = (x: Tensor, axis: number): Tensor =>
  reshape(
    x,
    x.shape.filter((_, i) => i !== axis),
  );

/** A tensor repeated along an axis. */
export function repeat(x: Tensor, axis: number, times: number): Tensor {
  if (times === 1) return x;
  const shape = x.shape.with(axis, x.shape[axis] * times);
  const wide = broadcastTo(expandDims(x, axis), checkedShape(x.shape.toSpliced(axis, 0, times)));
  return reshape(wide, shape);
}

/** Padding that goes round: what is added before comes from the end. */
function wrap(x: Tensor, paddings: readonly (readonly [number, number])[]): Tensor {
  return paddings.reduce((padded, [before, after], axis) => {
    const size = padded.shape[axis];
    if (before === 0 && after === 0) return padded;
    const copies = Math.ceil(Math.max(before, 0) / size) + 1 + Math.ceil(Math.max(after, 0) / size);
    const start = Math.ceil(Math.max(before, 0) / size) * size - before;
    return sliceAxis(repeat(padded, axis, copies), axis, start, start + size + before + after);
  }, x);
}
