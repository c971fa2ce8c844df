import { describe, expect, test } from "vitest";
import { check, checkExecutors, oracle } from "../../testing/check.ts";
import { value } from "../value.ts";
import * as operations from "./index.ts";
import type { ReductionOptions } from "./reduce.ts";

const sample = value([0.3, -1.2, 2.5, 0.7, -0.4, 1.9, 3.1, -2.2, 0.6, 1.4, -0.8, 0.2], { shape: [2, 3, 2] });
const axes: ReductionOptions[] = [{}, { axis: 1 }, { axis: [0, -1] }, { axis: -1, keepDims: true }, { axis: [] }];

describe.each(["sum", "mean", "max", "min", "product", "variance", "logSumExp", "norm"] as const)("%s", (name) => {
  const reduce = operations[name];
  test.each(axes)("over %o: executors, gradient, batching", (options) => check((x) => reduce(x, options), [sample]));
});

test("norms of order 1 and infinity; the 2-norm's gradient at zero is zero", async () => {
  await check((x) => operations.norm(x, { p: 1, axis: 1 }), [sample]);
  await check((x) => operations.norm(x, { p: Infinity, axis: 1 }), [sample]);
  expect([...oracle((x) => operations.norm(x), [value([0, 0])])[0]]).toEqual([0]);
});

test("the sample variance divides by one less", () => {
  expect(oracle((x) => operations.variance(x, { correction: 1 }), [value([1, 2, 3])])[0][0]).toBe(1);
  expect(oracle((x) => operations.variance(x), [value([1, 2, 3])])[0][0]).toBeCloseTo(2 / 3, 12);
});

test("logSumExp survives large numbers and rows of −Infinity", async () => {
  const x = value([
    [1000, 1000],
    [-Infinity, -Infinity],
    [-Infinity, 2],
  ]);
  const [result] = oracle((t) => operations.logSumExp(t, { axis: -1 }), [x]);
  expect([...result]).toEqual([1000 + Math.log(2), -Infinity, 2]);
  await checkExecutors((t) => operations.logSumExp(t, { axis: -1 }), [x]);
});

test("a product's gradient is right with one zero and with two", async () => {
  await check(
    (x) => operations.product(x, { axis: -1 }),
    [
      value([
        [2, 0, 3],
        [0, 0, 5],
        [1, 2, 4],
      ]),
    ],
  );
});

test("sums and products of nothing are 0 and 1; extrema of nothing are errors", async () => {
  const nothing = value([], { shape: [2, 0] });
  await checkExecutors((x) => operations.sum(x, { axis: 1 }), [nothing]);
  await checkExecutors((x) => operations.product(x, { axis: 1 }), [nothing]);
  expect(() => operations.max(nothing)).toThrowError(expect.objectContaining({ code: "max/empty" }));
});

test("argMax and argMin take the first of equals, along an axis or of all", async () => {
  const x = value([
    [1, 3, 3],
    [2, 0, 0],
  ]);
  for (const reduce of [operations.argMax, operations.argMin]) {
    await check((t) => reduce(t, { axis: 1 }), [x], { gradients: "none" });
    await check((t) => reduce(t, { axis: 0, keepDims: true }), [x], { gradients: "none" });
    await check((t) => reduce(t), [x], { gradients: "none" });
  }
  expect([...oracle((t) => operations.argMax(t, { axis: 1 }), [x])[0]]).toEqual([1, 0]);
});

test("any and all of booleans", async () => {
  const x = value([
    [true, false],
    [true, true],
    [false, false],
  ]);
  await check((t) => operations.any(t, { axis: 1 }), [x]);
  await check((t) => operations.all(t, { axis: 1 }), [x]);
  expect([...oracle((t) => operations.all(t, { axis: 1 }), [x])[0]]).toEqual([0, 1, 0]);
});

test("an axis that is not there is named with the ways out", () => {
  expect(() => operations.sum(sample, { axis: 3 })).toThrowError(
    expect.objectContaining({ code: "sum/axis-out-of-range", fix: "give an axis from -3 to 2" }),
  );
  expect(() => operations.sum(sample, { axis: [0, -3] })).toThrowError(
    expect.objectContaining({ code: "sum/axis-twice" }),
  );
});
