import { describe, expect, test } from "vitest";
import { compile, key, mul, normal, softmax, type Tensor, value } from "../../index.ts";
import { check, expectClose, oracle } from "../../testing/index.ts";
import { type TokenChoiceOptions, tokenChoice } from "./token-choice.ts";

const random = (rows: number, experts: number, seed = 3) =>
  compile((from: Tensor) => mul(normal(from, [rows, experts]), 2))(key(seed));
/** All rows prefer expert 0, less and less, then expert 1. */
const crowd = value([
  [Math.log(6), Math.log(3), 0],
  [Math.log(5), Math.log(3), 0],
  [Math.log(4), Math.log(3), 0],
  [0, Math.log(3), Math.log(4)],
]);
const route = (logits: Parameters<typeof oracle>[1][number], options: TokenChoiceOptions) => {
  const [indices, weights, kept, demand, dropped, balance] = oracle(
    (x) => {
      const routed = tokenChoice(x, options);
      return [routed.indices, routed.weights, routed.kept, routed.demand, routed.dropped, routed.balance];
    },
    [logits],
  ).map((one) => [...one]);
  return { indices, weights, kept, demand, dropped: dropped[0], balance: balance[0] };
};

describe("by hand", () => {
  test("one choice, two places: the third that comes is dropped", () => {
    const routed = route(crowd, { k: 1, capacityFactor: 1.5 });
    expect(routed.indices).toEqual([0, 0, 0, 2]);
    expect(routed.kept).toEqual([1, 1, 0, 1]);
    expectClose(routed.weights, [6 / 10, 5 / 9, 0, 4 / 8], { rtol: 1e-6 });
    expect(routed.demand).toEqual([3, 0, 1]);
    expect(routed.dropped).toBe(1);
  });

  test("two choices: first ones are placed before second ones, and their weights sum to 1", () => {
    // Capacity ⌈4·2·0.75/3⌉ = 2. First: 0, 0, 0, 2; second: 1, 1, 1, 1.
    const routed = route(crowd, { k: 2, capacityFactor: 0.75 });
    expect(routed.kept).toEqual([1, 1, 1, 1, 0, 0, 1, 0]);
    expectClose(routed.weights, [6 / 9, 3 / 9, 5 / 8, 3 / 8, 0, 0, 4 / 7, 0], { rtol: 1e-6 });
    expect(routed.dropped).toBe(3);
  });

  test("the balance loss: 3 · (¾·p̄₀ + ¼·p̄₂)", () => {
    const mean = (list: number[]) => list.reduce((a, b) => a + b, 0) / list.length;
    const [first, third] = [mean([6 / 10, 5 / 9, 4 / 8, 1 / 8]), mean([1 / 10, 1 / 9, 1 / 8, 4 / 8])];
    expect(route(crowd, { k: 1 }).balance).toBeCloseTo(3 * (0.75 * first + 0.25 * third), 6);
  });
});

describe("laws", () => {
  test.each([1, 2, 3])(
    "k = %i: without a limit nothing is dropped, and no expert has more than its places with one",
    async (k) => {
      const logits = await random(40, 5);
      expect(route(logits, { k }).dropped).toBe(0);
      const { indices, kept, demand, dropped } = route(logits, { k, capacityFactor: 1 });
      const capacity = Math.ceil((40 * k) / 5);
      const loads = Array.from({ length: 5 }, (_, e) => indices.filter((one, i) => one === e && kept[i] === 1).length);
      expect(loads).toEqual(demand.map((wanted) => Math.min(wanted, capacity)));
      expect(demand.reduce((a, b) => a + b, 0)).toBe(40 * k);
      expect(dropped).toBe(40 * k - loads.reduce((a, b) => a + b, 0));
      expect(dropped).toBeGreaterThan(0);
    },
  );

  test("one choice is weighted by its probability itself", async () => {
    const logits = await random(9, 4);
    const [p] = oracle((x) => softmax(x), [logits]);
    const { weights } = route(logits, { k: 1 });
    expectClose(
      weights,
      Array.from({ length: 9 }, (_, row) => Math.max(...p.slice(4 * row, 4 * row + 4))),
      { rtol: 1e-12 },
    );
  });
});

test("executors, gradients and batching agree", async () => {
  const logits = await random(10, 4);
  for (const k of [1, 2])
    await check(
      (x) => {
        const { weights, balance, dropped } = tokenChoice(x, { k, capacityFactor: 1 });
        return [weights, balance, dropped];
      },
      [logits],
    );
});

test("a capacity of nothing and more choices than experts are refused", () => {
  expect(() => tokenChoice(crowd, { k: 1, capacityFactor: 0 })).toThrow(
    expect.objectContaining({ code: "tokenChoice/capacity" }),
  );
  expect(() => tokenChoice(crowd, { k: 4 })).toThrow(expect.objectContaining({ code: "topK/k" }));
  expect(() => tokenChoice(value([1]), { k: 1 })).toThrow(expect.objectContaining({ code: "tokenChoice/rank" }));
});
