import { describe, expect, test } from "vitest";
import {
  eye,
  grad,
  matmul,
  mul,
  qr,
  square,
  sub,
  sum,
  swapAxes,
  type Tensor,
  upperTriangle,
  value,
} from "../../index.ts";
import { check, checkExecutors, expectClose, oracle } from "../../testing/check.ts";
import { checkPortable } from "../../testing/portable.ts";
import { numbers } from "./fixtures/numbers.ts";

const factors = (a: Tensor) => {
  const { q, r } = qr(a);
  return [q, r];
};
const tolerance = { rtol: 2e-4, atol: 2e-5 };

describe("qr", () => {
  test("by hand", () => {
    const [q, r] = oracle(factors, [
      value([
        [3, 1],
        [4, 2],
      ]),
    ]);
    expectClose(q, [0.6, -0.8, 0.8, 0.6], { rtol: 1e-9 });
    expectClose(r, [5, 2.2, 0, 0.4], { rtol: 1e-9, atol: 1e-12 });
  });

  test.each([
    [1, 1],
    [3, 3],
    [5, 2],
    [12, 9],
    [4, 1],
  ])("Q·R = A, Qᵀ·Q = 1, R is a triangle: %i × %i", async (m, n) => {
    const a = numbers(1, 2, m, n);
    const [product, gram, below] = oracle(
      (x) => {
        const { q, r } = qr(x);
        return [sub(matmul(q, r), x), sub(matmul(swapAxes(q, -1, -2), q), eye(n)), sub(r, upperTriangle(r))];
      },
      [a],
    );
    for (const nothing of [product, gram, below])
      expectClose(
        nothing,
        nothing.map(() => 0),
        { atol: 1e-10 },
      );
    // float32, and a condition of some tens.
    await checkExecutors(factors, [a], { rtol: 1e-3, atol: 1e-4 });
    await checkPortable(factors, [a], { rtol: 1e-3, atol: 1e-4 });
  });

  test("gradients, batches, second derivatives", async () => {
    for (const shape of [
      [3, 3],
      [4, 2],
    ])
      await check(factors, [numbers(5, ...shape)], { ...tolerance, batch: shape[1] === 2 });
    await check(
      (a) =>
        grad((b: Tensor) =>
          sum(
            square(
              mul(
                qr(b).q,
                value([
                  [1, 2],
                  [3, 4],
                  [5, 6],
                ]),
              ),
            ),
          ),
        )(a),
      [numbers(2, 3, 2)],
      { ...tolerance, batch: false },
    );
    await check((a) => qr(a).r, [numbers(2, 3, 2)], { ...tolerance, batch: false });
  });

  test("no columns, zero columns, and errors", async () => {
    await checkExecutors(factors, [numbers(1, 3, 0)]);
    expect(() => qr(numbers(1, 2, 3))).toThrow(expect.objectContaining({ code: "qr/wide" }));
    expect(() => qr(numbers(1, 3))).toThrow(expect.objectContaining({ code: "qr/rank" }));
  });
});
