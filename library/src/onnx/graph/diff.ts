import { encodeMessage, type ModelProto, type NodeProto, type TensorProto } from "../../runtime/onnx/protobuf/index.ts";
import { type TensorData, tensorData } from "../model/tensor-data.ts";
import { inspectModel } from "./inspect.ts";
import { alignTable } from "./table.ts";

/** One difference of two models. `before` or `after` is absent where the part was added or removed. */
export interface Difference {
  part: "metadata" | "opset" | "input" | "output" | "node" | "tensor" | "function";
  name: string;
  before?: string;
  after?: string;
}

/**
 * What changed from one model to another. Nodes are paired by name, else by their first output; tensors by name. Names
 * of inner values alone do not count where nodes are paired by name.
 */
export function diffModels(a: ModelProto, b: ModelProto): Difference[] {
  const [before, after] = [inspectModel(a), inspectModel(b)];
  const named = (list: { name: string; type: string }[]) =>
    Object.fromEntries(list.map(({ name, type }) => [name, type]));
  const facts = (model: ModelProto, metadata: Record<string, string>) => ({
    ...metadata,
    "doc string": model.docString,
    "graph name": model.graph.name,
    producer: model.producerName,
    "model version": model.modelVersion?.toString(),
  });
  return [
    ...pairs("metadata", facts(a, before.metadata), facts(b, after.metadata)),
    ...pairs("opset", texts(before.opsets), texts(after.opsets)),
    ...pairs("input", named(before.inputs), named(after.inputs)),
    ...pairs("output", named(before.outputs), named(after.outputs)),
    ...pairs("node", nodeTexts(a.graph.node), nodeTexts(b.graph.node)),
    ...tensorDifferences(a.graph.initializer, b.graph.initializer),
    ...pairs("function", functionTexts(a), functionTexts(b)),
  ];
}

const texts = (numbers: Record<string, number>) =>
  Object.fromEntries(Object.entries(numbers).map(([key, value]) => [key, String(value)]));

function pairs(
  part: Difference["part"],
  before: Readonly<Record<string, string | undefined>>,
  after: Readonly<Record<string, string | undefined>>,
): Difference[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names]
    .filter((name) => before[name] !== after[name])
    .map((name) => ({
      part,
      name,
      ...(before[name] !== undefined && { before: before[name] }),
      ...(after[name] !== undefined && { after: after[name] }),
    }));
}

function nodeTexts(nodes: readonly NodeProto[]): Record<string, string> {
  return Object.fromEntries(nodes.map((node) => [node.name || `→ ${node.output[0]}`, nodeText(node)]));
}

/** A node as text: operator, inputs, and attributes in the order of their names. */
function nodeText(node: NodeProto): string {
  const attributes = (node.attribute ?? [])
    .toSorted((x, y) => (x.name < y.name ? -1 : 1))
    .map((one) => {
      const value =
        one.i ??
        one.f ??
        (one.s && JSON.stringify(new TextDecoder().decode(one.s))) ??
        (one.ints || one.floats ? `[${one.ints ?? Array.from(one.floats!)}]` : undefined) ??
        `#${fingerprint(encodeMessage("AttributeProto", one))}`;
      return `${one.name}=${value}`;
    });
  const operator = node.domain ? `${node.domain}.${node.opType}` : node.opType;
  return `${operator}(${[...node.input, ...attributes].join(", ")})`;
}

const functionTexts = ({ functions = [] }: ModelProto) =>
  Object.fromEntries(
    functions.map((one) => [`${one.domain ?? ""}.${one.name}`, `#${fingerprint(encodeMessage("FunctionProto", one))}`]),
  );

/** FNV-1a: tells contents apart in a text, nothing more. */
function fingerprint(bytes: Uint8Array): string {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}

function tensorDifferences(a: readonly TensorProto[], b: readonly TensorProto[]): Difference[] {
  const before = new Map(a.map((tensor) => [tensor.name ?? "", tensor]));
  const after = new Map(b.map((tensor) => [tensor.name ?? "", tensor]));
  const differences: Difference[] = [];
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const [old, now] = [before.get(name), after.get(name)].map((tensor) => tensor && tensorData(tensor));
    if (!old || !now)
      differences.push({ part: "tensor", name, ...(old ? { before: kind(old) } : { after: kind(now!) }) });
    else if (kind(old) !== kind(now)) differences.push({ part: "tensor", name, before: kind(old), after: kind(now) });
    else {
      const change = changeOf(old, now);
      if (change) differences.push({ part: "tensor", name, before: kind(old), after: change });
    }
  }
  return differences;
}

const kind = ({ type, shape }: TensorData): string => `${type}[${shape.join(",")}]`;

function changeOf(old: TensorData, now: TensorData): string | undefined {
  let changed = 0;
  let largest = 0;
  for (let i = 0; i < old.data.length; i++) {
    if (Object.is(old.data[i], now.data[i])) continue;
    changed++;
    largest = Math.max(largest, Math.abs(Number(old.data[i]) - Number(now.data[i])));
  }
  if (changed === 0) return undefined;
  const by = Array.isArray(old.data) ? "" : `, at most by ${largest.toPrecision(3)}`;
  return `${changed} of ${old.data.length} elements differ${by}`;
}

/** Differences as a table for people. */
export function formatDiff(differences: readonly Difference[]): string {
  if (differences.length === 0) return "the models are the same";
  const short = (text = "") => (text.length > 60 ? `${text.slice(0, 59)}…` : text);
  return alignTable(
    ["", "part", "name", "before", "after"],
    differences.map(({ part, name, before, after }) => [
      before === undefined ? "+" : after === undefined ? "-" : "~",
      part,
      short(name),
      short(before),
      short(after),
    ]),
  );
}
