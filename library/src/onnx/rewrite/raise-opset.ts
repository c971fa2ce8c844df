import { SettingError } from "../../core/index.ts";
import type { ModelProto, NodeProto } from "../../runtime/onnx/protobuf/index.ts";
import { Attributes, makeNode } from "../graph/attributes.ts";
import { normalDomain } from "../graph/clean-up.ts";
import { editModel, type GraphEditor } from "../graph/editor.ts";
import { makeTensor } from "../model/tensor-data.ts";
import { graphsOf } from "../model/walk.ts";

/** The operator set that models are raised to: the first with one scale for each channel. */
export const raisedOpset = 13;

/** Writes a node of an older operator set as that of 13 has it; undefined where nothing changed. */
type Raise = (graph: GraphEditor, node: NodeProto, version: number) => NodeProto[] | undefined;

const integers = (graph: GraphEditor, name: string, values: readonly number[]): string =>
  graph.addInitializer(makeTensor({ type: "int64", shape: [values.length], data: [...values] }, name));

/** An attribute of integers that became an input. */
const toInput =
  (attribute: string, since: number, position = 1): Raise =>
  (graph, node, version) => {
    const values = new Attributes(node).ints(attribute);
    if (version >= since || !values) return undefined;
    const input = [...node.input];
    while (input.length < position) input.push("");
    input[position] = integers(graph, `${node.output[0]}_${attribute}`, values);
    return [{ ...node, input, attribute: node.attribute?.filter(({ name }) => name !== attribute) }];
  };

/** These worked on the tensor flattened at `axis`; now along one axis. */
const flattened: Raise = (graph, node, version) => {
  const axis = new Attributes(node).int("axis", 1);
  if (version >= 13 || axis === -1) return undefined;
  const [shape, matrix, result] = ["shape", "matrix", "rows"].map((part) => graph.fresh(`${node.output[0]}_${part}`));
  return [
    makeNode("Shape", [node.input[0]], [shape]),
    makeNode("Flatten", [node.input[0]], [matrix], { axis }),
    { ...makeNode(node.opType, [matrix], [result], { axis: 1 }), name: node.name },
    makeNode("Reshape", [result, shape], node.output),
  ];
};

const scalars = (graph: GraphEditor, node: NodeProto, names: string[]): string[] =>
  names.map((name) => {
    const number = new Attributes(node).float(name);
    return number === undefined
      ? ""
      : graph.addInitializer(makeTensor({ type: "float32", shape: [], data: [number] }, `${node.output[0]}_${name}`));
  });

const resized: Raise = (graph, node, version) => {
  if (node.opType === "Resize" && version >= 11) return undefined;
  const attributes = new Attributes(node);
  const given = attributes.floats("scales");
  const scales = given
    ? graph.addInitializer(
        makeTensor({ type: "float32", shape: [given.length], data: given }, `${node.output[0]}_scales`),
      )
    : node.input[1];
  const mode = attributes.string("mode", "nearest");
  const settings = {
    mode,
    coordinate_transformation_mode: "asymmetric",
    nearest_mode: mode === "nearest" ? "floor" : undefined,
  };
  return [{ ...makeNode("Resize", [node.input[0], "", scales], node.output, settings), name: node.name }];
};

const raises: Readonly<Record<string, Raise>> = {
  Clip: (graph, node, version) => {
    if (version >= 11) return undefined;
    const [low, high] = scalars(graph, node, ["min", "max"]);
    return [{ ...makeNode("Clip", [node.input[0], low, high], node.output), name: node.name }];
  },
  Dropout: (_, node, version) => (version >= 12 ? undefined : [{ ...node, attribute: undefined }]),
  Hardmax: flattened,
  LogSoftmax: flattened,
  Pad: (graph, node, version) => {
    const attributes = new Attributes(node);
    if (version >= 11) return undefined;
    const pads = integers(graph, `${node.output[0]}_pads`, attributes.ints("pads", []));
    const [value] = scalars(graph, node, ["value"]);
    return [
      {
        ...makeNode("Pad", [node.input[0], pads, value], node.output, { mode: attributes.string("mode", "constant") }),
        name: node.name,
      },
    ];
  },
  ReduceSum: toInput("axes", 13),
  Resize: resized,
  Scatter: (_, node) => [{ ...node, opType: "ScatterElements" }],
  Slice: (graph, node, version) => {
    const attributes = new Attributes(node);
    if (version >= 10) return undefined;
    const [starts, ends] = ["starts", "ends"].map((name) =>
      integers(graph, `${node.output[0]}_${name}`, attributes.ints(name, [])),
    );
    const axes = attributes.ints("axes");
    const more = axes ? [integers(graph, `${node.output[0]}_axes`, axes)] : [];
    return [{ ...makeNode("Slice", [node.input[0], starts, ends, ...more], node.output), name: node.name }];
  },
  Softmax: flattened,
  Split: toInput("split", 13),
  Squeeze: toInput("axes", 13),
  TopK: (graph, node, version) => {
    const k = new Attributes(node).int("k");
    if (version >= 10 || k === undefined) return undefined;
    const count = integers(graph, `${node.output[0]}_k`, [k]);
    return [{ ...node, input: [node.input[0], count], attribute: node.attribute?.filter(({ name }) => name !== "k") }];
  },
  Unsqueeze: toInput("axes", 13),
  Upsample: resized,
};

/**
 * The model in operator set 13 or newer, doing what it did: attributes that became inputs are stored as such, operators
 * that worked on flattened tensors are given flattened tensors.
 *
 * @throws SettingError `onnx/opset` for models with graphs inside nodes, or of operator sets before 7
 */
export function raiseOpset(model: ModelProto): ModelProto {
  const own = model.opsetImport.find(({ domain }) => normalDomain(domain) === "");
  const version = Number(own?.version ?? 1);
  if (version >= raisedOpset) return model;
  if (version < 7 || [...graphsOf(model)].length > 1 || model.functions?.length)
    throw new SettingError(
      "onnx/opset",
      `a model of operator set ${version} with inner graphs or functions stays as it is`,
      {
        fix: `export it again with operator set ${raisedOpset} or newer`,
      },
    );
  return editModel(model, (graph, copy) => {
    for (const node of [...graph.graph.node]) {
      if (normalDomain(node.domain) !== "") continue;
      const next = Object.hasOwn(raises, node.opType) ? raises[node.opType](graph, node, version) : undefined;
      if (next) graph.replace([node], next.map(withoutEmpty));
    }
    copy.opsetImport = copy.opsetImport.map((one) =>
      normalDomain(one.domain) === "" ? { ...one, version: raisedOpset } : one,
    );
    copy.irVersion = Math.max(7, Number(copy.irVersion ?? 0));
  });
}

function withoutEmpty(node: NodeProto): NodeProto {
  const { attribute, ...rest } = node;
  return attribute?.length ? node : rest;
}
