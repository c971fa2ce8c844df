import { dtypes, type TypedArray } from "../../core/dtype.ts";
import {
  type DataTypeName,
  dataLocation,
  dataType,
  type Int64,
  ModelFileError,
  type SparseTensorProto,
  type TensorProto,
} from "../../runtime/onnx/protobuf/index.ts";
import { decodeBfloat16, decodeNarrow, encodeBfloat16, encodeNarrow, isNarrowFloat } from "./narrow-floats.ts";

/**
 * The elements of a tensor, as numbers that mean themselves: bfloat16, float8 and float4 are widened to float32, 4- and
 * 2-bit integers to 8 bits; complex numbers are (real, imaginary) pairs, so `data` is twice as long as the shape says.
 */
export interface TensorData {
  type: DataTypeName;
  shape: number[];
  data: TypedArray | string[];
}

interface Layout {
  bits: number;
  /** Holds the elements as stored, or their codes. */
  array: new (
    buffer: ArrayBufferLike,
    offset: number,
    length: number,
  ) => TypedArray;
  /** Array elements per tensor element. */
  per?: number;
  field: "floatData" | "int32Data" | "int64Data" | "doubleData" | "uint64Data";
}

const layout = (bits: number, array: unknown, field: Layout["field"], per?: number): Layout => ({
  bits,
  array: array as Layout["array"],
  field,
  per,
});
const layouts: Partial<Record<DataTypeName, Layout>> = {
  float32: layout(32, Float32Array, "floatData"),
  uint8: layout(8, Uint8Array, "int32Data"),
  int8: layout(8, Int8Array, "int32Data"),
  uint16: layout(16, Uint16Array, "int32Data"),
  int16: layout(16, Int16Array, "int32Data"),
  int32: layout(32, Int32Array, "int32Data"),
  int64: layout(64, BigInt64Array, "int64Data"),
  bool: layout(8, Uint8Array, "int32Data"),
  float16: layout(16, dtypes.float16.array, "int32Data"),
  float64: layout(64, Float64Array, "doubleData"),
  uint32: layout(32, Uint32Array, "uint64Data"),
  uint64: layout(64, BigUint64Array, "uint64Data"),
  complex64: layout(64, Float32Array, "floatData", 2),
  complex128: layout(128, Float64Array, "doubleData", 2),
  bfloat16: layout(16, Uint16Array, "int32Data"),
  float8e4m3fn: layout(8, Uint8Array, "int32Data"),
  float8e4m3fnuz: layout(8, Uint8Array, "int32Data"),
  float8e5m2: layout(8, Uint8Array, "int32Data"),
  float8e5m2fnuz: layout(8, Uint8Array, "int32Data"),
  float8e8m0: layout(8, Uint8Array, "int32Data"),
  uint4: layout(4, Uint8Array, "int32Data"),
  int4: layout(4, Int8Array, "int32Data"),
  float4e2m1: layout(4, Uint8Array, "int32Data"),
  uint2: layout(2, Uint8Array, "int32Data"),
  int2: layout(2, Int8Array, "int32Data"),
};

const names = Object.fromEntries(Object.entries(dataType).map(([name, code]) => [code, name])) as Record<
  number,
  DataTypeName
>;

/** The name of an element type, or undefined for a number that the format does not define. */
export const dataTypeName = (code: number): DataTypeName | undefined => (code === 0 ? undefined : names[code]);

/** The shape that a tensor declares. */
export function tensorShape({ dims, name }: Pick<TensorProto, "dims" | "name">): number[] {
  return dims.map((size) => {
    if (typeof size !== "number" || size < 0)
      throw new ModelFileError("tensor-size", `tensor "${name ?? ""}" declares a size of ${size}`, {
        fix: "write the model again; sizes are 0 or more",
      });
    return size;
  });
}

/** How many elements a shape has; refuses products that no array could hold. */
export function countElements(shape: readonly number[], name = ""): number {
  const count = shape.reduce((product, size) => product * size, 1);
  if (!Number.isSafeInteger(count))
    throw new ModelFileError("tensor-size", `tensor "${name}" declares ${shape.join("×")} elements`, {
      fix: "write the model again; no tensor can be this large",
    });
  return count;
}

function layoutOf(tensor: TensorProto): [DataTypeName, Layout] {
  const type = dataTypeName(tensor.dataType);
  const found = type && layouts[type];
  if (!found)
    throw new ModelFileError("tensor-type", `tensor "${tensor.name ?? ""}" has element type ${tensor.dataType}`, {
      fix: `known types are ${Object.keys(layouts).join(", ")}, string`,
    });
  return [type, found];
}

/** The bytes that a tensor's elements take in `rawData`; strings have none. */
export function rawLength(tensor: TensorProto): number {
  const [, { bits }] = layoutOf(tensor);
  return Math.ceil((countElements(tensorShape(tensor), tensor.name) * bits) / 8);
}

/**
 * The elements of a tensor. Not a copy where the file's bytes can be viewed as they are.
 *
 * @throws ModelFileError `tensor-type`, `tensor-size`, or `tensor-data` when there are more or fewer elements than the
 *         shape says
 */
export function tensorData(tensor: TensorProto): TensorData {
  const shape = tensorShape(tensor);
  const count = countElements(shape, tensor.name);
  if (tensor.dataType === dataType.string) return { type: "string", shape, data: stringsOf(tensor, count) };
  const [type, { bits, array, field, per = 1 }] = layoutOf(tensor);
  const stored = tensor[field];
  if (tensor.rawData === undefined && stored !== undefined && stored.length > 0) {
    checkCount(tensor, stored.length, bits < 8 ? Math.ceil((count * bits) / 8) : count * per);
    if (bits < 8) return { type, shape, data: widen(type, unpack(type, bits, Uint8Array.from(stored as any), count)) };
    return { type, shape, data: widen(type, fromField(type, array, stored, count * per)) };
  }
  const raw = tensor.rawData ?? new Uint8Array();
  if (tensor.dataLocation === dataLocation.external)
    throw new ModelFileError("external-missing", `tensor "${tensor.name ?? ""}" lies in another file`, {
      fix: "read the model from its path, so that its external data is found",
    });
  checkCount(tensor, raw.length, Math.ceil((count * bits) / 8), "bytes");
  if (bits < 8) return { type, shape, data: widen(type, unpack(type, bits, raw, count)) };
  const width = bits / 8 / per;
  // `new Uint8Array` copies where the `slice` of a Node buffer would not.
  const aligned = raw.byteOffset % width === 0 ? raw : new Uint8Array(raw);
  return { type, shape, data: widen(type, new array(aligned.buffer, aligned.byteOffset, count * per)) };
}

function checkCount(tensor: TensorProto, given: number, expected: number, unit = "elements"): void {
  if (given !== expected)
    throw new ModelFileError(
      "tensor-data",
      `tensor "${tensor.name ?? ""}" of shape [${tensor.dims}] has ${given} ${unit} instead of ${expected}`,
      { fix: "the file is damaged or was cut: fetch or write it again" },
    );
}

function stringsOf(tensor: TensorProto, count: number): string[] {
  const texts = tensor.stringData ?? [];
  checkCount(tensor, texts.length, count);
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return texts.map((bytes) => decoder.decode(bytes));
}

function fromField(type: DataTypeName, array: Layout["array"], stored: ArrayLike<Int64>, length: number): TypedArray {
  const data = new (array as unknown as new (length: number) => TypedArray)(length);
  // Half floats lie in int32_data as their 16-bit words.
  const target = type === "float16" ? new Uint16Array(data.buffer) : data;
  const big = target instanceof BigInt64Array || target instanceof BigUint64Array;
  for (let i = 0; i < length; i++) (target as any)[i] = big ? BigInt(stored[i]) : Number(stored[i]);
  return data;
}

function unpack(type: DataTypeName, bits: number, bytes: Uint8Array, count: number): Int8Array | Uint8Array {
  const signed = type.startsWith("int");
  const data = signed ? new Int8Array(count) : new Uint8Array(count);
  const perByte = 8 / bits;
  for (let i = 0; i < count; i++) {
    const code = (bytes[Math.floor(i / perByte)] >> ((i % perByte) * bits)) & ((1 << bits) - 1);
    data[i] = signed ? (code << (32 - bits)) >> (32 - bits) : code;
  }
  return data;
}

function widen(type: DataTypeName, data: TypedArray): TypedArray {
  if (type === "bfloat16") return decodeBfloat16(data as Uint16Array);
  return isNarrowFloat(type) ? decodeNarrow(type, data as Uint8Array) : data;
}

/**
 * A tensor of given elements: the inverse of {@link tensorData}. Numbers are rounded to the type, ties to even; too
 * large ones become infinite, or NaN where the type has no infinity.
 *
 * @param data  as in {@link TensorData}; a typed array of the stored kind is viewed, not copied
 */
export function makeTensor(
  { type, shape, data }: { type: DataTypeName; shape: readonly number[]; data: ArrayLike<Int64> | readonly string[] },
  name?: string,
): TensorProto {
  const tensor: TensorProto = { dims: [...shape], dataType: dataType[type], ...(name !== undefined && { name }) };
  const count = countElements(shape, name);
  if (type === "string") {
    const encoder = new TextEncoder();
    checkCount(tensor, data.length, count);
    return { ...tensor, stringData: Array.from(data as string[], (text) => encoder.encode(text)) };
  }
  const [, { bits, array, per = 1 }] = layoutOf(tensor);
  checkCount(tensor, data.length, count * per);
  return { ...tensor, rawData: bytesOf(narrow(type, bits, array, data as ArrayLike<Int64>)) };
}

function narrow(type: DataTypeName, bits: number, array: Layout["array"], data: ArrayLike<Int64>): TypedArray {
  if (type === "bfloat16") return encodeBfloat16(Float32Array.from(data as ArrayLike<number>));
  if (isNarrowFloat(type)) {
    const codes = encodeNarrow(type, data as ArrayLike<number>, false);
    return bits < 8 ? pack(bits, codes) : codes;
  }
  if (bits < 8) return pack(bits, data as ArrayLike<number>);
  if ((data as object).constructor === array) return data as TypedArray;
  const stored = new (array as unknown as new (length: number) => TypedArray)(data.length);
  const big = stored instanceof BigInt64Array || stored instanceof BigUint64Array;
  for (let i = 0; i < data.length; i++) (stored as any)[i] = big ? BigInt(data[i]) : Number(data[i]);
  return stored;
}

function pack(bits: number, codes: ArrayLike<number>): Uint8Array {
  const perByte = 8 / bits;
  const bytes = new Uint8Array(Math.ceil(codes.length / perByte));
  for (let i = 0; i < codes.length; i++)
    bytes[Math.floor(i / perByte)] |= (codes[i] & ((1 << bits) - 1)) << ((i % perByte) * bits);
  return bytes;
}

const bytesOf = (data: TypedArray): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** Elements of a sparse tensor past which it is not made dense unasked: 2²⁶, 256 MiB of float32. */
export const largestDense = 2 ** 26;

/**
 * A sparse tensor with its zeros written out.
 *
 * @param limit  most elements to make; a few bytes can declare any size
 * @throws ModelFileError `tensor-size`, `tensor-data`
 */
export function denseTensor(sparse: SparseTensorProto, limit = largestDense): TensorProto {
  const { values, indices } = sparse;
  const name = values?.name;
  if (!values || !indices)
    throw new ModelFileError("tensor-data", "a sparse tensor lacks its values or indices", { fix: "write it again" });
  const shape = tensorShape({ dims: sparse.dims, name });
  const count = countElements(shape, name);
  if (count > limit)
    throw new ModelFileError("tensor-size", `sparse tensor "${name ?? ""}" would take ${count} elements`, {
      fix: `at most ${limit} are made; raise the limit if the file is trusted`,
    });
  const { type, data } = tensorData(values);
  const where = tensorData(indices);
  const flat = where.shape.length < 2;
  if (where.type !== "int64" || where.shape[0] !== data.length || (!flat && where.shape[1] !== shape.length))
    throw new ModelFileError("tensor-data", `sparse tensor "${name ?? ""}" has indices of another number or rank`, {
      fix: "indices are int64, one each value: flat [n], or by coordinate [n, rank]",
    });
  const dense: any = Array.isArray(data)
    ? new Array(count).fill("")
    : new (data.constructor as new (length: number) => TypedArray)(count);
  for (let i = 0; i < data.length; i++) {
    let at = flat ? Number(where.data[i]) : 0;
    if (!flat)
      for (let axis = 0; axis < shape.length; axis++) {
        const index = Number(where.data[i * shape.length + axis]);
        at = index >= 0 && index < shape[axis] ? at * shape[axis] + index : -1;
        if (at < 0) break;
      }
    if (!(at >= 0 && at < count))
      throw new ModelFileError("tensor-data", `sparse tensor "${name ?? ""}" has an index outside its shape`, {
        fix: "write it again",
      });
    dense[at] = data[i];
  }
  return makeTensor({ type, shape, data: dense }, name);
}
