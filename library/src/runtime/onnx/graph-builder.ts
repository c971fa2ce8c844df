import { type DType, dtypes } from "../../core/dtype.ts";
import { nodesUpTo } from "../../core/graph.ts";
import type { GraphBuilder, OnnxAttribute, OnnxSubgraph } from "../../core/operation.ts";
import type { Node, Tensor } from "../../core/tensor.ts";
import { convert, Value } from "../../core/value.ts";
import {
  type AttributeProto,
  attributeType,
  dataLocation,
  type GraphProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from "./protobuf/index.ts";

const text = new TextEncoder();

/** Small constants are stored once per content. */
const sharedConstantBytes = 256;

/** Constants from this size on may stay outside the model's bytes: no copy, and no limit of 2 GB. */
const externalConstantBytes = 1 << 20;

/** Data of a constant that the model only names. */
export interface ExternalConstant {
  readonly path: string;
  readonly data: Uint8Array;
}

/** What the builders of a graph and of its subgraphs share. */
interface Shared {
  readonly initializers: TensorProto[];
  readonly constants: Map<string, string>;
  readonly large: Map<Value, string>;
  readonly domains: Set<string>;
  readonly origins: Map<string, Node>;
  readonly contributed: boolean;
  /** Where large constants go, or undefined where they belong into the model. */
  readonly external: ExternalConstant[] | undefined;
  counter: number;
}

/** Collects the nodes of one ONNX graph while operations write themselves. */
export class OnnxGraphBuilder implements GraphBuilder {
  readonly nodeProtos: NodeProto[] = [];
  readonly #shared: Shared;
  #current: Node | undefined;

  constructor(contributed: boolean, external?: ExternalConstant[], shared?: Shared) {
    this.#shared = shared ?? {
      initializers: [],
      constants: new Map(),
      large: new Map(),
      domains: new Set([""]),
      origins: new Map(),
      contributed,
      external,
      counter: 0,
    };
  }

  get contributed(): boolean {
    return this.#shared.contributed;
  }

  get initializers(): TensorProto[] {
    return this.#shared.initializers;
  }

  /** Operator domains in use. */
  get domains(): ReadonlySet<string> {
    return this.#shared.domains;
  }

  /** Which graph node each ONNX node, by name, was written for. */
  get origins(): ReadonlyMap<string, Node> {
    return this.#shared.origins;
  }

  node(type: string, inputs: readonly string[], attributes?: Record<string, OnnxAttribute | undefined>): string {
    return this.nodes(type, inputs, { outputs: 1, attributes })[0];
  }

  nodes(
    type: string,
    inputs: readonly string[],
    options: { outputs: number; domain?: string; attributes?: Record<string, OnnxAttribute | undefined> },
  ): string[] {
    const { domain = "", attributes } = options;
    const output = Array.from({ length: options.outputs }, () => this.#fresh());
    const name = `${this.#current?.operation.name ?? type}_${this.#shared.counter}`;
    if (this.#current !== undefined) this.#shared.origins.set(name, this.#current);
    this.#shared.domains.add(domain);
    const attribute: AttributeProto[] = [];
    for (const key in attributes) {
      const item = attributes[key];
      if (item !== undefined) attribute.push(this.#attribute(key, item));
    }
    let last = inputs.length;
    while (last > 0 && inputs[last - 1] === "") last--;
    this.nodeProtos.push({
      input: inputs.slice(0, last),
      output,
      name,
      opType: type,
      domain: domain === "" ? undefined : domain,
      attribute: attribute.length > 0 ? attribute : undefined,
    });
    return output;
  }

  constant(value: Value): string {
    const { constants, large, initializers, external } = this.#shared;
    const bytes = new Uint8Array(value.data.buffer, value.data.byteOffset, value.data.byteLength);
    const key = bytes.length <= sharedConstantBytes ? `${value}:${bytes.join()}` : undefined;
    const known = key === undefined ? large.get(value) : constants.get(key);
    if (known !== undefined) return known;
    const name = `c${this.#shared.counter++}`;
    const described = { name, dims: [...value.shape], dataType: dtypes[value.dtype].onnx };
    if (external !== undefined && bytes.length >= externalConstantBytes) {
      external.push({ path: name, data: bytes });
      const entries = { location: name, offset: "0", length: String(bytes.length) };
      const externalData = Object.entries(entries).map(([key, item]) => ({ key, value: item }));
      initializers.push({ ...described, dataLocation: dataLocation.external, externalData });
    } else initializers.push({ ...described, rawData: bytes });
    if (key === undefined) large.set(value, name);
    else constants.set(key, name);
    return name;
  }

  integers(values: readonly number[]): string {
    return this.constant(new Value(convert(values, "int64"), [values.length], "int64"));
  }

  scalar(number: number, dtype: DType): string {
    return this.constant(new Value(convert([number], dtype), [], dtype));
  }

  /** Writes all nodes that `outputs` need and returns the outputs' names. `names` holds what is already bound. */
  write(outputs: readonly Tensor[], names: Map<Tensor, string>): string[] {
    const outer = this.#current;
    for (const node of nodesUpTo(outputs, names)) {
      this.#current = node;
      const written = node.operation.emit(
        this,
        node.inputs.map((x) => names.get(x)!),
        node,
      );
      node.outputs.forEach((output, i) => {
        if (!names.has(output)) names.set(output, written[i]);
      });
    }
    this.#current = outer;
    return outputs.map((output) => names.get(output)!);
  }

  /**
   * A finished graph. Outputs get nodes of their own where they would be an input, a constant or a twin of another
   * output, which ONNX does not allow.
   */
  finish(name: string, formal: readonly Tensor[], outputs: readonly Tensor[], names: Map<Tensor, string>): GraphProto {
    const input = formal.map((tensor) => valueInfo(names.get(tensor)!, tensor));
    const written = this.write(outputs, names);
    const produced = new Set(this.nodeProtos.flatMap((node) => node.output));
    const used = new Set<string>();
    const output = written.map((source, i) => {
      const direct = produced.has(source) && !used.has(source);
      const target = direct ? source : this.node("Identity", [source]);
      used.add(target);
      return valueInfo(target, outputs[i]);
    });
    return { name, node: this.nodeProtos, input, output, initializer: [] };
  }

  #fresh(): string {
    return `t${this.#shared.counter++}`;
  }

  #subgraph({ formal, bound, outputs }: OnnxSubgraph): GraphProto {
    const inner = new OnnxGraphBuilder(this.contributed, undefined, this.#shared);
    const names = new Map(bound);
    for (const tensor of formal) names.set(tensor, this.#fresh());
    return inner.finish(`body${this.#shared.counter++}`, formal, outputs, names);
  }

  #attribute(name: string, item: OnnxAttribute): AttributeProto {
    if (typeof item === "number") return { name, i: item, type: attributeType.int };
    if (typeof item === "string") return { name, s: text.encode(item), type: attributeType.string };
    if (Array.isArray(item))
      return typeof item[0] === "string"
        ? { name, strings: (item as string[]).map((part) => text.encode(part)), type: attributeType.strings }
        : { name, ints: item as number[], type: attributeType.ints };
    const special = item as Exclude<OnnxAttribute, number | string | readonly unknown[]>;
    if ("float" in special) return { name, f: special.float, type: attributeType.float };
    if ("floats" in special) return { name, floats: [...special.floats], type: attributeType.floats };
    if ("graph" in special) return { name, g: this.#subgraph(special.graph), type: attributeType.graph };
    const { tensor } = special;
    return {
      name,
      t: {
        dims: [...tensor.shape],
        dataType: dtypes[tensor.dtype].onnx,
        rawData: new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength),
      },
      type: attributeType.tensor,
    };
  }
}

const valueInfo = (name: string, tensor: Tensor): ValueInfoProto => ({
  name,
  type: {
    tensorType: {
      elemType: dtypes[tensor.dtype].onnx,
      shape: { dim: tensor.shape.map((dimValue) => ({ dimValue })) },
    },
  },
});
