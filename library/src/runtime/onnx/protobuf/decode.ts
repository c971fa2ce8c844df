import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { type ModelFileCode, ModelFileError } from "./fault.ts";
import type { Int64, MessageName, Messages, ModelProto, TensorProto } from "./messages.ts";
import { type Field, schema } from "./schema.ts";

/** How much a file may ask for before it is refused. */
export interface DecodeLimits {
  /** Longest file, in bytes. Default 2³¹ − 1, where protobuf messages end. */
  maxBytes?: number;
  /** Deepest nesting of messages. Default 100, as other readers of protobuf allow. */
  maxDepth?: number;
  /** Most messages, strings and runs of bytes together. Default 5,000,000; a graph of 10,000 nodes has about 200,000. */
  maxParts?: number;
}

const defaults: Required<DecodeLimits> = { maxBytes: 2 ** 31 - 1, maxDepth: 100, maxParts: 5_000_000 };

/**
 * Reads a model file.
 *
 * The bytes are untrusted: every length is checked against the bytes that remain before anything is allocated, memory
 * stays within a small multiple of the file's size, fields that are not known are skipped. `rawData` and other runs of
 * bytes are views into `bytes`.
 *
 * @throws ModelFileError with a code, the byte offset of the fault and a way out
 */
export function decodeModel(bytes: Uint8Array, limits?: DecodeLimits): ModelProto {
  const model = decodeMessage("ModelProto", bytes, limits);
  if (!model.graph)
    throw new ModelFileError("missing-graph", "the file holds no graph", {
      fix: "check that it is an ONNX model; a single tensor is read with decodeTensor",
    });
  return model;
}

/** Reads one tensor, as test vectors store them. See {@link decodeModel}. */
export function decodeTensor(bytes: Uint8Array, limits?: DecodeLimits): TensorProto {
  return decodeMessage("TensorProto", bytes, limits);
}

/** Reads any ONNX message. See {@link decodeModel}. */
export function decodeMessage<M extends MessageName>(name: M, bytes: Uint8Array, limits?: DecodeLimits): Messages[M] {
  const { maxBytes, ...rest } = { ...defaults, ...limits };
  if (bytes.length > maxBytes)
    throw new ModelFileError("too-large", `the file has ${bytes.length} bytes; at most ${maxBytes} are read`, {
      fix: "store large tensors as external data, or raise maxBytes",
    });
  // Node's buffers are arrays whose `slice` does not copy: they are read as plain ones.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  return new Decoder(plain, rest).message(plans[name], {}, bytes.length, 0) as unknown as Messages[M];
}

interface Plan {
  message: MessageName;
  /** What every object of the message starts with. */
  filled: readonly (readonly [name: string, value: 0 | "" | "list"])[];
  /** Fields by number, with the plan of the message that they hold. */
  fields: readonly (Step | undefined)[];
}

interface Step extends Field {
  plan?: Plan;
}

const plans = Object.fromEntries(
  Object.entries(schema).map(([message, fields]) => {
    const byNumber: (Step | undefined)[] = [];
    for (const field of fields) byNumber[field.number] = { ...field };
    const filled = fields
      .filter(({ occurs }) => occurs === "list" || occurs === "default")
      .map(({ name, occurs, type }) => [name, occurs === "list" ? "list" : type === "string" ? "" : 0] as const);
    return [message, { message, filled, fields: byNumber } as Plan];
  }),
) as Record<MessageName, Plan>;
for (const plan of Object.values(plans))
  for (const step of plan.fields) if (step) step.plan = plans[step.type as MessageName];

class Decoder {
  readonly #bytes: Uint8Array;
  readonly #reader: BinaryReader;
  readonly #limits: Required<Omit<DecodeLimits, "maxBytes">>;
  #parts = 0;

  constructor(bytes: Uint8Array, limits: Required<Omit<DecodeLimits, "maxBytes">>) {
    this.#bytes = bytes;
    this.#reader = new BinaryReader(bytes);
    this.#limits = limits;
  }

  message(plan: Plan, into: Record<string, any>, end: number, depth: number): Record<string, any> {
    if (depth > this.#limits.maxDepth)
      this.#fail("too-deep", `messages are nested more than ${this.#limits.maxDepth} deep`, "raise maxDepth");
    for (const [name, value] of plan.filled) into[name] ??= value === "list" ? [] : value;
    const reader = this.#reader;
    while (reader.pos < end) {
      const start = reader.pos;
      const tag = this.#varint32(end);
      const step = plan.fields[tag >>> 3];
      const wire: WireType = tag & 7;
      if (wire === WireType.StartGroup || wire === WireType.EndGroup)
        this.#fail("group", "the file holds a group, which ONNX does not use", "check that it is an ONNX file", start);
      if (tag >>> 3 === 0 || wire > WireType.Bit32)
        this.#fail("invalid-tag", `${tag} is not the tag of a field`, "check that it is an ONNX file", start);
      if (step) this.#field(plan, step, wire, into, end, depth, start);
      else this.#skip(wire, end);
    }
    return into;
  }

  #field(plan: Plan, step: Step, wire: WireType, into: any, end: number, depth: number, start: number): void {
    const { name, type, occurs } = step;
    const many = occurs === "many" || occurs === "list";
    if (wire === WireType.LengthDelimited) {
      const stop = this.#stop(end);
      if (step.plan) {
        this.#countPart();
        const value = this.message(step.plan, many ? {} : (into[name] ?? {}), stop, depth + 1);
        if (many) (into[name] ??= []).push(value);
        else into[name] = value;
      } else if (type === "string" || type === "bytes") {
        this.#countPart();
        const value = type === "bytes" ? this.#bytes.subarray(this.#reader.pos, stop) : this.#text(stop);
        this.#reader.pos = stop;
        if (many) (into[name] ??= []).push(value);
        else into[name] = value;
      } else if (occurs === "packed") {
        const values = this.#packed(type, stop);
        into[name] = into[name] === undefined ? values : append(into[name], values);
      } else if (many) {
        const values = (into[name] ??= []);
        while (this.#reader.pos < stop) values.push(this.#number(type, stop));
      } else this.#wrongWire(plan, step, wire, start);
      return;
    }
    const expected = type === "float" ? WireType.Bit32 : type === "double" ? WireType.Bit64 : WireType.Varint;
    if (step.plan || type === "string" || type === "bytes" || wire !== expected)
      this.#wrongWire(plan, step, wire, start);
    const value = this.#number(type, end);
    if (occurs === "packed") into[name] = append(into[name] ?? [], [widen(type, value)]);
    else if (many) (into[name] ??= []).push(value);
    else into[name] = value;
  }

  #number(type: Field["type"], end: number): Int64 {
    const reader = this.#reader;
    if (type === "float" || type === "double") {
      if (end - reader.pos < (type === "float" ? 4 : 8)) this.#truncated();
      return type === "float" ? reader.float() : reader.double();
    }
    const first = this.#bytes[reader.pos];
    if (reader.pos < end && first < 0x80) {
      reader.pos++;
      return first;
    }
    this.#checkVarint(end);
    if (type === "int32") return reader.int32();
    const value = BigInt(type === "uint64" ? reader.uint64() : reader.int64());
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  #packed(type: Field["type"], stop: number): ArrayLike<Int64> {
    const start = this.#reader.pos;
    if (type === "float" || type === "double") {
      const width = type === "float" ? 4 : 8;
      if ((stop - start) % width !== 0)
        this.#fail("truncated", `${stop - start} bytes are no whole number of ${type}s`, wholeFile, start);
      this.#reader.pos = stop;
      const copy = this.#bytes.slice(start, stop).buffer;
      return type === "float" ? new Float32Array(copy) : new Float64Array(copy);
    }
    let count = 0;
    for (let i = start; i < stop; i++) if (this.#bytes[i] < 0x80) count++;
    if (type === "int32") {
      const values = new Int32Array(count);
      for (let i = 0; this.#reader.pos < stop; i++) values[i] = this.#number(type, stop) as number;
      return values;
    }
    const values = type === "uint64" ? new BigUint64Array(count) : new BigInt64Array(count);
    for (let i = 0; this.#reader.pos < stop; i++) values[i] = BigInt(this.#number(type, stop));
    return values;
  }

  #text(stop: number): string {
    const reader = this.#reader;
    const start = reader.pos;
    if (stop - start <= 32) {
      let text = "";
      for (let i = start; i < stop && this.#bytes[i] < 0x80; i++) text += String.fromCharCode(this.#bytes[i]);
      if (text.length === stop - start) return text;
    }
    try {
      return utf8.decode(this.#bytes.subarray(start, stop));
    } catch {
      return this.#fail(
        "invalid-text",
        "a text is not valid UTF-8",
        "write the file again with a current exporter",
        start,
      );
    }
  }

  /** Reads a length; where the part of that length ends. */
  #stop(end: number): number {
    const start = this.#reader.pos;
    const length = this.#varint32(end);
    const rest = end - this.#reader.pos;
    if (length > rest)
      this.#fail("length-beyond-end", `a part of ${length} bytes begins where ${rest} remain`, wholeFile, start);
    return this.#reader.pos + length;
  }

  #varint32(end: number): number {
    const first = this.#bytes[this.#reader.pos];
    if (this.#reader.pos < end && first < 0x80) {
      this.#reader.pos++;
      return first;
    }
    const start = this.#reader.pos;
    this.#checkVarint(end);
    const value = this.#reader.uint32();
    const length = this.#reader.pos - start;
    if (length > 5 || (length === 5 && this.#bytes[start + 4] > 0x0f))
      this.#fail("invalid-varint", "a tag or length does not fit into 32 bits", wholeFile, start);
    return value;
  }

  #checkVarint(end: number): void {
    const start = this.#reader.pos;
    let at = start;
    while (at < end && this.#bytes[at] >= 0x80) at++;
    if (at >= end) this.#truncated();
    if (at - start >= 10) this.#fail("invalid-varint", "an integer takes more than 10 bytes", wholeFile);
  }

  #skip(wire: WireType, end: number): void {
    const reader = this.#reader;
    if (wire === WireType.LengthDelimited) reader.pos = this.#stop(end);
    else if (wire === WireType.Varint) {
      this.#checkVarint(end);
      while (this.#bytes[reader.pos++] >= 0x80);
    } else {
      const width = wire === WireType.Bit32 ? 4 : 8;
      if (end - reader.pos < width) this.#truncated();
      reader.pos += width;
    }
  }

  #countPart(): void {
    if (++this.#parts > this.#limits.maxParts)
      this.#fail("too-many-parts", `the file has more than ${this.#limits.maxParts} parts`, "raise maxParts");
  }

  #wrongWire(plan: Plan, step: Step, wire: WireType, start: number): never {
    return this.#fail(
      "wire-type",
      `${plan.message}.${step.name} is ${step.type} but is stored with wire type ${wire}`,
      "check that it is an ONNX file",
      start,
    );
  }

  #truncated(): never {
    return this.#fail("truncated", "the file, or a part of it, ends within a value", wholeFile);
  }

  #fail(code: ModelFileCode, problem: string, fix: string, offset = this.#reader.pos): never {
    throw new ModelFileError(code, problem, { offset, fix });
  }
}

const wholeFile = "the file is cut short or damaged: fetch it again";
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Numbers of packed 64-bit fields are bigints, as in the typed arrays that hold them. */
function widen(type: Field["type"], value: Int64): Int64 {
  return type === "int64" || type === "uint64" ? BigInt(value) : value;
}

/** A packed field may come in several runs; growing a plain array keeps that linear. */
function append(values: ArrayLike<Int64>, more: ArrayLike<Int64>): Int64[] {
  const grown = Array.isArray(values) ? (values as Int64[]) : Array.from(values);
  for (let i = 0; i < more.length; i++) grown.push(more[i]);
  return grown;
}
