import { intersectionOverUnion } from "sluice/methods/vision/boxes";
import type { Column } from "./column.ts";
import { requireOption } from "./errors.ts";
import { Random } from "./random.ts";
import { resize } from "./resize.ts";
import { sampled } from "./sampled.ts";
import type { Testbed } from "./testbed.ts";

/** What scenes are made of: pictures that are 0 outside of their object, and their classes. */
export interface Sprites {
  /** uint8[n, 1, height, width], light on black, as digits are */
  readonly x: Column<Uint8Array>;
  /** int32[n] */
  readonly y: Column<Int32Array>;
}

export interface ScenesOptions {
  readonly count: number;
  readonly seed: number;
  /** Height and width of a scene, pixels. Default 96 */
  readonly size?: number;
  /** Fewest and most objects. Default 6 and 10 */
  readonly objects?: readonly [fewest: number, most: number];
  /** Least and greatest length of an object's longer side, pixels. Default 20 and 32 */
  readonly scale?: readonly [least: number, greatest: number];
  /** How often an object is put beside an earlier one, 0 … 1. Default 0.6; 0 overlaps by accident alone */
  readonly crowding?: number;
  /** How far crowded boxes overlap: intersection over union, drawn evenly. Default 0.2 … 0.55 */
  readonly overlap?: readonly [low: number, high: number];
  /** How often an object beside another is of its class, 0 … 1. Default 0.6 */
  readonly sameClass?: number;
}

export interface Scenes {
  /** uint8[count, 1, size, size]; 0 … 1 as floats of a batch */
  readonly x: Column<Uint8Array> & { readonly scale: number };
  /** float32[count, most, 4], tight boxes (left, top, right, bottom) in pixels; 0 where there is no object */
  readonly boxes: Column<Float32Array>;
  /** int32[count, most], −1 where there is no object */
  readonly classes: Column<Int32Array>;
  [column: string]: Column;
}

type Box = readonly [left: number, top: number, right: number, bottom: number];

export const testbed: Testbed = {
  name: "scenes",
  summary: "several digits in one image, many of them overlapping on purpose, with tight boxes",
  source: "generated (lab/src/data/scenes.ts) from the images given, commonly mnist",
  licence: "MIT, as the lab; images as their testbed",
  sizes: "any number of scenes",
  split: "by the images they are made of",
  parts: [],
  sample: sampled("b9059031936cddecf43fbbb78c8b4bf06e0e8723ac4c88f38d465f5103e1f978", () => {
    const x = Uint8Array.from({ length: 3 * 64 }, (_, place) => (place % 8 > 1 && place % 8 < 6 ? 255 - place : 0));
    const sprites = { x: { data: x, shape: [3, 1, 8, 8] }, y: { data: Int32Array.of(0, 1, 2), shape: [3] } };
    return placeScenes(sprites, { count: 2, seed: 0, size: 48, scale: [10, 16], objects: [3, 4] });
  }),
};

/**
 * Scenes of scaled pictures, brightest pixel on top. Objects overlap in pairs: a third one keeps its overlap below the
 * low end of `overlap`, as long as there is room.
 *
 * @example
 * const { train } = await loadMnist();
 * const scenes = placeScenes(train, { count: 4000, seed: 1 });
 */
export function placeScenes(sprites: Sprites, options: ScenesOptions): Scenes {
  const { count, seed, size = 96, objects = [6, 10], scale = [20, 32] } = options;
  requireOption(objects[0] > 0 && objects[1] >= objects[0], "objects", `from 1, fewest first; given ${objects}`);
  requireOption(scale[0] > 1 && scale[1] >= scale[0] && scale[1] <= size, "scale", `2 … ${size}; given ${scale}`);
  requireOption(sprites.x.shape[1] === 1, "sprites", `grey pictures are needed, given [${sprites.x.shape}]`);
  const random = new Random(seed).split("scenes");
  const most = objects[1];
  const x = new Uint8Array(count * size * size);
  const boxes = new Float32Array(count * most * 4);
  const classes = new Int32Array(count * most).fill(-1);
  const byClass = Map.groupBy(sprites.y.data.keys(), (index) => sprites.y.data[index]);
  for (let scene = 0; scene < count; scene++) {
    const canvas = x.subarray(scene * size * size, (scene + 1) * size * size);
    const placed = layOut(sprites, byClass, {
      ...options,
      size,
      scale,
      random,
      count: objects[0] + random.below(most - objects[0] + 1),
    });
    for (const [place, { box, label, pixels }] of placed.entries()) {
      boxes.set(box, (scene * most + place) * 4);
      classes[scene * most + place] = label;
      const [left, top, right] = box;
      for (let i = 0; i < pixels.length; i++) {
        const target = (top + Math.floor(i / (right - left))) * size + left + (i % (right - left));
        canvas[target] = Math.max(canvas[target], pixels[i]);
      }
    }
  }
  return {
    x: { data: x, shape: [count, 1, size, size], scale: 1 / 255 },
    boxes: { data: boxes, shape: [count, most, 4] },
    classes: { data: classes, shape: [count, most] },
  };
}

interface Placed {
  readonly box: Box;
  readonly label: number;
  /** Of the box, row by row. */
  readonly pixels: Float32Array;
}

interface Layout extends ScenesOptions {
  readonly size: number;
  readonly scale: readonly [number, number];
  readonly random: Random;
}

// Full scenes have no room left without a third object in the way.
const patience = 100;

function layOut(sprites: Sprites, byClass: ReadonlyMap<number, readonly number[]>, layout: Layout): Placed[] {
  const { count, size, scale, random, crowding = 0.6, overlap = [0.2, 0.55], sameClass = 0.6 } = layout;
  const placed: Placed[] = [];
  let refused = 0;
  while (placed.length < count) {
    const partner = placed.length > 0 && random.chance(crowding) ? random.pick(placed) : undefined;
    const like = partner && random.chance(sameClass) ? byClass.get(partner.label) : undefined;
    const index = like ? random.pick(like) : random.below(sprites.y.data.length);
    const side = scale[0] + random.below(scale[1] - scale[0] + 1);
    const { pixels, width, height } = scaledTight(sprites.x, index, side);
    const target = random.uniform(...overlap);
    const box = partner
      ? beside(partner.box, width, height, target, size, random)
      : anywhere(width, height, size, random);
    // A shape that cannot overlap its partner so far, or would leave the scene, is replaced by another.
    if (box === undefined) continue;
    const piled = placed.some((other) => other !== partner && intersectionOverUnion(other.box, box) > overlap[0]);
    if (piled && ++refused <= patience) continue;
    placed.push({ box, label: sprites.y.data[index], pixels });
  }
  return placed;
}

interface Crop {
  readonly pixels: Float32Array;
  readonly width: number;
  readonly height: number;
}

/** The object of a picture without its empty margin, its longer side scaled. */
function scaledTight(x: Column<Uint8Array>, index: number, side: number): Crop {
  const [, , rows, columns] = x.shape;
  const picture = x.data.subarray(index * rows * columns, (index + 1) * rows * columns);
  const { pixels, width, height } = withoutMargin(Float32Array.from(picture), columns, rows);
  requireOption(width > 0, "sprites", `picture ${index} is empty`);
  const factor = side / Math.max(width, height);
  const [newWidth, newHeight] = [width, height].map((length) => Math.max(2, Math.round(length * factor)));
  // What fades to nothing at the edges would leave the box wider than what is seen.
  return withoutMargin(resize(pixels, [height, width], [newHeight, newWidth]).map(Math.round), newWidth, newHeight);
}

function withoutMargin(pixels: Float32Array, columns: number, rows: number): Crop {
  let [left, top, right, bottom] = [columns, rows, 0, 0];
  for (const [place, value] of pixels.entries()) {
    if (value === 0) continue;
    const [row, column] = [Math.floor(place / columns), place % columns];
    [left, top] = [Math.min(left, column), Math.min(top, row)];
    [right, bottom] = [Math.max(right, column + 1), Math.max(bottom, row + 1)];
  }
  const width = Math.max(0, right - left);
  const height = Math.max(0, bottom - top);
  const inside = new Float32Array(width * height);
  for (let row = 0; row < height; row++) {
    const start = (top + row) * columns + left;
    inside.set(pixels.subarray(start, start + width), row * width);
  }
  return { pixels: inside, width, height };
}

function anywhere(width: number, height: number, size: number, random: Random): Box {
  const left = random.below(size - width + 1);
  const top = random.below(size - height + 1);
  return [left, top, left + width, top + height];
}

/** A box in a random direction from `partner`, as far away as `target` says; undefined where there is none. */
function beside(
  partner: Box,
  width: number,
  height: number,
  target: number,
  size: number,
  random: Random,
): Box | undefined {
  const angle = random.uniform(0, 2 * Math.PI);
  const at = (distance: number): Box => {
    const left = (partner[0] + partner[2] - width) / 2 + distance * Math.cos(angle);
    const top = (partner[1] + partner[3] - height) / 2 + distance * Math.sin(angle);
    return [left, top, left + width, top + height];
  };
  if (intersectionOverUnion(partner, at(0)) < target) return undefined;
  let [near, far] = [0, 2 * size];
  for (let halving = 0; halving < 30; halving++) {
    const middle = (near + far) / 2;
    if (intersectionOverUnion(partner, at(middle)) > target) near = middle;
    else far = middle;
  }
  const left = Math.round(at(near)[0]);
  const top = Math.round(at(near)[1]);
  return left >= 0 && top >= 0 && left + width <= size && top + height <= size
    ? [left, top, left + width, top + height]
    : undefined;
}
