import { expect, test } from "vitest";
import { averageAccuracy, backwardTransfer, forgetting, forwardTransfer } from "./metrics.ts";

const accuracies = [
  [0.9, 0.2, 0.1],
  [0.95, 0.7, 0.3],
  [0.6, 0.8, 0.75],
];

test("by hand", () => {
  const two = [
    [0.9, 0],
    [0.8, 0.7],
  ];
  expect(averageAccuracy(two)).toBeCloseTo(0.75, 12);
  expect(backwardTransfer(two)).toBeCloseTo(-0.1, 12);
  expect(backwardTransfer(accuracies)).toBeCloseTo((-0.3 + 0.1) / 2, 12);
  expect(forwardTransfer(accuracies, [0.1, 0.1, 0.1])).toBeCloseTo((0.1 + 0.2) / 2, 12);
  expect(forgetting(accuracies)).toBeCloseTo((0.35 - 0.1) / 2, 12);
});

test("a single task has nothing to forget", () => {
  expect(averageAccuracy([[0.9]])).toBe(0.9);
  expect([backwardTransfer([[0.9]]), forwardTransfer([[0.9]], [0.1]), forgetting([[0.9]])]).toEqual([0, 0, 0]);
});
