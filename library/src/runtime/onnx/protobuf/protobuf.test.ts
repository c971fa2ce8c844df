import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { describe, expect, test } from "vitest";
import {
  attributeType,
  dataType,
  decodeMessage,
  decodeModel,
  decodeTensor,
  encodeMessage,
  encodeModel,
  encodeTensor,
  type GraphProto,
  type MessageName,
  ModelFileError,
  type ModelProto,
  schema,
  type TensorProto,
} from "./index.ts";

const model: ModelProto = {
  irVersion: 10,
  producerName: "söme tool \u{1f680}",
  opsetImport: [{ version: 21 }, { domain: "com.microsoft", version: 1 }],
  metadataProps: [{ key: "author", value: "\ufeffx" }],
  graph: {
    name: "g",
    node: [
      {
        input: ["x", "", "w"],
        output: ["y"],
        name: "slice",
        opType: "Slice",
        attribute: [
          { name: "ends", type: attributeType.ints, ints: [0, -1, 2 ** 40, 9223372036854775807n, -(2n ** 63n)] },
          { name: "alpha", type: attributeType.float, f: 0.5 },
          { name: "texts", type: attributeType.strings, strings: [new Uint8Array([255, 0]), new Uint8Array()] },
        ],
      },
    ],
    initializer: [{ name: "w", dims: [2], dataType: dataType.float32, rawData: new Uint8Array(8).fill(7) }],
    input: [
      {
        name: "x",
        type: { tensorType: { elemType: 1, shape: { dim: [{ dimParam: "batch" }, { dimValue: 3 }, {}] } } },
      },
    ],
    output: [{ name: "y" }],
  },
};

/** An object of a message with every field set, nested to a depth. */
function full(message: MessageName, depth: number): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const { name, type, occurs } of schema[message]) {
    const samples = {
      int32: [-5, 2 ** 31 - 1],
      int64: [-1, 2 ** 52],
      uint64: [1, 2 ** 52],
      float: [-1.5, Infinity],
      double: [Math.PI, -0],
      string: ["", "longer than the thirty-two bytes of the short path, with ü"],
      bytes: [new Uint8Array([1, 2, 255]), new Uint8Array(5000).fill(9)],
    };
    if (type in samples) {
      const two = samples[type as keyof typeof samples];
      if (occurs === "packed") object[name] = packed(type, two as number[]);
      else object[name] = occurs === "many" || occurs === "list" ? two : two[1];
    } else if (occurs === "list") object[name] = depth > 0 ? [full(type as MessageName, depth - 1)] : [];
    else if (depth > 0) {
      const inner = full(type as MessageName, depth - 1);
      object[name] = occurs === "many" ? [inner, inner] : inner;
    }
  }
  return object;
}

function packed(type: string, values: number[]): ArrayLike<number | bigint> {
  if (type === "float") return Float32Array.from(values);
  if (type === "double") return Float64Array.from(values);
  if (type === "int32") return Int32Array.from(values);
  return type === "uint64" ? BigUint64Array.from(values.map(BigInt)) : BigInt64Array.from(values.map(BigInt));
}

const failure = (action: () => unknown): ModelFileError => {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(ModelFileError);
    return error as ModelFileError;
  }
  throw new Error("nothing was thrown");
};

describe("round trips", () => {
  test("a model comes back as it went", () => {
    expect(decodeModel(encodeModel(model))).toEqual(model);
  });

  test.each(Object.keys(schema) as MessageName[])("%s with every field set", (message) => {
    const object = full(message, 2);
    expect(decodeMessage(message, encodeMessage(message, object as never))).toEqual(object);
  });

  test("bytes depend on the values only, not on the order of the properties", () => {
    const { graph, ...rest } = model;
    expect(encodeModel({ graph, ...Object.fromEntries(Object.entries(rest).reverse()) } as ModelProto)).toEqual(
      encodeModel(model),
    );
  });

  test("a short tensor has the bytes that the format prescribes", () => {
    const tensor: TensorProto = { dims: [2], dataType: 1, floatData: [1, 2], name: "a" };
    expect([...encodeTensor(tensor)]).toEqual([
      0x08, 2, 0x10, 1, 0x22, 8, 0, 0, 0x80, 0x3f, 0, 0, 0, 0x40, 0x42, 1, 0x61,
    ]);
  });

  test.each([0x7f, 0x80, 2 ** 28, 2 ** 35 - 1, 2 ** 35, 2 ** 49 - 1, 2 ** 49, 2 ** 53 - 1, -1])("int64 %d", (value) => {
    const tensor: TensorProto = { dims: [value], dataType: 7, int64Data: BigInt64Array.of(BigInt(value)) };
    expect(decodeTensor(encodeTensor(tensor))).toEqual(tensor);
  });

  test("text with a lone surrogate is written as the replacement character", () => {
    const tensor: TensorProto = { dims: [], dataType: 1, name: "a\ud800b", docString: "\ud83d\ude80" };
    expect(decodeTensor(encodeTensor(tensor))).toMatchObject({ name: "a\ufffdb", docString: "\ud83d\ude80" });
  });
});

describe("decoding", () => {
  test("raw data is a view, not a copy", () => {
    const bytes = encodeTensor({ dims: [4], dataType: dataType.uint8, rawData: new Uint8Array(4) });
    expect(decodeTensor(bytes).rawData?.buffer).toBe(bytes.buffer);
  });

  test("Node buffers are read like plain arrays", () => {
    const tensor: TensorProto = { dims: [3], dataType: 1, floatData: Float32Array.of(1, 2, 3), name: "odd" };
    const shifted = Buffer.concat([Buffer.of(0), encodeTensor(tensor)]).subarray(1);
    expect(decodeTensor(shifted)).toEqual(tensor);
  });

  test("repeated numbers are read packed and one by one", () => {
    const writer = new BinaryWriter();
    writer.uint32((1 << 3) | WireType.LengthDelimited).bytes(new Uint8Array([3, 4])); // dims, packed
    writer.uint32((1 << 3) | WireType.Varint).int64(5);
    writer.uint32((7 << 3) | WireType.Varint).int64(-6); // int64_data, one by one
    writer.uint32((7 << 3) | WireType.LengthDelimited).bytes(new Uint8Array([7, 8]));
    expect(decodeTensor(writer.finish())).toEqual({ dims: [3, 4, 5], dataType: 0, int64Data: [-6n, 7n, 8n] });
  });

  test("unknown fields are skipped, whatever their type", () => {
    const writer = new BinaryWriter();
    writer.uint32((900 << 3) | WireType.Varint).int64(-1);
    writer.uint32((901 << 3) | WireType.Bit32).fixed32(1);
    writer.uint32((902 << 3) | WireType.Bit64).fixed64(1);
    writer.uint32((903 << 3) | WireType.LengthDelimited).string("new");
    writer.uint32((2 << 3) | WireType.Varint).int32(1);
    expect(decodeTensor(writer.finish())).toEqual({ dims: [], dataType: 1 });
  });

  test("a message given in two parts is merged", () => {
    const part = (graph: Partial<GraphProto>) => encodeMessage("ModelProto", { graph, opsetImport: [] } as ModelProto);
    const bytes = new Uint8Array([...part({ name: "a" }), ...part({ docString: "b" })]);
    expect(decodeModel(bytes).graph).toMatchObject({ name: "a", docString: "b" });
  });
});

describe("hostile files", () => {
  const tagged = (...bytes: number[]) => failure(() => decodeTensor(new Uint8Array(bytes)));

  test("each fault has its code and its place", () => {
    expect(tagged(0x4a, 0xff, 0xff, 0xff, 0xff, 0x0f)).toMatchObject({ code: "length-beyond-end", offset: 1 });
    expect(tagged(0x10, 0x80)).toMatchObject({ code: "truncated" });
    expect(tagged(0x08, ...Array(11).fill(0x80), 1)).toMatchObject({ code: "invalid-varint" });
    expect(tagged(0x10, 1, 0x0b)).toMatchObject({ code: "group", offset: 2 });
    expect(tagged(0x06)).toMatchObject({ code: "invalid-tag", offset: 0 });
    expect(tagged(0x02, 0)).toMatchObject({ code: "invalid-tag" });
    expect(tagged(0x40, 1)).toMatchObject({ code: "wire-type" });
    expect(tagged(0x42, 1, 0xff)).toMatchObject({ code: "invalid-text" });
    expect(tagged(0x22, 3, 0, 0, 0)).toMatchObject({ code: "truncated" });
    expect(tagged(0x22, 0x80, 0x80, 0x80, 0x80, 0x10)).toMatchObject({ code: "invalid-varint" });
    expect(failure(() => decodeModel(new Uint8Array()))).toMatchObject({ code: "missing-graph" });
  });

  test("a value may not run past the message that holds it", () => {
    // TensorSegment of 1 byte, whose field would go on behind it.
    expect(tagged(0x1a, 2, 0x08, 0x80, 0x01)).toMatchObject({ code: "truncated" });
  });

  test("depth, number of parts and size are limited", () => {
    let type: Uint8Array = new Uint8Array();
    for (let i = 0; i < 150; i++) type = nest(type);
    expect(failure(() => decodeMessage("TypeProto", type))).toMatchObject({ code: "too-deep" });
    const many = encodeMessage("NodeProto", { opType: "A", input: Array(100).fill(""), output: [] });
    expect(failure(() => decodeMessage("NodeProto", many, { maxParts: 50 }))).toMatchObject({ code: "too-many-parts" });
    expect(failure(() => decodeMessage("NodeProto", many, { maxBytes: 10 }))).toMatchObject({ code: "too-large" });
  });

  test("every cut of a model gives a result or a ModelFileError", () => {
    const bytes = encodeModel(model);
    for (let length = 0; length < bytes.length; length++) {
      try {
        decodeModel(bytes.subarray(0, length));
      } catch (error) {
        expect(error).toBeInstanceOf(ModelFileError);
      }
    }
  });

  test("a hundred thousand changed bytes give a result or a ModelFileError", () => {
    const bytes = encodeModel(model);
    let state = 12345;
    const random = (below: number) => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) % below;
    for (let i = 0; i < 100_000; i++) {
      const changed = bytes.slice();
      for (let n = random(4); n >= 0; n--) changed[random(changed.length)] = random(256);
      try {
        decodeModel(changed);
      } catch (error) {
        if (!(error instanceof ModelFileError)) throw error;
      }
    }
    expect(decodeModel(bytes)).toEqual(model);
  });
});

/** A sequence type of the given one. */
function nest(inner: Uint8Array): Uint8Array {
  const writer = new BinaryWriter();
  const element = new BinaryWriter().uint32(0x0a).bytes(inner).finish();
  return writer.uint32(0x22).bytes(element).finish();
}
