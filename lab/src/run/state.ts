import { deserialize, serialize } from "node:v8";
import { type DType, Value } from "sluice";

type TypedArray = Float32Array | Float64Array | Int32Array | Uint8Array;
/** Data that stands for itself in a file; the tree around it is kept as JSON. */
interface Stored {
  readonly tensors: readonly {
    readonly data: TypedArray;
    readonly shape?: readonly number[];
    readonly dtype?: DType;
  }[];
  readonly tree: unknown;
}

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

/** Writes a state as bytes. @throws StateError */
export function encodeState(state: unknown): Uint8Array {
  const tensors: Stored["tensors"][number][] = [];
  const encode = (item: unknown, path: string): unknown => {
    if (item === null || typeof item === "string" || typeof item === "boolean") return item;
    if (item === undefined || typeof item === "bigint") return { [mark]: typeof item, text: String(item) };
    if (typeof item === "number") {
      return Number.isFinite(item) && !Object.is(item, -0)
        ? item
        : { [mark]: "number", text: Object.is(item, -0) ? "-0" : String(item) };
    }
    if (item instanceof Value) {
      tensors.push({ data: item.data as TypedArray, shape: item.shape, dtype: item.dtype });
      return { [mark]: "value", at: tensors.length - 1 };
    }
    if (ArrayBuffer.isView(item) && !(item instanceof DataView)) {
      tensors.push({ data: item as TypedArray });
      return { [mark]: "array", at: tensors.length - 1 };
    }
    const below = (key: string | number) => (path === "" ? `${key}` : `${path}.${key}`);
    if (Array.isArray(item)) return item.map((each, index) => encode(each, below(index)));
    const plain = typeof item === "object" && [Object.prototype, null].includes(Object.getPrototypeOf(item));
    if (!plain || mark in item) throw new StateError(path, item);
    return Object.fromEntries(Object.entries(item).map(([key, each]) => [key, encode(each, below(key))]));
  };
  const tree = encode(state, "");
  return serialize({ tensors, tree } satisfies Stored);
}

/** Reads what `encodeState` wrote. */
export function decodeState(bytes: Uint8Array): unknown {
  const { tensors, tree } = deserialize(bytes) as Stored;
  const decode = (item: unknown): unknown => {
    if (typeof item !== "object" || item === null) return item;
    if (Array.isArray(item)) return item.map(decode);
    const { [mark]: kind, at, text } = item as { [mark]?: string; at: number; text: string };
    if (kind === undefined) return Object.fromEntries(Object.entries(item).map(([key, each]) => [key, decode(each)]));
    if (kind === "undefined") return undefined;
    if (kind === "bigint") return BigInt(text);
    if (kind === "number") return Number(text);
    const { data, shape, dtype } = tensors[at];
    return kind === "value" ? new Value(data, shape, dtype) : data;
  };
  return decode(tree);
}
