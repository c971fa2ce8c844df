import type { MainModule, MjData, MjModel } from "@mujoco/mujoco";
import { type ContinuousEnvironment, clip, Episode } from "./control.ts";
import type { Random } from "./random.ts";

const doublePendulumModel = `
<mujoco model="double pendulum">
  <option timestep="0.01" integrator="RK4"/>
  <default>
    <geom type="capsule" contype="0" conaffinity="0"/>
    <joint type="hinge" axis="0 1 0" damping="0.05"/>
  </default>
  <worldbody>
    <body name="cart">
      <joint name="slide" type="slide" axis="1 0 0" limited="true" range="-1 1"/>
      <geom size="0.1 0.1" euler="0 90 0"/>
      <body name="lower pole">
        <joint/>
        <geom fromto="0 0 0 0 0 0.6" size="0.045"/>
        <body name="upper pole" pos="0 0 0.6">
          <joint/>
          <geom fromto="0 0 0 0 0 0.6" size="0.045"/>
          <site name="tip" pos="0 0 0.6"/>
        </body>
      </body>
    </body>
  </worldbody>
  <actuator>
    <motor joint="slide" gear="500" ctrllimited="true" ctrlrange="-1 1"/>
  </actuator>
</mujoco>`;

const hopperModel = `
<mujoco model="hopper">
  <compiler angle="degree"/>
  <option timestep="0.002" integrator="RK4"/>
  <default>
    <geom type="capsule" condim="1" friction="0.9" margin="0.001"/>
    <joint type="hinge" axis="0 -1 0" armature="1" damping="1" limited="true"/>
    <motor gear="200" ctrllimited="true" ctrlrange="-1 1"/>
  </default>
  <worldbody>
    <geom name="floor" type="plane" size="40 2 0.1" condim="3" friction="1"/>
    <body name="torso" pos="0 0 1.25">
      <joint type="slide" axis="1 0 0" armature="0" damping="0" limited="false"/>
      <joint type="slide" axis="0 0 1" armature="0" damping="0" limited="false" ref="1.25"/>
      <joint axis="0 1 0" armature="0" damping="0" limited="false"/>
      <geom fromto="0 0 0.2 0 0 -0.2" size="0.05"/>
      <body name="thigh" pos="0 0 -0.2">
        <joint name="hip" range="-150 0"/>
        <geom fromto="0 0 0 0 0 -0.45" size="0.05"/>
        <body name="shin" pos="0 0 -0.45">
          <joint name="knee" range="-150 0"/>
          <geom fromto="0 0 0 0 0 -0.5" size="0.04"/>
          <body name="foot" pos="0 0 -0.5">
            <joint name="ankle" range="-45 45"/>
            <geom fromto="-0.13 0 0 0.26 0 0" size="0.06" friction="2"/>
          </body>
        </body>
      </body>
    </body>
  </worldbody>
  <actuator>
    <motor joint="hip"/>
    <motor joint="knee"/>
    <motor joint="ankle"/>
  </actuator>
</mujoco>`;

let engine: Promise<MainModule> | undefined;

/** A model with its state. */
interface Simulation {
  readonly model: MjModel;
  readonly data: MjData;
  reset(): void;
  /** `count` steps of the physics under the same action. */
  advance(action: ArrayLike<number>, count: number): void;
  /** Recomputes positions from the state. */
  settle(): void;
  free(): void;
}

/** An environment that holds memory of the physics engine until it is disposed of: `using robot = await hopper()`. */
export type PhysicalEnvironment = ContinuousEnvironment & Disposable;

async function simulate(xml: string): Promise<Simulation> {
  engine ??= import("@mujoco/mujoco").then(({ default: load }) => load());
  const mujoco = await engine;
  const model = mujoco.MjModel.from_xml_string(xml) as MjModel;
  const data = new mujoco.MjData(model) as MjData;
  return {
    model,
    data,
    reset: () => mujoco.mj_resetData(model, data),
    advance(action, count) {
      for (let i = 0; i < action.length; i++) data.ctrl[i] = clip(action[i], 1);
      for (let step = 0; step < count; step++) mujoco.mj_step(model, data);
    },
    settle: () => mujoco.mj_forward(model, data),
    free() {
      data.delete();
      model.delete();
    },
  };
}

function disturb(values: Float64Array, change: () => number): void {
  for (let i = 0; i < values.length; i++) values[i] += change();
}

/**
 * Two poles on top of each other, to be balanced on a cart: a slide of ±1 m, a motor of 500 N, steps of 0.05 s.
 *
 * Observation: x, the sines and cosines of both angles, the three velocities clipped to ±10. Reward
 * 10 − 0.01·x_tip² − (z_tip − 2)² − 10⁻³·ω₁² − 5·10⁻³·ω₂², upright 1.2 m; terminated at z_tip ≤ 1; 1,000 steps.
 *
 * @source after the double inverted pendulum of Brockman et al. 2016, arXiv:1606.01540, without its constraint forces
 */
export async function doublePendulum(): Promise<PhysicalEnvironment> {
  const { data, reset, advance, settle, free } = await simulate(doublePendulumModel);
  const episode = new Episode(1000);
  const observation = () => {
    const [x, first, second] = data.qpos;
    const speeds = Array.from(data.qvel as Float64Array, (speed) => clip(speed, 10));
    return Float32Array.of(x, Math.sin(first), Math.sin(second), Math.cos(first), Math.cos(second), ...speeds);
  };
  return {
    observationSize: 8,
    actionSize: 1,
    stepLimit: 1000,
    reset(random: Random) {
      episode.begin();
      reset();
      disturb(data.qpos, () => random.uniform(-0.1, 0.1));
      disturb(data.qvel, () => random.normal(0, 0.1));
      settle();
      return observation();
    },
    step(action) {
      const limit = episode.advance();
      advance(action, 5);
      const [x, , z] = data.site_xpos;
      const [, first, second] = data.qvel;
      const reward = 10 - 0.01 * x ** 2 - (z - 2) ** 2 - 1e-3 * first ** 2 - 5e-3 * second ** 2;
      const terminated = z <= 1;
      if (terminated) episode.end();
      return { observation: observation(), reward, terminated, truncated: limit && !terminated };
    },
    [Symbol.dispose]: free,
  };
}

/**
 * A one-legged robot that hops forward: three motors, steps of 0.008 s.
 *
 * Observation: height, four angles, and the six velocities clipped to ±10. Reward 1 + forward speed (m/s) − 10⁻³·|action|²;
 * terminated below 0.7 m, tilted by more than 0.2 rad, or with anything beyond ±100; 1,000 steps.
 *
 * @source after the hopper of Erez, Tassa & Todorov 2011, with the reward of Brockman et al. 2016, arXiv:1606.01540
 */
export async function hopper(): Promise<PhysicalEnvironment> {
  const { model, data, reset, advance, settle, free } = await simulate(hopperModel);
  const seconds = 4 * model.opt.timestep;
  const episode = new Episode(1000);
  const observation = () =>
    Float32Array.from([
      ...(data.qpos as Float64Array).subarray(1),
      ...Array.from(data.qvel as Float64Array, (speed) => clip(speed, 10)),
    ]);
  return {
    observationSize: 11,
    actionSize: 3,
    stepLimit: 1000,
    reset(random: Random) {
      episode.begin();
      reset();
      disturb(data.qpos, () => random.uniform(-0.005, 0.005));
      disturb(data.qvel, () => random.uniform(-0.005, 0.005));
      settle();
      return observation();
    },
    step(action) {
      const limit = episode.advance();
      const before = data.qpos[0];
      advance(action, 4);
      const effort = Array.from(action, (value) => clip(value, 1) ** 2).reduce((sum, square) => sum + square, 0);
      const reward = 1 + (data.qpos[0] - before) / seconds - 1e-3 * effort;
      const [, height, tilt, ...angles] = data.qpos;
      const wild = [...angles, ...data.qvel].some((value) => !(Math.abs(value) < 100));
      const terminated = height <= 0.7 || Math.abs(tilt) >= 0.2 || wild;
      if (terminated) episode.end();
      return { observation: observation(), reward, terminated, truncated: limit && !terminated };
    },
    [Symbol.dispose]: free,
  };
}
