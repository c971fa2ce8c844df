import { isFloat } from "../../core/dtype.ts";
import { SluiceError } from "../../core/errors.ts";
import { type DType, Tensor } from "../../core/index.ts";
import type {
  AttributeProto,
  FunctionProto,
  GraphProto,
  ModelProto,
  NodeProto,
  OperatorSetIdProto,
  TensorProto,
  TypeProto,
} from "../../runtime/onnx/protobuf/index.ts";
import { functionKey, normalDomain, readsOf } from "../graph/clean-up.ts";
import { denseTensor } from "../model/tensor-data.ts";
import { carry } from "./carried.ts";
import { type Converted, NodeContext } from "./context.ts";
import { type Entry, isSimulated, storedEntry, tensorEntry } from "./entry.ts";
import { ImportError, NeedsData, nodeName, operatorName, type Problem, Unsupported } from "./faults.ts";
import { settle } from "./known.ts";
import type { Methods } from "./methods.ts";
import { findConverter } from "./operators/index.ts";
import { roundTo } from "./operators/rounding.ts";
import { constantTensor } from "./parameters.ts";

/** Calls of functions within functions, and graphs within graphs, go no deeper. */
const deepest = 64;

/** Nodes traced in all: functions that call each other twice could otherwise unfold without end. */
const mostNodes = 250_000;

/** Values of one graph, which also sees those of the graphs around it. */
class Scope {
  readonly #values = new Map<string, Entry | "failed">();
  readonly #outer: Scope | undefined;

  constructor(outer?: Scope) {
    this.#outer = outer;
  }

  get(name: string): Entry | "failed" | undefined {
    return this.#values.get(name) ?? this.#outer?.get(name);
  }

  set(name: string, entry: Entry | "failed"): void {
    if (name !== "") this.#values.set(name, entry);
  }
}

/** What the nodes of one body belong to: the main graph, or a function with operator sets of its own. */
interface Body {
  opsets: ReadonlyMap<string, number>;
  depth: number;
}

/** One tracing of a model: walks its nodes in order and makes tensors of them. */
export class Interpreter {
  /** Everything that could not be traced. */
  readonly problems: Problem[] = [];
  /** Whether all of it could be traced if the model's inputs were known. */
  needsData = false;
  /** Called with every named value of the main graph. */
  onValue: ((name: string, entry: Entry) => void) | undefined;
  readonly #functions: ReadonlyMap<string, FunctionProto>;
  readonly #parameters: ReadonlyMap<TensorProto, Entry>;
  readonly #methods: Methods | undefined;
  readonly #types: ReadonlyMap<string, TypeProto | undefined>;
  readonly #main: Body;
  #traced = 0;

  /**
   * @param parameters  entries that take the place of stored tensors
   * @param symbols     sizes by the names that the model gives them
   * @param methods     functions that rewritten nodes call
   */
  constructor(
    { graph, functions = [], opsetImport }: ModelProto,
    parameters: ReadonlyMap<TensorProto, Entry> = new Map(),
    symbols: ReadonlyMap<string, number> = new Map(),
    methods?: Methods,
  ) {
    this.#parameters = parameters;
    this.#methods = methods;
    this.#types = new Map(
      [...(graph.valueInfo ?? []), ...graph.output].map(({ name, type }) => [name, type && bindSizes(type, symbols)]),
    );
    this.#functions = new Map(functions.map((one) => [functionKey(one.domain, one.name, one.overload), one]));
    this.#main = { opsets: opsetVersions(opsetImport), depth: 0 };
  }

  /**
   * Traces the main graph.
   *
   * @param given    entries for inputs, and for inner values that take the place of what the model would compute
   * @param outputs  names of the wanted values
   * @returns        their entries; undefined for those that a problem has kept from being made
   */
  trace(graph: GraphProto, given: ReadonlyMap<string, Entry>, outputs: readonly string[]): (Entry | undefined)[] {
    const scope = new Scope();
    for (const [name, entry] of given) {
      scope.set(name, entry);
      this.onValue?.(name, entry);
    }
    const rest = <T extends { name?: string }>(stored: readonly T[]) =>
      stored.filter(({ name }) => !given.has(name ?? ""));
    const main = { ...graph, initializer: rest(graph.initializer) };
    this.#body(main, scope, this.#main, needed(graph.node, outputs, given), this.onValue);
    return outputs.map((name) => {
      const entry = scope.get(name);
      return entry === "failed" ? undefined : entry;
    });
  }

  #body(
    graph: GraphProto | FunctionProto,
    scope: Scope,
    body: Body,
    nodes: Iterable<NodeProto>,
    onValue?: (name: string, entry: Entry) => void,
  ): void {
    if (body.depth > deepest) throw new Unsupported(`functions or graphs are nested more than ${deepest} deep`);
    if ("initializer" in graph) {
      for (const tensor of graph.initializer) scope.set(tensor.name ?? "", this.#stored(tensor));
      for (const sparse of graph.sparseInitializer ?? [])
        scope.set(sparse.values?.name ?? "", this.#parameters.get(sparse.values!) ?? storedEntry(denseTensor(sparse)));
    }
    for (const node of nodes) {
      if (++this.#traced > mostNodes)
        throw new ImportError([
          ...this.problems,
          { node: nodeName(node), operator: operatorName(node), reason: `more than ${mostNodes} nodes unfold` },
        ]);
      const results = this.#node(node, scope, body);
      node.output.forEach((name, i) => {
        const result = results === "failed" ? "failed" : results[i];
        if (result === undefined || name === "") return;
        scope.set(name, result);
        if (result !== "failed") onValue?.(name, result);
      });
    }
  }

  #node(node: NodeProto, scope: Scope, body: Body): (Entry | undefined)[] | "failed" {
    const inputs = node.input.map((name) => (name === "" ? undefined : scope.get(name)));
    // What a failed node has made cannot be used; the failure itself is already listed.
    if (inputs.includes("failed")) return "failed";
    try {
      const absent = node.input.find((name, i) => name !== "" && inputs[i] === undefined);
      if (absent !== undefined) throw new Unsupported(`it reads "${absent}", which nothing makes`);
      return this.#apply(node, inputs as (Entry | undefined)[], scope, body);
    } catch (error) {
      if (error instanceof InnerFailure) return "failed";
      // A malformed node fails in ways that only its converter could foresee: whatever it throws is the node's problem.
      if (error instanceof ImportError || !(error instanceof Error)) throw error;
      this.needsData ||= error instanceof NeedsData;
      const reason = error instanceof SluiceError ? error.message.replaceAll("\n", " ") : error.message;
      this.problems.push({ node: nodeName(node), operator: operatorName(node), reason });
      return "failed";
    }
  }

  #apply(node: NodeProto, inputs: (Entry | undefined)[], scope: Scope, body: Body): (Entry | undefined)[] {
    const constant = constantTensor(node);
    if (constant) return [this.#stored(constant)];
    const called = this.#functions.get(functionKey(node.domain, node.opType, node.overload));
    if (called) return this.#call(called, node, inputs, body);
    const domain = normalDomain(node.domain);
    const version = body.opsets.get(domain) ?? 1;
    const converter = findConverter(domain, node.opType);
    const inner = { opsets: body.opsets, depth: body.depth + 1 };
    const context = new NodeContext(
      node,
      version,
      inputs,
      (graph, entries) => this.#subgraph(graph, entries, scope, inner),
      this.#methods,
      (name) => {
        const entry = scope.get(name);
        return entry === "failed" ? undefined : entry;
      },
    );
    const converted = converter ? converter(context) : carry(context, (name) => this.#types.get(name));
    const results: readonly Converted[] = Array.isArray(converted)
      ? (converted as readonly Converted[])
      : [converted as Converted];
    return results.map((result) => result && finish(result, inputs));
  }

  #stored(tensor: TensorProto): Entry {
    return this.#parameters.get(tensor) ?? storedEntry(tensor);
  }

  #call(called: FunctionProto, node: NodeProto, inputs: (Entry | undefined)[], body: Body): (Entry | undefined)[] {
    const scope = new Scope();
    called.input.forEach((name, i) => {
      const entry = inputs[i];
      if (entry) scope.set(name, entry);
    });
    const given = new Map([...(called.attributeProto ?? []), ...(node.attribute ?? [])].map((one) => [one.name, one]));
    const inner = { opsets: opsetVersions(called.opsetImport), depth: body.depth + 1 };
    const failures = this.problems.length;
    // An input that the caller omits is omitted inside, too.
    const omitted = new Set(called.input.filter((_, i) => inputs[i] === undefined));
    this.#body(
      called,
      scope,
      inner,
      called.node.map((one) => bindAttributes(one, given, omitted)),
    );
    return called.output.map((name) => {
      const entry = scope.get(name);
      if (entry === "failed") throw new InnerFailure();
      if (entry === undefined && this.problems.length > failures) throw new InnerFailure();
      return entry;
    });
  }

  #subgraph(graph: GraphProto, inputs: readonly Entry[], outer: Scope, body: Body): Entry[] {
    const scope = new Scope(outer);
    graph.input.forEach(({ name }, i) => {
      const entry = inputs[i];
      if (entry) scope.set(name, entry);
    });
    this.#body(graph, scope, body, graph.node);
    return graph.output.map(({ name }) => {
      const entry = scope.get(name);
      if (entry === "failed") throw new InnerFailure();
      if (!entry) throw new Unsupported(`its graph does not make the output "${name}"`);
      return entry;
    });
  }
}

/** A node inside has failed and is listed; the node around it is not listed again. */
class InnerFailure extends Unsupported {}

const opsetVersions = (imports: readonly OperatorSetIdProto[]): ReadonlyMap<string, number> =>
  new Map(imports.map(({ domain, version }) => [normalDomain(domain), Number(version)]));

/** A tensor's type with names of sizes replaced by the sizes. */
function bindSizes(type: TypeProto, symbols: ReadonlyMap<string, number>): TypeProto {
  const { tensorType } = type;
  if (!tensorType?.shape) return type;
  const dim = tensorType.shape.dim.map((one) =>
    one.dimParam && symbols.has(one.dimParam) ? { dimValue: symbols.get(one.dimParam) } : one,
  );
  return { tensorType: { ...tensorType, shape: { dim } } };
}

/** The nodes that some values need, where others are given. */
function needed(
  nodes: readonly NodeProto[],
  outputs: readonly string[],
  given: ReadonlyMap<string, unknown>,
): NodeProto[] {
  const wanted = new Set(outputs.filter((name) => !given.has(name)));
  const kept: NodeProto[] = [];
  for (const node of nodes.toReversed()) {
    if (!node.output.some((name) => wanted.has(name))) continue;
    kept.push(node);
    for (const name of readsOf(node)) if (!given.has(name)) wanted.add(name);
  }
  return kept.reverse();
}

/** A node of a function with references to the function's attributes replaced by what the caller gave. */
function bindAttributes(
  node: NodeProto,
  given: ReadonlyMap<string, AttributeProto>,
  omitted: ReadonlySet<string>,
): NodeProto {
  const bindGraph = (graph: GraphProto): GraphProto => ({
    ...graph,
    node: graph.node.map((one) => bindAttributes(one, given, omitted)),
  });
  const attribute = node.attribute?.flatMap((one): AttributeProto[] => {
    if (one.refAttrName) {
      const value = given.get(one.refAttrName);
      return value ? [{ ...value, name: one.name }] : [];
    }
    if (one.g) return [{ ...one, g: bindGraph(one.g) }];
    return [one.graphs ? { ...one, graphs: one.graphs.map(bindGraph) } : one];
  });
  const input = node.input.map((name) => (omitted.has(name) ? "" : name));
  return { ...node, input, ...(attribute && { attribute }) };
}

/** An entry of what a converter gave: narrow floats stay narrow, small known tensors become constants. */
function finish(result: Exclude<Converted, undefined>, inputs: readonly (Entry | undefined)[]): Entry {
  if (!(result instanceof Tensor))
    return result.kind === "tensor" ? { ...result, tensor: settle(result.tensor) } : result;
  const tensor = settle(result);
  const first = inputs.find((entry) => entry?.kind === "tensor");
  // Types that the core holds in wider ones are passed on from input to output.
  const inherited = first && !isCoreType(first.type) && first.tensor.dtype === tensor.dtype ? first.type : undefined;
  if (inherited && isSimulated(inherited) && isFloat(tensor.dtype))
    return tensorEntry(settle(roundTo(tensor, inherited)), inherited);
  return tensorEntry(tensor, inherited);
}

const isCoreType = (type: string): type is DType => !isSimulated(type as never) && !/^u?int[24]$/.test(type);
