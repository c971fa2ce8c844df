import type { ModelProto, NodeProto } from "../../runtime/onnx/protobuf/index.ts";
import { Attributes } from "../graph/attributes.ts";
import { type GraphEditor, queryModel } from "../graph/editor.ts";

/** A place where a model computes attention. */
export interface AttentionBlock {
  /** `fused`: one node does it; `decomposed`: products and a softmax do. */
  kind: "fused" | "decomposed";
  /** The fused node, or the product that weighs the values. */
  node: NodeProto;
  /** The softmax of a decomposed block. */
  softmax?: NodeProto;
  /** Names of the values that go in, for a decomposed block. */
  query: string;
  key: string;
  value: string;
  /** Whether the key already has its last two axes exchanged. */
  keyTransposed: boolean;
  /** By what the products of queries and keys are multiplied, as far as it happens inside the block. */
  scale: number;
  /** What is added to the scores. */
  added: string[];
  /** Conditions of a `where`, and whether the scores stay where they hold. */
  conditions: { name: string; keeps: boolean }[];
  /** The nodes between the inputs and the output. */
  nodes: NodeProto[];
}

const fusedOperators = new Set([
  ":Attention",
  "com.microsoft:Attention",
  "com.microsoft:MultiHeadAttention",
  "com.microsoft:GroupQueryAttention",
]);

/**
 * Finds attention however the exporter wrote it: as one node, or as products around a softmax, with the scale before or
 * after the first product, masked by an addition or by `Where`, with dropout and casts in between.
 */
export function findAttention(model: ModelProto): AttentionBlock[] {
  const graph = queryModel(model);
  const blocks: AttentionBlock[] = [];
  for (const node of graph.find()) {
    if (fusedOperators.has(`${node.domain ?? ""}:${node.opType}`))
      blocks.push({
        kind: "fused",
        node,
        query: node.input[0],
        key: node.input[1] ?? "",
        value: node.input[2] ?? "",
        keyTransposed: false,
        scale: new Attributes(node).float("scale", 0),
        added: [],
        conditions: [],
        nodes: [node],
      });
    else if (node.opType === "Softmax") {
      const block = aroundSoftmax(graph, node);
      if (block) blocks.push(block);
    }
  }
  return blocks;
}

/** Operators that change nothing of what a score or weight means. */
const transparent = new Set(["Dropout", "Cast", "Identity"]);

function aroundSoftmax(graph: GraphEditor, softmax: NodeProto): AttentionBlock | undefined {
  const after: NodeProto[] = [];
  let weights = softmax.output[0];
  let product: NodeProto | undefined;
  for (let steps = 0; steps < 8 && !product; steps++) {
    const [reader, ...others] = graph.consumers(weights);
    if (!reader || others.length > 0 || graph.isOutput(weights)) return undefined;
    after.push(reader);
    // Rows without any key are cleared after the softmax: where(isNaN(p), 0, p) and its like read the weights twice.
    if (reader.opType === "MatMul" && reader.input[0] === weights) product = reader;
    else if (transparent.has(reader.opType)) weights = reader.output[0];
    else return undefined;
  }
  if (!product) return undefined;
  const before = throughScores(graph, softmax.input[0]);
  if (!before) return undefined;
  const { scores, ...found } = before;
  const key = keyOf(graph, scores.input[1]);
  return {
    kind: "decomposed",
    node: product,
    softmax,
    query: scores.input[0],
    value: product.input[1],
    ...key,
    ...found,
    nodes: [...found.nodes, softmax, ...after],
  };
}

/** The transposition right before the first product, if it only exchanges the last two axes. */
function keyOf(graph: GraphEditor, name: string): { key: string; keyTransposed: boolean } {
  const transpose = graph.producer(name);
  if (transpose?.opType === "Transpose") {
    const order = new Attributes(transpose).ints("perm") ?? [];
    const rank = order.length;
    const swaps = order.every((axis, i) => axis === (i === rank - 1 ? rank - 2 : i === rank - 2 ? rank - 1 : i));
    if (rank >= 2 && swaps) return { key: transpose.input[0], keyTransposed: false };
  }
  return { key: name, keyTransposed: true };
}

type Scores = Pick<AttentionBlock, "scale" | "added" | "conditions" | "nodes"> & { scores: NodeProto };

/** Walks from what goes into the softmax back to the product of queries and keys. */
function throughScores(graph: GraphEditor, start: string): Scores | undefined {
  const found: Omit<Scores, "scores"> = { scale: 1, added: [], conditions: [], nodes: [] };
  let name = start;
  for (let steps = 0; steps < 12; steps++) {
    const node = graph.producer(name);
    if (!node) return undefined;
    found.nodes.push(node);
    if (node.opType === "MatMul") return { ...found, scores: node };
    const next = oneStep(graph, node, found);
    if (next === undefined) return undefined;
    name = next;
  }
  return undefined;
}

/** Whether a value comes, through a few nodes, from a product: it then carries the scores. */
function fromProduct(graph: GraphEditor, name: string, depth = 6): boolean {
  const node = graph.producer(name);
  if (!node || depth === 0) return false;
  if (node.opType === "MatMul") return true;
  const through = ["Add", "Sub", "Mul", "Div", "Where", ...transparent];
  return through.includes(node.opType) && node.input.some((one) => fromProduct(graph, one, depth - 1));
}

function oneStep(graph: GraphEditor, node: NodeProto, found: Omit<Scores, "scores">): string | undefined {
  const [a, b, c] = node.input;
  if (transparent.has(node.opType)) return a;
  const number = (name: string): number | undefined => {
    const data = graph.constant(name);
    return data && data.data.length === 1 ? Number(data.data[0]) : undefined;
  };
  switch (node.opType) {
    case "Add": {
      const [scores, mask] = fromProduct(graph, a) ? [a, b] : [b, a];
      // What was added before a scale is scaled with the scores; it is added again as a bias of its own.
      if (found.scale !== 1) return undefined;
      found.added.push(mask);
      return scores;
    }
    case "Mul": {
      const [scores, factor] = number(b) !== undefined ? [a, number(b)] : [b, number(a)];
      if (factor === undefined) return undefined;
      found.scale *= factor;
      return scores;
    }
    case "Div": {
      const factor = number(b);
      if (factor === undefined) return undefined;
      found.scale /= factor;
      return a;
    }
    case "Where": {
      if (found.scale !== 1) return undefined;
      const keeps = fromProduct(graph, b);
      found.conditions.push({ name: a, keeps });
      return keeps ? b : c;
    }
    default:
      return undefined;
  }
}
