import { dtypeFromOnnx } from "../../core/dtype.ts";
import type { DType } from "../../core/index.ts";
import { constant, type Tensor, Value } from "../../core/index.ts";
import { convert } from "../../core/value.ts";
import { type DataTypeName, dataType, type TensorProto } from "../../runtime/onnx/protobuf/index.ts";
import { dataTypeName, tensorData } from "../model/tensor-data.ts";
import { Unsupported } from "./faults.ts";

/** What a value of the model is while the model is traced. */
export type Entry = TensorEntry | SequenceEntry | OptionalEntry | TextEntry;

/**
 * A tensor. `type` is the element type that the model gives it; the core holds types that it does not have in the next
 * wider one: bfloat16 and the 8- and 4-bit floats as float32 rounded to their numbers, 4- and 2-bit integers as 8-bit.
 */
export interface TensorEntry {
  kind: "tensor";
  tensor: Tensor;
  type: DataTypeName;
  /** For quantized numbers: the tensor that they stand for, kept in their range. Gradients go to it. */
  source?: Tensor;
}

/** A sequence; how many items it has is known while tracing. */
export interface SequenceEntry {
  kind: "sequence";
  items: readonly Entry[];
}

/** Something or nothing. */
export interface OptionalEntry {
  kind: "optional";
  item: Entry | undefined;
}

/** Strings, which only exist as data that is known while tracing. */
export interface TextEntry {
  kind: "text";
  shape: readonly number[];
  data: readonly string[];
}

/** The core's dtype for an element type. */
export function heldAs(type: DataTypeName): DType {
  const own = dtypeFromOnnx(dataType[type]);
  if (own) return own;
  if (type === "int4" || type === "int2") return "int8";
  if (type === "uint4" || type === "uint2") return "uint8";
  if (isSimulated(type)) return "float32";
  throw new Unsupported(`there are no ${type} tensors`);
}

/** Whether an element type is held as float32 rounded to its numbers. */
export const isSimulated = (type: DataTypeName): boolean => type.startsWith("bfloat") || /^float[48]/.test(type);

/** A tensor entry; its type is the tensor's own where none is given. */
export const tensorEntry = (tensor: Tensor, type: DataTypeName = tensor.dtype): TensorEntry => ({
  kind: "tensor",
  tensor,
  type,
});

/** A stored tensor as data: a value of the dtype that holds its element type. */
export function storedValue(tensor: TensorProto): Value {
  const { type, shape, data } = tensorData(tensor);
  if (Array.isArray(data)) throw new Unsupported("strings are not numbers");
  const dtype = heldAs(type);
  return new Value(data.constructor === arrayOf(dtype) ? data : convert(data, dtype), shape, dtype);
}

const arrayOf = (dtype: DType): unknown => convert([], dtype).constructor;

/** A stored tensor as an entry. */
export function storedEntry(tensor: TensorProto): Entry {
  if (tensor.dataType === dataType.string) {
    const { shape, data } = tensorData(tensor);
    return { kind: "text", shape, data: data as string[] };
  }
  return tensorEntry(constant(storedValue(tensor)), dataTypeName(tensor.dataType));
}
