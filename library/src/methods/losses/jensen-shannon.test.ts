import { expect, test } from "vitest";
import { softmax, value } from "../../index.ts";
import { check, expectClose, oracle } from "../../testing/index.ts";
import { jensenShannon } from "./jensen-shannon.ts";

const divergence = (p: readonly number[], q: readonly number[]) =>
  oracle(
    (a, b) => jensenShannon(a, b),
    [value([...p], { dtype: "float64" }), value([...q], { dtype: "float64" })],
  )[0][0];

test("0 for equal distributions, ln 2 for disjoint ones, the same turned round", () => {
  expect(divergence([0.2, 0, 0.8], [0.2, 0, 0.8])).toBe(0);
  expect(divergence([1, 0], [0, 1])).toBeCloseTo(Math.log(2), 12);
  expect(divergence([0.5, 0.5, 0], [0.1, 0.2, 0.7])).toBeCloseTo(divergence([0.1, 0.2, 0.7], [0.5, 0.5, 0]), 12);
});

test("by hand: ½ ln(4/3) + ½ (½ ln(2/3) + ½ ln 2) for (1, 0) and (½, ½)", () => {
  const expected = 0.5 * Math.log(4 / 3) + 0.5 * (0.5 * Math.log(2 / 3) + 0.5 * Math.log(2));
  expect(divergence([1, 0], [0.5, 0.5])).toBeCloseTo(expected, 12);
});

test("executors, gradients and batching", async () => {
  const [a, b] = [value([[0.3, -1, 2], [0, 0, 0]]), value([[1, 1, -1], [2, 0, 1]])]; // biome-ignore format: two matrices
  await check((x, y) => jensenShannon(softmax(x), softmax(y)), [a, b]);
  const sparse = value([[1, 0, 0], [0, 0.5, 0.5]]); // biome-ignore format: a matrix
  const [across] = oracle((p) => jensenShannon(p, value([[0.25, 0.25, 0.5]])), [sparse]);
  expectClose(across, [divergence([1, 0, 0], [0.25, 0.25, 0.5]), divergence([0, 0.5, 0.5], [0.25, 0.25, 0.5])]);
});
