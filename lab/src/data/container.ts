import { type TypedArray, Value } from "sluice";
import { decodeSafetensors, encodeSafetensors } from "sluice/nn";
import type { Column, ColumnArray } from "./column.ts";

/** What a part of a testbed is made of: columns, and texts or JSON beside them. */
export interface Container {
  readonly columns: Readonly<Record<string, Column>>;
  readonly metadata: Readonly<Record<string, string>>;
}

const scaleOf = (name: string) => `scale/${name}`;

/** The columns as a safetensors file, scales among its metadata: the same columns always give the same bytes. */
export function encodeContainer({ columns, metadata }: Container): Uint8Array {
  const entries = Object.entries(columns);
  const scales = entries.flatMap(([name, { scale }]) => (scale === undefined ? [] : [[scaleOf(name), String(scale)]]));
  return encodeSafetensors({
    tensors: Object.fromEntries(entries.map(([name, { data, shape }]) => [name, new Value(data as TypedArray, shape)])),
    metadata: { ...metadata, ...Object.fromEntries(scales) },
  });
}

/** Reads what `encodeContainer` wrote. */
export function decodeContainer(bytes: Uint8Array): Container {
  const { tensors, metadata } = decodeSafetensors(bytes);
  const columns = Object.entries(tensors).map(([name, { data, shape }]): [string, Column] => {
    const scale = metadata[scaleOf(name)];
    return [name, { data: data as ColumnArray, shape, ...(scale === undefined ? {} : { scale: Number(scale) }) }];
  });
  return { columns: Object.fromEntries(columns), metadata };
}
