import { describe, expect, test } from "vitest";
import { uniformSource } from "../uniform-source.ts";
import { backwardInduction, emptyValues, evaluate, occupancy, startValue, uniformPolicies } from "./finite-mdp.ts";
import { randomPolicies, randomProcess } from "./fixtures.ts";

describe("finite horizon", () => {
  test("one state, one action: rewards add up", () => {
    const mdp = { ...randomProcess(3, 1, 1, 1), reward: (h: number) => Float64Array.of(h + 1) };
    expect([...evaluate(mdp, uniformPolicies(mdp)).V].map(([value]) => value)).toEqual([6, 5, 3, 0]);
    expect(backwardInduction(mdp)).toEqual(evaluate(mdp, uniformPolicies(mdp)));
    expect(emptyValues(mdp).Q).toHaveLength(3);
  });

  test("the value of the start is the reward of the states that are visited", () => {
    const mdp = randomProcess(4, 3, 2, 2);
    const policies = randomPolicies(mdp, 3);
    const visits = occupancy(mdp, policies);
    let expected = 0;
    for (let h = 0; h < 4; h++)
      for (let pair = 0; pair < 6; pair++) expected += visits[h][pair >> 1] * policies[h][pair] * mdp.reward(h)[pair];
    expect(startValue(mdp, evaluate(mdp, policies))).toBeCloseTo(expected, 12);
    for (const chances of visits) expect(chances.reduce((sum, p) => sum + p)).toBeCloseTo(1, 12);
  });

  test("no policy is better than the best; the greedy one is as good", () => {
    const mdp = randomProcess(4, 3, 3, 4);
    const best = backwardInduction(mdp);
    const greedy = best.Q.map((q) =>
      q.map((value, pair) => (value === Math.max(...q.subarray(pair - (pair % 3), pair - (pair % 3) + 3)) ? 1 : 0)),
    );
    expect(evaluate(mdp, greedy).V).toEqual(best.V);
    for (let seed = 0; seed < 20; seed++)
      evaluate(mdp, randomPolicies(mdp, seed)).V.forEach((values, h) => {
        values.forEach((value, s) => {
          expect(value).toBeLessThanOrEqual(best.V[h][s]);
        });
      });
  });

  test("errors of the epochs add: V*(s) − V(s) ≤ Σ max gap", () => {
    for (let seed = 0; seed < 30; seed++) {
      const mdp = randomProcess(5, 4, 3, seed);
      const { V, Q } = evaluate(mdp, randomPolicies(mdp, seed + 100));
      const best = backwardInduction(mdp).V[0];
      let sum = 0;
      for (let h = 0; h < 5; h++)
        sum += Math.max(...V[h].subarray(0, 4).map((v, s) => Math.max(...Q[h].subarray(3 * s, 3 * s + 3)) - v));
      best.forEach((value, s) => {
        expect(value - V[0][s]).toBeLessThanOrEqual(sum + 1e-12);
      });
    }
  });
});

test("a seed fixes the numbers; they are even, and beyond one supply go on", () => {
  const [one, same, other] = [uniformSource(5), uniformSource(5), uniformSource(5 + 2 ** 40)];
  const numbers = Array.from({ length: 20_000 }, () => one.uniform());
  expect(numbers.slice(0, 300)).toEqual(Array.from({ length: 300 }, () => same.uniform()));
  expect(numbers[0]).not.toBe(other.uniform());
  expect(new Set(numbers).size).toBe(20_000);
  // Four standard errors of 20,000 uniform numbers.
  expect(Math.abs(numbers.reduce((sum, one) => sum + one) / 20_000 - 0.5)).toBeLessThan(0.0082);
});
