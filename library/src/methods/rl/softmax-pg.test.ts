import { describe, expect, test } from "vitest";
import { grad, type Tensor, Value, value } from "../../index.ts";
import { check, expectClose, oracle } from "../../testing/index.ts";
import { drawIndex, uniformSource } from "../uniform-source.ts";
import { evaluate, type FiniteHorizonMdp, occupancy, startValue, uniformPolicies } from "./finite-mdp.ts";
import { lockProcess, randomPolicies, randomProcess } from "./fixtures.ts";
import { dynamicPg, exactGradient, sampleGradient, simultaneousPg } from "./softmax-pg.ts";
import { finiteHorizonValue } from "./softmax-pg-graph.ts";

const tables = ({ H, S, A }: FiniteHorizonMdp) => Array.from({ length: H }, () => new Float64Array(S * A));

function gradientOf(mdp: FiniteHorizonMdp, policies: readonly Float64Array[]): Float64Array[] {
  const { Q } = evaluate(mdp, policies);
  const gradient = tables(mdp);
  occupancy(mdp, policies).forEach((visits, h) => {
    exactGradient(visits, policies[h], Q[h], gradient[h]);
  });
  return gradient;
}

describe("gradient", () => {
  const mdp = randomProcess(4, 3, 2, 1);
  const policies = randomPolicies(mdp, 2);
  const joined = (parts: readonly Float64Array[], ...inner: number[]) =>
    new Value(Float64Array.from(parts.flatMap((part) => [...part])), [parts.length, ...inner], "float64");
  const epochs = Array.from({ length: 4 }, (_, h) => h);
  const given = [
    joined(
      policies.map((policy) => policy.map(Math.log)),
      3,
      2,
    ),
    joined(epochs.map(mdp.reward), 3, 2),
    joined(epochs.map(mdp.transition), 3, 2, 3),
    value([...mdp.mu], { dtype: "float64" }),
  ];
  const worth = (theta: Tensor, ...rest: Tensor[]) => finiteHorizonValue(theta, rest[0], rest[1], rest[2]);

  test("in closed form is that of the differentiated value, and of differences", async () => {
    const [total] = oracle(worth as never, given);
    expect(total[0]).toBeCloseTo(startValue(mdp, evaluate(mdp, policies)), 12);
    const [differentiated] = oracle(grad(worth) as never, given);
    expectClose(Float64Array.from(gradientOf(mdp, policies).flatMap((part) => [...part])), differentiated, {
      atol: 1e-8,
      rtol: 0,
    });
    await check(worth as never, given, { gradients: [0], gradientTolerance: 1e-8 });
  });

  test("sums to 0 over actions", () => {
    for (const part of gradientOf(mdp, policies))
      for (let s = 0; s < 3; s++) expect(part[2 * s] + part[2 * s + 1]).toBeCloseTo(0, 15);
  });

  test("sampled, it is exact in the mean, for both ways", () => {
    const trajectories = 1;
    const expectMean = (
      exact: readonly Float64Array[],
      options: { start?: Float64Array; from?: number; to?: number },
    ) => {
      const random = uniformSource(3);
      const draws = 100_000;
      const [sum, squares, into] = [tables(mdp), tables(mdp), tables(mdp)];
      for (let draw = 0; draw < draws; draw++) {
        sampleGradient(mdp, policies, { trajectories, random }, into, options);
        for (let h = options.from ?? 0; h <= (options.to ?? 3); h++)
          into[h].forEach((part, at) => {
            sum[h][at] += part;
            squares[h][at] += part * part;
          });
      }
      for (let h = options.from ?? 0; h <= (options.to ?? 3); h++)
        sum[h].forEach((total, at) => {
          const average = total / draws;
          const error = Math.sqrt((squares[h][at] / draws - average ** 2) / draws);
          expect(Math.abs(average - exact[h][at])).toBeLessThan(4 * error);
        });
    };
    expectMean(gradientOf(mdp, policies), {});
    const start = new Float64Array(3).fill(1 / 3);
    const frozen = tables(mdp);
    exactGradient(start, policies[1], evaluate(mdp, policies).Q[1], frozen[1]);
    expectMean(frozen, { start, from: 1, to: 1 });
  });
});

describe("lock", () => {
  test("by hand: first value and first gradient", () => {
    const mdp = lockProcess(6);
    const policies = uniformPolicies(mdp);
    expect(startValue(mdp, evaluate(mdp, policies))).toBeCloseTo(0.3 + 0.7 * 2 ** -6, 12);
    for (const [on, quit, ...off] of gradientOf(mdp, policies)) {
      expect(on).toBeCloseTo(0.7 * 2 ** -6 * 0.5, 14);
      expect(quit).toBeCloseTo(-on, 14);
      expect(off.map(Math.abs)).toEqual([0, 0]);
    }
  });

  test("simultaneous: all epochs move alike, by 1.4·η·p^H·(1 − p)", () => {
    const mdp = lockProcess(4);
    let last = 0;
    let p = 0.5;
    for (let steps = 1; steps <= 30; steps++) {
      const { theta } = simultaneousPg(mdp, { eta: 2, steps });
      const moves = theta.map(([on, quit]) => on - quit);
      for (const move of moves) expect(move).toBeCloseTo(moves[0], 12);
      expect(moves[0] - last).toBeCloseTo(1.4 * 2 * p ** 4 * (1 - p), 12);
      last = moves[0];
      p = 1 / (1 + Math.exp(-last));
    }
  });

  test("dynamic: the first step of the last epoch moves by 0.0875", () => {
    const mdp = lockProcess(5);
    const { theta } = dynamicPg(mdp, { eta: () => 0.5, steps: (h) => (h === 4 ? 1 : 0) });
    expect(theta[4][0] - theta[4][1]).toBeCloseTo(0.0875, 14);
    expect([...theta[3]]).toEqual([0, 0, 0, 0]);
  });
});

describe("runs", () => {
  test("with one epoch both ways are the same", () => {
    const mdp = randomProcess(1, 3, 3, 5);
    const one = simultaneousPg(mdp, { eta: 0.5, steps: 50 });
    const two = dynamicPg(mdp, { eta: () => 0.5, steps: () => 50, start: () => mdp.mu });
    expect(two.theta).toEqual(one.theta);
  });

  test("values rise with every exact step, and end near the best", () => {
    const mdp = randomProcess(3, 3, 2, 6);
    const values: number[] = [];
    simultaneousPg(mdp, { eta: 1 / 45, steps: 200, watch: (_, value) => void values.push(value) });
    values.slice(1).forEach((value, i) => {
      expect(value).toBeGreaterThanOrEqual(values[i]);
    });
    expect(values).toHaveLength(201);
  });

  test("a watcher ends a run; transitions are counted", () => {
    const mdp = lockProcess(3);
    const steps: number[] = [];
    const watch = (step: number) => {
      steps.push(step);
      return step === 2;
    };
    const sampled = { trajectories: 4, random: uniformSource(1) };
    expect(simultaneousPg(mdp, { eta: 1, steps: 9, sampled, watch }).transitions).toBe(2 * 3 * 4);
    expect(steps).toEqual([0, 1, 2]);
    const dynamic = dynamicPg(mdp, {
      eta: () => 1,
      steps: () => 5,
      sampled,
      watch: (h, step) => h === 2 && step === 2,
    });
    expect(dynamic.transitions).toBe(4 * (2 * 1 + 5 * 2 + 5 * 3));
  });

  test("what cannot be is refused", () => {
    const mdp = lockProcess(2);
    const refused = expect.objectContaining({ code: "policy-gradient/options" });
    expect(() => simultaneousPg(mdp, { eta: 0, steps: 1 })).toThrow(refused);
    expect(() => dynamicPg(mdp, { eta: () => 1, steps: () => 1, start: () => mdp.mu })).toThrow(refused);
  });
});

test("an index is drawn in proportion to its weight, never one of weight 0", () => {
  const random = uniformSource(9);
  const counts = [0, 0, 0, 0];
  for (let draw = 0; draw < 10_000; draw++) counts[drawIndex(random, [9, 0, 0.25, 0.75, 0], 1, 4)]++;
  expect([counts[0], counts[3]]).toEqual([0, 0]);
  // Four standard errors of 10,000 draws at 1/4.
  expect(Math.abs(counts[1] - 2500)).toBeLessThan(174);
});
