import { describe, expect, test } from "vitest";
import {
  add,
  cast,
  compile,
  determinant,
  eye,
  grad,
  inverse,
  logDeterminant,
  matmul,
  mul,
  solve,
  square,
  sum,
  type Tensor,
  value,
} from "../../index.ts";
import { check, checkExecutors, expectClose, oracle } from "../../testing/check.ts";
import { checkPortable } from "../../testing/portable.ts";
import { numbers } from "./fixtures/numbers.ts";

const tolerance = { rtol: 2e-4, atol: 2e-5 };
/** Needs its rows exchanged: the first pivot is 0. */
const turned = value([
  [0, 2, 1],
  [3, 0, -1],
  [1, 1, 4],
]);

describe("solve and inverse", () => {
  test("by hand", () => {
    expectClose(
      oracle(
        () =>
          solve(
            value([
              [2, 1],
              [1, 3],
            ]),
            value([3, 5]),
          ),
        [],
      )[0],
      [0.8, 1.4],
    );
    expectClose(
      oracle(
        () =>
          inverse(
            value([
              [0, 2],
              [4, 0],
            ]),
          ),
        [],
      )[0],
      [0, 0.25, 0.5, 0],
    );
  });

  test.each([1, 2, 3, 8, 17])("A·X = B and A·A⁻¹ = 1: size %i", async (n) => {
    const [a, b] = [numbers(1, 2, n, n), numbers(2, n, 3)];
    const shifted = (x: Tensor) => add(x, mul(eye(n), 1.5));
    const [product, identity] = oracle(
      (x, y) => [matmul(shifted(x), solve(shifted(x), y)), matmul(shifted(x), inverse(shifted(x)))],
      [a, b],
    );
    expectClose(product, [...b.toFloat64(), ...b.toFloat64()], { rtol: 1e-9, atol: 1e-9 });
    const one = Float64Array.from({ length: n * n }, (_, i) => Number(i % (n + 1) === 0));
    expectClose(identity, [...one, ...one], { atol: 1e-9 });
    const both = (x: Tensor, y: Tensor) => [solve(shifted(x), y), inverse(shifted(x))];
    // float32 through n pivots: some hundred units in the last place.
    await checkExecutors(both, [a, b], { rtol: 1e-3, atol: 1e-4 });
    await checkPortable(both, [a, b], { rtol: 1e-3, atol: 1e-4 });
  });

  test("gradients, batches, second derivatives", async () => {
    await check((a, b) => solve(a, b), [turned, numbers(2, 3, 2)], { ...tolerance, batch: false });
    await check((a, b) => solve(a, b), [turned, numbers(2, 3)], { ...tolerance, batch: false });
    await check((a) => inverse(a), [turned], { ...tolerance, batch: false });
    const shifted = (x: Tensor) => add(mul(x, 0.3), eye(3));
    await check((a, b) => [solve(shifted(a), b), inverse(shifted(a))], [numbers(1, 3, 3), numbers(2, 3, 2)], tolerance);
    await check((a, b) => solve(shifted(a), b), [numbers(1, 2, 3, 3), numbers(2, 3, 2)], tolerance);
    await check((a, b) => grad((p: Tensor[]) => sum(square(solve(p[0], p[1]))))([a, b]), [turned, numbers(2, 3, 2)], {
      ...tolerance,
      batch: false,
    });
    await check((a) => grad((p: Tensor) => sum(square(inverse(p))))(a), [turned], { ...tolerance, batch: false });
  });

  test("64-bit floats keep their digits", () =>
    checkExecutors(
      (a) => {
        const wide = cast(a, "float64");
        return [solve(wide, cast(value([1, 2, 3]), "float64")), inverse(wide), determinant(wide)];
      },
      [turned],
      { rtol: 1e-12, atol: 1e-12 },
    ));

  test("an ill-conditioned system keeps its residual small", async () => {
    // Hilbert's matrix of size 6: condition 1.5e7, where the bare product with the inverse loses all digits.
    const hilbert = value(
      Float32Array.from({ length: 36 }, (_, i) => 1 / (Math.floor(i / 6) + (i % 6) + 1)),
      { shape: [6, 6] },
    );
    const b = numbers(1, 6);
    const x = await compile((a: Tensor, y: Tensor) => solve(a, y))(hilbert, b);
    const size = Math.max(...x.toFloat64().map(Math.abs));
    const residual = oracle((a, y) => matmul(a, y), [hilbert, x])[0].map((one, i) => one - Number(b.data[i]));
    expect(Math.max(...residual.map(Math.abs)) / size).toBeLessThan(1e-5);
  });

  test("a singular matrix has none", async () => {
    const a = value([
      [1, 2],
      [2, 4],
    ]);
    const run = compile((x: Tensor) => [inverse(x), solve(x, value([1, 1]))]);
    for (const result of await run(a)) expect([...result.toFloat64()].some(Number.isFinite)).toBe(false);
    expect(() => oracle((x) => inverse(x), [a])).toThrow(expect.objectContaining({ code: "inverse/singular" }));
    expect(() => oracle((x) => solve(x, value([1, 1])), [a])).toThrow(
      expect.objectContaining({ code: "solve/singular" }),
    );
  });

  test("no matrix, and errors", async () => {
    await checkExecutors((a, b) => [inverse(a), solve(a, b), determinant(a)], [numbers(1, 0, 0), numbers(1, 0, 2)]);
    expect(() => inverse(numbers(1, 2, 3))).toThrow(expect.objectContaining({ code: "inverse/square" }));
    expect(() => solve(numbers(1, 2, 2), numbers(1, 3))).toThrow(expect.objectContaining({ code: "solve/rows" }));
  });
});

describe("determinants", () => {
  test("by hand", () => {
    expectClose(
      oracle(
        () =>
          determinant(
            value([
              [1, 2],
              [3, 4],
            ]),
          ),
        [],
      )[0],
      [-2],
      { rtol: 1e-12 },
    );
    const parts = oracle(
      () =>
        logDeterminant(
          value([
            [0, 2],
            [3, 0],
          ]),
        ),
      [],
    );
    expectClose([...parts[0], ...parts[1]], [-1, Math.log(6)], { rtol: 1e-12 });
  });

  test("det(A·B) = det(A)·det(B), and the logarithms agree", () => {
    const [product, factors, fromParts] = oracle(
      (a, b) => {
        const { sign, logAbsolute } = logDeterminant(matmul(a, b));
        return [determinant(matmul(a, b)), mul(determinant(a), determinant(b)), sign, logAbsolute];
      },
      [numbers(1, 2, 4, 4), numbers(2, 4, 4)],
    );
    expectClose(product, factors, { rtol: 1e-10 });
    expectClose(fromParts, product.map(Math.sign));
  });

  test.each([1, 2, 3, 6, 12])("executors, with rows in any order: size %i", async (n) => {
    const fn = (a: Tensor) => [determinant(a), logDeterminant(a)];
    await checkExecutors(fn, [numbers(4, 5, n, n)], { rtol: 1e-3, atol: 1e-4 });
    await checkPortable(fn, [numbers(4, 5, n, n)], { rtol: 1e-3, atol: 1e-4 });
  });

  test("gradients, batches, second derivatives", async () => {
    const fn = (a: Tensor) => [determinant(a), logDeterminant(a).logAbsolute];
    await check(fn, [turned], { ...tolerance, batch: false });
    await check((a) => fn(add(mul(a, 0.3), eye(3))), [numbers(1, 3, 3)], tolerance);
    await check((a) => grad((p: Tensor) => add(determinant(p), logDeterminant(p).logAbsolute))(a), [turned], {
      ...tolerance,
      batch: false,
    });
  });

  test.each([2, 3, 5])("of a singular matrix of size %i", async (n) => {
    const a = value(new Float32Array(n * n).fill(1), { shape: [n, n] });
    const [d, { sign, logAbsolute }] = await compile((x: Tensor) => [determinant(x), logDeterminant(x)] as const)(a);
    expect([Math.abs(d.item()), Math.abs(sign.item()), logAbsolute.item()]).toEqual([0, 0, -Infinity]);
    expect(oracle((x) => logDeterminant(x), [a]).map(([one]) => one)).toEqual([expect.closeTo(0), -Infinity]);
  });
});
