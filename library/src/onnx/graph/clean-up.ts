import type { GraphProto, ModelProto, NodeProto } from "../../runtime/onnx/protobuf/index.ts";
import { nodesOf, subgraphsOf } from "../model/walk.ts";
import { Attributes } from "./attributes.ts";

/** The values that a node reads: its inputs and what the graphs inside it take from outside. */
export function readsOf(node: NodeProto): Set<string> {
  const reads = new Set(node.input.filter((name) => name !== ""));
  // The value that Gradient differentiates is named in an attribute.
  const target = node.opType === "Gradient" && node.domain ? new Attributes(node).string("y") : undefined;
  if (target) reads.add(target);
  for (const inner of subgraphsOf({ node: [node] } as GraphProto))
    for (const name of capturesOf(inner)) reads.add(name);
  return reads;
}

/** The values that a graph takes from the graphs around it. */
export function capturesOf(graph: GraphProto): Set<string> {
  const own = new Set([...graph.input, ...graph.initializer].map(({ name }) => name ?? ""));
  for (const { values } of graph.sparseInitializer ?? []) if (values?.name) own.add(values.name);
  for (const { output } of graph.node) for (const name of output) own.add(name);
  const reads = graph.node.flatMap((node) => [...readsOf(node)]);
  return new Set([...reads, ...graph.output.map(({ name }) => name)].filter((name) => !own.has(name)));
}

/**
 * Removes from a model what nothing uses: nodes, initializers, functions, operator sets, facts about values that are
 * gone; and puts nodes behind those whose values they read. Changes the model in place.
 */
export function cleanUp(model: ModelProto): ModelProto {
  cleanGraph(model.graph);
  const used = new Set<string>();
  const visit = (nodes: Iterable<NodeProto>): void => {
    for (const node of nodes) {
      const key = functionKey(node.domain, node.opType, node.overload);
      if (used.has(key)) continue;
      used.add(key);
      const body = model.functions?.find((one) => functionKey(one.domain, one.name, one.overload) === key);
      if (body) visit(nodesOf({ graph: emptyGraph, opsetImport: [], functions: [body] }));
    }
  };
  visit(nodesOf({ ...model, functions: [] }));
  const functions = model.functions?.filter(({ domain, name, overload }) =>
    used.has(functionKey(domain, name, overload)),
  );
  if (functions) model.functions = functions.length > 0 ? functions : undefined;
  const domains = new Set([...nodesOf(model)].map(({ domain }) => normalDomain(domain)));
  model.opsetImport = model.opsetImport.filter(
    ({ domain }) => normalDomain(domain) === "" || domains.has(normalDomain(domain)),
  );
  return model;
}

const emptyGraph: GraphProto = { node: [], initializer: [], input: [], output: [] };

/** `ai.onnx` is another name of the empty domain. */
export const normalDomain = (domain = ""): string => (domain === "ai.onnx" ? "" : domain);

/** What identifies a model-local function, and a node that calls it. */
export const functionKey = (domain: string | undefined, name: string, overload = ""): string =>
  `${normalDomain(domain)}:${name}:${overload}`;

function cleanGraph(graph: GraphProto): void {
  for (const inner of subgraphsOf(graph)) cleanGraph(inner);
  graph.node = sortNodes(graph.node);
  const needed = new Set(graph.output.map(({ name }) => name));
  const kept: NodeProto[] = [];
  for (const node of graph.node.toReversed()) {
    if (!node.output.some((name) => needed.has(name))) continue;
    kept.push(node);
    for (const name of readsOf(node)) needed.add(name);
  }
  graph.node = kept.reverse();
  const stored = new Set(graph.initializer.map(({ name }) => name));
  graph.initializer = graph.initializer.filter(({ name }) => needed.has(name!));
  graph.sparseInitializer = graph.sparseInitializer?.filter(({ values }) => needed.has(values?.name ?? ""));
  // Old models list initializers among the inputs; real inputs stay even where nothing reads them.
  graph.input = graph.input.filter(({ name }) => needed.has(name) || !stored.has(name));
  const alive = new Set([...needed, ...graph.node.flatMap(({ output }) => output)]);
  graph.valueInfo = graph.valueInfo?.filter(({ name }) => alive.has(name));
  graph.quantizationAnnotation = graph.quantizationAnnotation?.filter(({ tensorName }) => alive.has(tensorName ?? ""));
}

/** Nodes in an order in which each reads only what earlier ones made; the given order where it already is one. */
export function sortNodes(nodes: readonly NodeProto[]): NodeProto[] {
  const producer = new Map<string, NodeProto>();
  for (const node of nodes) for (const name of node.output) if (name !== "") producer.set(name, node);
  const sorted = new Set<NodeProto>();
  for (const root of nodes) {
    // Depth first with a list instead of calls: graphs are deep.
    const open = [{ node: root, reads: readsOf(root).values() }];
    const visiting = new Set([root]);
    while (open.length > 0) {
      const top = open.at(-1)!;
      if (sorted.has(top.node)) {
        open.pop();
        continue;
      }
      const source = nextUnsorted(top.reads, producer, sorted, visiting);
      if (source) {
        visiting.add(source);
        open.push({ node: source, reads: readsOf(source).values() });
      } else {
        sorted.add(top.node);
        open.pop();
      }
    }
  }
  return [...sorted];
}

function nextUnsorted(
  reads: Iterator<string>,
  producer: ReadonlyMap<string, NodeProto>,
  sorted: ReadonlySet<NodeProto>,
  visiting: ReadonlySet<NodeProto>,
): NodeProto | undefined {
  for (let read = reads.next(); !read.done; read = reads.next()) {
    const source = producer.get(read.value);
    if (source && !sorted.has(source) && !visiting.has(source)) return source;
  }
  return undefined;
}
