import { ShapeError, type Value } from "../../core/index.ts";
import { sameShape } from "../../core/shape.ts";
import type { ModelProto, TensorProto } from "../../runtime/onnx/protobuf/index.ts";
import { dataTypeName, denseTensor, makeTensor, tensorShape } from "../model/tensorData.ts";

/**
 * A model with other weights; everything else stays as the file has it, names and doc strings included. Weights go back
 * to the element type that the model stores.
 *
 * @param params  values by the names of initializers, or of the outputs of Constant nodes; others stay
 * @throws        ShapeError `onnx/param-shape`
 */
export function withParams(model: ModelProto, params: Readonly<Record<string, Value>>): ModelProto {
  const replace = (tensor: TensorProto, name: string): TensorProto => {
    if (!Object.hasOwn(params, name)) return tensor;
    const value = params[name];
    const shape = tensorShape(tensor);
    if (!sameShape(shape, value.shape))
      throw new ShapeError("onnx/param-shape", `the weight "${name}" has the shape [${shape}] in the model`, {
        operands: { given: value },
        fix: "give the weights that belong to this model",
      });
    const { rawData, dataType } = makeTensor({ type: dataTypeName(tensor.dataType)!, shape, data: value.data });
    const { floatData: _, int32Data: __, doubleData: ___, ...rest } = tensor;
    return { ...rest, dataType, rawData };
  };
  const { graph } = model;
  const sparse = graph.sparseInitializer ?? [];
  const isReplaced = (one: (typeof sparse)[number]) => Object.hasOwn(params, one.values?.name ?? "");
  const dense = sparse.filter(isReplaced).map((one) => replace(denseTensor(one), one.values!.name!));
  return {
    ...model,
    graph: {
      ...graph,
      initializer: [...graph.initializer.map((tensor) => replace(tensor, tensor.name ?? "")), ...dense],
      ...(dense.length > 0 && { sparseInitializer: sparse.filter((one) => !isReplaced(one)) }),
      node: graph.node.map((node) =>
        node.opType === "Constant" && Object.hasOwn(params, node.output[0])
          ? {
              ...node,
              attribute: node.attribute?.map((one) => (one.t ? { ...one, t: replace(one.t, node.output[0]) } : one)),
            }
          : node,
      ),
    },
  };
}
