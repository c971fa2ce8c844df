import type { Node, Tensor } from "../../core/tensor.ts";
import { type ExternalConstant, OnnxGraphBuilder } from "./graph-builder.ts";
import { encodeModel, type ModelProto } from "./protobuf/index.ts";

/** The operator set that models are written in. */
export const operatorSet = 23;
const irVersion = 11;

export interface EmitOptions {
  /** Names of the model's inputs, in order. Default x0, x1, … */
  readonly inputNames?: readonly string[];
  /** Names of the model's outputs, in order. Default y0, y1, … */
  readonly outputNames?: readonly string[];
  /** Only operators of the ONNX standard, so that every runtime can read the file. Default false. */
  readonly portable?: boolean;
  /** Keep large constants outside the model's bytes, for a session that is handed them. Default false. */
  readonly external?: boolean;
}

export interface EmittedModel {
  readonly model: ModelProto;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** Which node of the traced graph each ONNX node, by name, came from. */
  readonly origins: ReadonlyMap<string, Node>;
  /** Data of the large constants that the model only names. */
  readonly external: readonly ExternalConstant[];
}

/** Writes a traced graph as an ONNX model. */
export function emitModel(
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
  { inputNames, outputNames, portable = false, external = false }: EmitOptions = {},
): EmittedModel {
  const kept: ExternalConstant[] = [];
  const builder = new OnnxGraphBuilder(!portable, external ? kept : undefined);
  const names = new Map(inputs.map((tensor, i) => [tensor, inputNames?.[i] ?? `x${i}`]));
  const graph = builder.finish("sluice", inputs, outputs, names);
  const wanted = outputs.map((_, i) => outputNames?.[i] ?? `y${i}`);
  rename(graph.node, new Map(graph.output.map(({ name }, i) => [name, wanted[i]])));
  graph.output.forEach((output, i) => {
    output.name = wanted[i];
  });
  graph.initializer = builder.initializers;
  const model: ModelProto = {
    irVersion,
    producerName: "sluice",
    graph,
    opsetImport: [...builder.domains].map((domain) => ({ domain, version: domain === "" ? operatorSet : 1 })),
  };
  return {
    model,
    inputNames: inputs.map((tensor) => names.get(tensor)!),
    outputNames: wanted,
    origins: builder.origins,
    external: kept,
  };
}

/** Renames edges of a graph's nodes, those of their subgraphs included. */
function rename(nodes: ModelProto["graph"]["node"], names: ReadonlyMap<string, string>): void {
  for (const node of nodes) {
    node.input = node.input.map((name) => names.get(name) ?? name);
    node.output = node.output.map((name) => names.get(name) ?? name);
    for (const { g } of node.attribute ?? []) if (g !== undefined) rename(g.node, names);
  }
}

/** The bytes of the model file of a traced graph. */
export const emitBytes = (
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
  options?: EmitOptions,
): Uint8Array<ArrayBuffer> => encodeModel(emitModel(inputs, outputs, options).model);
