import type { Column } from "./column.ts";
import { Random } from "./random.ts";
import { sampled } from "./sampled.ts";
import type { Testbed } from "./testbed.ts";

export interface MultitaskRows {
  /** float32[tasks, rows, 10] */
  readonly x: Column<Float32Array>;
  /** float32[tasks, rows] */
  readonly y: Column<Float32Array>;
}

export interface Multitask {
  readonly train: MultitaskRows;
  readonly test: MultitaskRows;
  /** The two true experts of each task. */
  readonly experts: readonly (readonly [number, number])[];
}

const tasks = 16;
const inputs = 10;
const features = 4;
const pairs: readonly (readonly [number, number])[] = [
  [0, 1],
  [2, 3],
  [0, 2],
  [1, 3],
];

export const testbed: Testbed = {
  name: "mtl-experts",
  summary: "16 regression tasks, each the mean of two of four hidden experts",
  source: "generated (lab/src/data/mtl-experts.ts)",
  licence: "MIT, as the lab",
  sizes: "200 training and 500 test rows a task",
  split: "by stream; test rows carry no noise",
  parts: [],
  sample: sampled("c6a92aae410f6b12448bf7393e51ac06654148342dc34c40a778fe1b788b2e3e", () => multitaskExperts(0).train),
};

/**
 * Tasks that share experts φ_e(x) = relu(U_e x) ∈ R⁴, U_e ~ 1.5/√10 · N(0, 1), x ~ N(0, I₁₀).
 *
 * Task t belongs to group t mod 4 with experts (0,1), (2,3), (0,2), (1,3); y = v_t·(φ_a(x) + φ_b(x))/2 with v_t ~ N(0, I₄),
 * divided by its standard deviation over the test rows; training rows have noise 0.1·N(0, 1) on top.
 */
export function multitaskExperts(seed: number): Multitask {
  const random = new Random(seed).split("mtl-experts");
  const weights = Array.from({ length: 4 }, () => random.normals(features * inputs, 1.5 / Math.sqrt(inputs)));
  const readouts = Array.from({ length: tasks }, () => random.normals(features));
  const experts = Array.from({ length: tasks }, (_, task) => pairs[task % 4]);
  const target = (task: number, x: Float32Array) => {
    let sum = 0;
    for (const expert of experts[task])
      for (let feature = 0; feature < features; feature++) {
        let activation = 0;
        for (let i = 0; i < inputs; i++) activation += weights[expert][feature * inputs + i] * x[i];
        sum += (readouts[task][feature] * Math.max(0, activation)) / 2;
      }
    return sum;
  };
  const rows = (count: number, stream: Random): MultitaskRows => {
    const x = stream.normals(tasks * count * inputs);
    const y = Float32Array.from({ length: tasks * count }, (_, place) =>
      target(Math.floor(place / count), x.subarray(place * inputs, (place + 1) * inputs)),
    );
    return { x: { data: x, shape: [tasks, count, inputs] }, y: { data: y, shape: [tasks, count] } };
  };
  const train = rows(200, random.split("train"));
  const test = rows(500, random.split("test"));
  const noise = random.split("noise");
  for (let task = 0; task < tasks; task++) {
    const scale = deviation(test.y.data.subarray(task * 500, (task + 1) * 500));
    for (let row = 0; row < 500; row++) test.y.data[task * 500 + row] /= scale;
    for (let place = task * 200; place < (task + 1) * 200; place++)
      train.y.data[place] = train.y.data[place] / scale + noise.normal(0, 0.1);
  }
  return { train, test, experts };
}

function deviation(values: Float32Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}
