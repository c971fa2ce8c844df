import { leavesOf, type Value, value } from "sluice";
import { softpick } from "sluice/methods/normalizers/softpick";
import { describe, expect, test } from "vitest";
import { backcopy } from "../data/backcopy.ts";
import { batches } from "../data/batches.ts";
import { Random } from "../data/random.ts";
import { accuracy, type CnnConfig, cnn, logitsOf, trainCnn } from "./image-classifier.ts";
import {
  initByLayer,
  type LanguageModel,
  languageModelLoss,
  nextTokens,
  predict,
  readAttention,
  trainLanguageModel,
} from "./language-model.ts";
import { Killed, memoryLab } from "./memory-lab.ts";
import { firstOf, type GreyImages, joined, mixtures, noise, permuted, rotated, someInverted } from "./outliers.ts";

const language = backcopy({ seed: 3 });
const training = nextTokens(language.sample(512, new Random(3)));
const held = nextTokens(language.sample(64, new Random(4)));
const model: LanguageModel = {
  config: { vocabulary: 32, context: 63, layers: 1, heads: 2, width: 16 },
  init: initByLayer,
  normalizer: (scores, mask) => softpick(scores, { mask }),
};
const trainModel = (lab: ReturnType<typeof memoryLab>, steps: number) =>
  trainLanguageModel(lab, "train", model, {
    steps,
    lr: 1e-2,
    clip: 1,
    batches: (start) => batches(training, { batch: 32, seed: lab.seed, start, steps }),
  });
const numbers = (params: unknown) => (leavesOf(params) as Value[]).flatMap((leaf) => [...leaf.toFloat64()]);

describe("language models", () => {
  test("sequences are predicted one place on", () => {
    const { x, y } = nextTokens({ data: Int32Array.from([1, 2, 3, 4, 5, 6]), shape: [2, 3] });
    expect([x.shape, [...x.data], [...y.data]]).toEqual([
      [2, 2],
      [1, 2, 4, 5],
      [2, 3, 5, 6],
    ]);
  });

  test("training lowers the loss below that of the first step, and logs every step", async () => {
    const lab = memoryLab();
    const params = await trainModel(lab, 60);
    const losses = lab.heard.metrics.get("train loss/nats")!;
    expect(losses).toHaveLength(60);
    expect(losses[0]).toBeGreaterThan(3);
    const loss = await languageModelLoss(model, params, [held]);
    expect(loss).toBeLessThan(losses[0] - 0.5);
    expect((await predict(model, params, held.x)).shape).toEqual([64, 63, 32]);
  });

  test("killed and gone on with, training ends where it ends undisturbed, bit for bit", async () => {
    const whole = memoryLab();
    const expected = numbers(await trainModel(whole, 12));
    const first = memoryLab({ killAt: 7 });
    await expect(trainModel(first, 12)).rejects.toThrow(Killed);
    const second = memoryLab({ from: first });
    expect(numbers(await trainModel(second, 12))).toEqual(expected);
    expect(second.heard.metrics.get("train loss/nats")).toEqual(whole.heard.metrics.get("train loss/nats"));
  });

  test("another seed begins elsewhere", async () => {
    const [one, other] = [memoryLab({ seed: 1 }), memoryLab({ seed: 2 })];
    expect(numbers(await trainModel(one, 1))).not.toEqual(numbers(await trainModel(other, 1)));
  });

  test("attention is read with weights of every layer, causal, on the model's own normalizer", async () => {
    const params = await trainModel(memoryLab(), 1);
    const { weights, values } = await readAttention(model, params, held.x, ([layer]) => layer);
    expect([weights.shape, values.shape]).toEqual([
      [64, 2, 63, 63],
      [64, 2, 63, 8],
    ]);
    const first = weights.toFloat64().slice(0, 63);
    expect([...first.slice(1)].every((weight) => weight === 0)).toBe(true);
  });

  test("batches that end too early are named", async () => {
    const lab = memoryLab();
    const options = { steps: 3, lr: 1e-3, batches: () => [held] };
    await expect(trainLanguageModel(lab, "train", model, options)).rejects.toThrow(
      "the batches end before step 1 of 3",
    );
  });
});

describe("image classifiers", () => {
  const config: CnnConfig = { channels: 1, size: 8, widths: [4, 4], hidden: 8, classes: 2 };
  /** Bright above or bright below. */
  const pictures = (count: number) => ({
    x: {
      data: Uint8Array.from({ length: count * 64 }, (_, at) => (at % 64 < 32 === at / 64 < count / 2 ? 200 : 20)),
      shape: [count, 1, 8, 8],
      scale: 1 / 255,
    },
    y: { data: Int32Array.from({ length: count }, (_, i) => (i < count / 2 ? 0 : 1)), shape: [count] },
  });

  test("learn to tell above from below; logits come in batches, a smaller last one included", async () => {
    const images = pictures(32);
    const params = await trainCnn(memoryLab(), "train", config, images, { steps: 30, lr: 1e-2, batch: 16 });
    const logits = await logitsOf(params, images.x, 20);
    expect(logits).toHaveLength(64);
    expect(accuracy(logits, images.y.data)).toBe(1);
    expect(accuracy(Float32Array.from([1, 2, 3, 0]), [1, 1])).toBe(0.5);
  });

  test("have the shapes that they are asked for", async () => {
    const { compile, key } = await import("sluice");
    const { initCnn } = await import("./image-classifier.ts");
    const run = compile((k: any, x: any) => cnn(initCnn(k, { ...config, widths: [4, 4, 6], classes: 5 }), x));
    expect((await run(key(1), value(new Float32Array(3 * 64), { shape: [3, 1, 8, 8] }))).shape).toEqual([3, 5]);
  });
});

describe("outliers", () => {
  const grey = (count: number): GreyImages => ({
    data: Uint8Array.from({ length: count * 784 }, (_, at) => (at * 31) % 251),
    shape: [count, 1, 28, 28],
    scale: 1 / 255,
  });
  const source = grey(3);

  test("turned four times, an image is what it was; once, its left column is its bottom row", () => {
    const turned = rotated(source);
    expect([...rotated(rotated(rotated(turned))).data]).toEqual([...source.data]);
    expect(turned.data[0]).toBe(source.data[27]);
    expect(turned.data[27 * 28]).toBe(source.data[0]);
  });

  test("permuted images keep their pixels, all in the same new places", () => {
    const mixed = permuted(source, new Random(1));
    const sorted = (data: Uint8Array, image: number) =>
      [...data.slice(image * 784, (image + 1) * 784)].sort((a, b) => a - b);
    for (const image of [0, 1, 2]) expect(sorted(mixed.data, image)).toEqual(sorted(source.data, image));
    expect([...mixed.data]).not.toEqual([...source.data]);
    const twice = joined(firstOf(source, 1), firstOf(source, 1));
    const both = permuted(twice, new Random(1)).data;
    expect([...both.slice(0, 784)]).toEqual([...both.slice(784)]);
  });

  test("noise, mixtures and inverted images come in the number asked for, the same for a seed", () => {
    for (const make of [
      (random: Random) => noise(4, random),
      (random: Random) => mixtures(source, 4, random),
      (random: Random) => someInverted(source, 4, random),
    ]) {
      const images = make(new Random(5));
      expect(images.shape).toEqual([4, 1, 28, 28]);
      expect([...make(new Random(5)).data]).toEqual([...images.data]);
      expect([...make(new Random(6)).data]).not.toEqual([...images.data]);
    }
    const bright = mixtures({ ...source, data: new Uint8Array(3 * 784).fill(200) }, 2, new Random(1));
    expect(Math.max(...bright.data)).toBe(200);
    expect(Math.min(...bright.data)).toBeLessThan(200);
  });
});
