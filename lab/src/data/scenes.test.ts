import { intersectionOverUnion } from "sluice/methods/vision/boxes";
import { describe, expect, test } from "vitest";
import { placeScenes, type Scenes } from "./scenes.ts";

// Full rectangles of several shapes on an empty margin: what is seen is exactly the box.
const labels = Int32Array.from({ length: 30 }, (_, index) => index % 5);
const pixels = Uint8Array.from({ length: 30 * 784 }, (_, place) => {
  const [row, column, index] = [Math.floor((place % 784) / 28), place % 28, Math.floor(place / 784)];
  return row >= 4 && row < 24 && column >= 6 && column < 14 + (index % 8) ? 200 : 0;
});
const sprites = { x: { data: pixels, shape: [30, 1, 28, 28] }, y: { data: labels, shape: [30] } };

function objectsOf({ boxes, classes }: Scenes, scene: number) {
  const most = classes.shape[1];
  return Array.from({ length: most }, (_, place) => ({
    label: classes.data[scene * most + place],
    box: [...boxes.data.subarray((scene * most + place) * 4, (scene * most + place + 1) * 4)],
  })).filter(({ label }) => label >= 0);
}

/** The largest overlap of an object with an earlier one, and whether that one is of its class. */
const overlaps = (scenes: Scenes) =>
  Array.from({ length: scenes.x.shape[0] }, (_, scene) => {
    const objects = objectsOf(scenes, scene);
    return objects.slice(1).map(({ box, label }, later) => {
      const earlier = objects
        .slice(0, later + 1)
        .map((other) => ({ ...other, overlap: intersectionOverUnion(box, other.box) }));
      const most = earlier.reduce((a, b) => (b.overlap > a.overlap ? b : a));
      return { overlap: most.overlap, same: most.label === label };
    });
  }).flat();

describe("scenes", () => {
  const scenes = placeScenes(sprites, { count: 200, seed: 3 });

  test("boxes lie inside, are as large as asked for, and hold exactly what is seen", () => {
    expect(scenes.x.shape).toEqual([200, 1, 96, 96]);
    const counts = new Set<number>();
    for (let scene = 0; scene < 200; scene++) {
      const objects = objectsOf(scenes, scene);
      counts.add(objects.length);
      const seen = new Uint8Array(96 * 96);
      for (const {
        box: [left, top, right, bottom],
      } of objects) {
        expect(Math.min(left, top)).toBeGreaterThanOrEqual(0);
        expect(Math.max(right, bottom)).toBeLessThanOrEqual(96);
        expect(Math.max(right - left, bottom - top)).toBeGreaterThanOrEqual(20);
        expect(Math.max(right - left, bottom - top)).toBeLessThanOrEqual(32);
        for (let y = top; y < bottom; y++) seen.fill(1, y * 96 + left, y * 96 + right);
      }
      const canvas = scenes.x.data.subarray(scene * 96 * 96, (scene + 1) * 96 * 96);
      expect(canvas.every((value, place) => value > 0 === seen[place] > 0)).toBe(true);
    }
    expect([...counts].sort((a, b) => a - b)).toEqual([6, 7, 8, 9, 10]);
  });

  test("crowding overlaps boxes as far as asked for; without it they overlap by accident alone", () => {
    const deliberate = (given: ReturnType<typeof overlaps>) =>
      given.filter(({ overlap }) => overlap > 0.2).length / given.length;
    expect(deliberate(overlaps(scenes))).toBeGreaterThan(0.4);
    expect(deliberate(overlaps(placeScenes(sprites, { count: 200, seed: 3, crowding: 0 })))).toBeLessThan(0.05);
    const sparse = { count: 300, seed: 4, objects: [2, 2], crowding: 1, size: 128 } as const;
    for (const { overlap } of overlaps(placeScenes(sprites, sparse))) {
      // Whole pixels move the overlap of boxes of 8 × 20 by up to a tenth.
      expect(overlap).toBeGreaterThan(0.1);
      expect(overlap).toBeLessThan(0.65);
    }
  });

  test("an object beside another is of its class 0.6 + 0.4/5 of the time", () => {
    const pairs = overlaps(placeScenes(sprites, { count: 1500, seed: 5, objects: [2, 2], crowding: 1 }));
    // Four standard errors; shapes that do not fit are replaced, which is all but independent of the class here.
    expect(Math.abs(pairs.filter(({ same }) => same).length / pairs.length - 0.68)).toBeLessThan(0.05);
  });

  test("the seed fixes the scenes", () => {
    expect(placeScenes(sprites, { count: 2, seed: 6 })).toEqual(placeScenes(sprites, { count: 2, seed: 6 }));
    expect(placeScenes(sprites, { count: 2, seed: 6 }).x).not.toEqual(placeScenes(sprites, { count: 2, seed: 7 }).x);
  });

  test("empty pictures and impossible options are refused", () => {
    const empty = { ...sprites, x: { ...sprites.x, data: new Uint8Array(pixels.length) } };
    expect(() => placeScenes(empty, { count: 1, seed: 0 })).toThrow(/is empty/);
    expect(() => placeScenes(sprites, { count: 1, seed: 0, scale: [20, 200] })).toThrow(/bad-option/);
    expect(() => placeScenes(sprites, { count: 1, seed: 0, objects: [0, 2] })).toThrow(/bad-option/);
  });
});
