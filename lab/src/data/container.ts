import type { Column, ColumnArray } from "./column.ts";
import { DataError } from "./errors.ts";

/** What a part of a testbed is made of: columns, and texts or JSON beside them. */
export interface Container {
  readonly columns: Readonly<Record<string, Column>>;
  readonly metadata: Readonly<Record<string, string>>;
}

const kinds = {
  F32: Float32Array,
  F64: Float64Array,
  I32: Int32Array,
  U16: Uint16Array,
  U8: Uint8Array,
} as const;
type Kind = keyof typeof kinds;

interface Entry {
  readonly dtype: Kind;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

const headerLimit = 64 * 2 ** 20;

function kindOf(name: string, data: ColumnArray): Kind {
  const kind = (Object.keys(kinds) as Kind[]).find((candidate) => data.constructor === kinds[candidate]);
  if (kind) return kind;
  throw new DataError("bad-container", name, `a ${data.constructor.name} cannot be stored; use a plain typed array`);
}

/**
 * Writes columns in the safetensors format (little-endian): the same columns always give the same bytes.
 *
 * Scales are kept in the metadata under `scale/<column>`.
 */
export function encodeContainer({ columns, metadata }: Container): Uint8Array {
  const header: Record<string, unknown> = {};
  const scales: Record<string, string> = {};
  let offset = 0;
  for (const [name, { data, shape, scale }] of Object.entries(columns)) {
    header[name] = { dtype: kindOf(name, data), shape, data_offsets: [offset, (offset += data.byteLength)] };
    if (scale !== undefined) scales[`scale/${name}`] = String(scale);
  }
  header.__metadata__ = { ...metadata, ...scales };
  const text = new TextEncoder().encode(JSON.stringify(header));
  // Numbers of 8 bytes must start at a multiple of 8 to be viewed without a copy.
  const headerSize = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerSize + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerSize), true);
  bytes.fill(0x20, 8, 8 + headerSize);
  bytes.set(text, 8);
  let position = 8 + headerSize;
  for (const { data } of Object.values(columns)) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), position);
    position += data.byteLength;
  }
  return bytes;
}

/** Reads what `encodeContainer` wrote. Throws DataError `bad-container` on anything else. */
export function decodeContainer(bytes: Uint8Array, subject: string): Container {
  const fail = (detail: string): never => {
    throw new DataError("bad-container", subject, `${detail}; delete the file and it is made again`);
  };
  if (bytes.length < 8) fail(`${bytes.length} bytes are too few`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerSize = Number(view.getBigUint64(0, true));
  if (headerSize > headerLimit || 8 + headerSize > bytes.length) fail(`a header of ${headerSize} bytes does not fit`);
  let header: Record<string, Entry> & { __metadata__?: Record<string, string> };
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, 8 + headerSize)));
  } catch {
    return fail("its header is not JSON");
  }
  const { __metadata__: metadata = {}, ...entries } = header;
  const columns: Record<string, Column> = {};
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(entries)) {
    const make = kinds[dtype];
    const [start, end] = data_offsets;
    const count = shape.reduce((size, axis) => size * axis, 1);
    if (!make || end - start !== count * make.BYTES_PER_ELEMENT || start < 0 || 8 + headerSize + end > bytes.length)
      fail(`column ${name} (${dtype} [${shape}]) does not match its place [${data_offsets}]`);
    const from = bytes.byteOffset + 8 + headerSize + start;
    const aligned = from % make.BYTES_PER_ELEMENT === 0;
    const data = aligned
      ? new make(bytes.buffer as ArrayBuffer, from, count)
      : new make(Uint8Array.from(bytes.subarray(8 + headerSize + start, 8 + headerSize + end)).buffer);
    const scale = metadata[`scale/${name}`];
    columns[name] = { data, shape, ...(scale === undefined ? {} : { scale: Number(scale) }) };
  }
  return { columns, metadata };
}
