import type { LabelledImages } from "../data/image-classes.ts";
import type { Random } from "../data/random.ts";

/** The images with a share of the labels drawn anew, evenly from all classes: label noise as it is commonly made. */
export function withRandomLabels(
  images: LabelledImages,
  share: number,
  classes: number,
  random: Random,
): LabelledImages {
  const data = images.y.data.map((label) => (random.chance(share) ? random.below(classes) : label));
  return { ...images, y: { ...images.y, data } };
}
