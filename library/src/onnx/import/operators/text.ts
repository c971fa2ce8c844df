import {
  add,
  and,
  cast,
  concat,
  equal,
  expandDims,
  greater,
  mul,
  reshape,
  sliceAxis,
  sum,
  type Tensor,
} from "../../../core/index.ts";
import type { Converters, NodeContext } from "../context.ts";
import type { Entry, TextEntry } from "../entry.ts";
import { Unsupported } from "../faults.ts";
import { constantOf } from "./types.ts";

function textOf(node: NodeContext, input: number): TextEntry {
  const entry = node.given(input);
  if (entry.kind !== "text") throw new Unsupported(`input ${input} is not text`);
  return entry;
}

/** Counts of n-grams in rows of tokens, scaled as the node says. */
function tfIdf(node: NodeContext): Tensor {
  const { attributes } = node;
  const words = attributes.strings("pool_strings");
  const pool = words ? words.map((_, i) => i) : attributes.ints("pool_int64s", []);
  const entry = node.given(0);
  const tokens =
    entry.kind === "text"
      ? constantOf(
          entry.data.map((word) => words?.indexOf(word) ?? -1),
          entry.shape,
          "int64",
        )
      : cast(node.tensor(0), "int64");
  const rows = tokens.rank === 1 ? expandDims(tokens, 0) : tokens;
  const [batch, length] = rows.shape;
  const starts = attributes.ints("ngram_counts", []);
  const [shortest, longest] = [attributes.int("min_gram_length", 1), attributes.int("max_gram_length", 1)];
  const mostSkips = attributes.int("max_skip_count", 0);
  const counts: Tensor[] = [];
  for (let size = 1; size <= starts.length; size++) {
    const grams = pool.slice(starts[size - 1], starts[size] ?? pool.length);
    const count = grams.length / size;
    if (count === 0) continue;
    let found = constantOf(new Float64Array(batch * count), [batch, count]);
    const wanted = size >= shortest && size <= longest;
    for (let skip = 0; wanted && skip <= (size === 1 ? 0 : mostSkips); skip++) {
      const places = length - (size - 1) * (skip + 1);
      if (places <= 0) break;
      const fits = Array.from({ length: size }, (_, k) => {
        const window = expandDims(sliceAxis(rows, 1, k * (skip + 1), k * (skip + 1) + places), 1);
        const words = grams.filter((_, i) => i % size === k);
        return equal(window, constantOf(words, [1, count, 1], "int64"));
      });
      found = add(
        found,
        sum(
          cast(
            fits.reduce((a, b) => and(a, b)),
            "float32",
          ),
          { axis: 2 },
        ),
      );
    }
    counts.push(found);
  }
  const places = attributes.ints("ngram_indexes", []);
  const ordered = places.map((_, i) => places.indexOf(i));
  const all = concat(counts, { axis: 1 });
  const sorted = concat(
    ordered.map((at) => sliceAxis(all, 1, at, at + 1)),
    { axis: 1 },
  );
  const weights = attributes.floats("weights");
  const scale =
    weights &&
    constantOf(
      ordered.map((at) => weights[at]),
      [1, ordered.length],
    );
  const mode = attributes.string("mode", "TF");
  const present = cast(greater(sorted, 0), "float32");
  const scaled = mode === "TF" ? sorted : mul(mode === "IDF" ? present : sorted, scale ?? 1);
  return tokens.rank === 1 ? reshape(scaled, [scaled.size]) : scaled;
}

function normalise(node: NodeContext): Entry {
  const { shape, data } = textOf(node, 0);
  const { attributes } = node;
  const change = attributes.string("case_change_action", "NONE");
  const sensitive = attributes.int("is_case_sensitive", 0) === 1;
  const fold = (text: string) => (sensitive ? text : text.toLowerCase());
  const stops = new Set((attributes.strings("stopwords") ?? []).map(fold));
  const kept = data.filter((text) => !stops.has(fold(text)));
  const changed = kept.map((text) =>
    change === "LOWER" ? text.toLowerCase() : change === "UPPER" ? text.toUpperCase() : text,
  );
  const filled = changed.length > 0 ? changed : [""];
  return { kind: "text", shape: shape.length === 2 ? [1, filled.length] : [filled.length], data: filled };
}

export const textOperators: Converters = {
  StringConcat: (node) => {
    const [a, b] = [textOf(node, 0), textOf(node, 1)];
    const longer = a.data.length >= b.data.length ? a : b;
    if (a.data.length !== b.data.length && Math.min(a.data.length, b.data.length) !== 1)
      throw new Unsupported("it joins texts of different shapes");
    const at = ({ data }: TextEntry, i: number) => data[data.length === 1 ? 0 : i];
    return { kind: "text", shape: longer.shape, data: longer.data.map((_, i) => at(a, i) + at(b, i)) };
  },
  StringNormalizer: normalise,
  StringSplit: (node) => {
    const { shape, data } = textOf(node, 0);
    const delimiter = node.attributes.string("delimiter");
    const most = node.attributes.int("maxsplit", Number.POSITIVE_INFINITY);
    const rows = data.map((text) => splitText(text, delimiter, most));
    const width = Math.max(0, ...rows.map((row) => row.length));
    const padded = rows.flatMap((row) => [...row, ...Array<string>(width - row.length).fill("")]);
    const lengths = rows.map((row) => row.length);
    return [{ kind: "text", shape: [...shape, width], data: padded }, constantOf(lengths, shape, "int64")];
  },
  TfIdfVectorizer: tfIdf,
};

/** As Python splits: at runs of white space where no delimiter is given; what is left after `most` splits stays whole. */
function splitText(text: string, delimiter: string | undefined, most: number): string[] {
  const parts: string[] = [];
  let rest = delimiter ? text : text.trim();
  while (parts.length < most) {
    const at = delimiter ? rest.indexOf(delimiter) : rest.search(/\s/);
    if (at < 0) break;
    parts.push(rest.slice(0, at));
    rest = delimiter ? rest.slice(at + delimiter.length) : rest.slice(at).trimStart();
  }
  return delimiter || rest !== "" ? [...parts, rest] : parts;
}
