import { DataError } from "./errors.ts";

export type ColumnArray = Float32Array | Float64Array | Int32Array | Uint16Array | Uint8Array;

/** Numbers with a shape, row-major; the first axis counts examples. */
export interface Column<Array extends ColumnArray = ColumnArray> {
  readonly data: Array;
  readonly shape: readonly number[];
  /** What whole numbers are multiplied by to become the 32-bit floats of a batch, e.g. 1/255 for pixels. */
  readonly scale?: number;
}

/** Columns of equally many examples, by name. */
export type Columns = Readonly<Record<string, Column>>;

/** What batching makes of a column: floats where the column has a scale, else its own kind of numbers. */
export type Rows<C extends Column> = C extends { readonly scale: number }
  ? Column<Float32Array>
  : C extends Column<infer Array>
    ? Column<Array>
    : never;

/** Numbers in one example. */
export const rowSize = (column: Column): number => column.shape.slice(1).reduce((size, axis) => size * axis, 1);

/** The number of examples, which every column must have. */
export function rowCount(columns: Columns): number {
  const counts = Object.entries(columns).map(([name, column]) => [name, column.shape[0]] as const);
  if (counts.length === 0 || counts.some(([, count]) => count !== counts[0][1]))
    throw new DataError("bad-option", "columns", `one number of examples is needed, given ${JSON.stringify(counts)}`);
  return counts[0][1];
}

/** The examples at `indices`, in that order, copied; numbers stay as they are. */
export function select<D extends Columns>(columns: D, indices: ArrayLike<number>): D {
  const picked: Record<string, Column> = {};
  for (const [name, column] of Object.entries(columns)) {
    const size = rowSize(column);
    const data = new (column.data.constructor as new (length: number) => ColumnArray)(indices.length * size);
    for (let row = 0; row < indices.length; row++) {
      const start = indices[row] * size;
      data.set(column.data.subarray(start, start + size), row * size);
    }
    picked[name] = { ...column, data, shape: [indices.length, ...column.shape.slice(1)] };
  }
  return picked as D;
}

/** Examples `start` … `end − 1` without a copy. */
export function slice<D extends Columns>(columns: D, start: number, end = rowCount(columns)): D {
  const part: Record<string, Column> = {};
  for (const [name, column] of Object.entries(columns)) {
    const size = rowSize(column);
    const data = column.data.subarray(start * size, end * size);
    part[name] = { ...column, data, shape: [data.length / (size || 1), ...column.shape.slice(1)] };
  }
  return part as D;
}

/** The first `count` examples of every label, in the order in which they stand; fewer where there are fewer. */
export function firstOfEach(labels: Int32Array, count: number): number[] {
  const seen = new Map<number, number>();
  const indices: number[] = [];
  labels.forEach((label, index) => {
    const sofar = seen.get(label) ?? 0;
    if (sofar < count) indices.push(index);
    seen.set(label, sofar + 1);
  });
  return indices;
}

/** The column as 32-bit floats, scaled where it has a scale. */
export function toFloats(column: Column): Column<Float32Array> {
  const { data, shape, scale } = column;
  if (scale === undefined) return { data: Float32Array.from(data), shape };
  const floats = new Float32Array(data.length);
  for (let i = 0; i < floats.length; i++) floats[i] = data[i] * scale;
  return { data: floats, shape };
}
