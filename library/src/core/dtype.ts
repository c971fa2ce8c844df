/** The element types that tensors and values can have. */
export type DType =
  | "float32"
  | "float64"
  | "float16"
  | "int64"
  | "int32"
  | "int16"
  | "int8"
  | "uint64"
  | "uint32"
  | "uint16"
  | "uint8"
  | "bool";

/** The typed arrays that hold elements on the host; bool is one byte an element, 0 or 1. */
export type TypedArray =
  | Float32Array
  | Float64Array
  | Float16Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | BigUint64Array
  | Uint32Array
  | Uint16Array
  | Uint8Array;

interface DTypeFacts {
  /** Bytes an element. */
  readonly bytes: number;
  /** The number that ONNX gives this element type (TensorProto.DataType). */
  readonly onnx: number;
  readonly kind: "float" | "signed" | "unsigned" | "bool";
  readonly array: new (length: number) => TypedArray;
  readonly view: new (buffer: ArrayBufferLike, byteOffset: number, length: number) => TypedArray;
}

const facts = (bytes: number, onnx: number, kind: DTypeFacts["kind"], array: unknown): DTypeFacts => ({
  bytes,
  onnx,
  kind,
  array: array as DTypeFacts["array"],
  view: array as DTypeFacts["view"],
});

// Float16Array is missing in older browsers: there, half floats stay raw 16-bit words.
const halfArray = (globalThis as { Float16Array?: unknown }).Float16Array ?? Uint16Array;

export const dtypes: Readonly<Record<DType, DTypeFacts>> = {
  float32: facts(4, 1, "float", Float32Array),
  uint8: facts(1, 2, "unsigned", Uint8Array),
  int8: facts(1, 3, "signed", Int8Array),
  uint16: facts(2, 4, "unsigned", Uint16Array),
  int16: facts(2, 5, "signed", Int16Array),
  int32: facts(4, 6, "signed", Int32Array),
  int64: facts(8, 7, "signed", BigInt64Array),
  bool: facts(1, 9, "bool", Uint8Array),
  float16: facts(2, 10, "float", halfArray),
  float64: facts(8, 11, "float", Float64Array),
  uint32: facts(4, 12, "unsigned", Uint32Array),
  uint64: facts(8, 13, "unsigned", BigUint64Array),
};

export const isFloat = (dtype: DType): boolean => dtypes[dtype].kind === "float";
export const isInteger = (dtype: DType): boolean =>
  dtypes[dtype].kind === "signed" || dtypes[dtype].kind === "unsigned";
export const isBigInt = (dtype: DType): boolean => dtype === "int64" || dtype === "uint64";

/** The dtype of a typed array; a `Uint8Array` is uint8, never bool. */
export function dtypeOf(array: TypedArray): DType {
  for (const [dtype, { array: constructor }] of Object.entries(dtypes))
    if (dtype !== "bool" && array.constructor === constructor) return dtype as DType;
  throw new TypeError(`no dtype for ${(array as object).constructor.name}`);
}

/** The dtype that ONNX numbers so, or undefined where Sluice has none (strings, bfloat16, 4-bit …). */
export function dtypeFromOnnx(code: number): DType | undefined {
  return (Object.keys(dtypes) as DType[]).find((dtype) => dtypes[dtype].onnx === code);
}

/** A zeroed array of `length` elements. */
export const allocate = (dtype: DType, length: number): TypedArray => new dtypes[dtype].array(length);

/** Element types for which ONNX Runtime's CPU kernels of an elementwise operator commonly exist. */
export const floatKernels: readonly DType[] = ["float32", "float64", "float16"];
export const numberKernels: readonly DType[] = ["float32", "float64", "float16", "int32", "int64"];
