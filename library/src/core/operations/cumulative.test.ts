import { describe, expect, test } from "vitest";
import { check, checkExecutors, expectClose, oracle } from "../../testing/check.ts";
import { grad } from "../transforms/grad.ts";
import { value } from "../value.ts";
import { cumMax, cumMin, cumProduct, cumSum, flip, max, mul, product, sum } from "./index.ts";

const matrix = value([
  [0.3, -1.2, 2.5, 0.9, 1.1],
  [1.7, 0.1, -0.6, -2.2, 0.4],
]);
const codeOf = (code: string) => expect.objectContaining({ code });
const list = (fn: any, x: any) => [...oracle(fn, [x])[0]];

describe.each([
  ["cumSum", cumSum],
  ["cumProduct", cumProduct],
  ["cumMax", cumMax],
  ["cumMin", cumMin],
] as const)("%s", (name, running) => {
  test("executors, gradient, batching, any axis, both directions", async () => {
    await check((x) => running(x), [matrix]);
    await check((x) => running(x, { axis: 0 }), [matrix]);
    await check((x) => running(x, { reverse: true }), [matrix]);
    await check((x) => running(x), [value([[[1.5]]])]);
    await checkExecutors((x) => running(x), [value([], { shape: [2, 0] })]);
  });

  test("backwards is forwards of the flipped", () => {
    const [backwards, flipped] = oracle(
      (x) => [running(x, { reverse: true }), flip(running(flip(x, { axis: -1 })), { axis: -1 })],
      [matrix],
    );
    expectClose(backwards, flipped);
  });

  test("every dtype", async () => {
    for (const dtype of ["float64", "int32", "int64", "int8"] as const)
      await checkExecutors((x) => running(x), [value([3, -1, 2, 2, -4], { dtype })]);
    expect(() => running(value([true]))).toThrowError(/needs numbers/);
    expect(() => running(matrix, { axis: 2 })).toThrowError(
      codeOf(`${name === "cumMin" ? "cumMax" : name}/axis-out-of-range`),
    );
  });
});

test("sums and products without the element itself", async () => {
  for (const running of [cumSum, cumProduct])
    for (const reverse of [false, true]) await check((x) => running(x, { exclusive: true, reverse }), [matrix]);
  expect(list((x: any) => cumSum(x, { exclusive: true }), value([1, 2, 3]))).toEqual([0, 1, 3]);
  expect(list((x: any) => cumSum(x, { exclusive: true, reverse: true }), value([1, 2, 3]))).toEqual([5, 3, 0]);
  expect(list((x: any) => cumProduct(x, { exclusive: true }), value([2, 3, 4]))).toEqual([1, 2, 6]);
});

test("the last running value is the whole's", () => {
  const last = (running: any) => (x: any) => running(x, { axis: 0 });
  const column = value([2.5, -1, 3, 0.5, -2, 4, 1.5]);
  expect(list(last(cumSum), column).at(-1)).toBeCloseTo(list(sum, column)[0], 12);
  expect(list(last(cumProduct), column).at(-1)).toBeCloseTo(list(product, column)[0], 12);
  expect(list(last(cumMax), column).at(-1)).toBe(list(max, column)[0]);
});

test("products with one zero and with two have their gradients, and gradients of gradients", async () => {
  for (const factors of [
    [2, 0, 3, -1.5],
    [2, 0, 3, 0],
    [0, 0, 0, 0],
  ]) {
    // biome-ignore format: three lists
    await check((x) => cumProduct(x), [value(factors)]);
    await check((x) => grad((t: any) => sum(mul(cumProduct(t), value([1, -2, 0.5, 3]))))(x), [value(factors)]);
  }
});

test("of equal maxima the first gets the gradient; −Infinity is no obstacle", async () => {
  const slope = (x: any) => grad((t: any) => sum(mul(cumMax(t), value([1, 10, 100, 1000, 10000]))))(x);
  expect(list(slope, value([1, 3, 3, 2, 5]))).toEqual([1, 1110, 0, 0, 10000]);
  const reversed = (x: any) =>
    grad((t: any) => sum(mul(cumMax(t, { reverse: true }), value([1, 10, 100, 1000, 10000]))))(x);
  expect(list(reversed, value([1, 3, 3, 2, 2]))).toEqual([0, 0, 111, 0, 11000]);
  await checkExecutors((x) => [cumMax(x), slope(x)], [value([-Infinity, -Infinity, 2, 2, 1])]);
  expect(list(slope, value([-Infinity, -Infinity, 2, 2, 1]))).toEqual([11, 0, 11100, 0, 0]);
  await check((x) => grad((t: any) => sum(mul(cumMax(t), mul(t, t))))(x), [value([0.5, 2, 1.5, 3])]);
});

test("long lines: every power of two and its neighbours", async () => {
  for (const length of [2, 3, 4, 5, 7, 8, 9, 33])
    await checkExecutors(
      (x) => [cumMax(x), cumProduct(x)],
      [value(Float32Array.from({ length }, (_, i) => 1 + 0.3 * Math.sin(i * 2.1)))],
    );
});
