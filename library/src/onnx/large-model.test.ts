import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor as RuntimeTensor } from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { div, relu, sum, type Tensor, type Value } from "../core/index.ts";
import { decodeModel, type ModelProto } from "../runtime/onnx/protobuf/index.ts";
import { exportOnnx, saveOnnx } from "./export/export-onnx.ts";
import { makeNode } from "./graph/attributes.ts";
import { importOnnx } from "./import/import-onnx.ts";
import { runWhole } from "./import/run-whole.ts";
import { readModel } from "./model/read.ts";
import { makeTensor } from "./model/tensor-data.ts";
import { writeModel } from "./model/write.ts";
import { noise } from "./real-models.ts";
import { swapSoftmax } from "./rewrite/swap.ts";

/** Sizes of a network of three matrices. The large one takes 3 GB of disk and 9 GB of memory. */
const sizes = [
  { name: "a small model with a low threshold", widths: [16, 64, 257, 8], largest: 10_000, smallest: 64 },
  // One tensor of more than 2³¹ bytes, and one that begins behind it.
  { name: "a model above 2 GiB", widths: [1024, 16_640, 32_768, 64], largest: 2 ** 30, smallest: 4096, heavy: true },
].filter(({ heavy }) => !heavy || process.env.SLUICE_LARGE_MODEL);

function network([a, b, c, d]: number[]): ModelProto {
  const float = (name: string, width: number) => ({
    name,
    type: { tensorType: { elemType: 1, shape: { dim: [{ dimParam: "batch" }, { dimValue: width }] } } },
  });
  const matrix = (name: string, rows: number, columns: number) => {
    const data = new Float32Array(rows * columns);
    let state = rows;
    for (let i = 0; i < data.length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      data[i] = (state / 2 ** 31 - 1) / Math.sqrt(rows);
    }
    return makeTensor({ type: "float32", shape: [rows, columns], data }, name);
  };
  return {
    irVersion: 10,
    opsetImport: [{ version: 21 }],
    graph: {
      name: "large",
      node: [
        makeNode("MatMul", ["x", "first"], ["h"]),
        makeNode("Relu", ["h"], ["r"]),
        makeNode("MatMul", ["r", "second"], ["s"]),
        makeNode("Softmax", ["s"], ["p"], { axis: -1 }, { name: "weights" }),
        makeNode("MatMul", ["p", "third"], ["y"]),
      ],
      initializer: [matrix("first", a, b), matrix("second", b, c), matrix("third", c, d)],
      input: [float("x", a)],
      output: [float("y", d)],
    },
  };
}

/** Shares in proportion to the positive part. */
const positiveShare = (x: Tensor, { axis }: { axis: number }): Tensor => {
  const positive = relu(x);
  return div(positive, sum(positive, { axis, keepDims: true }));
};

/** What plain ONNX Runtime gives for a file. */
async function plain(path: string, x: Value): Promise<Float32Array> {
  const session = await InferenceSession.create(path);
  const { y } = await session.run({ x: new RuntimeTensor("float32", x.data as Float32Array, x.shape) });
  const data = (y.data as Float32Array).slice();
  await session.release();
  return data;
}

function expectNear(given: ArrayLike<unknown>, wanted: Float32Array): void {
  expect(given.length).toBe(wanted.length);
  // float32 sums of up to 32,768 terms in another order
  wanted.forEach((y, i) => {
    expect(Math.abs(Number(given[i]) - y)).toBeLessThan(1e-6 + 1e-4 * Math.abs(y));
  });
}

describe.each(sizes)("$name", ({ widths, largest, smallest }) => {
  let folder: string;
  let path: string;
  const x = noise([2, widths[0]], 1);
  const bytes = 4 * (widths[0] * widths[1] + widths[1] * widths[2] + widths[2] * widths[3]);
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-large-"));
    path = join(folder, "large.onnx");
    const written = await writeModel(network(widths), path, { largest, smallest });
    expect(written).toEqual([path, `${path}.data`]);
  }, 600_000);
  afterAll(() => rm(folder, { recursive: true }));

  test("its weights lie in the data file, each where the model says", async () => {
    expect((await stat(path)).size).toBeLessThan(2000);
    expect((await stat(`${path}.data`)).size).toBeGreaterThanOrEqual(bytes);
    const { readFile } = await import("node:fs/promises");
    const { initializer } = decodeModel(await readFile(path)).graph;
    const offsets = initializer.map(({ externalData }) => Number(externalData![1].value));
    expect(offsets.every((offset) => offset % 4096 === 0)).toBe(true);
    if (bytes > 2 ** 31) expect(offsets[2]).toBeGreaterThan(2 ** 31);
  });

  test("it is read without a second copy, runs as plain ONNX Runtime does, is swapped, and written again", async () => {
    const before = process.memoryUsage().rss;
    const model = await importOnnx(path);
    const grown = process.memoryUsage().rss - before;
    // Room for what the collector has not taken yet.
    expect(grown).toBeLessThan(1.1 * bytes + 2 ** 28);
    const { y } = await model.run({ x });
    expectNear(y.data, await plain(path, x));

    const swapped = swapSoftmax(model, positiveShare, { where: "all" });
    const other = join(folder, "swapped.onnx");
    await saveOnnx(swapped, other, { inputs: { x }, largest, smallest });
    const ours = (await swapped.run({ x })).y;
    expect(ours.data).not.toEqual(y.data);
    expectNear(ours.data, await plain(other, x));
    const again = await readModel(other);
    for (const { name, rawData } of model.model.graph.initializer) {
      const found = again.graph.initializer.find((one) => one.name === name);
      expect(Buffer.compare(found!.rawData!, rawData!), name).toBe(0);
    }
    if (bytes > 2 ** 31) expect(() => exportOnnx(model)).toThrow(RangeError);
  }, 600_000);

  test("ONNX Runtime runs it whole, its weights left where they are", async () => {
    const model = await importOnnx(path);
    const whole = await runWhole(model, { x }, {}, smallest);
    expectNear(whole!.y.data, await plain(path, x));
  }, 600_000);
});
