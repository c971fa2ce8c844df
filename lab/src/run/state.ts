import { type TypedArray, Value } from "sluice";
import { decodeSafetensors, encodeSafetensors } from "sluice/nn";

/** A state holds something that cannot be written down and read back. */
export class StateError extends Error {
  override readonly name = "StateError";
  /** Where it stands in the state: "optimizer.0.rate". */
  readonly path: string;

  constructor(path: string, given: unknown) {
    const kind = typeof given === "object" ? (given?.constructor?.name ?? "object") : typeof given;
    super(
      `StateError [${path || "the state"}]: a ${kind} cannot be saved; a state is made of Values, typed arrays, numbers, strings, booleans, null, arrays and plain objects`,
    );
    this.path = path;
  }
}

/** The key that marks what JSON has no word for. */
const mark = "$";

/** Where the tree around the tensors stands, as JSON. */
const treeEntry = "tree";

/** Writes a state as a safetensors file: its numbers as tensors, the tree around them in the metadata. @throws StateError */
export function encodeState(state: unknown): Uint8Array {
  const tensors: Record<string, Value> = {};
  const store = (value: Value): string => {
    const name = `${Object.keys(tensors).length}`;
    tensors[name] = value;
    return name;
  };
  const encode = (item: unknown, path: string): unknown => {
    if (item === null || typeof item === "string" || typeof item === "boolean") return item;
    if (item === undefined || typeof item === "bigint") return { [mark]: typeof item, text: String(item) };
    if (typeof item === "number") {
      return Number.isFinite(item) && !Object.is(item, -0)
        ? item
        : { [mark]: "number", text: Object.is(item, -0) ? "-0" : String(item) };
    }
    if (item instanceof Value) return { [mark]: "value", at: store(item) };
    if (isTypedArray(item)) return { [mark]: "array", at: store(new Value(item)) };
    const below = (key: string | number) => (path === "" ? `${key}` : `${path}.${key}`);
    if (Array.isArray(item)) return item.map((each, index) => encode(each, below(index)));
    const plain = typeof item === "object" && [Object.prototype, null].includes(Object.getPrototypeOf(item));
    if (!plain || mark in item) throw new StateError(path, item);
    return Object.fromEntries(Object.entries(item).map(([key, each]) => [key, encode(each, below(key))]));
  };
  const tree = encode(state, "");
  return encodeSafetensors({ tensors, metadata: { [treeEntry]: JSON.stringify(tree) } });
}

const stored = [Float32Array, Float64Array, Int32Array, Uint32Array, Int16Array, Uint16Array, Int8Array, Uint8Array];

const isTypedArray = (item: unknown): item is TypedArray => stored.some((kind) => item instanceof kind);

/** Reads what `encodeState` wrote. @throws SafetensorsError, SyntaxError */
export function decodeState(bytes: Uint8Array): unknown {
  const { tensors, metadata } = decodeSafetensors(bytes);
  const decode = (item: unknown): unknown => {
    if (typeof item !== "object" || item === null) return item;
    if (Array.isArray(item)) return item.map(decode);
    const { [mark]: kind, at, text } = item as { [mark]?: string; at: string; text: string };
    if (kind === undefined) return Object.fromEntries(Object.entries(item).map(([key, each]) => [key, decode(each)]));
    if (kind === "undefined") return undefined;
    if (kind === "bigint") return BigInt(text);
    if (kind === "number") return Number(text);
    return kind === "value" ? tensors[at] : tensors[at].data;
  };
  return decode(JSON.parse(metadata[treeEntry]));
}
