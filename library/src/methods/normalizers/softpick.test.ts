import { describe, expect, test } from "vitest";
import { compile, grad, slice, type Tensor, transpose, value } from "../../index.ts";
import { check, checkExecutors, checkGradients, expectClose, oracle } from "../../testing/index.ts";
import { softpick } from "./softpick.ts";

const run = (scores: readonly number[], options = {}) => [
  ...oracle((x) => softpick(x, options), [value([...scores], { dtype: "float64" })])[0],
];
const exact = { epsilon: 0 };
const scores = value([
  [0.7, -1.2, 2.1, 0.4],
  [-0.6, -0.9, -0.1, -2],
  [3.3, 1.2, 0.8, 1.9],
]);

describe("by hand", () => {
  test("ln 2, ln 3, 0, −ln 2: u ∝ 1, 2, 0, −½", () => {
    expectClose(run([Math.log(2), Math.log(3), 0, -Math.log(2)], exact), [2 / 7, 4 / 7, 0, 0], { rtol: 1e-12 });
  });

  test("no positive score: silent; a single positive one: certain", () => {
    expect(run([0, -1, -5])).toEqual([0, 0, 0]);
    expect(run([0])).toEqual([0]);
    expectClose(run([0.3], exact), [1], { rtol: 1e-12 });
    expect(run([])).toEqual([]);
  });
});

describe("laws", () => {
  const sum = (row: readonly number[]) => row.reduce((a, b) => a + b, 0);

  test("a row sums to 1 where no score is negative, and to less where one is", () => {
    expect(sum(run([0.2, 0, 3, 1], exact))).toBeCloseTo(1, 12);
    expect(sum(run([0.2, -0.1, 3, 1], exact))).toBeLessThan(1 - 1e-4);
  });

  test("adding a constant changes it; adding a masked key does not, whatever its score", () => {
    expect(run([1, 2])[0]).not.toBeCloseTo(run([2, 3])[0], 3);
    const mask = value([true, true, false]);
    for (const hidden of [5, -5, 0, Infinity, -Infinity]) {
      const [y] = oracle((x) => softpick(x, { mask }), [value([1, 2, hidden])]);
      expectClose(y, [...run([1, 2]), 0], { rtol: 1e-9 });
    }
    expectClose(oracle((x) => softpick(x, { mask: value([false, false]) }), [value([1, 2])])[0], [0, 0]);
  });

  test("an unmasked −Infinity adds 1 to the denominator", () => {
    expectClose(run([Math.log(2), -Infinity], exact), [1 / 2, 0], { rtol: 1e-12 });
  });

  test("along another axis it is the transposed one", () => {
    const [across, along] = oracle((x) => [softpick(x, { axis: 0 }), transpose(softpick(transpose(x)))], [scores]);
    expectClose(across, along, { rtol: 1e-12, atol: 0 });
  });
});

// The maximum counts as a constant, as in the source. That is exact up to terms of the size of ε: differences need a small one.
const epsilon = 1e-12;

test("executors, gradients and batching agree", async () => {
  await check((x) => softpick(x, { epsilon }), [scores]);
  await check((x) => softpick(x, { epsilon, axis: 0 }), [scores]);
  const mask = value([[true, false, true, true]]);
  await check((x) => softpick(x, { epsilon, mask }), [scores]);
  await checkExecutors((x) => softpick(x), [scores]);
});

test("scores far from 0 give finite weights and gradients", async () => {
  const far = value([
    [200, 199],
    [-200, -300],
    [80, -400],
  ]);
  await checkExecutors((x) => softpick(x), [far]);
  await checkGradients((x) => softpick(x, { epsilon }), [far]);
  const e = Math.exp(-1);
  expectClose(run([200, 199]), [1 / (1 + e), e / (1 + e)], { rtol: 1e-5 });
});

test("a negative score has a gradient while any weight is positive: (e/S)·y", () => {
  const [x, other] = [-0.7, 1.1];
  const gradientOf = (hidden: number) => {
    const up = run([hidden + 1e-6, other], exact)[1];
    return (up - run([hidden - 1e-6, other], exact)[1]) / 2e-6;
  };
  const total = Math.abs(Math.exp(x) - 1) + Math.exp(other) - 1;
  const y = (Math.exp(other) - 1) / total;
  expect(gradientOf(x)).toBeCloseTo((Math.exp(x) / total) * y, 6);
  expect(gradientOf(x)).toBeGreaterThan(0);
});

test("at exactly 0 the gradient is that from below, and masked scores get none", async () => {
  const gradientOfSecond = compile(grad((x: Tensor) => slice(softpick(x), [1])));
  const [below] = (await gradientOfSecond(value([-1e-4, 1]))).data;
  const [zero] = (await gradientOfSecond(value([0, 1]))).data;
  expect(zero).toBeCloseTo(below as number, 3);
  expect(zero).toBeGreaterThan(0.1);
  const mask = value([false, true]);
  const masked = compile(grad((x: Tensor) => slice(softpick(x, { mask }), [1])));
  expect((await masked(value([0.5, 1]))).data[0]).toBe(0);
});
