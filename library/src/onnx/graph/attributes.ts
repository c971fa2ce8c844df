import {
  type AttributeProto,
  attributeType,
  type GraphProto,
  type Int64,
  type NodeProto,
  type SparseTensorProto,
  type TensorProto,
} from "../../runtime/onnx/protobuf/index.ts";

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * The attributes of a node by name and kind. Each method gives the attribute's value, or `fallback` where the node does
 * not have it. Integers beyond ±2⁵³ (used for "to the end") become the nearest number.
 */
export class Attributes {
  readonly #byName: Map<string, AttributeProto>;

  constructor({ attribute = [] }: Pick<NodeProto, "attribute">) {
    this.#byName = new Map(attribute.map((one) => [one.name, one]));
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  get names(): string[] {
    return [...this.#byName.keys()];
  }

  int(name: string): number | undefined;
  int(name: string, fallback: number): number;
  int(name: string, fallback?: number): number | undefined {
    const found = this.#byName.get(name)?.i;
    return found === undefined ? (this.has(name) ? 0 : fallback) : Number(found);
  }

  float(name: string): number | undefined;
  float(name: string, fallback: number): number;
  float(name: string, fallback?: number): number | undefined {
    return this.#byName.get(name)?.f ?? (this.has(name) ? 0 : fallback);
  }

  string(name: string): string | undefined;
  string(name: string, fallback: string): string;
  string(name: string, fallback?: string): string | undefined {
    const found = this.#byName.get(name)?.s;
    return found ? utf8.decode(found) : this.has(name) ? "" : fallback;
  }

  ints(name: string): number[] | undefined;
  ints(name: string, fallback: number[]): number[];
  ints(name: string, fallback?: number[]): number[] | undefined {
    return this.has(name) ? (this.#byName.get(name)!.ints ?? []).map(Number) : fallback;
  }

  floats(name: string): number[] | undefined {
    return this.has(name) ? Array.from(this.#byName.get(name)!.floats ?? []) : undefined;
  }

  strings(name: string): string[] | undefined {
    return this.has(name) ? (this.#byName.get(name)!.strings ?? []).map((one) => utf8.decode(one)) : undefined;
  }

  tensor(name: string): TensorProto | undefined {
    return this.#byName.get(name)?.t;
  }

  sparse(name: string): SparseTensorProto | undefined {
    return this.#byName.get(name)?.sparseTensor;
  }

  graph(name: string): GraphProto | undefined {
    return this.#byName.get(name)?.g;
  }
}

/** What an attribute can be made of: whole numbers become INT(S); fractions are given as `{ float }` or `{ floats }`. */
export type AttributeValue =
  | number
  | string
  | readonly number[]
  | readonly string[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly tensor: TensorProto }
  | { readonly graph: GraphProto };

/** An attribute from a plain value. */
export function makeAttribute(name: string, value: AttributeValue): AttributeProto {
  if (typeof value === "number") return { name, type: attributeType.int, i: value };
  if (typeof value === "string") return { name, type: attributeType.string, s: encoder.encode(value) };
  if (Array.isArray(value))
    return typeof value[0] === "string"
      ? { name, type: attributeType.strings, strings: value.map((text) => encoder.encode(text)) }
      : { name, type: attributeType.ints, ints: [...(value as Int64[])] };
  if ("float" in value) return { name, type: attributeType.float, f: value.float };
  if ("floats" in value) return { name, type: attributeType.floats, floats: [...value.floats] };
  if ("tensor" in value) return { name, type: attributeType.tensor, t: value.tensor };
  return { name, type: attributeType.graph, g: (value as { graph: GraphProto }).graph };
}

/**
 * A node from plain values.
 *
 * @example
 * makeNode("Softmax", ["scores"], ["probabilities"], { axis: -1 })
 */
export function makeNode(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: Readonly<Record<string, AttributeValue | undefined>> = {},
  more: Partial<Pick<NodeProto, "name" | "domain" | "docString">> = {},
): NodeProto {
  const attribute = Object.entries(attributes).flatMap(([name, value]) =>
    value === undefined ? [] : [makeAttribute(name, value)],
  );
  return { input: [...input], output: [...output], opType, ...(attribute.length > 0 && { attribute }), ...more };
}
