import { describe, expect, test } from "vitest";
import {
  add,
  compile,
  eye,
  grad,
  lowerTriangle,
  matmul,
  mul,
  square,
  sum,
  type Tensor,
  transpose,
  triangularSolve,
  upperTriangle,
  value,
} from "../../index.ts";
import { check, checkExecutors, expectClose, oracle } from "../../testing/check.ts";
import { checkPortable } from "../../testing/portable.ts";
import { numbers } from "./fixtures/numbers.ts";
import type { TriangularOptions } from "./triangular-solve.ts";

const options: TriangularOptions[] = [false, true].flatMap((upper) =>
  [false, true].flatMap((turn) => [false, true].map((unitDiagonal) => ({ upper, transpose: turn, unitDiagonal }))),
);
/** A matrix with a diagonal well away from 0. */
const safe = (a: Tensor): Tensor => add(a, mul(eye(a.shape.at(-1)!), 2.5));

describe("triangularSolve", () => {
  test("by hand", () => {
    const a = value([
      [2, 9],
      [1, 4],
    ]);
    expectClose(oracle(() => triangularSolve(a, value([2, 9])), [])[0], [1, 2]);
    expectClose(oracle(() => triangularSolve(a, value([2, 9]), { unitDiagonal: true }), [])[0], [2, 7]);
    expectClose(oracle(() => triangularSolve(a, value([2, 8]), { upper: true }), [])[0], [-8, 2]);
    expectClose(oracle(() => triangularSolve(a, value([4, 8]), { transpose: true }), [])[0], [1, 2]);
  });

  test.each(options)("the product with the triangle is the right side: %o", (option) => {
    const { upper, transpose: turn, unitDiagonal } = option;
    const back = (a: Tensor, b: Tensor) => {
      const x = triangularSolve(safe(a), b, option);
      const diagonal = unitDiagonal ? (upper ? 1 : -1) : 0;
      const strict = (upper ? upperTriangle : lowerTriangle)(safe(a), { diagonal });
      const triangle = unitDiagonal ? add(strict, eye(5)) : strict;
      return matmul(turn ? transpose(triangle) : triangle, x);
    };
    const b = numbers(2, 5, 3);
    expectClose(oracle(back, [numbers(1, 5, 5), b])[0], b.toFloat64(), { rtol: 1e-10, atol: 1e-10 });
  });

  test.each(options)("executors, gradients, batches: %o", (option) =>
    check((a, b) => triangularSolve(safe(a), b, option), [numbers(1, 3, 3), numbers(2, 3, 2)], {
      rtol: 1e-4,
      atol: 1e-5,
    }),
  );

  test.each([1, 2, 7, 8, 33])("size %i; stacks; vectors; without contributed operators", async (n) => {
    const tolerance = { rtol: 1e-4, atol: 1e-4, batch: false, gradients: "none" } as const;
    const solveSafe = (a: Tensor, b: Tensor) => triangularSolve(add(mul(a, 0.3), mul(eye(n), 2)), b);
    await check(solveSafe, [numbers(1, n, n), numbers(2, n)], tolerance);
    await check(solveSafe, [numbers(1, 2, n, n), numbers(2, n, 2)], tolerance);
    await check(solveSafe, [numbers(1, n, n), numbers(2, 3, n, 2)], tolerance);
    await checkPortable(solveSafe, [numbers(1, 2, n, n), numbers(2, n, 2)], tolerance);
  });

  test("gradients of gradients, and of broadcast sides", async () => {
    const loss = (a: Tensor, b: Tensor) => sum(square(triangularSolve(safe(a), b, { upper: true })));
    const tolerance = { rtol: 1e-4, atol: 1e-5 };
    await check(
      (a, b) => grad((both: Tensor[]) => loss(both[0], both[1]))([a, b]),
      [numbers(1, 3, 3), numbers(2, 3, 2)],
      tolerance,
    );
    await check((a, b) => triangularSolve(safe(a), b), [numbers(1, 3, 3), numbers(2, 2, 3, 1)], tolerance);
    await check((a, b) => triangularSolve(safe(a), b), [numbers(1, 2, 3, 3), numbers(2, 3, 1)], tolerance);
  });

  test("nothing to solve; a zero on the diagonal", async () => {
    await checkExecutors((a, b) => triangularSolve(a, b), [numbers(1, 0, 0), numbers(1, 0, 2)]);
    await checkExecutors((a, b) => triangularSolve(safe(a), b), [numbers(1, 3, 3), numbers(1, 3, 0)]);
    const zero = value([
      [1, 0],
      [1, 0],
    ]);
    const x = await compile((a: Tensor) => triangularSolve(a, value([1, 2])))(zero);
    expect(x.toArray().every(Number.isFinite)).toBe(false);
    expect(() => oracle((a) => triangularSolve(a, value([1, 2])), [zero])).toThrow(
      expect.objectContaining({ code: "triangularSolve/singular" }),
    );
  });

  test.each<[string, () => unknown]>([
    ["triangularSolve/square", () => triangularSolve(numbers(1, 2, 3), numbers(1, 2))],
    ["triangularSolve/rows", () => triangularSolve(numbers(1, 2, 2), numbers(1, 3))],
    ["triangularSolve/broadcast", () => triangularSolve(numbers(1, 2, 2, 2), numbers(1, 3, 2, 1))],
    ["triangularSolve/dtype", () => triangularSolve(value([[1]], { dtype: "int32" }), value([1], { dtype: "int32" }))],
  ])("%s", (code, run) => {
    expect(run).toThrow(expect.objectContaining({ code }));
  });
});
