import { describe, expect, test } from "vitest";
import { add, compile, key, mul, normal, type Tensor, transpose, Value, value, vjp } from "../../index.ts";
import { check, checkExecutors, expectClose, oracle } from "../../testing/index.ts";
import { sparsemax, sparsemaxThreshold } from "./sparsemax.ts";

const run = (z: readonly number[]) => [...oracle((x) => sparsemax(x), [value([...z], { dtype: "float64" })])[0]];

describe("by hand", () => {
  test.each([
    [
      [0, 0],
      [0.5, 0.5],
    ],
    [
      [1, 0],
      [1, 0],
    ],
    [
      [0.5, 0],
      [0.75, 0.25],
    ],
    [
      [1, 0.8, 0.1],
      [0.6, 0.4, 0],
    ],
    [
      [3, 1, 0.2],
      [1, 0, 0],
    ],
    [
      [1, 0.5, -1],
      [0.75, 0.25, 0],
    ],
    [[7], [1]],
    [
      [2, 2, 1],
      [0.5, 0.5, 0],
    ],
  ])("%j projects to %j", (z, p) => expectClose(run(z), p, { atol: 1e-12 }));

  test("thresholds: 0.4 with two above it, 2 with one", () => {
    const [tau, support] = oracle(
      (x) => sparsemaxThreshold(x),
      [
        value(
          [
            [1, 0.8, 0.1],
            [3, 1, 0.2],
          ],
          { dtype: "float64" },
        ),
      ],
    );
    expectClose(tau, [0.4, 2], { atol: 1e-12 });
    expect([...support]).toEqual([2, 1]);
  });

  test("a score that only touches the threshold stays outside", () => {
    // τ = 0: the last score equals it.
    expect([...oracle((x) => sparsemaxThreshold(x).support, [value([1, 0])])[0]]).toEqual([1]);
  });
});

describe("laws", () => {
  const random = compile((from: Tensor) => mul(normal(from, [1000, 12]), 2));

  test("adding a constant changes nothing; order is kept; differences shrink", async () => {
    const z = await random(key(1));
    const [p, moved] = oracle((x) => [sparsemax(x), sparsemax(add(x, 31))], [z]);
    expectClose(moved, p, { atol: 1e-9 });
    const scores = z.toFloat64();
    for (let i = 0; i + 1 < 120; i++) {
      if (i % 12 === 11) continue;
      const [dz, dp] = [scores[i] - scores[i + 1], p[i] - p[i + 1]];
      expect(dp * dz).toBeGreaterThanOrEqual(0);
      expect(Math.abs(dp)).toBeLessThanOrEqual(Math.abs(dz) + 1e-12);
    }
  });

  test("what is a distribution stays: idempotent", async () => {
    const z = await random(key(2));
    const [once, twice] = oracle((x) => [sparsemax(x), sparsemax(sparsemax(x))], [z]);
    expectClose(twice, once, { atol: 1e-12 });
  });

  test("sums to one in 32 bits for rows of up to 4,096", async () => {
    for (const length of [1, 2, 63, 1024, 4096]) {
      const p = await compile((from: Tensor) => sparsemax(normal(from, [8, length])))(key(length));
      for (let row = 0; row < 8; row++) {
        const total = p
          .toFloat64()
          .slice(row * length, (row + 1) * length)
          .reduce((a, b) => a + b, 0);
        expect(Math.abs(total - 1)).toBeLessThan(1e-6);
      }
    }
  });

  test("two classes: clamp((t + 1)/2); sharpened, it is one-hot at a finite temperature", () => {
    for (const t of [-3, -1, -0.4, 0, 0.6, 1, 2]) {
      expect(run([t, 0])[0]).toBeCloseTo(Math.min(1, Math.max(0, (t + 1) / 2)), 12);
    }
    expect(run([0.375, 0.125, 0].map((score) => score / 0.25))).toEqual([1, 0, 0]);
  });

  test("sorting, dropping in turns and halving find the same, with ties and huge scores", async () => {
    const z = (await random(key(3))).toFloat64();
    for (let row = 0; row < 1000; row += 7) z[row * 12 + 3] = z[row * 12 + 5];
    for (let row = 0; row < 1000; row += 11) z[row * 12 + 8] = 1e4;
    const [p] = oracle((x) => sparsemax(x), [new Value(z, [1000, 12])]);
    for (let row = 0; row < 1000; row++) {
      const line = z.slice(row * 12, (row + 1) * 12);
      expectClose(p.slice(row * 12, (row + 1) * 12), michelot(line), { atol: 1e-6 });
      expectClose(michelot(line), bisected(line), { atol: 1e-6 });
    }
  });
});

/** Projection by dropping scores below the threshold until nothing drops (Michelot 1986). */
function michelot(z: Float64Array): Float64Array {
  let support = [...z];
  for (;;) {
    const tau = (support.reduce((a, b) => a + b, 0) - 1) / support.length;
    const kept = support.filter((score) => score > tau);
    if (kept.length === support.length) return z.map((score) => Math.max(score - tau, 0));
    support = kept;
  }
}

/** Projection by halving the interval in which Σ max(z − τ, 0) crosses 1. */
function bisected(z: Float64Array): Float64Array {
  const largest = Math.max(...z);
  let [low, high] = [largest - 1, largest];
  for (let i = 0; i < 60; i++) {
    const tau = (low + high) / 2;
    if (z.reduce((total, score) => total + Math.max(score - tau, 0), 0) >= 1) low = tau;
    else high = tau;
  }
  return z.map((score) => Math.max(score - low, 0));
}

describe("gradient", () => {
  const z = value([
    [1, 0.8, 0.1, -2],
    [0.3, 0.2, 0.25, 0.21],
    [3, 1, 0.2, 0.9],
  ]);

  test("executors, central differences and batching, along each axis", async () => {
    await check((x) => sparsemax(x), [z]);
    await check((x) => sparsemax(transpose(x), { axis: 0 }), [z]);
  });

  test("the Jacobian is a projection: J(Jv) = Jv, its rows sum to 0, it vanishes off the support", () => {
    const v = value([
      [0.3, -1, 2, 0.5],
      [1, 2, 3, 4],
      [1, -1, 1, -1],
    ]);
    const once = (x: Tensor, u: Tensor) => vjp((y: Tensor) => sparsemax(y), x)[1](u)[0];
    const [first, second] = oracle((x, u) => [once(x, u), once(x, once(x, u))], [z, v]);
    expectClose(second, first, { atol: 1e-9 });
    for (let row = 0; row < 3; row++) {
      expect(first.slice(row * 4, row * 4 + 4).reduce((a, b) => a + b, 0)).toBeCloseTo(0, 9);
    }
    expect([...first.slice(8)]).toEqual([0, 0, 0, 0]);
    expect(first[2]).toBe(0);
  });

  test("masked scores have no weight and no gradient; a row without any is 0", async () => {
    const mask = value([
      [true, false, true, true],
      [true, true, true, false],
      [false, false, false, false],
    ]);
    await check((x) => sparsemax(x, { mask }), [z]);
    const [p] = oracle((x) => sparsemax(x, { mask }), [z]);
    expectClose(p.slice(0, 4), [0.95, 0, 0.05, 0], { atol: 1e-7 });
    expect([...p.slice(8)]).toEqual([0, 0, 0, 0]);
  });
});

test("rows of size 0 and none, and an axis that is not there", async () => {
  await checkExecutors((x) => sparsemax(x), [value([], { shape: [0, 3] })]);
  expect(() => sparsemax(value([1, 2]), { axis: 2 })).toThrowError(
    expect.objectContaining({ code: "sparsemax/axis-out-of-range" }),
  );
});
