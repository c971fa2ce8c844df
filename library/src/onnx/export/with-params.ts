import { SettingError, ShapeError, type Value } from "../../core/index.ts";
import { sameShape } from "../../core/shape.ts";
import type { ModelProto, TensorProto } from "../../runtime/onnx/protobuf/index.ts";
import { parametersOf } from "../import/parameters.ts";
import { makeTensor } from "../model/tensor-data.ts";
import { mapTensors } from "../model/walk.ts";

/**
 * A model with other weights; everything else stays as the file has it, names and doc strings included. Weights go back
 * to the element type that the model stores.
 *
 * @param params  values by the names that `importOnnx` gives them; others stay
 * @throws        ShapeError `onnx/param-shape`; SettingError `onnx/no-parameter`
 */
export function withParams(model: ModelProto, params: Readonly<Record<string, Value>>): ModelProto {
  const parameters = parametersOf(model);
  const names = new Set(parameters.map(({ name }) => name));
  const unknown = Object.keys(params).find((name) => !names.has(name));
  if (unknown !== undefined)
    throw new SettingError("onnx/no-parameter", `the model has no parameter "${unknown}"`, {
      fix: `there are ${[...names].slice(0, 5).join(", ")} …`,
    });
  const replaced = new Map<TensorProto, TensorProto>();
  for (const { name, tensor, type, value: old } of parameters) {
    if (!Object.hasOwn(params, name) || params[name] === old) continue;
    const { shape, data } = params[name];
    if (!sameShape(shape, old.shape))
      throw new ShapeError("onnx/param-shape", `the weight "${name}" has the shape [${old.shape}] in the model`, {
        operands: { given: params[name] },
        fix: "give the weights that belong to this model",
      });
    // Everything but the data stays, and the data has one place only.
    const { floatData: _, int32Data: __, doubleData: ___, ...rest } = tensor;
    const made = makeTensor({ type, shape, data });
    replaced.set(tensor, { ...rest, dims: made.dims, rawData: made.rawData });
  }
  return mapTensors(model, (tensor) => replaced.get(tensor) ?? tensor);
}
