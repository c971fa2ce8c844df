import { type Tensor, Value } from "../../core/index.ts";
import { constantValue } from "../../core/tensor.ts";
import type { DataTypeName, GraphProto, NodeProto } from "../../runtime/onnx/protobuf/index.ts";
import { Attributes } from "../graph/attributes.ts";
import type { Entry, TensorEntry } from "./entry.ts";
import { NeedsData, Unsupported } from "./faults.ts";
import { knownNumbers } from "./known.ts";
import { type AttentionMethod, type Methods, methodName, type NormalizerMethod } from "./methods.ts";

/** What a converter may give for an output: a tensor of the first input's element type (or its own), or any entry. */
export type Converted = Tensor | Entry | undefined;

/** Turns a node into operations of the core; throws Unsupported where it cannot. */
export type Converter = (node: NodeContext) => Converted | readonly Converted[];

/** Converters by operator. */
export type Converters = Readonly<Record<string, Converter>>;

/** Traces a graph inside a node: entries for its inputs, in order, to those of its outputs. */
export type SubgraphTracer = (graph: GraphProto, inputs: readonly Entry[]) => Entry[];

/** What a converter sees of its node. */
export class NodeContext {
  readonly node: NodeProto;
  readonly attributes: Attributes;
  /** The version of the operator set that the node belongs to. */
  readonly version: number;
  /** Traces a graph inside this node; it sees the values around the node. */
  readonly traceSubgraph: SubgraphTracer;
  /** A value around the node, by its name. */
  readonly lookUp: (name: string) => Entry | undefined;
  /** The function that a rewritten model has put in the place of this node's own, if any. */
  readonly method: NormalizerMethod | AttentionMethod | undefined;
  readonly #entries: readonly (Entry | undefined)[];

  constructor(
    node: NodeProto,
    version: number,
    entries: readonly (Entry | undefined)[],
    traceSubgraph: SubgraphTracer,
    methods?: Methods,
    lookUp: (name: string) => Entry | undefined = () => undefined,
  ) {
    this.lookUp = lookUp;
    const name = methods && methodName(node);
    this.method = name === undefined ? undefined : methods?.get(name);
    this.node = node;
    this.attributes = new Attributes(node);
    this.version = version;
    this.#entries = entries;
    this.traceSubgraph = traceSubgraph;
  }

  /** How many inputs the node lists, omitted ones included. */
  get inputs(): number {
    return this.node.input.length;
  }

  /** Whether the model uses an output: named, that is. */
  wants(output: number): boolean {
    return (this.node.output[output] ?? "") !== "";
  }

  entry(index: number): Entry | undefined {
    return this.#entries[index];
  }

  /** An input that must be there. */
  given(index: number): Entry {
    const entry = this.#entries[index];
    if (!entry) throw new Unsupported(`input ${index} is missing`);
    return entry;
  }

  optional(index: number): Tensor | undefined {
    return this.#entries[index] ? this.tensor(index) : undefined;
  }

  tensor(index: number): Tensor {
    return this.#tensorEntry(index).tensor;
  }

  /** All inputs, for operators that take any number of them. */
  tensors(from = 0): Tensor[] {
    return this.node.input.slice(from).map((_, i) => this.tensor(from + i));
  }

  /** The element type that the model gives an input. */
  type(index: number): DataTypeName {
    const entry = this.given(index);
    return entry.kind === "text" ? "string" : this.#tensorEntry(index).type;
  }

  #tensorEntry(index: number): TensorEntry {
    const entry = this.given(index);
    if (entry.kind === "tensor") return entry;
    // An optional that is there stands for what it holds.
    if (entry.kind === "optional" && entry.item?.kind === "tensor") return entry.item;
    throw new Unsupported(
      `input ${index} is ${entry.kind === "text" ? "text" : `a ${entry.kind}`}, not a tensor of numbers`,
    );
  }

  /** The numbers of an input that must be known while tracing, such as sizes and axes; undefined where it is omitted. */
  numbers(index: number): number[] | undefined {
    const tensor = this.optional(index);
    if (!tensor) return undefined;
    const numbers = knownNumbers(tensor) ?? constantValue(tensor)?.toFloat64();
    if (!numbers)
      throw new NeedsData(`input ${index} must be known while the model is traced, but depends on its inputs`);
    return Array.from(numbers);
  }

  /** The single number of an input that must be known while tracing. */
  number(index: number): number | undefined {
    const numbers = this.numbers(index);
    if (numbers && numbers.length !== 1) throw new Unsupported(`input ${index} must be a single number`);
    return numbers?.[0];
  }

  /** The data of an input that is known, or undefined. */
  data(index: number): Value | undefined {
    const tensor = this.optional(index);
    if (!tensor) return undefined;
    const constant = constantValue(tensor);
    if (constant) return constant;
    const numbers = knownNumbers(tensor);
    return numbers && new Value(Float64Array.from(numbers), tensor.shape, "float64");
  }
}

/** An attribute of integers in old operator sets that became an input in later ones: whichever is there. */
export const integersOf = (context: NodeContext, attribute: string, input: number): number[] | undefined =>
  context.attributes.ints(attribute) ?? context.numbers(input);
