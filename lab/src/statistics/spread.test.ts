import { expect, test } from "vitest";
import { coefficientOfVariation, maxOverMean } from "./spread.ts";

test("equal values do not vary; (0, 2) varies by 1; one with everything has n times the mean", () => {
  expect([coefficientOfVariation([3, 3, 3]), maxOverMean([3, 3, 3])]).toEqual([0, 1]);
  expect(coefficientOfVariation([0, 2])).toBe(1);
  expect(coefficientOfVariation([0, 20])).toBe(1);
  expect(maxOverMean([0, 0, 0, 8])).toBe(4);
});
