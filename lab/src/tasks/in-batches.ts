import { type TypedArray, Value, zipTrees } from "sluice";
import { type Column, rowCount, slice, toFloats } from "../data/column.ts";
import { asValue } from "./values.ts";

/**
 * Runs a program over many examples, some at a time, and joins what it gives along the first axis.
 *
 * @param examples  as 32-bit floats, scaled where they have a scale
 * @param run       from float32[batch, ...] to a tree of Values, each [batch, ...]; the last batch may be smaller
 */
export async function inBatches<Result>(
  examples: Column,
  batch: number,
  run: (x: Value) => Promise<Result>,
): Promise<Result> {
  const count = rowCount({ examples });
  const parts: Result[] = [];
  for (let start = 0; start < count; start += batch) {
    const part = slice({ examples }, start, Math.min(count, start + batch)).examples;
    parts.push(await run(asValue(toFloats(part))));
  }
  return zipTrees((...values: Value[]) => joined(values), parts[0], ...parts.slice(1));
}

/** Values as one, along the first axis. */
function joined(values: readonly Value[]): Value {
  const [{ data: first, shape, dtype }] = values;
  const data = new (first.constructor as new (length: number) => TypedArray)(
    values.reduce((size, each) => size + each.data.length, 0),
  );
  let at = 0;
  for (const each of values) {
    data.set(each.data as never, at);
    at += each.data.length;
  }
  const rows = values.reduce((total, each) => total + each.shape[0], 0);
  return new Value(data, [rows, ...shape.slice(1)], dtype);
}
