import { describe, expect, test } from "vitest";
import { add, compile, key, mul, normal, softmax, type Tensor, transpose, value, vjp } from "../../index.ts";
import { check, expectClose, oracle } from "../../testing/index.ts";
import { type EntmaxOptions, entmax, entmaxBySorting } from "./entmax.ts";
import { sparsemax } from "./sparsemax.ts";

/** Enough steps for 64-bit floats. */
const exact = { iterations: 40 };
const run = (z: readonly number[], options: EntmaxOptions = exact) => [
  ...oracle((x) => entmax(x, options), [value([...z], { dtype: "float64" })])[0],
];
const scores = value([
  [0.7, -1.2, 2.1, 0.4],
  [-0.6, -0.9, -0.1, -2],
  [0.3, 1.2, 0.8, 1.9],
]);
const random = () => compile((from: Tensor) => mul(normal(from, [60, 17]), 2))(key(7));
const alphas = [1.1, 1.25, 1.5, 1.75, 2];

describe("by hand", () => {
  test("α = 1.5: τ = 0 for 2 and 0, ¼ − √7/4 for 1 and 0", () => {
    expectClose(run([2, 0]), [1, 0], { atol: 1e-9 });
    const tau = 0.25 - Math.sqrt(7) / 4;
    expectClose(run([1, 0]), [(0.5 - tau) ** 2, tau ** 2], { rtol: 1e-9 });
    expectClose(run([1, 0], {}), [0.830719, 0.169281], { atol: 1e-6 });
  });

  test.each(alphas)("α = %d: equal scores share, a single one is certain, none is none", (alpha) => {
    expectClose(run([0, 0], { ...exact, alpha }), [0.5, 0.5], { rtol: 1e-6 });
    expectClose(run([3, 3, 3], { ...exact, alpha }), [1 / 3, 1 / 3, 1 / 3], { rtol: 1e-6 });
    expectClose(run([-4], { ...exact, alpha }), [1], { rtol: 1e-6 });
    expect(run([], { alpha })).toEqual([]);
  });
});

describe("laws", () => {
  test.each(alphas)("α = %d: rows sum to 1, keep the order, and ignore an added constant", async (alpha) => {
    const z = await random();
    const [p, moved] = oracle((x) => [entmax(x, { alpha }), entmax(add(x, 50), { alpha })], [z]);
    // Six steps leave the sum within the slack of the bracket.
    expectClose(moved, p, { atol: 1e-5 });
    for (let row = 0; row < 60; row++) {
      const at = (list: ArrayLike<number>, i: number) => Number(list[17 * row + i]);
      const places = [...Array(17).keys()].sort(
        (a, b) => at(z.data as Float32Array, b) - at(z.data as Float32Array, a),
      );
      expect(places.reduce((total, i) => total + at(p, i), 0)).toBeCloseTo(1, 5);
      for (let i = 1; i < 17; i++) expect(at(p, places[i])).toBeLessThanOrEqual(at(p, places[i - 1]));
    }
  });

  test("the search finds what sorting finds, by either method", async () => {
    const [sorted, halley, bisected] = oracle(
      (x) => [entmaxBySorting(x), entmax(x), entmax(x, { method: "bisect" })],
      [await random()],
    );
    expectClose(halley, sorted, { atol: 1e-6 });
    expectClose(bisected, sorted, { atol: 1e-6 });
  });

  test("α = 2 is sparsemax, α near 1 is near softmax, and the support shrinks between", async () => {
    const z = await random();
    const [two, sparse, near, soft] = oracle(
      (x) => [entmax(x, { alpha: 2 }), sparsemax(x), entmax(x, { alpha: 1.01 }), softmax(x)],
      [z],
    );
    expect([...two]).toEqual([...sparse]);
    expectClose(near, soft, { atol: 0.02 });
    const sizes = alphas.map((alpha) => oracle((x) => entmax(x, { alpha }), [z])[0].filter((p) => p > 0).length);
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
    expect(new Set(sizes).size).toBe(sizes.length);
  });

  test("masked scores have no weight whatever they are, and a row without any is 0", () => {
    const mask = value([true, false, true]);
    for (const hidden of [9, -9, -Infinity, Infinity])
      expectClose(
        run([1, hidden, 0], { ...exact, mask }),
        run([1, 0]).flatMap((p, i) => (i === 0 ? [p, 0] : [p])),
        { atol: 1e-9 },
      );
    expect(run([1, 2], { mask: value([false, false]) })).toEqual([0, 0]);
    expectClose(run([1, 0, -Infinity]), [...run([1, 0]), 0], { atol: 1e-9 });
  });

  test("along another axis it is the transposed one", () => {
    const [across, along] = oracle((x) => [entmax(x, { axis: 0 }), transpose(entmax(transpose(x)))], [scores]);
    expectClose(across, along, { rtol: 1e-12, atol: 0 });
  });
});

test.each(alphas)("α = %d: executors, gradients and batching agree", async (alpha) => {
  // The rule takes p for the root: differences of 64 bits see what six steps leave.
  const options = { alpha, iterations: 12 };
  await check((x) => entmax(x, options), [scores], { rtol: 1e-4, atol: 1e-5 });
  const mask = value([[true, false, true, true]]);
  await check((x) => entmax(x, { ...options, axis: 0 }), [scores], { rtol: 1e-4, atol: 1e-5, batch: false });
  await check((x) => entmax(x, { ...options, mask }), [scores], { rtol: 1e-4, atol: 1e-5, batch: false });
});

test("the gradient of the sorting form is that of the rule; a constant pulls nothing", () => {
  const pull = (fn: (x: Tensor) => Tensor) => (x: Tensor, dy: Tensor) => vjp(fn, x)[1](dy);
  const dy = value([
    [1, -2, 0.5, 3],
    [0, 1, 0, 0],
    [2, 2, 2, 2],
  ]);
  const [ruled] = oracle(pull((x) => entmax(x, exact)) as never, [scores, dy]);
  const [sorted] = oracle(pull((x) => entmaxBySorting(x)) as never, [scores, dy]);
  expectClose(ruled, sorted, { atol: 1e-9 });
  expectClose(ruled.slice(8), [0, 0, 0, 0], { atol: 1e-12 });
});

test("an α outside of (1, 2] is refused, and softmax named for 1", () => {
  expect(() => entmax(value([1, 2]), { alpha: 1 })).toThrow(/softmax is entmax at α = 1/);
  for (const alpha of [0.5, 2.1, Number.NaN])
    expect(() => entmax(value([1, 2]), { alpha })).toThrow(expect.objectContaining({ code: "entmax/alpha" }));
});
