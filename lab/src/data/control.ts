import { requireOption } from "./errors.ts";
import { Random } from "./random.ts";
import { sampled } from "./sampled.ts";
import type { Testbed } from "./testbed.ts";

/** What a step of an environment gives. */
export interface Step {
  readonly observation: Float32Array;
  readonly reward: number;
  /** The task itself ended: nothing comes after, and its value is 0. */
  readonly terminated: boolean;
  /** The time limit cut the episode: what would have come after still counts. */
  readonly truncated: boolean;
}

interface Environment {
  readonly observationSize: number;
  /** Steps after which an episode is truncated. */
  readonly stepLimit: number;
  /** Begins an episode and gives the first observation. */
  reset(random: Random): Float32Array;
}

/** An environment whose actions are numbers in [−1, 1]; what lies outside is clipped. */
export interface ContinuousEnvironment extends Environment {
  readonly actionSize: number;
  step(action: ArrayLike<number>): Step;
}

/** An environment whose actions are the numbers 0 … actionCount − 1. */
export interface DiscreteEnvironment extends Environment {
  readonly actionCount: number;
  step(action: number): Step;
}

export const testbed: Testbed = {
  name: "control",
  summary: "pendulum, cart-pole, and the double pendulum and hopper of MuJoCo",
  source: "generated (lab/src/data/control.ts, lab/src/data/mujoco.ts); physics @mujoco/mujoco 3.14.0 (Apache-2.0)",
  licence: "MIT, as the lab",
  sizes: "without end",
  split: "by stream: draw training and evaluation starts from different splits of a seed",
  parts: [],
  sample: sampled("991682e9b8ae09664830ab85d3f990ade83a46860784f6b08c36b636f66d0d38", () => {
    const swing = pendulum();
    const start = swing.reset(new Random(0));
    const next = swing.step([0.5]);
    return {
      start: { data: start, shape: [3] },
      next: { data: next.observation, shape: [3] },
      reward: { data: Float64Array.of(next.reward), shape: [1] },
    };
  }),
};

/** Counts the steps of an episode, and refuses steps outside of one. */
export class Episode {
  readonly #limit: number;
  #left = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  begin(): void {
    this.#left = this.#limit;
  }

  /** Whether this step reaches the limit. */
  advance(): boolean {
    requireOption(this.#left > 0, "step", "the episode is over or was never begun; call reset first");
    return --this.#left === 0;
  }

  end(): void {
    this.#left = 0;
  }
}

export const clip = (value: number, bound: number): number => Math.max(-bound, Math.min(bound, value));

/**
 * A pendulum to be swung up and held by a weak motor: g = 10 m/s², 1 kg, 1 m, steps of 0.05 s, torque 2·action N·m.
 *
 * Observation (cos θ, sin θ, θ̇), θ = 0 upright, |θ̇| ≤ 8 rad/s; reward −(θ² + 0.1·θ̇² + 0.001·torque²) of the state before the
 * move; 200 steps, never terminated. Chance gives about −1,200 an episode, good control about −150.
 */
export function pendulum(): ContinuousEnvironment {
  const [gravity, mass, length, seconds] = [10, 1, 1, 0.05];
  const episode = new Episode(200);
  let angle = 0;
  let speed = 0;
  const observation = () => Float32Array.of(Math.cos(angle), Math.sin(angle), speed);
  return {
    observationSize: 3,
    actionSize: 1,
    stepLimit: 200,
    reset(random) {
      episode.begin();
      angle = random.uniform(-Math.PI, Math.PI);
      speed = random.uniform(-1, 1);
      return observation();
    },
    step(action) {
      const truncated = episode.advance();
      const torque = 2 * clip(action[0], 1);
      const turns = Math.floor((angle + Math.PI) / (2 * Math.PI));
      const upright = angle - 2 * Math.PI * turns;
      const reward = -(upright ** 2 + 0.1 * speed ** 2 + 0.001 * torque ** 2);
      const acceleration = ((3 * gravity) / (2 * length)) * Math.sin(angle) + (3 / (mass * length ** 2)) * torque;
      speed = clip(speed + acceleration * seconds, 8);
      angle += speed * seconds;
      return { observation: observation(), reward, terminated: false, truncated };
    },
  };
}

/**
 * A pole to be balanced on a cart that is pushed left (action 0) or right (action 1) with 10 N, steps of 0.02 s.
 *
 * Observation (x, ẋ, θ, θ̇) in metres and radians; reward 1 a step; terminated at |x| > 2.4 m or |θ| > 12°; 500 steps.
 *
 * @source Barto, Sutton & Anderson 1983, "Neuronlike adaptive elements that can solve difficult learning control problems"
 */
export function cartPole(): DiscreteEnvironment {
  const [gravity, cart, pole, halfLength, force, seconds] = [9.8, 1, 0.1, 0.5, 10, 0.02];
  const total = cart + pole;
  const episode = new Episode(500);
  let [x, xSpeed, angle, turning] = [0, 0, 0, 0];
  const observation = () => Float32Array.of(x, xSpeed, angle, turning);
  return {
    observationSize: 4,
    actionCount: 2,
    stepLimit: 500,
    reset(random) {
      episode.begin();
      [x, xSpeed, angle, turning] = Array.from({ length: 4 }, () => random.uniform(-0.05, 0.05));
      return observation();
    },
    step(action) {
      requireOption(action === 0 || action === 1, "action", `0 or 1 is needed, given ${action}`);
      const truncated = episode.advance();
      const push = (action === 1 ? force : -force) + pole * halfLength * turning ** 2 * Math.sin(angle);
      const turn =
        (gravity * Math.sin(angle) - (Math.cos(angle) * push) / total) /
        (halfLength * (4 / 3 - (pole * Math.cos(angle) ** 2) / total));
      const acceleration = (push - pole * halfLength * turn * Math.cos(angle)) / total;
      x += seconds * xSpeed;
      xSpeed += seconds * acceleration;
      angle += seconds * turning;
      turning += seconds * turn;
      const terminated = Math.abs(x) > 2.4 || Math.abs(angle) > (12 * Math.PI) / 180;
      if (terminated) episode.end();
      return { observation: observation(), reward: 1, terminated, truncated: truncated && !terminated };
    },
  };
}
