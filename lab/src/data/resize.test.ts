import { expect, test } from "vitest";
import { Random } from "./random.ts";
import { resize } from "./resize.ts";

test("to the same size it is the identity", () => {
  const pixels = new Random(1).normals(2 * 5 * 3);
  expect(resize(pixels, [5, 3], [5, 3])).toEqual(pixels);
});

test("shrinking by a whole factor takes the mean of blocks", () => {
  expect([...resize([1, 3, 5, 7, 1, 3, 5, 7], [2, 4], [1, 2])]).toEqual([2, 6]);
  expect([...resize([1, 2, 3], [1, 3], [1, 1])]).toEqual([2]);
});

test("shrinking by a fraction shares pixels out: 3 to 2", () => {
  const [left, right] = resize([3, 6, 9], [1, 3], [1, 2]);
  expect(left).toBeCloseTo((3 + 6 / 2) / 1.5, 6);
  expect(right).toBeCloseTo((6 / 2 + 9) / 1.5, 6);
});

test("shrinking keeps the mean, growing keeps constants and the range", () => {
  const pixels = new Random(2).normals(28 * 28);
  const mean = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(mean(resize(pixels, [28, 28], [16, 16]))).toBeCloseTo(mean(pixels), 6);
  expect([...resize(new Float32Array(6).fill(4), [2, 3], [5, 7])]).toEqual(new Array(35).fill(4));
  const grown = resize(pixels, [28, 28], [64, 61]);
  expect(Math.max(...grown)).toBeLessThanOrEqual(Math.max(...pixels));
  expect(resize([5], [1, 1], [2, 2])).toEqual(Float32Array.of(5, 5, 5, 5));
});

test("growing is linear between centres: 2 to 4", () => {
  expect([...resize([0, 4], [1, 2], [1, 4])]).toEqual([0, 1, 3, 4]);
});

test("sizes that do not fit are refused", () => {
  expect(() => resize([1, 2, 3], [2, 2], [1, 1])).toThrow(/bad-option/);
  expect(() => resize([1], [1, 1], [0, 1])).toThrow(/bad-option/);
});
