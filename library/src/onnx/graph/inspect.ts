import type { ModelProto, TypeProto, ValueInfoProto } from "../../runtime/onnx/protobuf/index.ts";
import { countElements, dataTypeName, tensorShape } from "../model/tensor-data.ts";
import { nodesOf, tensorsOf } from "../model/walk.ts";
import { alignTable, formatBytes } from "./table.ts";

/** What a model is, in figures. */
export interface Inspection {
  producer: string;
  irVersion: number;
  /** Version of each operator set, by domain. */
  opsets: Record<string, number>;
  inputs: { name: string; type: string }[];
  outputs: { name: string; type: string }[];
  nodes: number;
  /** Number of nodes of each operator, the commonest first. */
  operators: { operator: string; count: number }[];
  tensors: { name: string; type: string; elements: number; bytes: number }[];
  /** Elements and bytes of all stored tensors. */
  elements: number;
  bytes: number;
  functions: string[];
  metadata: Record<string, string>;
}

/** Describes a model: interface, operators, stored tensors (the largest first), metadata. */
export function inspectModel(model: ModelProto): Inspection {
  const counts = new Map<string, number>();
  for (const { opType, domain } of nodesOf(model)) {
    const operator = domain ? `${domain}.${opType}` : opType;
    counts.set(operator, (counts.get(operator) ?? 0) + 1);
  }
  const tensors = [...tensorsOf(model)].map((tensor) => {
    const shape = tensorShape(tensor);
    const stored = [tensor.floatData, tensor.int32Data, tensor.int64Data, tensor.doubleData, tensor.uint64Data];
    const bytes =
      tensor.rawData?.length ??
      (tensor.stringData ?? []).reduce((sum, text) => sum + text.length, 0) +
        stored.reduce((sum, field) => sum + 4 * (field?.length ?? 0), 0);
    const type = `${dataTypeName(tensor.dataType) ?? tensor.dataType}[${shape.join(",")}]`;
    return { name: tensor.name ?? "", type, elements: countElements(shape, tensor.name), bytes };
  });
  const { producerName = "", producerVersion = "", metadataProps = [] } = model;
  return {
    producer: `${producerName} ${producerVersion}`.trim(),
    irVersion: Number(model.irVersion ?? 0),
    opsets: Object.fromEntries(model.opsetImport.map(({ domain, version }) => [domain || "ai.onnx", Number(version)])),
    inputs: interfaceOf(model.graph.input.filter(({ name }) => !model.graph.initializer.some((t) => t.name === name))),
    outputs: interfaceOf(model.graph.output),
    nodes: [...counts.values()].reduce((sum, count) => sum + count, 0),
    operators: [...counts]
      .map(([operator, count]) => ({ operator, count }))
      .sort((a, b) => b.count - a.count || (a.operator < b.operator ? -1 : 1)),
    tensors: tensors.sort((a, b) => b.bytes - a.bytes),
    elements: tensors.reduce((sum, { elements }) => sum + elements, 0),
    bytes: tensors.reduce((sum, { bytes }) => sum + bytes, 0),
    functions: (model.functions ?? []).map(({ domain, name }) => `${domain ?? ""}.${name}`),
    metadata: Object.fromEntries(metadataProps.map(({ key, value }) => [key, value])),
  };
}

const interfaceOf = (values: readonly ValueInfoProto[]) =>
  values.map(({ name, type }) => ({ name, type: typeText(type) }));

/** A type as text: `float32[batch,3,?]`, `sequence(int64[])`. */
export function typeText(type: TypeProto | undefined): string {
  if (!type) return "?";
  const tensor = type.tensorType ?? type.sparseTensorType;
  if (tensor) {
    const shape = tensor.shape?.dim.map(({ dimValue, dimParam }) => dimParam || (dimValue ?? "?")).join(",");
    const element = dataTypeName(tensor.elemType ?? 0) ?? "?";
    return `${type.sparseTensorType ? "sparse " : ""}${element}[${shape ?? "…"}]`;
  }
  if (type.sequenceType) return `sequence(${typeText(type.sequenceType.elemType)})`;
  if (type.optionalType) return `optional(${typeText(type.optionalType.elemType)})`;
  if (type.mapType) return `map(${dataTypeName(type.mapType.keyType ?? 0)}, ${typeText(type.mapType.valueType)})`;
  return type.opaqueType ? `opaque(${type.opaqueType.domain}.${type.opaqueType.name})` : "?";
}

/** An inspection as tables for people. */
export function formatInspection(facts: Inspection, largest = 10): string {
  const opsets = Object.entries(facts.opsets).map(([domain, version]) => `${domain} ${version}`);
  const sections = [
    [
      `producer    ${facts.producer || "unknown"}`,
      `format      IR ${facts.irVersion}, ${opsets.join(", ")}`,
      `nodes       ${facts.nodes}`,
      `stored      ${facts.tensors.length} tensors, ${facts.elements.toLocaleString("en")} elements, ${formatBytes(facts.bytes)}`,
      ...(facts.functions.length > 0 ? [`functions   ${facts.functions.join(", ")}`] : []),
      ...Object.entries(facts.metadata).map(([key, value]) => `metadata    ${key}: ${value.slice(0, 100)}`),
    ].join("\n"),
    alignTable(
      ["", "name", "type"],
      [
        ...facts.inputs.map(({ name, type }) => ["input", name, type]),
        ...facts.outputs.map(({ name, type }) => ["output", name, type]),
      ],
    ),
    alignTable(
      ["operator", "nodes"],
      facts.operators.map(({ operator, count }) => [operator, count]),
    ),
    alignTable(
      ["largest tensors", "type", "size"],
      facts.tensors.slice(0, largest).map(({ name, type, bytes }) => [name, type, formatBytes(bytes)]),
    ),
  ];
  return sections.join("\n\n");
}
