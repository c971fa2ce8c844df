import { allocate, type DType, dtypeOf, dtypes, isBigInt, type TypedArray } from "./dtype.ts";
import { DTypeError, ShapeError, StateError } from "./errors.ts";
import { type Shape, sizeOf } from "./shape.ts";

/** Nested arrays of numbers or booleans, as one writes a small matrix by hand. */
export type NestedArray = number | boolean | readonly NestedArray[];

/** Data on the host: a typed array with a shape. */
export class Value {
  readonly shape: Shape;
  readonly dtype: DType;
  #data: TypedArray | undefined;

  constructor(data: TypedArray, shape: Shape = [data.length], dtype: DType = dtypeOf(data)) {
    if (data.constructor !== dtypes[dtype].array)
      throw new DTypeError("value/array", `a ${dtype} value is held in a ${dtypes[dtype].array.name}`, {
        given: (data as object).constructor.name,
      });
    if (data.length !== sizeOf(shape))
      throw new ShapeError("value/size", `shape [${shape}] has ${sizeOf(shape)} elements, the array ${data.length}`, {
        fix: "give an array and a shape of the same number of elements",
      });
    this.#data = data;
    this.shape = [...shape];
    this.dtype = dtype;
  }

  /** The elements in row-major order. Not a copy: changing it changes the value. */
  get data(): TypedArray {
    if (this.#data === undefined)
      throw new StateError("value/donated", `this ${this} was donated to a program, which has written over it`, {
        fix: "use what the program returned, or compile without `donate`",
      });
    return this.#data;
  }

  get rank(): number {
    return this.shape.length;
  }

  get size(): number {
    return sizeOf(this.shape);
  }

  /** Takes the data away for good, so that its memory can be written again. Used by programs with `donate`. */
  surrender(): TypedArray {
    const data = this.data;
    this.#data = undefined;
    return data;
  }

  get donated(): boolean {
    return this.#data === undefined;
  }

  /** The one element of a value of size 1, as a number (bool: 0 or 1). */
  item(): number {
    if (this.size !== 1)
      throw new ShapeError("value/item", `item() reads a single element; this value has shape [${this.shape}]`, {
        fix: "use .data or .toArray()",
      });
    return Number(this.data[0]);
  }

  /** The elements as ordinary nested arrays of numbers. */
  toArray(): any {
    let position = 0;
    const build = (axis: number): unknown =>
      axis === this.shape.length
        ? Number(this.data[position++])
        : Array.from({ length: this.shape[axis] }, () => build(axis + 1));
    return build(0);
  }

  /** The elements as 64-bit floats, copied. */
  toFloat64(): Float64Array {
    return Float64Array.from(this.data as ArrayLike<number | bigint>, Number);
  }

  toString(): string {
    return `${this.dtype}[${this.shape.join(",")}]`;
  }
}

/**
 * A value from numbers, nested arrays or a typed array.
 *
 * @param source  a number, boolean, nested arrays of equal lengths, or a typed array (kept, not copied)
 * @param dtype   element type. Default: that of the typed array; bool for booleans; else float32
 * @param shape   sizes. Default: as nested, or the length of the typed array
 * @throws        ShapeError `value/ragged`, `value/size`; DTypeError `value/array`
 * @example
 * value([[1, 2], [3, 4]])                              // float32[2,2]
 * value(new Float32Array(6), { shape: [2, 3] })        // float32[2,3]
 */
export function value(
  source: NestedArray | TypedArray,
  { dtype, shape }: { dtype?: DType; shape?: Shape } = {},
): Value {
  if (ArrayBuffer.isView(source)) {
    const data = source as TypedArray;
    const from = dtypeOf(data);
    if (dtype === undefined || dtype === from || (dtype === "bool" && from === "uint8"))
      return new Value(data, shape ?? [data.length], dtype ?? from);
    return new Value(convert(data, dtype), shape ?? [data.length], dtype);
  }
  const inferred: number[] = [];
  for (let level: NestedArray = source; Array.isArray(level); level = level[0] ?? 0) inferred.push(level.length);
  const flat: (number | boolean)[] = [];
  const collect = (item: NestedArray, axis: number): void => {
    if (Array.isArray(item) ? item.length !== inferred[axis] : axis !== inferred.length)
      throw new ShapeError("value/ragged", `nested arrays differ in length at depth ${axis}`, {
        fix: "pad the rows to one length",
      });
    if (Array.isArray(item)) for (const inner of item) collect(inner, axis + 1);
    else flat.push(item as number | boolean);
  };
  if (!inferred.includes(0)) collect(source, 0);
  const type = dtype ?? (typeof flat[0] === "boolean" ? "bool" : "float32");
  return new Value(convert(flat.map(Number), type), shape ?? inferred, type);
}

/** Copies numbers into a typed array of `dtype`: integers are truncated, bool is 1 where the number is not 0. */
export function convert(source: ArrayLike<number | bigint>, dtype: DType): TypedArray {
  const result = allocate(dtype, source.length);
  const write: (x: number | bigint) => number | bigint = isBigInt(dtype)
    ? (x) => (typeof x === "bigint" ? x : BigInt(Math.trunc(x)))
    : dtype === "bool"
      ? (x) => (Number(x) !== 0 ? 1 : 0)
      : Number;
  for (let i = 0; i < source.length; i++) (result as { [i: number]: number | bigint })[i] = write(source[i]);
  return result;
}
