import { isFloat } from "../../../core/dtype.ts";
import { broadcastTo, cast, clip, constant, reshape, round, type Tensor, Value } from "../../../core/index.ts";
import { sizeOf } from "../../../core/shape.ts";
import { scalar } from "../../../core/tensor.ts";
import { convert } from "../../../core/value.ts";
import type { DataTypeName } from "../../../runtime/onnx/protobuf/index.ts";
import { dataTypeName, denseTensor } from "../../model/tensor-data.ts";
import type { Converters, NodeContext } from "../context.ts";
import { type Entry, heldAs, isSimulated, storedEntry, type TextEntry, tensorEntry } from "../entry.ts";
import { NeedsData, Unsupported } from "../faults.ts";
import { knownNumbers } from "../known.ts";
import { roundTo } from "./rounding.ts";

/** A constant of plain numbers. */
export const constantOf = (
  numbers: ArrayLike<number>,
  shape: readonly number[],
  type: DataTypeName = "float32",
): Tensor => {
  const dtype = heldAs(type);
  return constant(new Value(convert(numbers, dtype), [...shape], dtype));
};

/** A tensor as another element type of the format. */
export function castTo(x: Tensor, type: DataTypeName, saturate = true): Entry {
  if (type === "string") return numbersAsText(x);
  if (isSimulated(type)) return tensorEntry(roundTo(cast(x, "float32"), type, saturate), type);
  const narrow = /^(u?)int([24])$/.exec(type);
  if (narrow) {
    const bits = Number(narrow[2]);
    const [low, high] = narrow[1] ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
    const whole = isFloat(x.dtype) ? round(x) : cast(x, "int32");
    return tensorEntry(cast(clip(whole, low, high), heldAs(type)), type);
  }
  return tensorEntry(cast(x, heldAs(type)), type);
}

function numbersAsText(x: Tensor): TextEntry {
  const numbers = knownNumbers(x);
  if (!numbers) throw new NeedsData("it turns numbers that are not known while tracing into text");
  const text = (number: number): string => {
    if (x.dtype === "bool") return number ? "True" : "False";
    if (Number.isNaN(number)) return "nan";
    if (!Number.isFinite(number)) return number > 0 ? "inf" : "-inf";
    return x.dtype === "float32" ? shortest(number) : String(number);
  };
  return { kind: "text", shape: x.shape, data: Array.from(numbers, text) };
}

/** The fewest digits that are read back as the same 32-bit float. */
function shortest(number: number): string {
  for (let digits = 1; digits < 9; digits++) {
    const text = number.toPrecision(digits);
    if (Math.fround(Number(text)) === number) return String(Number(text));
  }
  return String(Number(number.toPrecision(9)));
}

function textAsNumbers({ shape, data }: TextEntry, type: DataTypeName): Entry {
  const numbers = data.map((text) => {
    const plain = text.trim().toLowerCase();
    if (/^[+-]?inf(inity)?$/.test(plain))
      return plain.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    return Number(plain);
  });
  return castTo(constantOf(numbers, shape, "float64"), type);
}

function castEntry(node: NodeContext, code: number): Entry {
  const type = dataTypeName(code);
  if (!type) throw new Unsupported(`there is no element type ${code}`);
  const entry = node.given(0);
  if (entry.kind === "text") return type === "string" ? entry : textAsNumbers(entry, type);
  if (node.type(0) === type) return entry;
  return castTo(node.tensor(0), type, node.attributes.int("saturate", 1) === 1);
}

function constantEntry(node: NodeContext): Entry {
  const { attributes } = node;
  const tensor = attributes.tensor("value");
  if (tensor) return storedEntry(tensor);
  const sparse = attributes.sparse("sparse_value");
  if (sparse) return storedEntry(denseTensor(sparse));
  const text = attributes.string("value_string");
  if (text !== undefined) return { kind: "text", shape: [], data: [text] };
  const texts = attributes.strings("value_strings");
  if (texts) return { kind: "text", shape: [texts.length], data: texts };
  const [float, int] = [attributes.float("value_float"), attributes.int("value_int")];
  if (float !== undefined) return tensorEntry(constantOf([float], [], "float32"));
  if (int !== undefined) return tensorEntry(constantOf([int], [], "int64"));
  const [floats, ints] = [attributes.floats("value_floats"), attributes.ints("value_ints")];
  if (floats) return tensorEntry(constantOf(floats, [floats.length], "float32"));
  if (ints) return tensorEntry(constantOf(ints, [ints.length], "int64"));
  throw new Unsupported("it holds no value");
}

/** The element type that a node names by number, or another input's. */
export function typeOf(node: NodeContext, attribute: string, fallback: DataTypeName): DataTypeName {
  const code = node.attributes.int(attribute);
  if (code === undefined) return fallback;
  const type = dataTypeName(code);
  if (!type) throw new Unsupported(`there is no element type ${code}`);
  return type;
}

/** Shapes that a model asks for come from a file: no larger tensor is made. */
export function checkedShape(shape: readonly number[], most = 2 ** 31): number[] {
  if (shape.some((size) => !Number.isInteger(size) || size < 0) || sizeOf(shape) > most)
    throw new Unsupported(`it makes a tensor of shape [${shape}]`);
  return [...shape];
}

/** Most elements of a constant that is computed from a few numbers while tracing. */
export const mostGenerated = 2 ** 22;

export const typeOperators: Converters = {
  Cast: (node) => castEntry(node, node.attributes.int("to", 0)),
  CastLike: (node) => {
    const like = node.given(1);
    if (like.kind === "text") return castTo(node.tensor(0), "string");
    const entry = node.given(0);
    if (entry.kind === "text") return textAsNumbers(entry, node.type(1));
    return castTo(node.tensor(0), node.type(1), node.attributes.int("saturate", 1) === 1);
  },
  Constant: constantEntry,
  ConstantOfShape: (node) => {
    const shape = checkedShape(node.numbers(0) ?? []);
    const stored = node.attributes.tensor("value");
    const entry = stored ? storedEntry(stored) : tensorEntry(scalar(0));
    if (entry.kind !== "tensor") throw new Unsupported("it fills a tensor with text");
    return tensorEntry(broadcastTo(reshape(entry.tensor, []), shape), entry.type);
  },
  EyeLike: (node) => {
    const { shape, dtype } = node.tensor(0);
    const type = typeOf(node, "dtype", dtype);
    const [rows, columns] = checkedShape(shape, mostGenerated);
    const offset = node.attributes.int("k", 0);
    const numbers = new Float64Array(rows * columns);
    for (let row = 0; row < rows; row++)
      if (row + offset >= 0 && row + offset < columns) numbers[row * columns + row + offset] = 1;
    return constantOf(numbers, [rows, columns], type);
  },
  Range: (node) => {
    const [start, limit, delta] = [0, 1, 2].map((i) => node.number(i) ?? 0);
    const length = Math.max(0, Math.ceil((limit - start) / delta));
    checkedShape([length], mostGenerated);
    const numbers = Float64Array.from({ length }, (_, i) => start + i * delta);
    return constantOf(numbers, [length], node.type(0));
  },
};
