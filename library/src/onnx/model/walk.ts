import type {
  AttributeProto,
  FunctionProto,
  GraphProto,
  ModelProto,
  NodeProto,
  SparseTensorProto,
  TensorProto,
} from "../../runtime/onnx/protobuf/index.ts";

/** Every graph of a model: the main one, those of training, and the ones inside nodes; an outer graph comes first. */
export function* graphsOf(model: ModelProto): Generator<GraphProto> {
  yield* graphsWithin(model.graph);
  for (const { initialization, algorithm } of model.trainingInfo ?? [])
    for (const graph of [initialization, algorithm]) if (graph) yield* graphsWithin(graph);
  for (const body of model.functions ?? []) for (const graph of subgraphsOf(body)) yield* graphsWithin(graph);
}

function* graphsWithin(graph: GraphProto): Generator<GraphProto> {
  yield graph;
  for (const inner of subgraphsOf(graph)) yield* graphsWithin(inner);
}

/** The graphs directly inside the nodes of a graph or function. */
export function* subgraphsOf({ node }: GraphProto | FunctionProto): Generator<GraphProto> {
  for (const { attribute = [] } of node)
    for (const { g, graphs = [] } of attribute) {
      if (g) yield g;
      yield* graphs;
    }
}

/** Every node of a model, those of subgraphs and functions included. */
export function* nodesOf(model: ModelProto): Generator<NodeProto> {
  for (const { node } of graphsOf(model)) yield* node;
  for (const { node } of model.functions ?? []) yield* node;
}

/** Every tensor that a model stores: initializers, sparse ones, and those in attributes. */
export function* tensorsOf(model: ModelProto): Generator<TensorProto> {
  for (const { initializer, sparseInitializer = [] } of graphsOf(model)) {
    yield* initializer;
    for (const sparse of sparseInitializer) yield* partsOf(sparse);
  }
  for (const { attribute = [] } of nodesOf(model)) for (const one of attribute) yield* attributeTensors(one);
  for (const { attributeProto = [] } of model.functions ?? [])
    for (const one of attributeProto) yield* attributeTensors(one);
}

function* attributeTensors(attribute: AttributeProto): Generator<TensorProto> {
  if (attribute.t) yield attribute.t;
  yield* attribute.tensors ?? [];
  if (attribute.sparseTensor) yield* partsOf(attribute.sparseTensor);
  for (const sparse of attribute.sparseTensors ?? []) yield* partsOf(sparse);
}

function* partsOf({ values, indices }: SparseTensorProto): Generator<TensorProto> {
  if (values) yield values;
  if (indices) yield indices;
}

/**
 * A model with tensors replaced: the same model where none is, a copy of what leads to them where some are. Sparse
 * initializers for which `replace` gives a dense tensor become ordinary ones.
 *
 * @param replace  gives another tensor for a stored one, or the same
 */
export function mapTensors(model: ModelProto, replace: (tensor: TensorProto) => TensorProto): ModelProto {
  const attribute = (one: AttributeProto): AttributeProto => {
    const { t, g, graphs } = one;
    if (!t && !g && !graphs) return one;
    return {
      ...one,
      ...(t && { t: replace(t) }),
      ...(g && { g: graph(g) }),
      ...(graphs && { graphs: graphs.map(graph) }),
    };
  };
  const node = (one: NodeProto): NodeProto =>
    one.attribute ? { ...one, attribute: one.attribute.map(attribute) } : one;
  const graph = (one: GraphProto): GraphProto => {
    const sparse = one.sparseInitializer ?? [];
    const dense = new Map(sparse.map((each) => [each, each.values && replace(each.values)]));
    const kept = sparse.filter((each) => dense.get(each) === each.values);
    const added = sparse.filter((each) => dense.get(each) !== each.values).map((each) => dense.get(each)!);
    return {
      ...one,
      node: one.node.map(node),
      initializer: [...one.initializer.map(replace), ...added],
      ...(added.length > 0 && { sparseInitializer: kept }),
    };
  };
  return {
    ...model,
    graph: graph(model.graph),
    ...(model.functions && { functions: model.functions.map((one) => ({ ...one, node: one.node.map(node) })) }),
  };
}
