import { backwardInduction, type FiniteHorizonMdp } from "sluice/methods/rl/finite-mdp";
import { describe, expect, test } from "vitest";
import { bernoulliBandit, gaussianBandit } from "./bandit.ts";
import { lock, randomMdp } from "./mdp.ts";
import { Random } from "./random.ts";

/** The value of the start under the best of all deterministic policies, by trying them all. */
function bestByTrying({ H, S, A, reward, transition, mu }: FiniteHorizonMdp): number {
  let best = Number.NEGATIVE_INFINITY;
  for (let code = 0; code < A ** (H * S); code++) {
    const action = (h: number, s: number) => Math.floor(code / A ** (h * S + s)) % A;
    const value = (h: number, s: number): number => {
      if (h === H) return 0;
      const pair = s * A + action(h, s);
      let sum = reward(h)[pair];
      for (let next = 0; next < S; next++) sum += transition(h)[pair * S + next] * value(h + 1, next);
      return sum;
    };
    best = Math.max(
      best,
      mu.reduce((sum, p, s) => sum + (p > 0 ? p * value(0, s) : 0), 0),
    );
  }
  return best;
}

describe("mdp", () => {
  test("lock: the best is to go on; quitting pays its reward once", () => {
    const { V, Q } = backwardInduction(lock({ H: 4 }));
    expect(V.map(([start]) => start)).toEqual([1, 1, 1, 1, 0]);
    expect([...Q[0]]).toEqual([1, 0.3, 0, 0]);
    expect([...backwardInduction(lock({ H: 1, quit: 0 })).Q[0]]).toEqual([1, 0, 0, 0]);
  });

  test("backward induction finds what trying every policy finds", () => {
    const mdp = randomMdp({ H: 3, S: 2, A: 2, seed: 1 });
    const start = backwardInduction(mdp).V[0].reduce((sum, value) => sum + value / 2, 0);
    expect(start).toBeCloseTo(bestByTrying(mdp), 12);
  });

  test("transitions are distributions, rewards lie in [0, 1], gaps are kept", () => {
    const mdp = randomMdp({ H: 5, S: 5, A: 3, minGap: 0.1, seed: 2 });
    const { Q } = backwardInduction(mdp);
    for (let h = 0; h < 5; h++) {
      for (let pair = 0; pair < 15; pair++)
        expect(
          mdp
            .transition(h)
            .subarray(pair * 5, pair * 5 + 5)
            .reduce((sum, p) => sum + p),
        ).toBeCloseTo(1, 12);
      expect(Math.min(...mdp.reward(h))).toBeGreaterThanOrEqual(0);
      expect(Math.max(...mdp.reward(h))).toBeLessThan(1);
      for (let s = 0; s < 5; s++) {
        const [best, second] = [...Q[h].subarray(3 * s, 3 * s + 3)].sort((a, b) => b - a);
        expect(best - second).toBeGreaterThanOrEqual(0.1);
      }
    }
    expect(randomMdp({ H: 5, S: 5, A: 3, minGap: 0.1, seed: 2 }).reward(0)).toEqual(mdp.reward(0));
  });

  test("one state, one action; sizes that cannot be are refused", () => {
    expect(backwardInduction(randomMdp({ H: 1, S: 1, A: 1, minGap: 0.5, seed: 3 })).V[0]).toHaveLength(1);
    expect(() => randomMdp({ H: 1, S: 1, A: 2, minGap: 1, seed: 3 })).toThrow(/bad-option/);
    expect(() => lock({ H: 0 })).toThrow(/bad-option/);
  });
});

describe("bandit", () => {
  test("rewards have the mean and deviation that the bandit says", () => {
    const gaussian = gaussianBandit({ arms: 3, seed: 1, deviation: [0.5, 2] });
    for (const bandit of [gaussian, bernoulliBandit({ arms: 3, seed: 1 })]) {
      const random = new Random(4);
      for (let arm = 0; arm < 3; arm++) {
        const rewards = Array.from({ length: 20_000 }, () => bandit.pull(arm, random));
        const mean = rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length;
        const deviation = Math.sqrt(rewards.reduce((sum, reward) => sum + (reward - mean) ** 2, 0) / rewards.length);
        expect(Math.abs(mean - bandit.mean[arm])).toBeLessThan((4 * bandit.deviation[arm]) / Math.sqrt(20_000));
        expect(Math.abs(deviation - bandit.deviation[arm])).toBeLessThan(0.05);
      }
    }
    expect(new Set(gaussian.deviation).size).toBe(3);
  });

  test("the best arm loses nothing, the second at least the gap", () => {
    const { best, gap } = gaussianBandit({ arms: 10, minGap: 0.5, seed: 2 });
    expect(gap[best]).toBe(0);
    expect([...gap].sort((a, b) => a - b)[1]).toBeGreaterThanOrEqual(0.5);
    expect(bernoulliBandit({ arms: 1, minGap: 0.5, seed: 3 }).best).toBe(0);
  });
});
