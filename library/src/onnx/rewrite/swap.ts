import { SettingError } from "../../core/index.ts";
import type { ModelProto, NodeProto } from "../../runtime/onnx/protobuf/index.ts";
import { makeAttribute, makeNode } from "../graph/attributes.ts";
import { editModel } from "../graph/editor.ts";
import { nodeName } from "../import/faults.ts";
import { type ImportedModel, matchesName, type NamePattern, rewritten } from "../import/import-onnx.ts";
import { type AttentionMethod, methodAttribute, type NormalizerMethod } from "../import/methods.ts";
import { type AttentionBlock, findAttention } from "./find-attention.ts";

/** Which places a swap changes. */
export interface SwapOptions {
  /**
   * "attention" (the default): only inside attention; "all": every Softmax node, a classifier's last one included; or
   * the nodes whose names match.
   */
  where?: "attention" | "all" | NamePattern;
}

let swaps = 0;

/**
 * The model with another normalizer in place of softmax; weights and everything else are kept. The result is trained,
 * run and exported like any imported model; `exportOnnx` then needs inputs to trace it with.
 *
 * Scores below −5,000 are handed to the method as −Infinity: exporters write various finite numbers for "masked".
 *
 * @param method  for example `softpick` or `sparsemax` of `sluice/methods`
 * @throws        SettingError `onnx/nothing-to-swap`
 * @example
 * const model = swapSoftmax(await importOnnx("bert.onnx"), softpick);
 */
export function swapSoftmax(
  imported: ImportedModel,
  method: NormalizerMethod,
  { where = "attention" }: SwapOptions = {},
): ImportedModel {
  const name = `${method.name || "normalizer"} ${++swaps}`;
  const blocks = findAttention(imported.model);
  const chosen = new Set(
    where === "attention"
      ? blocks.map(({ softmax, node }) => softmax ?? node)
      : imported.graph.find("Softmax").filter((node) => where === "all" || matchesName(where, nodeName(node))),
  );
  return rewritten(imported, withMethod(imported.model, chosen, name), [name, method]);
}

/**
 * The model with another attention; queries, keys and values are computed with the model's own weights.
 *
 * @param method  (query, key, value, { scale, mask }) => result, of tensors [batch, heads, time, width]. The mask is
 *                bool (true: may look) or float (to be added), and broadcasts to [batch, heads, queries, keys]
 * @throws        SettingError `onnx/nothing-to-swap`
 */
export function swapAttention(
  imported: ImportedModel,
  method: AttentionMethod,
  { where = "attention" }: SwapOptions = {},
): ImportedModel {
  const name = `${method.name || "attention"} ${++swaps}`;
  const blocks = findAttention(imported.model).filter(
    ({ node }) => where === "attention" || where === "all" || matchesName(where, nodeName(node)),
  );
  const fused = new Set(blocks.filter(({ kind }) => kind === "fused").map(({ node }) => node));
  const decomposed = blocks.filter(({ kind }) => kind === "decomposed");
  const byOutput = new Map(decomposed.map((block) => [block.node.output[0], block]));
  const marked = fused.size > 0 || decomposed.length === 0 ? withMethod(imported.model, fused, name) : imported.model;
  const model = editModel(marked, (graph) => {
    for (const node of graph.find("MatMul")) {
      const block = byOutput.get(node.output[0]);
      if (block) graph.replace([node], [attentionNode(block, name)]);
    }
  });
  return rewritten(imported, model, [name, method]);
}

/** A model whose chosen nodes carry the name of a method. */
function withMethod(model: ModelProto, chosen: ReadonlySet<NodeProto>, name: string): ModelProto {
  if (chosen.size === 0)
    throw new SettingError("onnx/nothing-to-swap", "the model has no such place", {
      fix: 'findAttention lists what is recognised; `where: "all"` takes every Softmax node',
    });
  const mark = (node: NodeProto): NodeProto =>
    chosen.has(node) ? { ...node, attribute: [...(node.attribute ?? []), makeAttribute(methodAttribute, name)] } : node;
  return { ...model, graph: { ...model.graph, node: model.graph.node.map(mark) } };
}

/** One node for a whole block; what it was made of is cleaned up behind it. */
function attentionNode(block: AttentionBlock, name: string): NodeProto {
  const { query, key, value, added, conditions, scale, keyTransposed, node } = block;
  return makeNode(
    "Attention",
    [query, key, value, ...added, ...conditions.map((one) => one.name)],
    [node.output[0]],
    {
      scale: { float: scale },
      key_transposed: Number(keyTransposed),
      added: added.length,
      keeps: conditions.map(({ keeps }) => Number(keeps)),
      [methodAttribute]: name,
    },
    { name: node.name, domain: "sluice" },
  );
}
