import { expect, test } from "vitest";
import { distort, templates } from "./digit-strokes.ts";
import { renderStrokes, side } from "./render-strokes.ts";
import { uniformFrom } from "./uniform.ts";

/** Rows and columns that have ink. */
function inked(image: Float32Array) {
  const at = [...image.keys()].filter((i) => image[i] > 0.5);
  const [rows, columns] = [at.map((i) => Math.floor(i / side)), at.map((i) => i % side)];
  return { top: Math.min(...rows), bottom: Math.max(...rows), left: Math.min(...columns), right: Math.max(...columns) };
}

test("a vertical line stands in the middle, 20 pixels high and the pen's ends", () => {
  const image = renderStrokes(
    [
      [
        [0.9, 0.1],
        [0.9, 0.6],
      ],
    ],
    1,
  );
  expect(inked(image)).toEqual({ top: 3, bottom: 24, left: 13, right: 14 });
  expect(Math.max(...image)).toBe(1);
});

test("place and size of a drawing do not matter; an empty one is blank", () => {
  const small = templates[0].strokes.map((stroke) => stroke.map(([x, y]) => [0.1 + x / 4, 0.5 + y / 4] as const));
  const [own, moved] = [renderStrokes(templates[0].strokes), renderStrokes(small)];
  own.forEach((ink, i) => {
    expect(moved[i]).toBeCloseTo(ink, 4);
  });
  expect(renderStrokes([]).every((ink) => ink === 0)).toBe(true);
});

test("there are templates of every digit, and every distortion of them stays in the frame", () => {
  expect(new Set(templates.map(({ digit }) => digit)).size).toBe(10);
  const random = uniformFrom(5);
  for (const { strokes } of templates) {
    const { top, bottom, left, right } = inked(renderStrokes(distort(strokes, random)));
    expect(Math.min(top, left)).toBeGreaterThanOrEqual(2);
    expect(Math.max(bottom, right)).toBeLessThanOrEqual(side - 3);
    expect(Math.max(bottom - top, right - left)).toBeGreaterThanOrEqual(18);
  }
});

test("the same seed distorts the same way, another one differently", () => {
  const picture = (seed: number) => [...renderStrokes(distort(templates[4].strokes, uniformFrom(seed)))];
  expect(picture(1)).toEqual(picture(1));
  expect(picture(1)).not.toEqual(picture(2));
});

test("uniform numbers are in [0, 1) and their mean is a half", () => {
  const random = uniformFrom(3);
  const all = Array.from({ length: 10_000 }, random);
  expect(Math.min(...all)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...all)).toBeLessThan(1);
  // Five standard errors of 0.29 / √10,000.
  expect(Math.abs(all.reduce((a, b) => a + b, 0) / all.length - 0.5)).toBeLessThan(0.0145);
});
