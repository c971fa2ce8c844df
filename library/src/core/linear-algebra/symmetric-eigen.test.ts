import { describe, expect, test } from "vitest";
import {
  add,
  determinant,
  expandDims,
  eye,
  grad,
  matmul,
  mul,
  product,
  sqrt,
  square,
  sub,
  sum,
  swapAxes,
  symmetricEigen,
  type Tensor,
  value,
} from "../../index.ts";
import { check, checkExecutors, expectClose, oracle } from "../../testing/check.ts";
import { checkPortable } from "../../testing/portable.ts";
import { numbers } from "./fixtures/numbers.ts";

const symmetric = (x: Tensor): Tensor => add(x, swapAxes(x, -1, -2));
const parts = (x: Tensor) => {
  const { values, vectors } = symmetricEigen(x);
  return [values, vectors];
};

describe("symmetricEigen", () => {
  test("by hand", () => {
    const [values, vectors] = oracle(parts, [
      value([
        [2, 1],
        [1, 2],
      ]),
    ]);
    expectClose(values, [1, 3], { rtol: 1e-12 });
    const half = Math.SQRT1_2;
    expectClose(vectors.map(Math.abs), [half, half, half, half], { rtol: 1e-12 });
  });

  test.each([1, 2, 3, 6, 9, 16])("A·V = V·diag(w), Vᵀ·V = 1, ascending: size %i", async (n) => {
    const a = numbers(6, 2, n, n);
    const [difference, gram, values] = oracle(
      (x) => {
        const { values, vectors } = symmetricEigen(x);
        const stretched = mul(vectors, expand(values));
        return [
          sub(matmul(mul(symmetric(x), 0.5), vectors), stretched),
          sub(matmul(swapAxes(vectors, -1, -2), vectors), eye(n)),
          values,
        ];
      },
      [a],
    );
    for (const nothing of [difference, gram])
      expectClose(
        nothing,
        nothing.map(() => 0),
        { atol: 1e-10 },
      );
    for (let i = 1; i < n; i++) expect(values[i]).toBeGreaterThanOrEqual(values[i - 1]);
    // float32: some n units in the last place of the norm, divided by the distance of eigenvalues.
    const tolerance = { rtol: 1e-3, atol: 2e-4 };
    await checkExecutors(parts, [a], tolerance);
    await checkPortable(parts, [a], tolerance);
  });

  test("the product of the eigenvalues is the determinant, their functions are functions of the matrix", () => {
    const [fromValues, direct, root] = oracle(
      (x) => {
        const spd = add(matmul(x, x, { transposeB: true }), eye(4));
        const { values, vectors } = symmetricEigen(spd);
        const rootOf = matmul(mul(vectors, expand(sqrt(values))), vectors, { transposeB: true });
        return [product(values), determinant(spd), sub(matmul(rootOf, rootOf), spd)];
      },
      [numbers(2, 4, 4)],
    );
    expectClose(fromValues, direct, { rtol: 1e-10 });
    expectClose(
      root,
      root.map(() => 0),
      { atol: 1e-10 },
    );
  });

  test("gradients, batches, second derivatives", async () => {
    const tolerance = { rtol: 1e-3, atol: 2e-4 };
    await check(parts, [numbers(6, 4, 4)], { ...tolerance, batch: false });
    await check(parts, [numbers(6, 3, 3)], tolerance);
    const loss = (x: Tensor) => {
      const { values, vectors } = symmetricEigen(x);
      return sum(mul(square(values), sum(square(square(vectors)), { axis: -2 })));
    };
    await check((x) => grad(loss)(x), [numbers(6, 3, 3)], { ...tolerance, batch: false });
  });

  test("diagonal, equal and zero eigenvalues; no matrix", async () => {
    await checkExecutors(parts, [
      value([
        [3, 0, 0],
        [0, -1, 0],
        [0, 0, 2],
      ]),
    ]);
    const [values] = oracle(parts, [
      value([
        [0, 0],
        [0, 0],
      ]),
    ]);
    expect([...values]).toEqual([0, 0]);
    await checkExecutors((x) => symmetricEigen(x).values, [value(new Float32Array(16).fill(1), { shape: [4, 4] })], {
      atol: 1e-5,
    });
    const [gradient] = oracle(
      (x) => grad((y: Tensor) => sum(symmetricEigen(y).values))(x),
      [
        value([
          [1, 0],
          [0, 1],
        ]),
      ],
    );
    expectClose(gradient, [1, 0, 0, 1]);
    await checkExecutors(parts, [numbers(1, 0, 0)]);
    expect(() => symmetricEigen(numbers(1, 2, 3))).toThrow(expect.objectContaining({ code: "symmetricEigen/square" }));
  });
});

/** Eigenvalues [..., n] as the rows [..., 1, n] that multiply columns. */
const expand = (w: Tensor): Tensor => expandDims(w, -2);
