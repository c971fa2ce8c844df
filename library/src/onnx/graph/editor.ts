import { SluiceError } from "../../core/errors.ts";
import type {
  GraphProto,
  ModelProto,
  NodeProto,
  TensorProto,
  ValueInfoProto,
} from "../../runtime/onnx/protobuf/index.ts";
import { denseTensor, type TensorData, tensorData } from "../model/tensor-data.ts";
import { subgraphsOf } from "../model/walk.ts";
import { Attributes } from "./attributes.ts";
import { cleanUp, readsOf } from "./clean-up.ts";
import { type Match, matchPattern, parsePattern } from "./pattern.ts";

/** An edit that cannot be made. */
export class EditError extends SluiceError {}

/** Which nodes are looked for; all that is given must hold. */
export interface NodeQuery {
  operator?: string | readonly string[];
  domain?: string;
  /** The node's name, or an expression that it must match. */
  name?: string | RegExp;
}

/**
 * A changed copy of a model. The given model stays as it is; weights are shared, not copied. When `edit` is done, nodes
 * are put in order and all that is no longer used is removed.
 *
 * @example
 * const next = editModel(model, (graph) => {
 *   for (const { node, values } of graph.match("Mul(x, Sigmoid(x))"))
 *     graph.replace([node], [makeNode("Relu", [values.x], node.output)]);
 * });
 */
export function editModel(model: ModelProto, edit: (graph: GraphEditor, model: ModelProto) => void): ModelProto {
  const copy: ModelProto = {
    ...model,
    graph: copyGraph(model.graph),
    opsetImport: model.opsetImport.map((one) => ({ ...one })),
    functions: model.functions && [...model.functions],
    metadataProps: model.metadataProps && [...model.metadataProps],
  };
  edit(new GraphEditor(copy.graph), copy);
  return withoutUndefined(cleanUp(copy));
}

/** Questions to a model's graph. It is not to be changed through them: use {@link editModel}. */
export const queryModel = ({ graph }: ModelProto): GraphEditor => new GraphEditor(graph);

function copyGraph(graph: GraphProto): GraphProto {
  const node = graph.node.map((one) => ({
    ...one,
    input: [...one.input],
    output: [...one.output],
    ...(one.attribute && {
      attribute: one.attribute.map((attribute) => ({
        ...attribute,
        ...(attribute.g && { g: copyGraph(attribute.g) }),
        ...(attribute.graphs && { graphs: attribute.graphs.map(copyGraph) }),
      })),
    }),
  }));
  return { ...graph, node, initializer: [...graph.initializer], input: [...graph.input], output: [...graph.output] };
}

function withoutUndefined(model: ModelProto): ModelProto {
  for (const object of [model, model.graph] as unknown as Record<string, unknown>[])
    for (const key of Object.keys(object)) if (object[key] === undefined) delete object[key];
  return model;
}

/** Questions to a graph, and changes to it. Made by {@link editModel}. */
export class GraphEditor {
  readonly graph: GraphProto;
  #producers: Map<string, NodeProto> | undefined;
  #consumers: Map<string, NodeProto[]> | undefined;
  #names: Set<string> | undefined;

  constructor(graph: GraphProto) {
    this.graph = graph;
  }

  /** The nodes that fit a query, in the graph's order. A plain text is the operator. */
  find(query: string | NodeQuery = {}): NodeProto[] {
    const { operator, domain, name }: NodeQuery = typeof query === "string" ? { operator: query } : query;
    const operators = typeof operator === "string" ? [operator] : operator;
    return this.graph.node.filter(
      (node) =>
        (!operators || operators.includes(node.opType)) &&
        (domain === undefined || (node.domain ?? "") === domain) &&
        (name === undefined || (typeof name === "string" ? node.name === name : name.test(node.name ?? ""))),
    );
  }

  /**
   * The places where a pattern fits; see `parsePattern` for how patterns are written. Places do not overlap, and the
   * values inside a place are used nowhere else, so that it may be replaced as a whole.
   */
  match(pattern: string): Match[] {
    const parsed = parsePattern(pattern);
    const taken = new Set<NodeProto>();
    const matches: Match[] = [];
    for (const node of this.graph.node.toReversed()) {
      const match = matchPattern(parsed, node, (value) => this.producer(value));
      if (!match || match.nodes.some((one) => taken.has(one)) || !this.#closed(match)) continue;
      for (const one of match.nodes) taken.add(one);
      matches.push(match);
    }
    return matches.reverse();
  }

  #closed({ node, nodes }: Match): boolean {
    return nodes.every(
      (inner) =>
        inner === node ||
        inner.output.every(
          (name) => !this.isOutput(name) && this.consumers(name).every((reader) => nodes.includes(reader)),
        ),
    );
  }

  /** The node that makes a value; undefined for inputs and initializers. */
  producer(value: string): NodeProto | undefined {
    this.#producers ??= new Map(this.graph.node.flatMap((node) => node.output.map((name) => [name, node] as const)));
    return value === "" ? undefined : this.#producers.get(value);
  }

  /** The nodes that read a value, also from within the graphs inside them. */
  consumers(value: string): readonly NodeProto[] {
    if (!this.#consumers) {
      this.#consumers = new Map();
      for (const node of this.graph.node)
        for (const name of readsOf(node)) {
          const known = this.#consumers.get(name);
          if (known) known.push(node);
          else this.#consumers.set(name, [node]);
        }
    }
    return this.#consumers.get(value) ?? [];
  }

  isOutput(value: string): boolean {
    return this.graph.output.some(({ name }) => name === value);
  }

  initializer(name: string): TensorProto | undefined {
    const sparse = this.graph.sparseInitializer?.find(({ values }) => values?.name === name);
    return sparse ? denseTensor(sparse) : this.graph.initializer.find((one) => one.name === name);
  }

  /** The elements of a value that the file holds, as initializer or as a Constant node; undefined for any other. */
  constant(value: string): TensorData | undefined {
    const stored = this.initializer(value);
    if (stored) return tensorData(stored);
    const node = this.producer(value);
    if (node?.opType === "Identity") return this.constant(node.input[0]);
    const tensor = node?.opType === "Constant" ? new Attributes(node).tensor("value") : undefined;
    return tensor && tensorData(tensor);
  }

  /** A name that no value, node or initializer has. */
  fresh(base: string): string {
    this.#names ??= namesIn(this.graph);
    let name = base;
    for (let i = 1; this.#names.has(name); i++) name = `${base}_${i}`;
    this.#names.add(name);
    return name;
  }

  /** Adds a constant tensor and returns its name. */
  addInitializer(tensor: TensorProto): string {
    const name = this.fresh(tensor.name || "constant");
    this.graph.initializer.push({ ...tensor, name });
    return name;
  }

  /** Adds nodes; they find their place by what they read. */
  add(...nodes: NodeProto[]): void {
    this.graph.node.push(...nodes);
    this.#changed();
  }

  /** Puts nodes in place of others; the new ones must make every value that the rest still reads. */
  replace(old: readonly NodeProto[], by: readonly NodeProto[]): void {
    const made = new Set(by.flatMap(({ output }) => output));
    const lost = old
      .flatMap(({ output }) => output)
      .find(
        (name) =>
          name !== "" &&
          !made.has(name) &&
          (this.isOutput(name) || this.consumers(name).some((reader) => !old.includes(reader))),
      );
    if (lost !== undefined)
      throw new EditError("edit/value-lost", `nothing would make the value "${lost}" any more, which is still read`, {
        fix: "let one of the new nodes have it as an output",
      });
    const gone = new Set(old);
    const at = this.graph.node.findIndex((node) => gone.has(node));
    const kept = this.graph.node.filter((node) => !gone.has(node));
    kept.splice(at < 0 ? kept.length : at, 0, ...by);
    this.graph.node = kept;
    this.#changed();
  }

  /** Takes a node out: whatever read its first output reads its first input (or the input of that index) instead. */
  remove(node: NodeProto, input = 0): void {
    const from = node.output[0];
    const to = node.input[input];
    if (!to || node.output.slice(1).some((name) => this.isOutput(name) || this.consumers(name).length > 0))
      throw new EditError("edit/no-bypass", `node "${node.name ?? node.opType}" has no input to take its place`, {
        fix: "replace it by nodes that make its outputs",
      });
    if (this.isOutput(from)) {
      // The graph's interface keeps its names.
      this.replace([node], [{ input: [to], output: [from], opType: "Identity", name: node.name }]);
      return;
    }
    this.graph.node = this.graph.node.filter((one) => one !== node);
    this.redirect(from, to);
  }

  /** Inserts a node behind a value: what read the value reads the node's first output; the node itself reads the value. */
  insertAfter(value: string, node: NodeProto): void {
    if (this.isOutput(value))
      throw new EditError("edit/output", `"${value}" is an output of the model`, {
        fix: "replace the node that makes it, so that the output keeps its name",
      });
    this.redirect(value, node.output[0]);
    this.add(node);
  }

  /** Makes every reader of a value read another one, within inner graphs too. Outputs of the graph keep their names. */
  redirect(from: string, to: string): void {
    redirectIn(this.graph, from, to);
    this.#changed();
  }

  /** Declares what is known of a value's type. */
  declare(info: ValueInfoProto): void {
    this.graph.valueInfo = [...(this.graph.valueInfo ?? []).filter(({ name }) => name !== info.name), info];
  }

  #changed(): void {
    this.#producers = this.#consumers = this.#names = undefined;
  }
}

function redirectIn(graph: GraphProto, from: string, to: string): void {
  for (const node of graph.node) node.input = node.input.map((name) => (name === from ? to : name));
  for (const inner of subgraphsOf(graph)) {
    redirectIn(inner, from, to);
    // An inner graph may hand an outer value straight on.
    inner.output = inner.output.map((one) => (one.name === from ? { ...one, name: to } : one));
  }
}

function namesIn(graph: GraphProto): Set<string> {
  const names = new Set<string>();
  const visit = (one: GraphProto): void => {
    for (const { name } of [...one.input, ...one.output, ...one.initializer]) if (name) names.add(name);
    for (const { values } of one.sparseInitializer ?? []) if (values?.name) names.add(values.name);
    for (const node of one.node) {
      if (node.name) names.add(node.name);
      for (const name of [...node.input, ...node.output]) names.add(name);
    }
    for (const inner of subgraphsOf(one)) visit(inner);
  };
  visit(graph);
  return names;
}
