import { describe, expect, test } from "vitest";
import { type DataTypeName, dataType, ModelFileError, type TensorProto } from "../../runtime/onnx/protobuf/index.ts";
import { decodeNarrow, encodeNarrow, type NarrowFloat } from "./narrow-floats.ts";
import { denseTensor, makeTensor, tensorData } from "./tensor-data.ts";

const code = (error: () => unknown) => {
  try {
    error();
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(ModelFileError);
    return (thrown as ModelFileError).code;
  }
  return "nothing was thrown";
};

describe("every element type", () => {
  const samples: Partial<Record<DataTypeName, (number | bigint)[]>> = {
    float32: [1.5, -2, Infinity],
    float64: [Math.PI, -0, 1e300],
    float16: [0.5, -65504, 2 ** -24],
    bfloat16: [1, -3.140625, 2 ** -130],
    uint8: [0, 255, 7],
    int8: [-128, 127, 0],
    uint16: [65535, 0, 1],
    int16: [-32768, 32767, 5],
    int32: [-(2 ** 31), 2 ** 31 - 1, 0],
    uint32: [2 ** 32 - 1, 0, 1],
    int64: [-(2n ** 63n), 2n ** 63n - 1n, 0n],
    uint64: [2n ** 64n - 1n, 0n, 1n],
    bool: [0, 1, 1],
    float8e4m3fn: [448, -0.015625, 2 ** -9],
    float8e4m3fnuz: [240, -1.5, 2 ** -10],
    float8e5m2: [57344, -Infinity, 2 ** -16],
    float8e5m2fnuz: [57344, -1.25, 2 ** -17],
    float8e8m0: [1, 2 ** 127, 2 ** -126],
    float4e2m1: [6, -0.5, 1.5],
    int4: [-8, 7, 3],
    uint4: [15, 0, 9],
    int2: [-2, 1, 0],
    uint2: [3, 0, 2],
  };

  test.each(Object.entries(samples) as [DataTypeName, (number | bigint)[]][])("%s comes back", (type, values) => {
    const tensor = makeTensor({ type, shape: [3], data: values }, "t");
    const { data, shape, type: back } = tensorData(tensor);
    expect([back, shape, Array.from(data as ArrayLike<unknown>)]).toEqual([type, [3], values]);
  });

  test("strings", () => {
    const tensor = makeTensor({ type: "string", shape: [2], data: ["", "ü\u{1f680}"] });
    expect(tensorData(tensor).data).toEqual(["", "ü\u{1f680}"]);
  });

  test("complex numbers are pairs", () => {
    const tensor = makeTensor({ type: "complex64", shape: [1], data: [1, -2] });
    expect(Array.from(tensorData(tensor).data as Float32Array)).toEqual([1, -2]);
  });

  test("narrow elements in int32_data are codes", () => {
    const tensor = (name: DataTypeName, int32Data: number[], dims: number[]): TensorProto => ({
      dims,
      dataType: dataType[name],
      int32Data,
    });
    expect(Array.from(tensorData(tensor("float16", [0x3c00, 0xc000], [2])).data as ArrayLike<number>)).toEqual([1, -2]);
    expect(Array.from(tensorData(tensor("bfloat16", [0x3f80], [1])).data as ArrayLike<number>)).toEqual([1]);
    expect(Array.from(tensorData(tensor("float8e5m2", [0x3c], [1])).data as ArrayLike<number>)).toEqual([1]);
    expect(Array.from(tensorData(tensor("int4", [0xf1, 0x07], [3])).data as ArrayLike<number>)).toEqual([1, -1, 7]);
  });

  test("raw bytes that are not aligned are still read", () => {
    const bytes = new Uint8Array(9);
    new DataView(bytes.buffer).setFloat64(1, 2.5, true);
    const tensor = { dims: [], dataType: dataType.float64, rawData: bytes.subarray(1) };
    expect(tensorData(tensor).data[0]).toBe(2.5);
  });
});

describe("narrow floats", () => {
  test.each([
    ["float8e4m3fn", 448],
    ["float8e4m3fnuz", 240],
    ["float8e5m2", 57344],
    ["float8e5m2fnuz", 57344],
    ["float4e2m1", 6],
  ] as [NarrowFloat, number][])("%s: every code comes back, the largest is %d", (type, largest) => {
    const codes = Uint8Array.from({ length: type === "float4e2m1" ? 16 : 256 }, (_, i) => i);
    const numbers = decodeNarrow(type, codes);
    expect(Math.max(...numbers.filter(Number.isFinite))).toBe(largest);
    const back = decodeNarrow(type, encodeNarrow(type, numbers, false));
    expect(back).toEqual(numbers);
    expect(decodeNarrow(type, encodeNarrow(type, [1e30, -1e30]))).toEqual(Float32Array.of(largest, -largest));
  });

  test("ties go to the even code", () => {
    // Between 1 (code 0x38) and 1.125 (0x39), and between 1.125 and 1.25 (0x3a).
    expect([...encodeNarrow("float8e4m3fn", [1.0625, 1.1875])]).toEqual([0x38, 0x3a]);
    expect([...encodeNarrow("float4e2m1", [0.25, 0.75, 2.5, 5])]).toEqual([0, 2, 4, 6]);
    const bfloat16 = makeTensor({ type: "bfloat16", shape: [2], data: [1 + 2 ** -8, 1 + 3 * 2 ** -8] });
    expect(tensorData(bfloat16).data).toEqual(Float32Array.of(1, 1 + 2 ** -6));
  });

  test("without saturation, large numbers become infinite or NaN", () => {
    expect([...encodeNarrow("float8e5m2", [1e6], false)]).toEqual([0x7c]);
    expect([...encodeNarrow("float8e4m3fn", [1e6], false)]).toEqual([0x7f]);
    expect([...encodeNarrow("float8e4m3fnuz", [NaN, -0], false)]).toEqual([0x80, 0]);
  });
});

describe("faults", () => {
  test("sizes and data must agree before anything is allocated", () => {
    const tensor = (dims: (number | bigint)[], bytes = 0): TensorProto => ({
      dims,
      dataType: 1,
      rawData: new Uint8Array(bytes),
    });
    expect(code(() => tensorData(tensor([2 ** 40])))).toBe("tensor-data");
    expect(code(() => tensorData(tensor([2 ** 40, 2 ** 40])))).toBe("tensor-size");
    expect(code(() => tensorData(tensor([-1])))).toBe("tensor-size");
    expect(code(() => tensorData(tensor([2n ** 60n])))).toBe("tensor-size");
    expect(code(() => tensorData(tensor([2], 7)))).toBe("tensor-data");
    expect(code(() => tensorData({ dims: [], dataType: 99 }))).toBe("tensor-type");
    expect(code(() => tensorData({ dims: [1], dataType: 1, dataLocation: 1 }))).toBe("external-missing");
    expect(tensorData(tensor([0, 2 ** 40])).data).toHaveLength(0);
  });
});

describe("sparse tensors", () => {
  const values = makeTensor({ type: "float32", shape: [2], data: [5, 7] }, "s");
  const indices = (shape: number[], data: number[]) => makeTensor({ type: "int64", shape, data });

  test("by flat index and by coordinate", () => {
    const flat = denseTensor({ values, indices: indices([2], [1, 5]), dims: [2, 3] });
    const pairs = denseTensor({ values, indices: indices([2, 2], [0, 1, 1, 2]), dims: [2, 3] });
    expect(Array.from(tensorData(flat).data as ArrayLike<number>)).toEqual([0, 5, 0, 0, 0, 7]);
    expect(pairs).toEqual(flat);
    expect(flat.name).toBe("s");
  });

  test("indices outside, wrong counts and huge shapes are refused", () => {
    expect(code(() => denseTensor({ values, indices: indices([2], [1, 6]), dims: [2, 3] }))).toBe("tensor-data");
    expect(code(() => denseTensor({ values, indices: indices([2, 2], [0, -1, 0, 0]), dims: [2, 3] }))).toBe(
      "tensor-data",
    );
    expect(code(() => denseTensor({ values, indices: indices([1], [1]), dims: [2, 3] }))).toBe("tensor-data");
    expect(code(() => denseTensor({ values, indices: indices([2], [1, 2]), dims: [2 ** 20, 2 ** 20] }))).toBe(
      "tensor-size",
    );
  });
});
