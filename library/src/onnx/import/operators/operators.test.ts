import { describe, expect, test } from "vitest";
import { dtypes } from "../../../core/dtype.ts";
import { type DType, sum, type Tensor, Value, valueAndGrad } from "../../../core/index.ts";
import { simplify } from "../../../core/simplify.ts";
import { input } from "../../../core/tensor.ts";
import { convert } from "../../../core/value.ts";
import { compile } from "../../../runtime/index.ts";
import { emitModel } from "../../../runtime/onnx/emit.ts";
import type { GraphProto, ModelProto } from "../../../runtime/onnx/protobuf/index.ts";
import { expectClose, oracle } from "../../../testing/check.ts";
import { type AttributeValue, makeNode } from "../../graph/attributes.ts";
import { makeTensor } from "../../model/tensor-data.ts";
import { noise } from "../../real-models.ts";
import { importModel } from "../import-onnx.ts";
import { runWhole } from "../run-whole.ts";

/** A model of one node; text in place of a value omits the input. */
interface Single {
  operator: string;
  domain?: string;
  opset?: number;
  inputs: (Value | "")[];
  attributes?: Record<string, AttributeValue>;
  outputs?: number;
  /** Inputs stored in the model, by position. */
  stored?: number[];
  tolerance?: number;
}

const of = (numbers: number[], shape: number[] = [numbers.length], dtype: DType = "int64") =>
  new Value(convert(numbers, dtype), shape, dtype);
const positive = (shape: number[]) =>
  new Value(
    (noise(shape, 1).data as Float32Array).map((x) => Math.abs(x) + 0.1),
    shape,
  );
const bytes = (shape: number[], dtype: "uint8" | "int8" = "uint8") =>
  of(
    Array.from(noise(shape, 100).data as Float32Array, (x) => Math.round(dtype === "uint8" ? x + 100 : x)),
    shape,
    dtype,
  );
const one = (x: number, dtype: DType = "float32") => of([x], [], dtype);

function modelOf({
  operator,
  domain,
  opset = 21,
  inputs,
  attributes = {},
  outputs = 1,
  stored = [],
}: Single): ModelProto {
  const names = inputs.map((input, i) => (input === "" ? "" : `x${i}`));
  const given = inputs.flatMap((input, i) => (input === "" ? [] : [{ input, i }]));
  return {
    irVersion: 10,
    opsetImport: [{ version: opset }, { domain: "com.microsoft", version: 1 }],
    graph: {
      node: [
        makeNode(
          operator,
          names,
          Array.from({ length: outputs }, (_, i) => `y${i}`),
          attributes,
          { domain },
        ),
      ],
      initializer: given
        .filter(({ i }) => stored.includes(i))
        .map(({ input: { dtype, shape, data }, i }) => makeTensor({ type: dtype, shape, data }, `x${i}`)),
      input: given
        .filter(({ i }) => !stored.includes(i))
        .map(({ input, i }) => ({
          name: `x${i}`,
          type: {
            tensorType: {
              elemType: dtypes[input.dtype].onnx,
              shape: { dim: input.shape.map((dimValue) => ({ dimValue })) },
            },
          },
        })),
      output: Array.from({ length: outputs }, (_, i) => ({ name: `y${i}` })),
    },
  };
}

/** Traces a model, runs it, and compares every output with plain ONNX Runtime's. */
async function expectAsPlain(model: ModelProto, inputs: Record<string, Value>, tolerance = 1e-4): Promise<void> {
  const imported = importModel(model);
  const plain = await runWhole(imported, inputs, {});
  if (!plain) throw new Error("plain ONNX Runtime cannot open the model");
  const floats = Object.entries(inputs).filter(([, value]) => /float/.test(value.dtype) && value.size > 4);
  const fixed = Object.fromEntries(
    Object.entries(inputs).filter(([name]) => !floats.some(([other]) => other === name)),
  );
  const program = compile((open: Record<string, any>) => imported.apply({}, { ...fixed, ...open }) as any);
  const ours = (await program(Object.fromEntries(floats))) as Record<string, Value>;
  await program.release();
  for (const [name, value] of Object.entries(plain)) {
    expect(`${name} ${ours[name]}`).toBe(`${name} ${value}`);
    expectClose(
      Array.from(ours[name].data as ArrayLike<number>, Number),
      Array.from(value.data as ArrayLike<number>, Number),
      {
        rtol: tolerance,
        atol: tolerance,
      },
    );
  }
}

const x = noise([2, 3, 4], 1);
const image = noise([2, 4, 6, 6], 1);
const scale = (n: number) => positive([n]);
const masks = of([1, 1, 1, 0, 1, 1, 0, 0], [2, 4], "int32");
const table = (rows: number, width: number, wave: (x: number) => number) =>
  of(
    Array.from({ length: rows * width }, (_, i) => wave(Math.floor(i / width) / 10 ** ((i % width) / width))),
    [rows, width],
    "float32",
  );

const standard: Single[] = [
  { operator: "Celu", inputs: [x], attributes: { alpha: { float: 2 } } },
  { operator: "Gelu", inputs: [x] },
  { operator: "Gelu", inputs: [x], attributes: { approximate: "tanh" } },
  { operator: "Mish", inputs: [x] },
  { operator: "HardSwish", inputs: [x] },
  { operator: "Selu", inputs: [x] },
  { operator: "BitwiseAnd", inputs: [of([1, 2, 3, 255], [4], "uint8"), of([3, 3, 3, 15], [4], "uint8")] },
  { operator: "BitwiseNot", inputs: [of([0, 1, -5], [3], "int32")] },
  { operator: "CumSum", inputs: [x, one(1, "int64")], attributes: { exclusive: 1, reverse: 1 } },
  { operator: "TopK", inputs: [x, of([2])], attributes: { axis: 1, largest: 0 }, outputs: 2 },
  { operator: "LpPool", inputs: [image], attributes: { kernel_shape: [2, 2], strides: [2, 2], p: 3 } },
  {
    operator: "MaxPool",
    inputs: [image],
    attributes: { kernel_shape: [3, 2], strides: [2, 1], pads: [1, 0, 1, 1], ceil_mode: 1 },
  },
  { operator: "MaxPool", inputs: [image], attributes: { kernel_shape: [2, 2], strides: [2, 2] }, outputs: 2 },
  {
    operator: "AveragePool",
    inputs: [image],
    attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1], auto_pad: "NOTSET" },
  },
  {
    operator: "Conv",
    inputs: [image, noise([4, 2, 3, 3], 1), scale(4)],
    attributes: { group: 2, auto_pad: "SAME_LOWER", strides: [2, 2] },
  },
  {
    operator: "ConvTranspose",
    inputs: [image, noise([4, 2, 3, 3], 1), scale(4)],
    attributes: { group: 2, strides: [2, 2], output_padding: [1, 1], pads: [1, 0, 0, 1] },
  },
  { operator: "GroupNormalization", inputs: [image, scale(4), scale(4)], attributes: { num_groups: 2 } },
  { operator: "LayerNormalization", inputs: [x, scale(4), scale(4)], outputs: 3 },
  { operator: "InstanceNormalization", inputs: [image, scale(4), scale(4)] },
  { operator: "LpNormalization", inputs: [x], attributes: { p: 1, axis: 1 } },
  { operator: "LRN", inputs: [image], attributes: { size: 3 } },
  {
    operator: "OneHot",
    inputs: [of([0, -1, 2]), one(3, "int64"), of([5, 7], [2], "float32")],
    attributes: { axis: 0 },
  },
  { operator: "ReverseSequence", inputs: [x, of([3, 1])], attributes: { batch_axis: 0, time_axis: 1 } },
  {
    operator: "ScatterElements",
    inputs: [x, of([0, 1, 0, 0], [1, 2, 2]), noise([1, 2, 2], 1)],
    attributes: { axis: 1, reduction: "max" },
  },
  {
    operator: "ScatterND",
    inputs: [x, of([0, 1, 1, 2, 0, 1], [3, 2]), noise([3, 4], 1)],
    attributes: { reduction: "add" },
  },
  { operator: "GatherND", inputs: [x, of([0, 1], [2, 1])], attributes: { batch_dims: 1 } },
  {
    operator: "GridSample",
    inputs: [noise([1, 2, 4, 5], 1), noise([1, 3, 3, 2], 1.3)],
    attributes: { mode: "cubic", padding_mode: "border" },
  },
  {
    operator: "GridSample",
    inputs: [noise([1, 2, 4, 5], 1), noise([1, 3, 3, 2], 1.5)],
    attributes: { padding_mode: "reflection", align_corners: 1 },
  },
  { operator: "Resize", inputs: [image, "", of([1, 1, 1.5, 0.5], [4], "float32")], attributes: { mode: "linear" } },
  {
    operator: "Resize",
    inputs: [image, "", "", of([2, 4, 9, 3])],
    attributes: { mode: "cubic", coordinate_transformation_mode: "pytorch_half_pixel" },
  },
  {
    operator: "Resize",
    inputs: [image, "", "", of([2, 4, 3, 3])],
    attributes: { mode: "linear", antialias: 1 },
    tolerance: 1e-3,
  },
  {
    operator: "RoiAlign",
    inputs: [noise([1, 2, 8, 8], 1), of([0, 0, 4, 4, 1, 2, 7, 6], [2, 4], "float32"), of([0, 0])],
    attributes: { output_height: 2, output_width: 2, sampling_ratio: 0 },
    stored: [1],
  },
  {
    operator: "SoftmaxCrossEntropyLoss",
    inputs: [noise([3, 5], 1), of([1, 0, 4]), positive([5])],
    attributes: { ignore_index: 0 },
    outputs: 2,
  },
  { operator: "STFT", inputs: [noise([1, 16, 1], 1), one(4, "int64"), positive([8])], opset: 17 },
  {
    operator: "LSTM",
    inputs: [
      noise([7, 2, 3], 1),
      noise([2, 16, 3], 1),
      noise([2, 16, 4], 1),
      noise([2, 64 / 2], 1),
      of([7, 3], [2], "int32"),
    ],
    attributes: { hidden_size: 4, direction: "bidirectional" },
    outputs: 3,
  },
  {
    operator: "GRU",
    inputs: [noise([3, 2, 3], 1), noise([1, 12, 3], 1), noise([1, 12, 4], 1), noise([1, 24], 1)],
    attributes: { hidden_size: 4, linear_before_reset: 1, direction: "reverse" },
    outputs: 2,
  },
  {
    operator: "QuantizeLinear",
    inputs: [x, of([0.1, 0.2, 0.05], [3], "float32"), of([3, 0, 5], [3], "uint8")],
    attributes: { axis: 1 },
  },
  {
    operator: "QuantizeLinear",
    opset: 23,
    inputs: [noise([2, 5], 1), of([0.1, 0.2, 0.05, 0.3, 0.01, 0.04], [2, 3], "float32")],
    attributes: { axis: 1, block_size: 2, output_dtype: 3 },
  },
  {
    operator: "DequantizeLinear",
    inputs: [bytes([2, 3, 2], "int8"), of([0.1, 0.2, 0.05], [3], "float32"), of([3, 0, -5], [3], "int8")],
    attributes: { axis: 1 },
  },
  { operator: "DynamicQuantizeLinear", inputs: [x], outputs: 3 },
  {
    operator: "MatMulInteger",
    inputs: [bytes([2, 3, 4]), bytes([4, 2], "int8"), one(7, "uint8"), of([1, -2], [2], "int8")],
  },
  {
    operator: "QLinearMatMul",
    inputs: [
      bytes([2, 5]),
      one(0.02),
      one(100, "uint8"),
      bytes([5, 3], "int8"),
      of([0.01, 0.02, 0.03], [3], "float32"),
      of([0, 4, -3], [3], "int8"),
      one(0.1),
      one(90, "uint8"),
    ],
  },
  { operator: "ConvInteger", inputs: [bytes([1, 2, 4, 4]), bytes([3, 2, 2, 2]), one(7, "uint8"), one(3, "uint8")] },
  {
    operator: "QLinearConv",
    inputs: [
      bytes([1, 2, 4, 4]),
      one(0.02),
      one(100, "uint8"),
      bytes([3, 2, 2, 2], "int8"),
      of([0.01, 0.02, 0.03], [3], "float32"),
      of([0, 0, 0], [3], "int8"),
      one(0.2),
      one(90, "uint8"),
      of([10, -20, 30], [3], "int32"),
    ],
  },
  {
    operator: "Attention",
    opset: 23,
    inputs: [noise([2, 3, 8], 1), noise([2, 5, 8], 1), noise([2, 5, 8], 1)],
    attributes: { q_num_heads: 2, kv_num_heads: 2 },
  },
  { operator: "RMSNormalization", opset: 23, inputs: [x, scale(4)] },
  { operator: "AffineGrid", inputs: [noise([2, 2, 3], 1), of([2, 1, 3, 4])], opset: 20 },
  { operator: "CenterCropPad", inputs: [x, of([5, 2])], attributes: { axes: [1, 2] } },
  { operator: "Det", inputs: [noise([2, 3, 3], 1)] },
  { operator: "Col2Im", inputs: [noise([1, 8, 9], 1), of([4, 4]), of([2, 2])] },
  {
    operator: "AveragePool",
    inputs: [image],
    attributes: { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1, pads: [1, 1, 1, 1], count_include_pad: 1 },
  },
  { operator: "Pad", inputs: [x, of([0, 1, 0, 2]), "", of([2, 1])], attributes: { mode: "wrap" } },
];

const contributed: Single[] = [
  { operator: "BiasGelu", inputs: [x, noise([4], 1)] },
  { operator: "FastGelu", inputs: [x, noise([4], 1)], tolerance: 2e-3 },
  { operator: "QuickGelu", inputs: [x], attributes: { alpha: { float: 1.5 } } },
  {
    operator: "FusedMatMul",
    inputs: [noise([2, 3, 4], 1), noise([2, 5, 4], 1)],
    attributes: { transB: 1, alpha: { float: 0.5 } },
  },
  {
    operator: "FusedGemm",
    inputs: [noise([3, 4], 1), noise([4, 2], 1), noise([2], 1)],
    attributes: { activation: "Relu" },
  },
  {
    operator: "FusedConv",
    inputs: [image, noise([2, 4, 3, 3], 1), scale(2)],
    attributes: { activation: "HardSigmoid", activation_params: { floats: [0.3, 0.4] } },
  },
  { operator: "SkipLayerNormalization", inputs: [x, noise([2, 3, 4], 0.5), scale(4), scale(4), scale(4)] },
  { operator: "SkipSimplifiedLayerNormalization", inputs: [x, noise([2, 3, 4], 0.5), scale(4)] },
  {
    operator: "EmbedLayerNormalization",
    inputs: [
      of([1, 2, 0, 3], [2, 2], "int32"),
      of([0, 1, 1, 0], [2, 2], "int32"),
      noise([4, 8], 1),
      noise([3, 8], 1),
      noise([2, 8], 1),
      scale(8),
      scale(8),
    ],
    outputs: 2,
  },
  {
    operator: "Attention",
    inputs: [noise([2, 4, 6], 1), noise([6, 18], 1), noise([18], 1), masks],
    attributes: { num_heads: 2 },
  },
  {
    operator: "Attention",
    inputs: [noise([2, 4, 6], 1), noise([6, 18], 1), noise([18], 1)],
    attributes: { num_heads: 3, unidirectional: 1 },
  },
  {
    operator: "MultiHeadAttention",
    inputs: [noise([2, 3, 8], 1), noise([2, 5, 8], 1), noise([2, 5, 8], 1), noise([24], 1)],
    attributes: { num_heads: 2 },
  },
  {
    operator: "MultiHeadAttention",
    inputs: [noise([1, 3, 8], 1), noise([1, 3, 8], 1), noise([1, 3, 8], 1), "", "", noise([1, 2, 3, 3], 1)],
    attributes: { num_heads: 2 },
  },
  {
    operator: "GroupQueryAttention",
    inputs: [
      noise([1, 3, 64], 1),
      noise([1, 3, 32], 1),
      noise([1, 3, 32], 1),
      "",
      "",
      of([2], [1], "int32"),
      of([3], [1], "int32"),
      table(8, 8, Math.cos),
      table(8, 8, Math.sin),
    ],
    attributes: { num_heads: 4, kv_num_heads: 2, do_rotary: 1 },
    outputs: 3,
  },
  {
    operator: "RotaryEmbedding",
    inputs: [noise([1, 3, 8], 1), of([0, 1, 2], [1, 3]), table(8, 2, Math.cos), table(8, 2, Math.sin)],
  },
  {
    operator: "MatMulNBits",
    inputs: [noise([2, 32], 1), bytes([3, 2, 8]), positive([6]), bytes([3])],
    attributes: { K: 32, N: 3, bits: 4, block_size: 16 },
    stored: [1, 2, 3],
    tolerance: 1e-3,
  },
  {
    operator: "MatMulNBits",
    inputs: [noise([2, 20], 1), bytes([3, 2, 16]), positive([6]), "", "", noise([3], 1)],
    attributes: { K: 20, N: 3, bits: 8, block_size: 16 },
    tolerance: 1e-3,
  },
  {
    operator: "QLinearAdd",
    inputs: [bytes([4]), one(0.1), one(10, "uint8"), bytes([4]), one(0.2), one(5, "uint8"), one(0.3), one(20, "uint8")],
  },
  {
    operator: "QLinearMul",
    inputs: [
      bytes([4]),
      one(0.01),
      one(10, "uint8"),
      bytes([4]),
      one(0.02),
      one(5, "uint8"),
      one(0.01),
      one(20, "uint8"),
    ],
  },
  { operator: "QLinearSigmoid", inputs: [bytes([8]), one(0.02), one(100, "uint8"), one(1 / 256), one(0, "uint8")] },
  {
    operator: "QLinearLeakyRelu",
    inputs: [bytes([8]), one(0.02), one(100, "uint8"), one(0.02), one(30, "uint8")],
    attributes: { alpha: { float: 0.1 } },
  },
  {
    operator: "QLinearConcat",
    inputs: [
      one(0.1),
      one(5, "uint8"),
      bytes([2, 2]),
      one(0.1),
      one(3, "uint8"),
      bytes([2, 3]),
      one(0.05),
      one(9, "uint8"),
    ],
    attributes: { axis: 1 },
  },
  {
    operator: "DynamicQuantizeMatMul",
    inputs: [noise([3, 4], 1), bytes([4, 2]), one(0.02), one(100, "uint8"), noise([2], 1)],
    tolerance: 1e-3,
  },
  {
    operator: "MatMulIntegerToFloat",
    inputs: [bytes([3, 4]), bytes([4, 2]), one(0.1), one(0.02), one(3, "uint8"), one(100, "uint8")],
  },
];

const title = ({ operator, attributes = {} }: Single, k: number) => `${k} ${operator} ${JSON.stringify(attributes)}`;

describe.each([
  ["the standard", standard, undefined],
  ["com.microsoft", contributed, "com.microsoft"],
] as const)("operators of %s do as plain ONNX Runtime does", (_, list, domain) => {
  test.each(list.map((single, k) => [title(single, k), single] as const))("%s", async (__, single) => {
    const model = modelOf({ ...single, domain });
    const inputs = single.inputs.flatMap((input, i) =>
      input === "" || single.stored?.includes(i) ? [] : [[`x${i}`, input]],
    );
    await expectAsPlain(model, Object.fromEntries(inputs), single.tolerance);
  });
});

/** The operators of which the imported model is made when it runs. */
function operatorsOf(single: Single): string[] {
  const inputs = single.inputs.map((given, i) => input((given as Value).shape, (given as Value).dtype, `x${i}`));
  const named = Object.fromEntries(inputs.map((tensor, i) => [`x${i}`, tensor]));
  const outputs = simplify(Object.values(importModel(modelOf(single)).apply({}, named)));
  return emitModel(inputs, outputs).model.graph.node.map(({ opType }) => opType);
}

describe("quantized operators", () => {
  const integers = [
    "MatMulInteger",
    "ConvInteger",
    "QLinearMatMul",
    "QLinearConv",
    "QuantizeLinear",
    "DynamicQuantizeLinear",
  ];
  const found = standard.filter(({ operator }) => integers.includes(operator));

  test.each(found.map((single, k) => [title(single, k), single] as const))("%s stays one kernel", (_, single) =>
    expect(operatorsOf(single).filter((operator) => operator !== "Reshape")).toEqual([single.operator]),
  );

  test.each(["DynamicQuantizeMatMul", "MatMulNBits"])("%s stays one kernel", (operator) => {
    const single = contributed.find((one) => one.operator === operator)!;
    const given = { ...single, domain: "com.microsoft", stored: undefined };
    expect(operatorsOf(given).filter((one) => one !== "Reshape")).toEqual([operator]);
  });

  test("gradients pass through integer products as through those of floats", () => {
    const scale = 0.05;
    const imported = importModel({
      irVersion: 10,
      opsetImport: [{ version: 21 }],
      graph: {
        name: "main",
        node: [
          makeNode("QuantizeLinear", ["x", "s", "z"], ["q"]),
          makeNode("QLinearMatMul", ["q", "s", "z", "w", "s", "z", "s", "z"], ["p"]),
          makeNode("DequantizeLinear", ["p", "s", "z"], ["y"]),
        ],
        initializer: [
          makeTensor({ type: "float32", shape: [], data: [scale] }, "s"),
          makeTensor({ type: "int8", shape: [], data: [0] }, "z"),
          makeTensor({ type: "int8", shape: [2, 1], data: [20, -40] }, "w"),
        ],
        input: [
          { name: "x", type: { tensorType: { elemType: 1, shape: { dim: [{ dimValue: 1 }, { dimValue: 2 }] } } } },
        ],
        output: [{ name: "y" }],
      },
    });
    const [y, dx] = oracle(
      (t) => valueAndGrad((u: Tensor) => sum(imported.apply({}, { x: u }).y))(t),
      [new Value(Float32Array.of(0.5, 0.26), [1, 2])],
    );
    // Codes 10 and 5: 10 · 20 − 5 · 40 = 0; slopes are the weights 1 and −2.
    expectClose(y, [0]);
    expectClose(dx, [20 * scale, -40 * scale]);
  });
});

const scalarOf = (name: string, elemType: number) => ({ name, type: { tensorType: { elemType, shape: { dim: [] } } } });
const vectorOf = (name: string) => ({ name, type: { tensorType: { elemType: 1, shape: { dim: [{ dimValue: 3 }] } } } });

describe("graphs within nodes", () => {
  const wrap = (graph: Partial<GraphProto>, more: Partial<ModelProto> = {}): ModelProto => ({
    irVersion: 10,
    opsetImport: [{ version: 21 }],
    graph: { name: "main", node: [], initializer: [], input: [], output: [], ...graph },
    ...more,
  });

  test("a branch that data chooses", async () => {
    const branch = (operator: string): GraphProto => ({
      name: operator,
      node: [makeNode(operator, ["x"], [`${operator}y`])],
      initializer: [],
      input: [],
      output: [vectorOf(`${operator}y`)],
    });
    const model = wrap({
      node: [
        makeNode("ReduceSum", ["x"], ["s"], { keepdims: 0 }),
        makeNode("Greater", ["s", "zero"], ["c"]),
        makeNode("If", ["c"], ["y"], { then_branch: { graph: branch("Exp") }, else_branch: { graph: branch("Neg") } }),
      ],
      initializer: [makeTensor({ type: "float32", shape: [], data: [0] }, "zero")],
      input: [vectorOf("x")],
      output: [vectorOf("y")],
    });
    for (const sign of [1, -1]) {
      const given = { x: new Value(Float32Array.of(sign, 2 * sign, 3 * sign), [3]) };
      const imported = importModel(model);
      const program = compile((open: any) => imported.apply({}, open) as any);
      const { y } = (await program(given)) as any;
      expectClose(y.data, (await runWhole(imported, given, {}))!.y.data as Float32Array);
    }
  });

  test("a loop that ends when data says so", async () => {
    const body: GraphProto = {
      name: "body",
      node: [
        makeNode("Add", ["v", "v"], ["v2"]),
        makeNode("ReduceMax", ["v2"], ["m"], { keepdims: 0 }),
        makeNode("Less", ["m", "ten"], ["again"]),
      ],
      initializer: [makeTensor({ type: "float32", shape: [], data: [10] }, "ten")],
      input: [scalarOf("i", 7), scalarOf("c", 9), vectorOf("v")],
      output: [scalarOf("again", 9), vectorOf("v2")],
    };
    const model = wrap({
      node: [makeNode("Loop", ["n", "", "x"], ["y"], { body: { graph: body } })],
      initializer: [makeTensor({ type: "int64", shape: [], data: [20] }, "n")],
      input: [vectorOf("x")],
      output: [vectorOf("y")],
    });
    const imported = importModel(model);
    const program = compile((open: any) => imported.apply({}, open) as any);
    const { y } = (await program({ x: new Value(Float32Array.of(1, -1, 0.5), [3]) })) as any;
    expect(y.toArray()).toEqual([16, -16, 8]);
  });

  test("a gradient that the model itself asks for", async () => {
    const model = wrap(
      {
        node: [
          makeNode("Mul", ["a", "b"], ["c"]),
          makeNode("Mul", ["c", "a"], ["d"]),
          makeNode(
            "Gradient",
            ["a", "b"],
            ["da", "db"],
            { xs: ["a", "b"], y: "d" },
            { domain: "ai.onnx.preview.training" },
          ),
        ],
        input: [vectorOf("a"), vectorOf("b")],
        output: [vectorOf("da"), vectorOf("db")],
      },
      { opsetImport: [{ version: 21 }, { domain: "ai.onnx.preview.training", version: 1 }] },
    );
    const [a, b] = [
      [1, 2, 3],
      [4, 5, 6],
    ].map((numbers) => new Value(Float32Array.from(numbers), [3]));
    const { da, db } = await importModel(model).run({ a, b });
    // d = a²b
    expect([da.toArray(), db.toArray()]).toEqual([
      [8, 20, 36],
      [1, 4, 9],
    ]);
  });

  test("text that is known while tracing", async () => {
    const texts = { name: "t", type: { tensorType: { elemType: 8, shape: { dim: [{ dimValue: 3 }] } } } };
    const model = wrap({
      node: [
        makeNode("StringNormalizer", ["t"], ["u"], {
          case_change_action: "UPPER",
          stopwords: ["b"],
          is_case_sensitive: 1,
        }),
        makeNode("StringConcat", ["u", "u"], ["v"]),
        makeNode("Cast", ["x"], ["s"], { to: 8 }),
      ],
      input: [texts, vectorOf("x")],
      output: [{ name: "v" }, { name: "s" }],
    });
    const x = new Value(Float32Array.of(0.1, -2, Number.POSITIVE_INFINITY), [3]);
    const { v, s } = importModel(model).apply({}, { t: ["a", "b", "c"], x } as never) as any;
    expect([v, s]).toEqual([
      ["AA", "CC"],
      ["0.1", "-2", "inf"],
    ]);
  });

  test("functions of the model are unfolded, with their attributes", async () => {
    const model = wrap(
      {
        node: [makeNode("scaled", ["x"], ["y"], { by: { float: 3 } }, { domain: "mine" })],
        input: [vectorOf("x")],
        output: [vectorOf("y")],
      },
      {
        opsetImport: [{ version: 21 }, { domain: "mine", version: 1 }],
        functions: [
          {
            name: "scaled",
            domain: "mine",
            input: ["a"],
            output: ["b"],
            attribute: ["by"],
            opsetImport: [{ version: 21 }],
            node: [
              {
                input: ["a"],
                output: ["b"],
                opType: "LeakyRelu",
                attribute: [{ name: "alpha", type: 1, refAttrName: "by" }],
              },
            ],
          },
        ],
      },
    );
    const { y } = await importModel(model).run({ x: new Value(Float32Array.of(1, -1, 0.5), [3]) });
    expect(y.toArray()).toEqual([1, -3, 0.5]);
  });
});

describe("operators that are not known", () => {
  const model: ModelProto = {
    irVersion: 10,
    opsetImport: [{ version: 21 }, { domain: "com.microsoft", version: 1 }],
    graph: {
      node: [
        makeNode("Exp", ["x"], ["e"]),
        makeNode("Murmur", ["e"], ["h"], {}, { domain: "strange", name: "odd" }),
        makeNode("Blend", ["h"], ["y"], {}, { domain: "strange", name: "odder" }),
      ],
      initializer: [],
      input: [vectorOf("x")],
      output: [{ name: "y" }],
    },
  };

  test("are all listed in one error, with their nodes", async () => {
    const imported = importModel(model);
    expect(() => imported.apply({}, { x: noise([3], 1) })).toThrowError(
      expect.objectContaining({ problems: [expect.objectContaining({ node: "odd", operator: "strange.Murmur" })] }),
    );
  });

  test("are carried where their outputs are declared, and refuse a gradient by name", async () => {
    const { grad, sum } = await import("../../../core/index.ts");
    const carried: ModelProto = {
      ...model,
      graph: {
        ...model.graph,
        node: [
          makeNode("Exp", ["x"], ["e"]),
          makeNode("CDist", ["m", "m"], ["y"], { metric: "euclidean" }, { domain: "com.microsoft", name: "distances" }),
        ].map((node) => (node.opType === "Exp" ? makeNode("Exp", ["x"], ["m"]) : node)),
        input: [
          { name: "x", type: { tensorType: { elemType: 1, shape: { dim: [{ dimParam: "n" }, { dimValue: 2 }] } } } },
        ],
        output: [
          { name: "y", type: { tensorType: { elemType: 1, shape: { dim: [{ dimParam: "n" }, { dimParam: "n" }] } } } },
        ],
      },
    };
    const imported = importModel(carried);
    const given = { x: noise([3, 2], 1) };
    const program = compile((open: any) => imported.apply({}, open) as any);
    const { y } = (await program(given)) as any;
    expectClose(y.data, (await runWhole(imported, given, {}))!.y.data as Float32Array);
    const differentiate = compile((x: any) => grad((z: any) => sum(imported.apply({}, { x: z }).y))(x));
    await expect(differentiate(given.x)).rejects.toThrowError(/distances.*CDist/s);
  });
});
