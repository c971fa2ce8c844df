import type { ModelProto, NodeProto } from "../../runtime/onnx/protobuf/index.ts";
import { Attributes } from "../graph/attributes.ts";
import { editModel, type GraphEditor } from "../graph/editor.ts";
import { onlyReader, restore, storedFloats } from "./stored.ts";

/**
 * The model with its batch normalizations folded into the convolutions and dense layers before them: the same function
 * for inference, with fewer nodes.
 *
 *     γ (w·x + b − μ) / √(σ² + ε) + β  =  (γ/√(σ² + ε) · w) · x  +  γ (b − μ)/√(σ² + ε) + β
 *
 * One that follows no such layer, or whose layer's result is used elsewhere too, stays.
 *
 * @source own derivation
 */
export const foldBatchNorms = (model: ModelProto): ModelProto =>
  editModel(model, (graph) => {
    for (const node of graph.find("BatchNormalization")) fold(graph, node);
  });

/** Which axis of the weight counts the channels of the result. */
function channelAxis(layer: NodeProto): number | undefined {
  const attributes = new Attributes(layer);
  if (layer.opType === "Conv") return 0;
  if (layer.opType === "ConvTranspose") return attributes.int("group", 1) === 1 ? 1 : undefined;
  if (layer.opType !== "Gemm" || attributes.float("alpha", 1) !== 1 || attributes.float("beta", 1) !== 1)
    return undefined;
  return attributes.int("transB", 0) === 1 ? 0 : 1;
}

function fold(graph: GraphEditor, node: NodeProto): void {
  const layer = graph.producer(node.input[0]);
  const axis = layer && channelAxis(layer);
  if (!layer || axis === undefined || onlyReader(graph, layer.output[0]) !== node) return;
  const attributes = new Attributes(node);
  if (attributes.int("training_mode", 0) === 1 || node.output.slice(1).some((name) => name !== "")) return;
  const weight = storedFloats(graph, layer.input[1]);
  const bias = storedFloats(graph, layer.input[2]);
  const [gamma, beta, mu, sigma] = node.input.slice(1).map((name) => storedFloats(graph, name)?.data);
  if (!weight || !gamma || !beta || !mu || !sigma || (layer.input[2] && !bias)) return;
  const channels = weight.shape[axis];
  if (gamma.length !== channels || (bias && bias.data.length !== channels)) return;
  const epsilon = attributes.float("epsilon", 1e-5);
  const factor = Float64Array.from(gamma, (g, i) => g / Math.sqrt(sigma[i] + epsilon));
  const inner = weight.shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const scaled = weight.data.map((w, i) => w * factor[Math.floor(i / inner) % channels]);
  const shifted = Float32Array.from(beta, (b, i) => factor[i] * ((bias?.data[i] ?? 0) - mu[i]) + b);
  const shift = { type: weight.type, shape: [channels], data: shifted };
  layer.input[1] = restore(graph, layer.input[1], { ...weight, data: scaled });
  layer.input[2] = layer.input[2]
    ? restore(graph, layer.input[2], shift)
    : restore(graph, graph.fresh(`${layer.input[1]}_bias`), shift);
  graph.replace([layer, node], [{ ...layer, output: [node.output[0]] }]);
}
