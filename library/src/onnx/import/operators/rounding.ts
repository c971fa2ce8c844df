import { dtypes } from "../../../core/dtype.ts";
import type { Operation } from "../../../core/operation.ts";
import { applyOne, type Tensor } from "../../../core/tensor.ts";
import { type DataTypeName, dataType } from "../../../runtime/onnx/protobuf/index.ts";
import {
  decodeBfloat16,
  decodeNarrow,
  encodeBfloat16,
  encodeNarrow,
  type NarrowFloat,
} from "../../model/narrow-floats.ts";

/** Floats rounded to the numbers of a narrower type, held in their own. The gradient passes through. */
const roundToOperation: Operation<{ type: DataTypeName; saturate: boolean }> = {
  name: "roundTo",
  infer: ([x]) => [x],
  emit: (graph, [x], { inputs: [input], attributes: { type, saturate } }) => {
    const narrow = graph.node("Cast", [x], { to: dataType[type], saturate: saturate ? undefined : 0 });
    return [graph.node("Cast", [narrow], { to: dtypes[input.dtype].onnx })];
  },
  reference: ([x], { attributes: { type, saturate } }) => {
    const rounded =
      type === "bfloat16"
        ? decodeBfloat16(encodeBfloat16(x))
        : decodeNarrow(type as NarrowFloat, encodeNarrow(type as NarrowFloat, x, saturate));
    return [Float64Array.from(rounded)];
  },
  gradient: ([dy]) => [dy],
  batch: ([x], _, attributes) => [applyOne(roundToOperation, [x], attributes)],
  elementwise: true,
};

export const roundTo = (x: Tensor, type: DataTypeName, saturate = true): Tensor =>
  applyOne(roundToOperation, [x], { type, saturate });
