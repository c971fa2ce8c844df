import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import {
  add,
  type Concrete,
  key,
  log,
  mean,
  mul,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  type Value,
  value,
} from "../core/index.ts";
import { evaluate } from "../runtime/index.ts";
import { expectClose } from "../testing/check.ts";
import {
  adamW,
  cosineSchedule,
  dropout,
  initMlp,
  type LossContext,
  type Mlp,
  mlp,
  type Progress,
  sgd,
  type TrainOptions,
  train,
} from "./index.ts";

const folder = await mkdtemp(join(tmpdir(), "sluice-train-"));
afterAll(() => rm(folder, { recursive: true }));

interface Batch {
  readonly x: Tensor;
  readonly y: Tensor;
}

/** Points of a parabola, other ones at each step. */
const batches = (step: number): Concrete<Batch> => {
  const xs = Array.from({ length: 16 }, (_, i) => 2 * Math.abs(Math.sin(7.3 * (step * 16 + i + 1))) - 1);
  return { x: value(xs.map((x) => [x])), y: value(xs.map((x) => [x * x])) };
};
const params = await evaluate(initMlp(key(1), { sizes: [1, 16, 1] }));
const squaredError = (p: Mlp, { x, y }: Batch) => mean(square(sub(mlp(p, x), y)));
const single = { threads: 1 } as const;

test("a parabola is learned, progress is told, the first parameters stay", async () => {
  const before = params.layers[0].weight.toFloat64();
  const progress: Progress[] = [];
  const { losses, step, average } = await train({
    loss: squaredError,
    params,
    optimizer: adamW({ lr: 0.02 }),
    batches,
    steps: 200,
    compile: single,
    onStep: (one) => {
      progress.push(one);
    },
  });
  expect(losses[0]).toBeGreaterThan(0.05);
  expect(losses.at(-1)).toBeLessThan(0.002);
  expect([step, losses.length, average]).toEqual([200, 200, null]);
  expect(progress.map((one) => one.step)).toEqual(losses.map((_, i) => i + 1));
  expect(progress.map((one) => one.loss)).toEqual(losses);
  expect(progress[0].gradientNorm).toBeUndefined();
  expect(params.layers[0].weight.toFloat64()).toEqual(before);
});

describe("a training with everything in its state", () => {
  interface Running {
    readonly count: Tensor;
    readonly meanOfX: Tensor;
  }
  const options = (changes: Partial<TrainOptions<Mlp, Batch, Running>> = {}): TrainOptions<Mlp, Batch, Running> => ({
    params,
    loss: (p, batch, { key: own, state }: LossContext<Running>) => ({
      loss: squaredError(p, { ...batch, x: dropout(own, batch.x, 0.2) }),
      state: { count: add(state.count, 1), meanOfX: add(mul(state.meanOfX, 0.9), mul(mean(batch.x), 0.1)) },
      metrics: { weight: sum(square(p.layers[0].weight)) },
    }),
    state: { count: value(0), meanOfX: value(0) },
    optimizer: adamW({ lr: cosineSchedule(0.01, 20) }),
    batches,
    steps: 20,
    clip: 0.5,
    averageDecay: 0.9,
    seed: 4,
    compile: single,
    ...changes,
  });
  const bytes = (tree: unknown) => JSON.stringify(tree, (_, item) => (isValue(item) ? [...item.toFloat64()] : item));
  const isValue = (item: unknown): item is Value => typeof item === "object" && item !== null && "toFloat64" in item;

  test("carries its state, clips, averages and reports", async () => {
    const reports: Progress[] = [];
    const { state, average, params: last } = await train(options({ onStep: (one) => reports.push(one) && undefined }));
    expect(state.count.item()).toBe(20);
    expect(reports[0].metrics.weight).toBeCloseTo(
      params.layers[0].weight.toFloat64().reduce((a, x) => a + x * x, 0),
      4,
    );
    expect(reports[0].gradientNorm).toBeGreaterThan(0);
    // The average of decay 0.9 lags behind: it lies between the first and the last parameters.
    const at = (tree: Concrete<Mlp>) => tree.layers[0].weight.toFloat64();
    const [first, middle, end] = [at(params), at(average!), at(last)];
    const [near, far] = [middle, first].map((one) => Math.hypot(...one.map((x, i) => x - end[i])));
    expect(near).toBeLessThan(far);
    expect(near).toBeGreaterThan(0);
  });

  test("interrupted and resumed is uninterrupted, bit for bit", async () => {
    const whole = await train(options());
    const file = join(folder, "resume.safetensors");
    const checkpoint = { file, every: 6 };
    const losses: number[] = [];
    // Stopped at step 8, two after a checkpoint; then killed at step 15: back to the checkpoint at 12.
    losses.push(
      ...(await train(options({ checkpoint, onStep: ({ step }) => (step === 8 ? "stop" : undefined) }))).losses,
    );
    const killed = train(
      options({
        checkpoint,
        onStep: ({ step, loss }) => {
          if (step <= 12) losses.push(loss);
          if (step === 15) throw new Error("killed");
        },
      }),
    );
    await expect(killed).rejects.toThrow("killed");
    const resumed = await train(options({ checkpoint }));
    expect(resumed.step).toBe(20);
    expect([...losses, ...resumed.losses]).toEqual(whole.losses);
    expect(bytes([resumed.params, resumed.state, resumed.average])).toBe(
      bytes([whole.params, whole.state, whole.average]),
    );
    expect(await readdir(folder)).toEqual(["resume.safetensors"]);
    const again = await train(options({ checkpoint }));
    expect([again.step, again.losses.length]).toEqual([20, 0]);
    expect(bytes(again.params)).toBe(bytes(whole.params));
  });

  test("an abort ends it after the step that runs", async () => {
    const controller = new AbortController();
    const { step } = await train(
      options({ signal: controller.signal, onStep: ({ step: at }) => (at === 3 ? controller.abort() : undefined) }),
    );
    expect(step).toBe(3);
  });

  test("another model's checkpoint is refused", async () => {
    const other = await evaluate(initMlp(key(1), { sizes: [1, 8, 1] }));
    const checkpoint = { file: join(folder, "resume.safetensors") };
    await expect(train(options({ params: other, checkpoint }))).rejects.toThrowError(
      expect.objectContaining({ code: "checkpoint/mismatch" }),
    );
  });
});

describe("numbers that go wrong", () => {
  const start = { w: value([4]) };
  const run = (loss: (p: { w: Tensor }) => Tensor, lr: number) =>
    train({ loss, params: start, optimizer: sgd({ lr }), batches: () => null, steps: 10, compile: single });
  const rejected = async (promise: Promise<unknown>) => {
    const error = await promise.then(
      () => undefined,
      (cause) => cause,
    );
    expect(error).toMatchObject({ code: "train/not-finite" });
    return error;
  };

  test("the operation and line of a NaN loss are named", async () => {
    const error = await rejected(run(({ w }) => sum(log(w)), 20));
    expect(error.problem).toMatch(/the loss is NaN at step 2; first NaN: log\(float32\[1\]\) at .*train\.test\.ts:\d+/);
    expect(error.given).toMatchObject({ operation: "log", kind: "NaN" });
  });

  test("a NaN gradient of a good loss is caught at its own step", async () => {
    const error = await rejected(run(({ w }) => sum(sqrt(mul(w, 0))), 0.1));
    expect(error.problem).toMatch(/a parameter is not finite after step 1/);
    expect(error.given.line).toContain("train.test.ts");
  });

  test("what does not go wrong is trained", async () => {
    const { params: last } = await run(({ w }) => sum(square(w)), 0.25);
    expectClose(last.w.toFloat64(), [4 / 2 ** 10], { rtol: 1e-6 });
  });
});
