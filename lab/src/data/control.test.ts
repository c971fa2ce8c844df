import { describe, expect, test } from "vitest";
import { type ContinuousEnvironment, cartPole, pendulum, type Step } from "./control.ts";
import { doublePendulum, hopper } from "./mujoco.ts";
import { Random } from "./random.ts";

/** The return of an episode, and its last step. */
function play(environment: ContinuousEnvironment, policy: (observation: Float32Array) => number[], seed: number) {
  let observation = environment.reset(new Random(seed));
  let total = 0;
  let steps = 0;
  for (;;) {
    const step: Step = environment.step(policy(observation));
    total += step.reward;
    steps++;
    observation = step.observation;
    if (step.terminated || step.truncated) return { total, steps, last: step };
  }
}

describe("pendulum", () => {
  test("a step by hand from its own start", () => {
    const swing = pendulum();
    const [cosine, sine, speed] = swing.reset(new Random(3));
    const angle = Math.atan2(sine, cosine);
    const { observation, reward } = swing.step([0.25]);
    expect(reward).toBeCloseTo(-(angle ** 2 + 0.1 * speed ** 2 + 0.001 * 0.25), 5);
    const next = Math.min(8, Math.max(-8, speed + (15 * sine + 3 * 0.5) * 0.05));
    expect(observation[2]).toBeCloseTo(next, 5);
    expect(observation[0]).toBeCloseTo(Math.cos(angle + next * 0.05), 5);
  });

  test("lasts 200 steps, is truncated, and chance gives about −1,200", () => {
    const random = new Random(1);
    const games = Array.from({ length: 30 }, (_, seed) => play(pendulum(), () => [random.uniform(-1, 1)], seed));
    for (const { steps, last } of games) expect([steps, last.truncated, last.terminated]).toEqual([200, true, false]);
    const mean = games.reduce((sum, { total }) => sum + total, 0) / 30;
    expect(Math.abs(mean + 1200)).toBeLessThan(200);
  });

  test("pumping energy and then holding reaches about −150", () => {
    const policy = ([cosine, sine, speed]: Float32Array) => {
      const angle = Math.atan2(sine, cosine);
      if (Math.abs(angle) < 0.5) return [-(12 * angle + 2 * speed) / 2];
      // Energy relative to the upright position, in which a rod of 1 kg and 1 m has none.
      const energy = speed ** 2 / 6 + 5 * (cosine - 1);
      return [-10 * energy * (speed || 1)];
    };
    const totals = Array.from({ length: 20 }, (_, seed) => play(pendulum(), policy, seed).total);
    expect(totals.reduce((sum, total) => sum + total, 0) / 20).toBeGreaterThan(-350);
  });

  test("steps outside of an episode are refused", () => {
    const swing = pendulum();
    expect(() => swing.step([0])).toThrow(/reset first/);
    play(swing, () => [0], 1);
    expect(() => swing.step([0])).toThrow(/reset first/);
  });
});

describe("cart-pole", () => {
  const balance = (policy: (observation: Float32Array) => number, seed: number) => {
    const cart = cartPole();
    let observation = cart.reset(new Random(seed));
    for (let steps = 1; ; steps++) {
      const step = cart.step(policy(observation));
      observation = step.observation;
      if (step.terminated || step.truncated) return { steps, ...step };
    }
  };

  test("one push by hand from rest at θ = 0: ẍ = F/(M + m)·…, θ̈ = −F/(M + m)/(l(4/3 − m/(M + m)))", () => {
    const cart = cartPole();
    const start = cart.reset(new Random(5));
    const { observation } = cart.step(1);
    const [x, v, angle, turning] = start;
    const push = 10 + 0.05 * turning ** 2 * Math.sin(angle);
    const turn =
      (9.8 * Math.sin(angle) - (Math.cos(angle) * push) / 1.1) / (0.5 * (4 / 3 - (0.1 * Math.cos(angle) ** 2) / 1.1));
    expect(observation[0]).toBeCloseTo(x + 0.02 * v, 6);
    expect(observation[3]).toBeCloseTo(turning + 0.02 * turn, 5);
  });

  test("pushing one way falls soon; leaning against the fall lasts to the limit", () => {
    expect(balance(() => 1, 1)).toMatchObject({ terminated: true, truncated: false });
    expect(balance(() => 1, 1).steps).toBeLessThan(15);
    for (const seed of [1, 2, 3])
      expect(
        balance(([x, v, angle, turning]) => (angle + 0.3 * turning + 0.02 * x + 0.05 * v > 0 ? 1 : 0), seed),
      ).toMatchObject({
        steps: 500,
        truncated: true,
      });
    expect(() => balance(() => 2, 1)).toThrow(/bad-option/);
  });
});

describe("MuJoCo", () => {
  test("double pendulum: sizes, the reward upright, and an end when it falls", async () => {
    using poles = await doublePendulum();
    const start = poles.reset(new Random(1));
    expect(start).toHaveLength(8);
    expect(Math.abs(start[0])).toBeLessThan(0.1);
    expect(start[1] ** 2 + start[3] ** 2).toBeCloseTo(1, 5);
    // Nearly upright at rest: 10 − (1.2 − 2)² = 9.36.
    expect(poles.step([0]).reward).toBeCloseTo(9.36, 0.5);
    const { steps, last } = play(poles, () => [0], 1);
    expect(steps).toBeLessThan(100);
    expect(last.terminated).toBe(true);
    expect(() => poles.step([0])).toThrow(/reset first/);
  });

  test.each([
    ["double pendulum", doublePendulum],
    ["hopper", hopper],
  ])("%s: the same start and actions give the same episode, also in another instance", async (_, make) => {
    using one = await make();
    using other = await make();
    const run = (environment: ContinuousEnvironment) => {
      const random = new Random(9);
      return play(environment, () => Array.from({ length: environment.actionSize }, () => random.uniform(-1, 1)), 4);
    };
    expect(run(one)).toEqual(run(other));
    expect(run(one)).toEqual(run(one));
  });

  test("a hundred in a row fit into the engine's memory", async () => {
    for (let i = 0; i < 100; i++) {
      using robot = await hopper();
      expect(robot.reset(new Random(i))).toHaveLength(11);
    }
  });

  test("hopper: stands at 1.25 m, falls when it does nothing, is paid for speed", async () => {
    using robot = await hopper();
    const start = robot.reset(new Random(2));
    expect(start).toHaveLength(11);
    expect(start[0]).toBeCloseTo(1.25, 1.5);
    const { steps, total, last } = play(robot, () => [0, 0, 0], 2);
    expect(last.terminated).toBe(true);
    expect(steps).toBeGreaterThan(20);
    expect(total / steps).toBeGreaterThan(0.5);
  });
});
