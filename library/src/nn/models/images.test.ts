import { describe, expect, test } from "vitest";
import { type Concrete, crossEntropy, key, leavesOf, type Tensor, type Value, value } from "../../core/index.ts";
import { compile, evaluate } from "../../runtime/index.ts";
import { check, expectClose, oracle } from "../../testing/check.ts";
import {
  adam,
  batchNorm,
  cutIntoPatches,
  initLenet,
  initResNet,
  initResNetState,
  initVit,
  type LossContext,
  lenet,
  type ResNet,
  type ResNetConfig,
  type ResNetState,
  resNet,
  train,
  type VitConfig,
  vit,
} from "../index.ts";

interface Batch {
  readonly x: Tensor;
  readonly y: Tensor;
}

/** Pictures of stripes, lying or standing; the label says which. */
function stripes(step: number, count = 16, side = 8, channels = 1): Concrete<Batch> {
  const labels = Array.from({ length: count }, (_, i) => (i * 7 + step) % 2);
  const pixels = labels.flatMap((label, i) =>
    Array.from({ length: channels * side * side }, (_, p) => {
      const line = label === 0 ? Math.floor(p / side) % side : p % side;
      return Math.sin(line * 1.6 + i + step) + 0.3 * Math.sin(12.9898 * (p + 1) * (i + 2));
    }),
  );
  return {
    x: value(new Float32Array(pixels), { shape: [count, channels, side, side] }),
    y: value(Int32Array.from(labels)),
  };
}

const single = { threads: 1 } as const;
const options = { rtol: 1e-4, atol: 1e-5, batch: false }; // 32-bit sums in another order
const count = (params: unknown) => leavesOf(params).reduce((total, leaf) => total + leaf.size, 0);

describe("vit", () => {
  const config: VitConfig = { image: [8, 8], patch: 4, channels: 1, classes: 2, layers: 1, heads: 2, width: 8 };

  test("patches by hand: rows of patches, in each channel after channel, row after row", () => {
    const image = value(
      Float32Array.from({ length: 32 }, (_, i) => i),
      { shape: [1, 2, 4, 4] },
    );
    const [patches] = oracle((x) => cutIntoPatches(x, 2), [image]);
    expect([...patches.subarray(0, 8)]).toEqual([0, 1, 4, 5, 16, 17, 20, 21]);
    expect([...patches.subarray(8, 12)]).toEqual([2, 3, 6, 7]);
    expect([...patches.subarray(16, 20)]).toEqual([8, 9, 12, 13]);
    expect(() => cutIntoPatches(image, 3)).toThrowError(expect.objectContaining({ code: "patches/size" }));
  });

  test("executors and gradient", async () => {
    const params = await evaluate(initVit(key(1), config));
    const { x } = stripes(0, 2);
    await check((image) => vit(params, image, config), [x], options);
    const head = {
      weight: value(
        Float32Array.from({ length: 16 }, (_, i) => Math.sin(i)),
        { shape: [8, 2] },
      ),
    };
    await check((token) => vit({ ...params, head, classToken: token }, x, config), [params.classToken], options);
  });

  test("learns which way stripes run", async () => {
    const { losses } = await train({
      loss: (params: ReturnType<typeof initVit>, { x, y }: Batch) => crossEntropy(vit(params, x, config), y),
      params: await evaluate(initVit(key(1), config)),
      optimizer: adam({ lr: 0.01 }),
      batches: stripes,
      steps: 80,
      compile: single,
    });
    expect(losses[0]).toBeCloseTo(Math.log(2), 5);
    expect(losses.at(-1)).toBeLessThan(0.1);
  });
});

describe("lenet", () => {
  const config = { image: [8, 8], filters: [3, 4], kernel: 3, hidden: [6], classes: 2 } as const;

  test("executors, gradient and number of parameters", async () => {
    const params = await evaluate(initLenet(key(1), config));
    await check((image) => lenet(params, image), [stripes(0, 2).x], options);
    expect(count(params)).toBe(3 * 9 + 3 + (4 * 3 * 9 + 4) + (16 * 6 + 6) + (6 * 2 + 2));
    expect(count(await evaluate(initLenet(key(1), { image: [28, 28], classes: 10 })))).toBe(
      6 * 25 + 6 + (16 * 6 * 25 + 16) + (784 * 120 + 120) + (120 * 84 + 84) + (84 * 10 + 10),
    );
  });

  test("learns which way stripes run", async () => {
    const { losses } = await train({
      loss: (params: ReturnType<typeof initLenet>, { x, y }: Batch) => crossEntropy(lenet(params, x), y),
      params: await evaluate(initLenet(key(1), config)),
      optimizer: adam({ lr: 0.01 }),
      batches: stripes,
      steps: 60,
      compile: single,
    });
    expect(losses.at(-1)).toBeLessThan(0.1);
  });
});

describe("batchNorm", () => {
  const params = { scale: value([2, 0.5]), bias: value([1, -1]) };
  const state = { mean: value([10, 20]), variance: value([4, 9]) };
  const x = value([
    [
      [1, 3],
      [0, 0],
    ],
    [
      [5, 7],
      [2, 6],
    ],
  ]);

  test("running statistics by hand", () => {
    const [mean, variance] = oracle(
      (a) => {
        const next = batchNorm(params, state, a, { training: true, momentum: 0.25 }).state;
        return [next.mean, next.variance];
      },
      [x],
    );
    // The channels hold 1, 3, 5, 7 and 0, 0, 2, 6: means 4 and 2, unbiased variances 20/3 and 8.
    expectClose(mean, [8.5, 15.5]);
    expectClose(variance, [3 + 5 / 3, 8.75]);
  });

  test("without training the state is used, unchanged, and each example is on its own", () => {
    const [output, mean, variance] = oracle(
      (a) => {
        const result = batchNorm(params, state, a, { training: false, epsilon: 0 });
        return [result.output, result.state.mean, result.state.variance];
      },
      [x],
    );
    expectClose(output.subarray(0, 4), [-8, -6, -1 - 10 / 3, -1 - 10 / 3]);
    expectClose([...mean, ...variance], [10, 20, 4, 9]);
  });

  test("running statistics carry no gradient to the parameters", () =>
    check(
      (a, scale, bias) => batchNorm({ scale, bias }, state, a, { training: true }).output,
      [x, params.scale, params.bias],
      options,
    ));
});

describe("resNet", () => {
  const config: ResNetConfig = { channels: 1, widths: [4, 4, 6], blocks: 1, classes: 2 };

  test("executors and gradient, training and not", async () => {
    const params = await evaluate(initResNet(key(1), config));
    const state = await evaluate(initResNetState(config));
    const { x } = stripes(0, 2);
    for (const training of [true, false])
      await check((image) => resNet(params, state, image, config, { training }).logits, [x], {
        ...options,
        rtol: 1e-3, // normalising few elements magnifies rounding
        atol: 1e-4,
        gradientTolerance: 1e-5,
      });
  });

  test("learns with its state, and predicts one picture as it does many", async () => {
    const { params, state, losses } = await train({
      loss: (p: ResNet, { x, y }: Batch, { state: before }: LossContext<ResNetState>) => {
        const next = resNet(p, before, x, config, { training: true });
        return { loss: crossEntropy(next.logits, y), state: next.state };
      },
      params: await evaluate(initResNet(key(1), config)),
      state: await evaluate(initResNetState(config)),
      optimizer: adam({ lr: 0.02 }),
      batches: stripes,
      steps: 60,
      compile: single,
    });
    expect(losses.at(-1)).toBeLessThan(0.1);
    const predict = compile(
      (p: ResNet, s: ResNetState, x: Tensor) => resNet(p, s, x, config, { training: false }).logits,
    );
    const many = stripes(1000);
    const together = (await predict(params, state, many.x)).toArray() as number[][];
    const labels = many.y.toArray() as number[];
    const right = together.filter((scores, i) => (scores[1] > scores[0] ? 1 : 0) === labels[i]);
    expect(right.length).toBeGreaterThanOrEqual(15);
    const first: Value = value(many.x.data.slice(0, 64) as Float32Array, { shape: [1, 1, 8, 8] });
    expectClose((await predict(params, state, first)).toFloat64(), together[0], { rtol: 1e-4, atol: 1e-4 });
  });
});
