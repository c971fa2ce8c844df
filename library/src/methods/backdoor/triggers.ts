import { SettingError } from "../../core/errors.ts";
import { add, clip, mul, type Tensor, type TensorLike, where } from "../../core/index.ts";
import { asTensor } from "../../core/tensor.ts";
import { Value } from "../../core/value.ts";
import { uniformSource } from "../uniform-source.ts";

/** A change to images that a poisoned classifier reacts to. */
export interface Trigger {
  readonly name: string;
  /** The images with the trigger on them: float[batch, channels, height, width] in [0, 1], the same shape. */
  apply(images: TensorLike): Tensor;
}

const spaceOf = (images: Tensor): [height: number, width: number] => [images.shape.at(-2)!, images.shape.at(-1)!];

/** A picture of one number a pixel, for all channels alike. */
function picture(height: number, width: number, level: (row: number, column: number) => number): Value {
  const pixels = Float32Array.from({ length: height * width }, (_, i) => level(Math.floor(i / width), i % width));
  return new Value(pixels, [1, 1, height, width]);
}

export interface PatchOptions {
  /** Levels of the patch, row by row. Default: a 3×3 checker, its corners and centre light. */
  readonly pattern?: readonly (readonly number[])[];
  /** Where its upper left pixel is. Default: one pixel away from the lower right corner. */
  readonly row?: number;
  readonly column?: number;
}

/**
 * A small patch that covers what is there.
 *
 * @throws SettingError `patchTrigger/place` where the patch does not lie within the images
 * @source Gu, Dolan-Gavitt & Garg 2017, arXiv:1708.06733
 */
export function patchTrigger(options: PatchOptions = {}): Trigger {
  const {
    pattern = [
      [1, 0, 1],
      [0, 1, 0],
      [1, 0, 1],
    ],
  } = options;
  return {
    name: "patch",
    apply(images) {
      const x = asTensor(images);
      const [height, width] = spaceOf(x);
      const { row = height - 1 - pattern.length, column = width - 1 - pattern[0].length } = options;
      const inside = row >= 0 && column >= 0 && row + pattern.length <= height && column + pattern[0].length <= width;
      if (!inside)
        throw new SettingError("patchTrigger/place", `a patch at ${row}, ${column} leaves ${height}×${width} images`, {
          given: { row, column },
        });
      const covered = (r: number, c: number) => pattern[r - row]?.[c - column];
      const mask = picture(height, width, (r, c) => (covered(r, c) === undefined ? 0 : 1));
      return where(
        new Value(Uint8Array.from(mask.toFloat64()), mask.shape, "bool"),
        picture(height, width, (r, c) => covered(r, c) ?? 0),
        x,
      );
    },
  };
}

/**
 * A faint picture of noise over everything.
 *
 * @param options  `share` α of the noise in [0, 1], default 0.2; `seed` of the noise, default 7
 * @source         Chen et al. 2017, arXiv:1712.05526
 */
export const blendTrigger = ({ share = 0.2, seed = 7 } = {}): Trigger => ({
  name: "blend",
  apply(images) {
    const random = uniformSource(seed);
    const x = asTensor(images);
    const noise = picture(...spaceOf(x), () => random.uniform());
    return add(mul(x, 1 - share), mul(noise, share));
  },
});

/**
 * Faint stripes: a sine along each row.
 *
 * @param options  `size` of the sine, default 0.12; `cycles` over the width, default 6
 * @source         Barni, Kallas & Tondi 2019, arXiv:1902.11237
 */
export const sinusoidTrigger = ({ size = 0.12, cycles = 6 } = {}): Trigger => ({
  name: "sinusoid",
  apply(images) {
    const x = asTensor(images);
    const [height, width] = spaceOf(x);
    const stripes = picture(height, width, (_, column) => size * Math.sin((2 * Math.PI * cycles * column) / width));
    return clip(add(x, stripes), 0, 1);
  },
});

/** Anything that is added, and cut off at the range of pixels; `range: null` leaves it as it is. */
export const additiveTrigger = (
  change: TensorLike,
  { range = [0, 1] }: { readonly range?: readonly [number, number] | null } = {},
): Trigger => ({
  name: "additive",
  apply(images) {
    const moved = add(images, change);
    return range === null ? moved : clip(moved, ...range);
  },
});
