import { GradientError, SettingError } from "../../core/errors.ts";
import type { OnnxAttribute, Operation } from "../../core/operation.ts";
import { apply, type Specification, type Tensor } from "../../core/tensor.ts";
import { attributeType, type NodeProto, type TypeProto } from "../../runtime/onnx/protobuf/index.ts";
import { Attributes } from "../graph/attributes.ts";
import { normalDomain } from "../graph/clean-up.ts";
import { dataTypeName } from "../model/tensor-data.ts";
import type { Converted, NodeContext } from "./context.ts";
import { heldAs, storedValue, tensorEntry } from "./entry.ts";
import { nodeName, operatorName, Unsupported } from "./faults.ts";

/**
 * A node that the core has no operation for, carried along as it is: it runs on ONNX Runtime, and only a gradient
 * through it, a batch of it or its evaluation by the oracle is an error, which names the node.
 */
const carriedOperation: Operation<{ node: NodeProto; outputs: readonly Specification[] }> = {
  name: "onnxNode",
  infer: (_, { outputs }) => [...outputs],
  emit: (graph, inputs, { attributes: { node, outputs } }) => {
    // Omitted inputs keep their places.
    let next = 0;
    const names = node.input.map((name) => (name === "" ? "" : inputs[next++]));
    const attributes = Object.fromEntries((node.attribute ?? []).map((one) => [one.name, attributeOf(node, one.name)]));
    return graph.nodes(node.opType, names, { outputs: outputs.length, domain: normalDomain(node.domain), attributes });
  },
  reference: (_, { attributes: { node } }) => {
    throw new SettingError("onnx/carried-reference", `${called(node)} runs only on ONNX Runtime`, {
      fix: `use the executor "onnx"`,
    });
  },
  gradient: (_, { attributes: { node } }) => {
    throw new GradientError("onnx/carried-gradient", `there is no gradient through ${called(node)}`, {
      fix: "freeze what comes before it, or take the part behind it with stopGradient",
    });
  },
  batch: (_, __, { node }) => {
    throw new SettingError("onnx/carried-batch", `${called(node)} cannot be mapped over examples`, {
      fix: "map over what comes before or after it",
    });
  },
  describe: ({ node }) => called(node),
  opaque: true,
};

const called = (node: NodeProto): string => `the node "${nodeName(node)}" (${operatorName(node)})`;

function attributeOf(node: NodeProto, name: string): OnnxAttribute | undefined {
  const attributes = new Attributes(node);
  const { type = 0 } = node.attribute!.find((one) => one.name === name)!;
  switch (type) {
    case attributeType.int:
      return attributes.int(name);
    case attributeType.float:
      return { float: attributes.float(name)! };
    case attributeType.string:
      return attributes.string(name);
    case attributeType.ints:
      return attributes.ints(name);
    case attributeType.floats:
      return { floats: attributes.floats(name)! };
    case attributeType.strings:
      return attributes.strings(name);
    case attributeType.tensor:
      return { tensor: storedValue(attributes.tensor(name)!) };
    default:
      throw new Unsupported(`its attribute "${name}" cannot be carried along`);
  }
}

/**
 * Carries a node along.
 *
 * @param typeOf  what the model declares of a value, with the sizes that inputs have given to names filled in
 * @throws        Unsupported where an output's type and sizes are not declared, or an attribute is a graph
 */
export function carry(context: NodeContext, typeOf: (name: string) => TypeProto | undefined): Converted[] {
  const { node } = context;
  for (const { name } of node.attribute ?? []) attributeOf(node, name);
  const outputs = node.output
    .filter((name) => name !== "")
    .map((name) => {
      const tensor = typeOf(name)?.tensorType;
      const type = dataTypeName(tensor?.elemType ?? 0);
      const shape = tensor?.shape?.dim.map(({ dimValue }) => dimValue);
      if (!type || !shape || shape.includes(undefined))
        throw new Unsupported(`this operator is not known, and the sizes of its output "${name}" are not declared`);
      return { type, shape: shape.map(Number), dtype: heldAs(type) };
    });
  const inputs: Tensor[] = node.input.flatMap((name, i) => (name === "" ? [] : [context.tensor(i)]));
  const made = apply(carriedOperation, inputs, { node, outputs });
  let next = 0;
  return node.output.map((name) => {
    if (name === "") return undefined;
    const at = next++;
    return tensorEntry(made[at], outputs[at].type);
  });
}
