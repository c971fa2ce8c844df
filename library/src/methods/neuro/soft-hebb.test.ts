import { describe, expect, test } from "vitest";
import { compile, convolution, evaluate, key, type Tensor, unfold, Value, value } from "../../index.ts";
import { check, checkExecutors, expectClose, oracle, sample } from "../../testing/index.ts";
import {
  channelNorms,
  type HebbConfig,
  hebbLayer,
  initHebbLayer,
  learnHebbLayer,
  softHebbDelta,
  softHebbStep,
  softWta,
  triangle,
  winners,
  withUnitWeights,
} from "./soft-hebb.ts";

describe("softWta", () => {
  test("by hand, signed, unsigned and hard", () => {
    const u = value([[0, Math.log(3)]]);
    const options = { inverseTemperature: 1 };
    expectClose(oracle((x) => softWta(x, options), [u])[0], [-0.25, 0.75], { atol: 1e-7 });
    expectClose(oracle((x) => softWta(x, { ...options, antiHebbian: false }), [u])[0], [0.25, 0.75], { atol: 1e-7 });
    expect([...oracle((x) => softWta(x, { ...options, hard: true }), [u])[0]]).toEqual([0, 1]);
  });

  test("magnitudes sum to 1, and exactly one channel is positive", async () => {
    const u = sample([2, 5, 3, 2]);
    const signed = oracle((x) => softWta(x, { inverseTemperature: 0.7 }), [u])[0];
    for (let image = 0; image < 2; image++)
      for (let place = 0; place < 6; place++) {
        const column = [0, 1, 2, 3, 4].map((channel) => signed[image * 30 + channel * 6 + place]);
        expect(column.reduce((total, each) => total + Math.abs(each), 0)).toBeCloseTo(1, 9);
        expect(column.filter((each) => each > 0)).toHaveLength(1);
      }
    await checkExecutors((x) => softWta(x, { inverseTemperature: 0.7 }), [u]);
  });

  test("of equal channels the first wins, and without end the winner takes all", () => {
    const u = value([[1, 1, 0.5]]);
    expect([...oracle((x) => softWta(x, { inverseTemperature: 1, hard: true }), [u])[0]]).toEqual([1, 0, 0]);
    const sharp = oracle((x) => softWta(x, { inverseTemperature: 1e4 }), [value([[0.3, 1, 0.9]])])[0];
    expectClose(sharp, [0, 1, 0], { atol: 1e-12 });
  });
});

test("the change by convolution is the sum over patches, scaled to 1", async () => {
  const [x, weight] = [sample([2, 2, 5, 4]), sample([3, 2, 3, 3], 2)];
  const options = { inverseTemperature: 0.5 };
  const [change, columns, activity, u] = oracle(
    (images, kernels) => {
      const responses = convolution(images, kernels);
      return [softHebbDelta(images, kernels, options), unfold(images, 3), softWta(responses, options), responses];
    },
    [x, weight],
  );
  const w = weight.toFloat64();
  const expected = new Float64Array(54);
  for (let image = 0; image < 2; image++)
    for (let place = 0; place < 6; place++)
      for (let k = 0; k < 3; k++) {
        const at = image * 18 + k * 6 + place;
        for (let d = 0; d < 18; d++)
          expected[k * 18 + d] += activity[at] * (columns[image * 108 + d * 6 + place] - u[at] * w[k * 18 + d]);
      }
  const most = Math.max(...expected.map(Math.abs));
  expectClose(
    change,
    expected.map((each) => each / most),
    { atol: 1e-9 },
  );
  expect(Math.max(...change.map(Math.abs))).toBeCloseTo(1, 12);
  await checkExecutors((images, kernels) => softHebbDelta(images, kernels, options), [x, weight]);
});

test("a single neuron turns to its input and takes length 1: Oja's rule", () => {
  const input = [0.6, 0, 0.8];
  const x = new Value(Float64Array.from(input), [1, 3, 1, 1], "float64");
  let weight = new Float64Array([2, -1, 0.5]);
  for (let i = 0; i < 400; i++) {
    const given = new Value(weight, [1, 3, 1, 1], "float64");
    const u = input.reduce((total, each, d) => total + each * weight[d], 0);
    const before = weight.reduce((total, each) => total + each * each, 0);
    // The scaled change has the direction of the rule; its size is taken from the rule itself.
    const raw = input.map((each, d) => u * (each - u * weight[d]));
    const most = Math.max(...raw.map(Math.abs));
    if (most < 1e-9) break;
    const [change] = oracle((w, x) => softHebbDelta(x, w, { inverseTemperature: 1 }), [given, x]);
    expectClose(
      change,
      raw.map((each) => each / most),
      { atol: 1e-6 },
    );
    const rate = 1e-3;
    const tiny = weight.map((each, d) => each + rate * change[d] * most);
    const after = tiny.reduce((total, each) => total + each * each, 0);
    expect((after - before) / rate).toBeCloseTo(2 * u * u * (1 - before), 0);
    weight = weight.map((each, d) => each + 0.05 * change[d] * most) as Float64Array<ArrayBuffer>;
  }
  expectClose(weight, input, { atol: 1e-3 });
});

test("a step leaves unit weights as they are, and moves others in proportion to the root of their distance", async () => {
  const weight = value([[[[0.6, 0.8]]], [[[3, 4]]]]);
  const delta = value([[[[1, 1]]], [[[1, -1]]]]);
  const [next, norms] = oracle((w, d) => [softHebbStep(w, d, { lr: 0.1 }), channelNorms(w)], [weight, delta]);
  expectClose(norms, [1, 5], { atol: 1e-6 });
  // The root of 1e-10 and of what 32 bits leave of 0.6 and 0.8.
  expectClose(next, [0.6, 0.8, 3.2, 3.8], { atol: 1e-4 });
  await checkExecutors((w, d) => softHebbStep(w, d, { lr: 0.1 }), [value([[[[1, 2]]]]), value([[[[0.5, 1]]]])]);
});

test("the triangle: what is above the mean of the channels, to a power", async () => {
  const u = value([[1, 2, 6]]);
  expectClose(oracle((x) => triangle(x, 1), [u])[0], [0, 0, 3], { atol: 1e-12 });
  expectClose(oracle((x) => triangle(x, 0.5), [u])[0], [0, 0, Math.sqrt(3)], { atol: 1e-12 });
  await check((x) => triangle(x, 2), [u]);
});

describe("layers", () => {
  const config: HebbConfig = { inverseTemperature: 1, lr: 0.08, power: 0.7, pool: "max" };
  const images = new Value(Float32Array.from(sample([4 * 64]).toFloat64()), [4, 1, 8, 8]);

  test("halve height and width, with either pooling", async () => {
    const layer = await evaluate(initHebbLayer(key(1), { in: 1, out: 3, side: 5 }));
    for (const pool of ["max", "average"] as const) {
      const result = await evaluate(hebbLayer(layer, images, { ...config, pool }));
      expect(result.shape).toEqual([4, 3, 4, 4]);
      expect(Math.min(...result.toFloat64())).toBe(0);
    }
    const places = await evaluate(winners(layer, images));
    expect(places.shape).toEqual([4, 8, 8]);
  });

  test("learning brings lengths from 25 towards 1", async () => {
    const learn = compile((layer: ReturnType<typeof initHebbLayer>, x: Tensor) => learnHebbLayer(layer, x, config));
    let layer = await evaluate(initHebbLayer(key(2), { in: 1, out: 4, side: 3 }));
    const lengths = async () => [...(await evaluate(channelNorms(layer.weight))).toFloat64()];
    const first = await lengths();
    for (let i = 0; i < 800; i++) layer = (await learn(layer as never, images)) as never;
    const last = await lengths();
    expect(Math.min(...first)).toBeGreaterThan(10);
    expect(Math.max(...last)).toBeLessThan(Math.min(...first) / 2);
  });

  test("unit weights point where they did", async () => {
    const layer = await evaluate(initHebbLayer(key(3), { in: 2, out: 3, side: 3 }));
    const unit = withUnitWeights(layer) as { weight: Tensor };
    const [norms, back, lengths] = oracle(
      () => [channelNorms(unit.weight), unit.weight, channelNorms(layer.weight)],
      [],
    );
    expectClose(norms, [1, 1, 1], { atol: 1e-6 });
    expectClose(
      back.map((each, i) => each * lengths[Math.floor(i / 18)]),
      layer.weight.toFloat64(),
      { rtol: 1e-6 },
    );
  });
});
