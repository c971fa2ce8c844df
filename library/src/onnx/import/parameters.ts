import { isFloat } from "../../core/dtype.ts";
import type { Value } from "../../core/index.ts";
import {
  type DataTypeName,
  dataType,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from "../../runtime/onnx/protobuf/index.ts";
import { Attributes } from "../graph/attributes.ts";
import { normalDomain } from "../graph/clean-up.ts";
import { dataTypeName, denseTensor } from "../model/tensor-data.ts";
import { graphsOf, nodesOf } from "../model/walk.ts";
import { heldAs, isSimulated, storedValue } from "./entry.ts";

/** A stored tensor that may be trained. */
export interface Parameter {
  name: string;
  /** What the file stores; for a sparse tensor its values. */
  tensor: TensorProto;
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
  DynamicQuantizeMatMul: [2],
  MatMulIntegerToFloat: [2, 3],
  MatMulNBits: [2],
  QLinearConv: [1, 4, 6],
  QLinearMatMul: [1, 4, 6],
  QuantizeLinear: [1],
};

/** The names that nodes read at certain places. */
function readAt(model: ModelProto, table: Readonly<Record<string, readonly number[]>>): Set<string> {
  const names = new Set<string>();
  for (const node of nodesOf(model))
    for (const position of table[node.opType] ?? []) if (node.input[position]) names.add(node.input[position]);
  return names;
}

/** The values of a model that are settings of its operators, such as the scales of a Resize. */
export const settingsOf = (model: ModelProto): Set<string> => readAt(model, settings);

/**
 * The parameters of a model: its stored floats, as initializers or as Constant nodes of more than one number, those of
 * inner graphs and of functions included. A name that several graphs use gets a number: `weight#2`.
 */
export function parametersOf(model: ModelProto): Parameter[] {
  const [fixed, statistics] = [settingsOf(model), readAt(model, notWeights)];
  const taken = new Map<string, number>();
  const parameters: Parameter[] = [];
  const add = (name: string, tensor: TensorProto, dense = tensor): void => {
    if (name === "" || fixed.has(name) || !isFloatType(tensor.dataType)) return;
    const count = (taken.get(name) ?? 0) + 1;
    taken.set(name, count);
    parameters.push({
      name: count === 1 ? name : `${name}#${count}`,
      tensor,
      type: dataTypeName(tensor.dataType)!,
      value: storedValue(dense),
      weight: !statistics.has(name),
    });
  };
  for (const { initializer, sparseInitializer = [] } of graphsOf(model)) {
    for (const tensor of initializer) add(tensor.name ?? "", tensor);
    for (const sparse of sparseInitializer)
      if (sparse.values) add(sparse.values.name ?? "", sparse.values, denseTensor(sparse));
  }
  for (const node of nodesOf(model)) {
    const tensor = constantTensor(node);
    if (tensor && tensor.dims.reduce<number>((count, size) => count * Number(size), 1) > 1) add(node.output[0], tensor);
  }
  return parameters;
}

/** The tensor that a Constant node stores. */
export const constantTensor = (node: NodeProto): TensorProto | undefined =>
  node.opType === "Constant" && normalDomain(node.domain) === "" ? new Attributes(node).tensor("value") : undefined;

const isFloatType = (code: number): boolean => {
  const type = dataTypeName(code);
  if (!type || code === dataType.string || type.startsWith("complex")) return false;
  return isSimulated(type) || (!/^u?int[24]$/.test(type) && isFloat(heldAs(type)));
};
