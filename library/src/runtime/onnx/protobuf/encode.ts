import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { Int64, MessageName, Messages, ModelProto, TensorProto } from "./messages.ts";
import { type Field, type ScalarType, schema } from "./schema.ts";

/** Runs of bytes from this length on are referred to until the file is assembled, so that they are copied once. */
const largeRun = 4096;

/** The longest message that other readers of protobuf accept. */
const longestMessage = 2 ** 31 - 1;

interface Step {
  name: string;
  type: ScalarType | MessageName;
  many: boolean;
  packed: boolean;
  tag: number;
  tagSize: number;
  /** The fields of the message that this field holds. */
  steps?: readonly Step[];
}

const wireTypes: Record<ScalarType, WireType> = {
  int32: WireType.Varint,
  int64: WireType.Varint,
  uint64: WireType.Varint,
  float: WireType.Bit32,
  double: WireType.Bit64,
  string: WireType.LengthDelimited,
  bytes: WireType.LengthDelimited,
};

const plans = Object.fromEntries(
  Object.entries(schema).map(([message, fields]) => [message, fields.map(stepOf)]),
) as Record<MessageName, Step[]>;
for (const steps of Object.values(plans)) for (const step of steps) step.steps = plans[step.type as MessageName];

function stepOf({ number, name, type, occurs }: Field): Step {
  const packed = occurs === "packed";
  const wire = packed ? WireType.LengthDelimited : (wireTypes[type as ScalarType] ?? WireType.LengthDelimited);
  const tag = (number << 3) | wire;
  return { name, type, packed, many: occurs === "many" || occurs === "list", tag, tagSize: tag < 0x80 ? 1 : 2 };
}

/**
 * The bytes of a model file. Equal models give equal bytes: fields are written in the order of their numbers, whatever
 * the order of the object's properties. Every field that is not `undefined` is written.
 *
 * @throws RangeError when the file would pass 2 GiB, the longest protobuf message: write large tensors as external data
 */
export function encodeModel(model: ModelProto): Uint8Array<ArrayBuffer> {
  return encodeMessage("ModelProto", model);
}

/** The bytes of one tensor, as test vectors store them. */
export function encodeTensor(tensor: TensorProto): Uint8Array<ArrayBuffer> {
  return encodeMessage("TensorProto", tensor);
}

/** The bytes of any ONNX message. */
export function encodeMessage<M extends MessageName>(name: M, message: Messages[M]): Uint8Array<ArrayBuffer> {
  const lengths: number[] = [];
  const total = measure(plans[name], message as Record<string, unknown>, lengths);
  if (total > longestMessage)
    throw new RangeError(
      `${name} would take ${total} bytes; protobuf messages end at ${longestMessage}: write large tensors as external data`,
    );
  const out = new Output(lengths);
  out.message(plans[name], message as Record<string, unknown>);
  return out.assemble(total);
}

/** A message's length in bytes; the lengths of all its length-delimited parts that are not single runs go to `lengths`, outer first. */
function measure(steps: readonly Step[], message: Record<string, any>, lengths: number[]): number {
  let total = 0;
  for (const step of steps) {
    const value = message[step.name];
    if (value === undefined) continue;
    if (step.packed) {
      if (value.length === 0) continue;
      const at = lengths.push(0) - 1;
      const length = measurePacked(step.type, value);
      lengths[at] = length;
      total += step.tagSize + varintSize(length) + length;
    } else if (step.many) {
      total += step.tagSize * value.length;
      for (let i = 0; i < value.length; i++) total += measureOne(step, value[i], lengths);
    } else total += step.tagSize + measureOne(step, value, lengths);
  }
  return total;
}

function measureOne(step: Step, value: any, lengths: number[]): number {
  if (step.steps) {
    const at = lengths.push(0) - 1;
    const length = measure(step.steps, value, lengths);
    lengths[at] = length;
    return varintSize(length) + length;
  }
  if (step.type === "string") {
    const length = utf8Length(value);
    return varintSize(length) + length;
  }
  if (step.type === "bytes") return varintSize(value.length) + value.length;
  return numberSize(step.type, value);
}

function measurePacked(type: Step["type"], values: ArrayLike<Int64>): number {
  if (type === "float") return 4 * values.length;
  if (type === "double") return 8 * values.length;
  let total = 0;
  for (let i = 0; i < values.length; i++) total += varintSize(values[i]);
  return total;
}

function numberSize(type: Step["type"], value: Int64): number {
  return type === "float" ? 4 : type === "double" ? 8 : varintSize(value);
}

function varintSize(value: Int64): number {
  if (value < 0) return 10;
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  if (value < 0x10000000) return 4;
  let size = 4;
  for (let rest = BigInt(value) >> 28n; rest > 0n; rest >>= 7n) size++;
  return size;
}

function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80) continue;
    if (code < 0x800) length += 1;
    else {
      length += 2;
      // A surrogate pair takes 4 bytes for its 2 units; a lone surrogate is replaced by U+FFFD, 3 bytes.
      if ((code & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) i++;
    }
  }
  return length;
}

/** Writes what {@link measure} measured, taking the lengths in the same order. */
class Output {
  readonly #lengths: readonly number[];
  readonly #writer = new BinaryWriter();
  readonly #runs: Uint8Array[] = [];
  #next = 0;

  constructor(lengths: readonly number[]) {
    this.#lengths = lengths;
  }

  message(steps: readonly Step[], message: Record<string, any>): void {
    for (const step of steps) {
      const value = message[step.name];
      if (value === undefined) continue;
      if (step.packed) {
        if (value.length > 0) this.#packed(step, value);
      } else if (step.many) for (let i = 0; i < value.length; i++) this.#one(step, value[i]);
      else this.#one(step, value);
    }
  }

  assemble(total: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(total);
    let at = 0;
    for (const run of [...this.#runs, this.#writer.finish()]) {
      bytes.set(run, at);
      at += run.length;
    }
    return bytes;
  }

  #one(step: Step, value: any): void {
    const writer = this.#writer.uint32(step.tag);
    if (step.steps) {
      writer.uint32(this.#lengths[this.#next++]);
      this.message(step.steps, value);
    } else if (step.type === "string") writer.string(value);
    else if (step.type === "bytes") {
      writer.uint32(value.length);
      this.#run(value);
    } else this.#number(step.type, value);
  }

  #packed(step: Step, values: ArrayLike<Int64>): void {
    this.#writer.uint32(step.tag).uint32(this.#lengths[this.#next++]);
    if (step.type === "float" || step.type === "double") {
      const typed = step.type === "float" ? float32Array(values) : float64Array(values);
      this.#run(new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength));
    } else for (let i = 0; i < values.length; i++) this.#number(step.type, values[i]);
  }

  #number(type: Step["type"], value: Int64): void {
    if (type === "float") this.#writer.float(Number(value));
    else if (type === "double") this.#writer.double(Number(value));
    else if (typeof value === "number" && value >= -0x80000000 && value < 0x80000000) this.#writer.int32(value);
    else if (type === "uint64") this.#writer.uint64(BigInt(value));
    else this.#writer.int64(BigInt(value));
  }

  #run(bytes: Uint8Array): void {
    if (bytes.length < largeRun) this.#writer.raw(bytes);
    else this.#runs.push(this.#writer.finish(), bytes);
  }
}

function float32Array(values: ArrayLike<Int64>): Float32Array {
  return values instanceof Float32Array ? values : Float32Array.from(values as ArrayLike<number>);
}

function float64Array(values: ArrayLike<Int64>): Float64Array {
  return values instanceof Float64Array ? values : Float64Array.from(values as ArrayLike<number>);
}
