import { isFloat } from "../../core/dtype.ts";
import type { Value } from "../../core/index.ts";
import { type DataTypeName, dataType, type ModelProto, type TensorProto } from "../../runtime/onnx/protobuf/index.ts";
import { Attributes } from "../graph/attributes.ts";
import { dataTypeName, denseTensor } from "../model/tensorData.ts";
import { nodesOf } from "../model/walk.ts";
import { heldAs, isSimulated, storedValue } from "./entry.ts";

/** A stored tensor of the main graph that may be trained. */
export interface Parameter {
  name: string;
  type: DataTypeName;
  value: Value;
  /** False for what belongs to training itself or to a quantization, and is no weight: frozen unless asked for. */
  weight: boolean;
}

/** Inputs that are settings, not data: a model with other numbers there is another graph. */
const settings: Readonly<Record<string, readonly number[]>> = {
  Clip: [1, 2],
  Dropout: [1, 2],
  OneHot: [1, 2],
  Pad: [1, 2],
  Range: [0, 1, 2],
  Resize: [1, 2, 3],
  Upsample: [1],
};

/** Inputs of floats that gradient descent should leave alone: running statistics, scales of quantized numbers. */
const notWeights: Readonly<Record<string, readonly number[]>> = {
  BatchNormalization: [3, 4],
  DequantizeLinear: [1],
  QLinearConv: [1, 4, 6],
  QLinearMatMul: [1, 4, 6],
  QuantizeLinear: [1],
};

/** The parameters of a model: its stored floats, as initializers or as Constant nodes of more than one number. */
export function parametersOf(model: ModelProto): Parameter[] {
  const reads = (table: Readonly<Record<string, readonly number[]>>): Set<string> => {
    const names = new Set<string>();
    for (const node of nodesOf(model))
      for (const position of table[node.opType] ?? []) if (node.input[position]) names.add(node.input[position]);
    return names;
  };
  const [fixed, statistics] = [reads(settings), reads(notWeights)];
  const { initializer, sparseInitializer = [], node } = model.graph;
  const stored: [string, TensorProto][] = [
    ...initializer.map((tensor): [string, TensorProto] => [tensor.name ?? "", tensor]),
    ...sparseInitializer.map((sparse): [string, TensorProto] => [sparse.values?.name ?? "", denseTensor(sparse)]),
  ];
  for (const one of node) {
    const tensor = one.opType === "Constant" && !one.domain ? new Attributes(one).tensor("value") : undefined;
    if (tensor && tensor.dims.reduce<number>((count, size) => count * Number(size), 1) > 1)
      stored.push([one.output[0], tensor]);
  }
  return stored
    .filter(([name, tensor]) => name !== "" && !fixed.has(name) && isFloatType(tensor.dataType))
    .map(([name, tensor]) => ({
      name,
      type: dataTypeName(tensor.dataType)!,
      value: storedValue(tensor),
      weight: !statistics.has(name),
    }));
}

const isFloatType = (code: number): boolean => {
  const type = dataTypeName(code);
  if (!type || code === dataType.string || type.startsWith("complex")) return false;
  return isSimulated(type) || (!/^u?int[24]$/.test(type) && isFloat(heldAs(type)));
};
