import { describe, expect, test } from "vitest";
import { check, checkExecutors, expectClose, oracle } from "../../testing/check.ts";
import type { Tensor } from "../tensor.ts";
import { value } from "../value.ts";
import { add, cast, exp, logSoftmax, logSumExp, softmax, sub, sum } from "./index.ts";

const scores = value([
  [
    [0.3, -1.2, 2.1],
    [1.7, 0.2, -0.4],
  ],
  [
    [-0.6, 0.9, 0.1],
    [2.4, -2.2, 0.5],
  ],
]);

describe.each([0, 1, 2, -1, -3])("along axis %i", (axis) => {
  test("softmax: executors, gradient, batching", () => check((x) => softmax(x, { axis }), [scores]));
  test("logSoftmax: executors, gradient, batching", () => check((x) => logSoftmax(x, { axis }), [scores]));

  test("laws: sums to one, adding a constant changes nothing, the logarithm is x − logSumExp", () => {
    const [total, moved, plain] = oracle(
      (x) => [sum(softmax(x, { axis }), { axis }), softmax(add(x, 7.5), { axis }), softmax(x, { axis })],
      [scores],
    );
    for (const one of total) expect(one).toBeCloseTo(1, 12);
    expectClose(moved, plain, { rtol: 1e-12, atol: 0 });
    const [logarithm, byHand, back] = oracle(
      (x) => [logSoftmax(x, { axis }), sub(x, logSumExp(x, { axis, keepDims: true })), exp(logSoftmax(x, { axis }))],
      [scores],
    );
    expectClose(logarithm, byHand, { rtol: 1e-12, atol: 1e-12 });
    expectClose(back, plain, { rtol: 1e-12, atol: 0 });
  });
});

describe("edges", () => {
  test("by hand", () => {
    const [p] = oracle((x) => softmax(x), [value([0, Math.log(3)], { dtype: "float64" })]);
    expectClose(p, [0.25, 0.75], { atol: 1e-15 });
    expectClose(oracle((x) => logSoftmax(x), [value([0, 1000])])[0], [-1000, 0]);
  });

  test("masked scores get exactly zero; all masked gives NaN on both executors", async () => {
    const masked = value([
      [1, -Infinity, 1],
      [-Infinity, -Infinity, -Infinity],
    ]);
    expectClose(oracle((x) => softmax(x), [masked])[0], [0.5, 0, 0.5, Number.NaN, Number.NaN, Number.NaN]);
    await checkExecutors((x) => [softmax(x), logSoftmax(x)], [masked]);
  });

  test("ties share, huge scores do not overflow, one score is certain, none is empty", async () => {
    expectClose(oracle((x) => softmax(x), [value([1e30, 1e30])])[0], [0.5, 0.5]);
    await checkExecutors((x) => softmax(x), [value([3e38, 3e38, -3e38])]);
    await checkExecutors((x) => [softmax(x), logSoftmax(x)], [value([[4], [5]])]);
    await checkExecutors((x) => [softmax(x), softmax(x, { axis: 0 })], [value([], { shape: [0, 3] })]);
  });

  test("half and double precision", async () => {
    // Half floats carry 11 bits.
    const half = (x: Tensor) => cast(softmax(cast(x, "float16")), "float32");
    await checkExecutors(half, [value([0.5, 1.5])], { rtol: 1e-3, atol: 1e-3 });
    await checkExecutors((x) => logSoftmax(x), [value([0.5, 1.5], { dtype: "float64" })], { rtol: 1e-14 });
  });

  test("an axis out of range and integers are named", () => {
    expect(() => softmax(scores, { axis: 3 })).toThrowError(
      expect.objectContaining({ code: "softmax/axis-out-of-range" }),
    );
    expect(() => logSoftmax(value([1, 2], { dtype: "int32" }))).toThrowError(
      expect.objectContaining({ code: "logSoftmax/dtype" }),
    );
  });
});
