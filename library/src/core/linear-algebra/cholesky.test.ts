import { describe, expect, test } from "vitest";
import {
  add,
  cholesky,
  compile,
  eye,
  grad,
  log,
  logDeterminant,
  matmul,
  mul,
  sub,
  sum,
  swapAxes,
  type Tensor,
  value,
} from "../../index.ts";
import { check, checkExecutors, expectClose, oracle } from "../../testing/check.ts";
import { checkPortable } from "../../testing/portable.ts";
import { numbers } from "./fixtures/numbers.ts";

const positive = (x: Tensor): Tensor => add(matmul(x, x, { transposeB: true }), mul(eye(x.shape.at(-2)!), 0.5));

describe("cholesky", () => {
  test("by hand, and with both triangles read as one symmetric matrix", () => {
    expectClose(
      oracle(
        () =>
          cholesky(
            value([
              [4, 2],
              [2, 5],
            ]),
          ),
        [],
      )[0],
      [2, 0, 1, 2],
    );
    expectClose(
      oracle(
        () =>
          cholesky(
            value([
              [4, 0],
              [4, 5],
            ]),
          ),
        [],
      )[0],
      [2, 0, 1, 2],
    );
  });

  test.each([1, 2, 5, 16])("L·Lᵀ = A, on every executor: size %i", async (n) => {
    const x = numbers(3, 2, n, n);
    const [difference] = oracle(
      (y) => {
        const l = cholesky(positive(y));
        return sub(matmul(l, swapAxes(l, -1, -2)), positive(y));
      },
      [x],
    );
    expectClose(
      difference,
      difference.map(() => 0),
      { atol: 1e-10 },
    );
    // float32: rounding of n products, divided by pivots of about 1/2.
    const tolerance = { rtol: 1e-4, atol: 1e-5 };
    await checkExecutors((y) => cholesky(positive(y)), [x], tolerance);
    await checkPortable((y) => cholesky(positive(y)), [x], tolerance);
  });

  test("gradients, batches, second derivatives", async () => {
    const tolerance = { rtol: 1e-4, atol: 1e-5 };
    await check((x) => cholesky(positive(x)), [numbers(1, 4, 4)], tolerance);
    const spd = value([
      [2, 0.5, 0.1],
      [0.5, 1.5, -0.3],
      [0.1, -0.3, 1],
    ]);
    await check((a) => cholesky(a), [spd], { ...tolerance, batch: false });
    await check((a) => grad((b: Tensor) => sum(cholesky(b)))(a), [spd], { ...tolerance, batch: false });
  });

  test("twice the logarithms of the diagonal are the log-determinant", () => {
    const [fromFactor, direct] = oracle(
      (x) => {
        const a = positive(x);
        return [mul(2, sum(mul(log(add(cholesky(a), sub(1, eye(4)))), eye(4)))), logDeterminant(a).logAbsolute];
      },
      [numbers(1, 4, 4)],
    );
    expectClose(fromFactor, direct, { rtol: 1e-12 });
  });

  test("a matrix that is not positive definite", async () => {
    const a = value([
      [1, 2],
      [2, 1],
    ]);
    expect((await compile((x: Tensor) => cholesky(x))(a)).toArray()[1][1]).toBeNaN();
    expect(() => oracle((x) => cholesky(x), [a])).toThrow(
      expect.objectContaining({ code: "cholesky/not-positive-definite" }),
    );
  });

  test("no matrix, and errors", async () => {
    await checkExecutors((a) => cholesky(a), [numbers(1, 0, 0)]);
    await checkExecutors((a) => cholesky(a), [numbers(1, 0, 3, 3)]);
    expect(() => cholesky(numbers(1, 2, 3))).toThrow(expect.objectContaining({ code: "cholesky/square" }));
    expect(() => cholesky(numbers(1, 3))).toThrow(expect.objectContaining({ code: "cholesky/square" }));
  });
});
