import { type DType, dtypes } from "../core/dtype.ts";
import { SluiceError } from "../core/errors.ts";
import { sizeOf } from "../core/shape.ts";
import { Value } from "../core/value.ts";

/** A safetensors file that cannot be read as one, or does not hold what is looked for. */
export class SafetensorsError extends SluiceError {}

/** What a safetensors file holds: tensors by name, and texts beside them. */
export interface Safetensors {
  readonly tensors: Readonly<Record<string, Value>>;
  readonly metadata?: Readonly<Record<string, string>>;
}

const names: Readonly<Record<DType, string>> = {
  float64: "F64",
  float32: "F32",
  float16: "F16",
  int64: "I64",
  int32: "I32",
  int16: "I16",
  int8: "I8",
  uint64: "U64",
  uint32: "U32",
  uint16: "U16",
  uint8: "U8",
  bool: "BOOL",
};
const dtypeOf = new Map(Object.entries(names).map(([dtype, name]) => [name, dtype as DType]));

/** The limit of the format's own implementation; a header is a few dozen bytes a tensor. */
const headerLimit = 100_000_000;

/**
 * Writes tensors in the safetensors format: an 8-byte length, a JSON header with dtype, shape and place of each tensor,
 * then the numbers, little-endian, one tensor after the other. Equal contents give equal bytes.
 *
 * @throws SafetensorsError `safetensors/name`
 * @source the format's published description; https://github.com/huggingface/safetensors
 */
export function encodeSafetensors({ tensors, metadata = {} }: Safetensors): Uint8Array<ArrayBuffer> {
  if ("__metadata__" in tensors)
    throw new SafetensorsError("safetensors/name", "the name __metadata__ is the format's own", {
      fix: "give the tensor another name",
    });
  // Wider elements first, so that each tensor starts at a multiple of its element size.
  const order = Object.entries(tensors).sort(([, a], [, b]) => dtypes[b.dtype].bytes - dtypes[a.dtype].bytes);
  const header: Record<string, unknown> = Object.keys(metadata).length > 0 ? { __metadata__: metadata } : {};
  let end = 0;
  for (const [name, { dtype, shape, data }] of order)
    header[name] = { dtype: names[dtype], shape, data_offsets: [end, (end += data.byteLength)] };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const start = 8 + Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(start + end).fill(0x20, 8, start);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(start - 8), true);
  bytes.set(text, 8);
  let place = start;
  for (const [, { data }] of order) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), place);
    place += data.byteLength;
  }
  return bytes;
}

/**
 * Reads a safetensors file. Nothing in it is trusted: sizes and places are checked against each other and the file
 * before anything is made, and no place may be read twice.
 *
 * @throws SafetensorsError `safetensors/header`, `safetensors/tensor`, `safetensors/dtype`
 */
export function decodeSafetensors(bytes: Uint8Array): Required<Safetensors> {
  const { header, body } = readHeader(bytes);
  const { __metadata__: metadata = {}, ...entries } = header;
  if (!isRecord(metadata) || !Object.values(metadata).every((text) => typeof text === "string"))
    throw broken("header", "the metadata is no list of texts");
  const places = Object.entries(entries).map(([name, entry]) => readEntry(name, entry));
  let end = 0;
  for (const { name, from, to } of [...places].sort((a, b) => a.from - b.from || a.to - b.to)) {
    if (from !== end)
      throw broken("tensor", `tensor ${JSON.stringify(name)} starts at ${from}, the last ended at ${end}`);
    end = to;
  }
  if (end !== body.length)
    throw broken("tensor", `the tensors take ${end} bytes, the file has ${body.length} for them`);
  const tensors = Object.fromEntries(
    places.map(({ name, dtype, shape, from, to }) => {
      // A copy of its own: a Buffer's slice would be a view.
      const { buffer } = new Uint8Array(body.subarray(from, to));
      return [name, new Value(new dtypes[dtype].view(buffer, 0, sizeOf(shape)), shape, dtype)];
    }),
  );
  return { tensors, metadata: metadata as Record<string, string> };
}

function readHeader(bytes: Uint8Array): { header: Record<string, unknown>; body: Uint8Array } {
  if (bytes.length < 8) throw broken("header", `${bytes.length} bytes are no safetensors file`);
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > headerLimit || 8n + length > bytes.length)
    throw broken("header", `a header of ${length} bytes does not fit into a file of ${bytes.length}`);
  const end = 8 + Number(length);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, end)));
  } catch (cause) {
    throw broken("header", "the header is not JSON", cause);
  }
  if (!isRecord(header)) throw broken("header", "the header is no JSON object");
  return { header, body: bytes.subarray(end) };
}

const isRecord = (item: unknown): item is Record<string, unknown> =>
  typeof item === "object" && item !== null && !Array.isArray(item);

const isSize = (item: unknown): item is number => Number.isSafeInteger(item) && (item as number) >= 0;

function readEntry(name: string, entry: unknown) {
  const what = `tensor ${JSON.stringify(name)}`;
  const { dtype: kind, shape, data_offsets: offsets } = isRecord(entry) ? entry : {};
  if (!Array.isArray(shape) || !shape.every(isSize) || shape.length > 32)
    throw broken("tensor", `${what} has no shape`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize) || offsets[0] > offsets[1])
    throw broken("tensor", `${what} has no place`);
  const dtype = dtypeOf.get(kind as string);
  if (dtype === undefined)
    throw new SafetensorsError("safetensors/dtype", `${what} has the element type ${JSON.stringify(kind)}`, {
      fix: `readable are ${Object.values(names).join(", ")}`,
    });
  const [from, to] = offsets as [number, number];
  if (to - from !== sizeOf(shape) * dtypes[dtype].bytes)
    throw broken("tensor", `${what} (${dtype} [${shape}]) does not fit its place of ${to - from} bytes`);
  return { name, dtype, shape: shape as number[], from, to };
}

const broken = (kind: "header" | "tensor", problem: string, cause?: unknown): SafetensorsError =>
  new SafetensorsError(`safetensors/${kind}`, problem, { cause, fix: "the file is damaged or another format" });
