import { describe, expect, test } from "vitest";
import { compile, evaluate, grad, matmul, mul, sum, type Tensor, Value, value } from "../../index.ts";
import { adamW } from "../../nn/index.ts";
import { checkExecutors, expectClose, oracle, sample } from "../../testing/index.ts";
import { consolidate, softMask, topMask, withFrozen } from "./subnetwork.ts";

const maskOf = (scores: Value, keep: number) => [...oracle((x) => topMask(x, keep), [scores])[0]];

describe("topMask", () => {
  test("by hand: the largest magnitudes, whatever their sign", () =>
    expect(maskOf(value([0.1, -0.9, 0.3, -0.2, 0]), 0.5)).toEqual([0, 1, 1, 1, 0]));

  test("keeps as many as the rule says, from either end", async () => {
    const scores = sample([7, 9]);
    for (const keep of [0.01, 0.05, 0.3, 0.5, 0.51, 0.9, 1]) {
      const kept = maskOf(scores, keep).reduce((total, each) => total + each, 0);
      expect(kept).toBe(63 - Math.round((1 - keep) * 62));
      await checkExecutors((x) => topMask(x, keep), [scores]);
    }
    expect(maskOf(value([3]), 0.1)).toEqual([1]);
  });

  test("all scores equal to the threshold are kept; scaling changes nothing", () => {
    expect(maskOf(value([1, -1, 1, 0.5]), 0.5)).toEqual([1, 1, 1, 0]);
    expect(maskOf(value([1, 1, 1, 1]), 0.3)).toEqual([1, 1, 1, 1]);
    const scores = sample([40]);
    const larger = value(scores.toFloat64().map((each) => 1000 * each));
    expect(maskOf(larger, 0.3)).toEqual(maskOf(scores, 0.3));
  });

  test("gradients reach every score as upstream times weight, lost and negative ones too", () => {
    const weight = sample([4, 3], 2);
    const x = sample([2, 4], 3);
    const [given, expected] = oracle(
      (scores) => [
        grad((at: Tensor) => sum(matmul(x, mul(weight, topMask(at, 0.4)))))(scores),
        mul(matmul(x, new Value(new Float32Array(6).fill(1), [2, 3]), { transposeA: true }), weight),
      ],
      [sample([4, 3], 5)],
    );
    expectClose(given, expected, { atol: 1e-12 });
  });

  test("a share that is none is refused", () => {
    for (const keep of [0, -0.1, 1.1, Number.NaN])
      expect(() => topMask(value([1]), keep)).toThrow(expect.objectContaining({ code: "topMask/keep" }));
  });
});

test("a soft mask keeps winners whole and shrinks all others", () =>
  expectClose(oracle((m, u) => softMask(m, u), [value([1, 0, 1]), value([0.3, 0.4, 0])])[0], [1, 0.4, 1], {
    atol: 1e-7,
  }));

test("frozen numbers stay the same bits under moments and weight decay, others move", async () => {
  const optimizer = withFrozen(adamW({ lr: 0.1, weightDecay: 0.1 }), (path) =>
    path === "weights.0" ? value([[1, 0, 1]]) : undefined,
  );
  const params = { weights: [value([[0.1, 0.2, 0.3]])], free: value([0.4]) };
  const step = compile((p: typeof params, state: never) => {
    const gradient = grad((at: { weights: Tensor[]; free: Tensor }) => sum(mul(at.weights[0], at.free)))(p as never);
    return optimizer.update(p as never, gradient, state) as never;
  }) as unknown as (p: unknown, state: unknown) => Promise<{ params: typeof params; state: unknown }>;
  let now: { params: unknown; state: unknown } = { params, state: await evaluate(optimizer.init(params as never)) };
  for (let i = 0; i < 5; i++) now = await step(now.params, now.state);
  const { weights, free } = now.params as typeof params;
  const [first, second, third] = weights[0].data;
  expect([first, third]).toEqual([Math.fround(0.1), Math.fround(0.3)]);
  expect(Math.abs(Number(second) - 0.2)).toBeGreaterThan(0.1);
  expect(Math.abs(Number(free.data[0]) - 0.4)).toBeGreaterThan(0.1);
});

test("masks are joined by or", () => {
  expect([...consolidate([Uint8Array.of(1, 0, 0), Uint8Array.of(1, 0, 1)])]).toEqual([1, 0, 1]);
  expect(() => consolidate([])).toThrow(expect.objectContaining({ code: "consolidate/masks" }));
  expect(() => consolidate([Uint8Array.of(1), Uint8Array.of()])).toThrow(/one length/);
});
