import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeModel, encodeTensor, type ModelProto } from "../runtime/onnx/protobuf/index.ts";
import { onnxCommands } from "./commands.ts";
import { makeNode } from "./graph/attributes.ts";
import { importOnnx } from "./import/import-onnx.ts";
import { makeTensor } from "./model/tensor-data.ts";

const float = (name: string, shape: number[]) => ({
  name,
  type: { tensorType: { elemType: 1, shape: { dim: shape.map((dimValue) => ({ dimValue })) } } },
});
const model: ModelProto = {
  irVersion: 8,
  opsetImport: [{ version: 17 }],
  graph: {
    node: [makeNode("MatMul", ["x", "w"], ["h"], {}, { name: "product" }), makeNode("Add", ["h", "b"], ["y"])],
    initializer: [
      makeTensor({ type: "float32", shape: [2, 1], data: [0.1, -0.2] }, "w"),
      makeTensor({ type: "float32", shape: [1], data: [0] }, "b"),
    ],
    input: [float("x", [1, 2])],
    output: [float("y", [1, 1])],
  },
};

const run = (name: string, args: string[], options = {}) =>
  onnxCommands.find((command) => command.name === name)!.run(args, options);

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-commands-"));
  path = join(folder, "model.onnx");
  await writeFile(path, encodeModel(model));
  // The task: y = 2 x₀ − x₁ + 1.
  for (const [k, [a, b]] of [
    [0, 0],
    [1, 0],
    [0, 1],
    [1, 1],
  ].entries()) {
    const set = join(folder, "data", `test_data_set_${k}`);
    await mkdir(set, { recursive: true });
    const tensor = (data: number[]) => encodeTensor(makeTensor({ type: "float32", shape: [1, data.length], data }));
    await writeFile(join(set, "input_0.pb"), tensor([a, b]));
    await writeFile(join(set, "output_0.pb"), tensor([2 * a - b + 1]));
  }
});
afterAll(() => rm(folder, { recursive: true }));

test("inspect shows the interface and what can be trained", async () => {
  const text = await run("inspect", [path]);
  expect(text).toContain("input   x     float32[1,2]");
  expect(text).toMatch(/^trained +2 +3$/m);
});

test("finetune writes a model that has learned the task; diff shows what changed", async () => {
  const out = join(folder, "tuned.onnx");
  const options = { data: join(folder, "data"), out, loss: "squared", epochs: "300", lr: "0.03" };
  expect(await run("finetune", [path], options)).toMatch(/^epoch +loss\n-+ +-+\n +1 /);
  const { params } = await importOnnx(out);
  expect(params.w.toArray().flat().map(Math.round)).toEqual([2, -1]);
  expect(Math.round(params.b.item())).toBe(1);
  expect(await run("diff", [path, out])).toMatch(/^~ +tensor +w +float32\[2,1\] +2 of 2 elements differ/m);
  const frozen = join(folder, "bias.onnx");
  await run("finetune", [path], { ...options, out: frozen, epochs: "1", train: "^b$" });
  expect((await importOnnx(frozen)).params.w.data).toEqual((await importOnnx(path)).params.w.data);
});

test("quantize writes a smaller kind of model and a table", async () => {
  const out = join(folder, "small.onnx");
  const text = await run("quantize", [path], { data: join(folder, "data"), out });
  expect(text).toMatch(/^w +weight +-0\.2000 +0\.1000/m);
  expect((await importOnnx(out)).graph.find("QuantizeLinear")).toHaveLength(1);
});

test("mistakes are said in the command's words", async () => {
  await expect(run("quantize", [path], { data: folder })).rejects.toMatchObject({ code: "onnx/option" });
  await expect(run("finetune", [path], { out: "x", data: folder })).rejects.toMatchObject({ code: "examples/none" });
  const options = { out: "x", data: join(folder, "data"), loss: "mean" };
  await expect(run("finetune", [path], options)).rejects.toMatchObject({ code: "onnx/option", given: "mean" });
  await expect(run("inspect", [join(folder, "none")])).rejects.toMatchObject({ code: "unreadable" });
});
