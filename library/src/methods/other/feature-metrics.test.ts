import { expect, test } from "vitest";
import { calibrationError, classGeometry } from "./feature-metrics.ts";

test("two classes of identical vectors, at right angles: 0 within, ½ in all, fully separable", () => {
  expect(classGeometry([1, 0, 2, 0, 0, 3, 0, 1], [0, 0, 1, 1], 2)).toEqual({ within: 0, total: 0.5, separability: 1 });
});

test("equal vectors do not vary; lengths do not count", () => {
  const { within, total, separability } = classGeometry([1, 1, 3, 3, 2, 2], [0, 1, 1], 2);
  expect(within).toBeCloseTo(0, 12);
  expect(total).toBeCloseTo(0, 12);
  expect(separability).toBeGreaterThanOrEqual(0);
});

test("by hand: opposite vectors in one class are ½·(0 + 2) apart, pairs with themselves included", () => {
  expect(classGeometry([1, 0, -1, 0], [0, 0], 2).within).toBe(1);
});

test("classes weigh the same, however many examples they have", () => {
  const few = classGeometry([1, 0, 0, 1, 1, 0, 1, 0], [0, 0, 1, 1], 2);
  const many = classGeometry([1, 0, 0, 1, ...Array(20).fill([1, 0]).flat()], [0, 0, ...Array(20).fill(1)], 2);
  expect(many.within).toBeCloseTo(few.within, 12);
  expect(() => classGeometry([1, 0], [1], 2)).toThrowError(
    expect.objectContaining({ code: "class-geometry/empty-class" }),
  );
});

test("calibration by hand: 0.3 for half of the answers right at confidence 0.8, 0 for certain and right", () => {
  expect(calibrationError([0.8, 0.2, 0.8, 0.2], [0, 1])).toBeCloseTo(0.3, 12);
  expect(calibrationError([1, 0, 0, 1], [0, 1])).toBe(0);
  expect(calibrationError([1, 0], [1])).toBe(1);
  // Errors in different bins do not cancel.
  expect(calibrationError([0.9, 0.1, 0.6, 0.4], [1, 0])).toBeCloseTo((0.9 + 0.4) / 2, 12);
});
