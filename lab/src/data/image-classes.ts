import { type CacheOptions, loadPart } from "./cache.ts";
import { type Column, rowCount, slice } from "./column.ts";
import { requireOption } from "./errors.ts";
import type { Part } from "./testbed.ts";

/** Grey images and their classes. */
export interface LabelledImages {
  /** uint8[n, 1, 28, 28]; 0 … 1 as floats of a batch */
  readonly x: Column<Uint8Array> & { readonly scale: number };
  /** int32[n], class numbers */
  readonly y: Column<Int32Array>;
  [column: string]: Column;
}

export interface ImageClasses {
  readonly classes: readonly string[];
  readonly train: LabelledImages;
  readonly validation: LabelledImages;
  readonly test: LabelledImages;
}

export interface ImageOptions extends CacheOptions {
  /** Images taken from the end of the 60,000 training images. Default 0: the sheets train on all of them */
  readonly validation?: number;
}

export const imageColumns = (pixels: Uint8Array, labels: Int32Array): LabelledImages => ({
  x: { data: pixels, shape: [labels.length, 1, 28, 28], scale: 1 / 255 },
  y: { data: labels, shape: [labels.length] },
});

/** Reads a part with the columns `train.x`, `train.y`, `test.x` and `test.y`. */
export async function loadImageClasses(
  part: Part,
  classes: readonly string[],
  { validation = 0, ...cache }: ImageOptions = {},
): Promise<ImageClasses> {
  const { columns } = await loadPart(part, cache);
  const labelled = (split: string) => ({ x: columns[`${split}.x`], y: columns[`${split}.y`] }) as LabelledImages;
  const all = labelled("train");
  const trained = rowCount(all) - validation;
  requireOption(validation >= 0 && trained > 0, "validation", `0 … 59,999 images are possible, given ${validation}`);
  return { classes, train: slice(all, 0, trained), validation: slice(all, trained), test: labelled("test") };
}
