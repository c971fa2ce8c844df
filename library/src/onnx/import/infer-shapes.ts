import { input } from "../../core/tensor.ts";
import {
  type DimensionProto,
  dataType,
  type ModelProto,
  type ValueInfoProto,
} from "../../runtime/onnx/protobuf/index.ts";
import { dataTypeName } from "../model/tensor-data.ts";
import { type Entry, heldAs, tensorEntry } from "./entry.ts";
import { Interpreter } from "./interpreter.ts";

/** Sizes that stand for the open ones in the two tracings: primes, so that no product of others is one by chance. */
const stand = [
  [101, 211],
  [103, 223],
  [107, 227],
  [109, 229],
  [113, 233],
  [127, 239],
];

/**
 * The types of a model's inner values, in place of what the file declares: the model is traced twice with other sizes
 * for those that it leaves open. A size that stays is fixed, one that follows an open size has its name, any other is
 * left open.
 *
 * @param sizes  sizes of open dimensions that the model cannot do without, by name: for a network whose strides need them
 * @returns      the model with `valueInfo` for every value that could be traced
 */
export function inferShapes(model: ModelProto, sizes: Readonly<Record<string, number>> = {}): ModelProto {
  const first = trace(model, 0, sizes);
  const second = trace(model, 1, sizes);
  const known = new Set(
    [...model.graph.input, ...model.graph.output, ...model.graph.initializer].map(({ name }) => name),
  );
  const names = new Map(openNames(model).map((name, i) => [sizes[name] ?? stand[i % stand.length][0], name]));
  const valueInfo: ValueInfoProto[] = [];
  for (const [name, one] of first) {
    const other = second.get(name);
    if (known.has(name) || one.kind !== "tensor") continue;
    const dim = one.tensor.shape.map((size, axis): DimensionProto => {
      if (other?.kind !== "tensor" || other.tensor.rank !== one.tensor.rank) return {};
      if (other.tensor.shape[axis] === size) return { dimValue: size };
      return names.has(size) ? { dimParam: names.get(size) } : {};
    });
    valueInfo.push({ name, type: { tensorType: { elemType: dataType[one.type], shape: { dim } } } });
  }
  return { ...model, graph: { ...model.graph, valueInfo } };
}

/** Names of the open sizes of the inputs; one without a name has that of its place. */
function openNames(model: ModelProto): string[] {
  const names = model.graph.input.flatMap(({ name, type }) =>
    (type?.tensorType?.shape?.dim ?? []).flatMap(({ dimValue, dimParam }, axis) =>
      dimValue === undefined ? [dimParam || `${name}.${axis}`] : [],
    ),
  );
  return [...new Set(names)];
}

function trace(model: ModelProto, which: 0 | 1, sizes: Readonly<Record<string, number>>): Map<string, Entry> {
  const names = openNames(model);
  const stored = new Set(model.graph.initializer.map(({ name }) => name));
  const symbols = new Map(names.map((name, i) => [name, sizes[name] ?? stand[i % stand.length][which]]));
  const given = new Map<string, Entry>();
  for (const { name, type } of model.graph.input) {
    const elementType = dataTypeName(type?.tensorType?.elemType ?? 0);
    const dims = type?.tensorType?.shape?.dim;
    if (stored.has(name) || !elementType || elementType === "string" || !dims) continue;
    const shape = dims.map(({ dimValue, dimParam }, axis) =>
      dimValue === undefined ? symbols.get(dimParam || `${name}.${axis}`)! : Number(dimValue),
    );
    given.set(name, tensorEntry(input(shape, heldAs(elementType), name), elementType));
  }
  const found = new Map<string, Entry>();
  const interpreter = new Interpreter(model, undefined, symbols);
  interpreter.onValue = (name, entry) => found.set(name, entry);
  interpreter.trace(
    model.graph,
    given,
    model.graph.node.flatMap(({ output }) => output.filter((name) => name !== "")),
  );
  return found;
}
