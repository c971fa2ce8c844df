import { describe, expect, test } from "vitest";
import { concat, sliceAxis, softmax, transpose, value } from "../../index.ts";
import { check, checkExecutors, expectClose, oracle } from "../../testing/index.ts";
import { quietSoftmax } from "./quiet-softmax.ts";

const run = (scores: readonly number[], options = {}) => [
  ...oracle((x) => quietSoftmax(x, options), [value([...scores], { dtype: "float64" })])[0],
];
const scores = value([
  [0.7, -1.2, 2.1, 0.4],
  [-0.6, -0.9, -0.1, -2],
  [3.3, 1.2, 0.8, 1.9],
]);

describe("by hand", () => {
  test("0 and ln 2: 1 and 2 of 4", () => {
    expectClose(run([0, Math.log(2)]), [1 / 4, 2 / 4], { rtol: 1e-12 });
    expectClose(run([0]), [0.5], { rtol: 1e-12 });
    expect(run([])).toEqual([]);
  });
});

describe("laws", () => {
  test("it is softmax over the scores and a 0, less the weight of that 0", () => {
    const zero = value([[0], [0], [0]]);
    const [own, joined] = oracle(
      (x) => [quietSoftmax(x), sliceAxis(softmax(concat([x, zero], { axis: -1 })), -1, 0, 4)],
      [scores],
    );
    expectClose(own, joined, { rtol: 1e-12, atol: 0 });
  });

  test("scores far below 0 are silent, far above 0 they are softmax's, and nothing overflows", () => {
    expectClose(run([-300, -301]), [Math.exp(-300), Math.exp(-301)], { rtol: 1e-9, atol: 0 });
    const e = Math.exp(-1);
    expectClose(run([900, 899]), [1 / (1 + e), e / (1 + e)], { rtol: 1e-12 });
  });

  test("masked scores and −Infinity have no weight; where all are, the row is 0", () => {
    const mask = value([true, true, false]);
    for (const hidden of [5, -Infinity])
      expectClose(run([1, 2, hidden], { mask }), [...run([1, 2]), 0], { rtol: 1e-12 });
    expectClose(run([1, -Infinity]), [...run([1]), 0], { rtol: 1e-12 });
    expect(run([1, 2], { mask: value([false, false]) })).toEqual([0, 0]);
    expect(run([-Infinity])).toEqual([0]);
  });

  test("along another axis it is the transposed one", () => {
    const [across, along] = oracle(
      (x) => [quietSoftmax(x, { axis: 0 }), transpose(quietSoftmax(transpose(x)))],
      [scores],
    );
    expectClose(across, along, { rtol: 1e-12, atol: 0 });
  });
});

test("executors, gradients and batching agree", async () => {
  await check((x) => quietSoftmax(x), [scores]);
  await check((x) => quietSoftmax(x, { axis: 0 }), [scores]);
  await check((x) => quietSoftmax(x, { mask: value([[true, false, true, true]]) }), [scores]);
  await checkExecutors((x) => quietSoftmax(x), [value([500, -500, 499])]);
});
