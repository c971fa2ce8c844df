import { describe, expect, test } from "vitest";
import { grad, value } from "../../index.ts";
import { check, expectClose, oracle } from "../../testing/index.ts";
import { cvSquared, importanceLoss, loadLoss, switchBalance } from "./balance.ts";

const gates = value([
  [0.75, 0, 0.25],
  [0, 0.5, 0.5],
  [0.9, 0.1, 0],
]);
const run = (fn: (...inputs: any[]) => unknown, ...values: any[]) => [...oracle(fn, values)[0]];

describe("by hand", () => {
  test("constants vary by 0, (0, 2) by 1; scale does not matter", () => {
    expectClose(run(cvSquared, value([4, 4, 4])), [0], { rtol: 0, atol: 1e-12 });
    expectClose(run(cvSquared, value([0, 2])), [1], { rtol: 1e-9 });
    expectClose(run(cvSquared, value([0, 200])), [1], { rtol: 1e-9 });
    expectClose(run(cvSquared, value([0, 0])), [0]);
  });

  test("importance adds up gates, load is taken as it is", () => {
    // Sums 1.65, 0.6, 0.75: mean 1, variance (0.65² + 0.4² + 0.25²)/3.
    expectClose(run(importanceLoss, gates), [(0.65 ** 2 + 0.4 ** 2 + 0.25 ** 2) / 3], { rtol: 1e-6 });
    expectClose(
      run(
        importanceLoss,
        value([
          [1, 0],
          [1, 0],
        ]),
      ),
      [1],
      { rtol: 1e-6 },
    );
    expectClose(run(loadLoss, value([3, 3, 3])), [0]);
  });

  test("the switch loss is 1 when even and as many as experts when all goes to one", () => {
    const even = value([
      [0.5, 0.5],
      [0.5, 0.5],
    ]);
    expectClose(run(switchBalance, even, value([[0], [1]], { dtype: "int64" })), [1]);
    const one = value([
      [1, 0],
      [1, 0],
    ]);
    expectClose(run(switchBalance, one, value([[0], [0]], { dtype: "int64" })), [2]);
    const two = value([[0.5, 0.5]]);
    expectClose(run(switchBalance, two, value([[0, 1]], { dtype: "int64" })), [1]);
  });
});

test("executors, gradients and batching agree", async () => {
  await check((x) => cvSquared(x), [value([1, 3, 0.5])]);
  await check((x) => importanceLoss(x), [gates]);
  const indices = value([[0], [1], [0]], { dtype: "int64" });
  await check((x) => switchBalance(x, indices), [gates]);
});

test("the gradient points away from what is used too much", () => {
  const [gradient] = oracle((x) => grad((g: any) => importanceLoss(g))(x), [gates]);
  expect(gradient[0]).toBeGreaterThan(0);
  expect(gradient[1]).toBeLessThan(0);
});
