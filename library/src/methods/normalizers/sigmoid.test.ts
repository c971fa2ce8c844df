import { describe, expect, test } from "vitest";
import { causalMask, softmax, value } from "../../index.ts";
import { check, checkExecutors, expectClose, oracle } from "../../testing/index.ts";
import { sigmoidWeights } from "./sigmoid.ts";

const run = (scores: readonly number[], options = {}) => [
  ...oracle((x) => sigmoidWeights(x, options), [value([...scores], { dtype: "float64" })])[0],
];
const scores = value([
  [0.7, -1.2, 2.1, 0.4],
  [-0.6, -0.9, -0.1, -2],
  [3.3, 1.2, 0.8, 1.9],
  [0, 1, 0, 1],
]);

describe("by hand", () => {
  test("four scores of 0: a fifth each with the bias, a half without", () => {
    expectClose(run([0, 0, 0, 0]), [0.2, 0.2, 0.2, 0.2], { rtol: 1e-12 });
    expectClose(run([0, Math.log(3)], { bias: 0 }), [0.5, 0.75], { rtol: 1e-12 });
    expectClose(run([0]), [0.5]);
    expect(run([])).toEqual([]);
  });

  test("causal rows of zeros with the row's own bias: 1/(keys + 1) each", () => {
    const [weights] = oracle(
      (x) => sigmoidWeights(x, { bias: "log-row", mask: causalMask(3) }),
      [value(new Float64Array(9), { shape: [3, 3] })],
    );
    expectClose(weights, [1 / 2, 0, 0, 1 / 3, 1 / 3, 0, 1 / 4, 1 / 4, 1 / 4], { rtol: 1e-12 });
  });
});

describe("laws", () => {
  test("a weight depends on its own score alone, and on a constant added to all", () => {
    expect(run([1, -7, 3], { bias: -2 })[0]).toBe(run([1, 4, 0], { bias: -2 })[0]);
    expect(run([2, 1])[0]).toBeGreaterThan(run([1, 0])[0]);
  });

  test("scores near 0 give softmax's weights to 0.05/n", () => {
    const row = Array.from({ length: 64 }, (_, i) => 0.01 * Math.sin(i));
    const [soft] = oracle((x) => softmax(x), [value(row, { dtype: "float64" })]);
    expectClose(run(row), soft, { rtol: 0, atol: 0.05 / 64 });
  });

  test("masked weights are 0, and a row without any visible is finite", () => {
    const mask = value([true, false]);
    expect(run([5, 5], { mask })[1]).toBe(0);
    expect(run([5, 5], { mask: value([false, false]), bias: "log-row" })).toEqual([0, 0]);
    expect(run([-Infinity, 1])[0]).toBe(0);
  });
});

test("executors, gradients and batching agree", async () => {
  await check((x) => sigmoidWeights(x), [scores]);
  await check((x) => sigmoidWeights(x, { bias: -1 }), [scores]);
  const mask = value([[true, false, true, true]]);
  await check((x) => sigmoidWeights(x, { bias: "log-row", mask }), [scores]);
  await checkExecutors((x) => sigmoidWeights(x), [value([200, -200, 0])]);
});
