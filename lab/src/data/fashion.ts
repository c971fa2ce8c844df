import { DataError } from "./errors.ts";
import {
  type ImageClasses,
  type ImageOptions,
  imageColumns,
  type LabelledImages,
  loadImageClasses,
} from "./image-classes.ts";
import { packageJson } from "./packages.ts";
import { Random } from "./random.ts";
import type { Part, Testbed } from "./testbed.ts";

const classes = [
  "T-shirt/top",
  "trouser",
  "pullover",
  "dress",
  "coat",
  "sandal",
  "shirt",
  "sneaker",
  "bag",
  "ankle boot",
] as const;

const part: Part = {
  name: "fashion",
  version: 1,
  sha256: "bbe160f6c4010bf552b007b65c7cd6ce337d5ddfef505e46dc10c373653c2cb5",
  prepare() {
    // The package holds, class by class, the original's 1,000 test images and then its 6,000 training images; in the
    // first class an empty row stands after either group.
    const images = classes.map((_, label) => {
      const rows = packageJson<{ data: number[][] }>("fashion-mnist", `src/clothes/${label}.json`).data;
      return rows.filter((row) => row.length === 28 * 28);
    });
    if (images.some((rows) => rows.length !== 7000))
      throw new DataError("package-changed", "fashion-mnist", "7,000 images a class were expected; run `npm ci`");
    const train = mixed(images, 1000, 7000, 0);
    const test = mixed(images, 0, 1000, 1);
    return {
      columns: { "train.x": train.x, "train.y": train.y, "test.x": test.x, "test.y": test.y },
      metadata: {},
    };
  },
};

export const testbed: Testbed = {
  name: "fashion",
  summary: "articles of clothing, 28×28 grey, a harder drop-in for mnist",
  source: "fashion-mnist 1.1.0",
  licence: "MIT (Zalando SE)",
  sizes: "60,000 + 10,000 images",
  split: "the original training and test images, mixed; validation on request from the end of the training images",
  parts: [part],
};

/**
 * Fashion-MNIST: clothes as uint8[n, 1, 28, 28] with scale 1/255, labels int32[n] in 0 … 9.
 *
 * @example
 * const { train, validation, test, classes } = await loadFashion({ validation: 5000 });
 */
export const loadFashion = (options?: ImageOptions): Promise<ImageClasses> => loadImageClasses(part, classes, options);

/** Images `start` … `end − 1` of every class, in one random order. */
function mixed(images: readonly number[][][], start: number, end: number, seed: number): LabelledImages {
  const perClass = end - start;
  const order = new Random(seed).permutation(images.length * perClass);
  const pixels = new Uint8Array(order.length * 28 * 28);
  const labels = order.map((index) => Math.floor(index / perClass));
  for (const [place, index] of order.entries())
    pixels.set(images[labels[place]][start + (index % perClass)], place * 28 * 28);
  return imageColumns(pixels, labels);
}
