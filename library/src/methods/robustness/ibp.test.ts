import { describe, expect, test } from "vitest";
import { crossEntropy, maxPool, relu, reshape, sub, type Tensor, tanh, Value, value } from "../../index.ts";
import { convolution } from "../../nn/convolution.ts";
import { linear } from "../../nn/linear.ts";
import { check, expectClose, oracle, sample } from "../../testing/index.ts";
import {
  type Box,
  boundsOf,
  boxConvolution,
  boxLinear,
  boxMonotone,
  boxMoved,
  ibpLoss,
  inputBox,
  isVerified,
  rampSchedule,
  worstMargins,
} from "./ibp.ts";

const labels = new Value(Int32Array.of(1, 0, 2), [3]);
const images = new Value(
  Float32Array.from(sample([36]).toFloat64(), (each) => (each + 1) / 2),
  [1, 1, 6, 6],
);
const kernel = { weight: sample([3, 1, 3, 3], 2), bias: sample([3], 3) };
const first = { weight: sample([12, 5], 4), bias: sample([5], 5) };
const last = { weight: sample([5, 3], 6), bias: sample([3], 7) };

/** The same net for points and for boxes: convolution, rectifier, pooling, tanh. */
const features = (x: Tensor) => {
  const pooled = maxPool(relu(convolution(kernel, x)), 2);
  return tanh(linear(first, reshape(pooled, [x.shape[0], 12])));
};
const featureBox = (x: Tensor, radius: number): Box => {
  const box = boxMonotone(boxMonotone(boxConvolution(kernel, inputBox(x, { radius })), relu), (at) => maxPool(at, 2));
  const flat = boxMoved(box, (at) => reshape(at, [x.shape[0], 12]));
  return boxMonotone(boxLinear(first, flat), tanh);
};

test("by hand: a linear layer gives the exact box", () => {
  const [lower, upper] = oracle(
    (x) => {
      const box = boxLinear({ weight: value([[1], [-2]]), bias: value([0.5]) }, inputBox(x, { radius: 0.1 }));
      return [boundsOf(box).lower, boundsOf(box).upper];
    },
    [value([[0.5, 0.5]])],
  );
  expectClose(lower, [-0.3], { atol: 1e-7 });
  expectClose(upper, [0.3], { atol: 1e-7 });
});

test("the box of inputs ends where their range does", () => {
  const [lower, upper] = oracle(
    (x) => {
      const box = boundsOf(inputBox(x, { radius: 0.2 }));
      return [box.lower, box.upper];
    },
    [value([0.1, 0.5, 1])],
  );
  expectClose(lower, [0, 0.3, 0.8], { atol: 1e-7 });
  expectClose(upper, [0.3, 0.7, 1], { atol: 1e-7 });
});

test("nothing in the box of inputs leaves the box of features", () => {
  const count = 1000;
  const radius = 0.15;
  const moves = sample([count, 36], 8)
    .toFloat64()
    .map((each) => radius * each);
  const centre = images.toFloat64();
  const points = Float32Array.from(moves, (move, i) => Math.min(1, Math.max(0, centre[i % 36] + move)));
  const [inside] = oracle(features, [new Value(points, [count, 1, 6, 6])]);
  const [lower, upper] = oracle(
    (x) => {
      const box = boundsOf(featureBox(x, radius));
      return [box.lower, box.upper];
    },
    [images],
  );
  inside.forEach((each, i) => {
    expect(each).toBeGreaterThanOrEqual(lower[i % 5] - 1e-6);
    expect(each).toBeLessThanOrEqual(upper[i % 5] + 1e-6);
  });
});

test("bounds widen with the radius, and without one are the values", () => {
  const radii = [0, 0.02, 0.05, 0.1, 0.3].map((radius) => oracle((x) => featureBox(x, radius).radius, [images])[0]);
  radii.slice(1).forEach((wider, i) => {
    wider.forEach((each, k) => {
      expect(each).toBeGreaterThanOrEqual(radii[i][k]);
    });
  });
  expectClose(radii[0], new Float64Array(5), { atol: 1e-12 });
});

describe("margins", () => {
  const box = (radius: number) => ({
    centre: sample([3, 5], 9),
    radius: new Value(
      Float32Array.from({ length: 15 }, (_, i) => radius * ((i % 4) / 4)),
      [3, 5],
    ),
  });

  test("by hand: merging the last layer halves the bound", () => {
    const layer = {
      weight: value([
        [1, 1],
        [1, -1],
      ]),
    };
    const given = { centre: value([[0, 0]]), radius: value([[1, 1]]) };
    const [margins, outer] = oracle(() => {
      const scores = boundsOf(boxLinear(layer, given));
      return [worstMargins(layer, given, new Value(Int32Array.of(0), [1])), sub(scores.upper, scores.lower)];
    }, []);
    expectClose(margins, [0, 2], { atol: 1e-12 });
    expect(outer[1]).toBe(4);
  });

  test("never above the difference of the bounds, and 0 for the true class", () => {
    const [margins, lower, upper] = oracle(() => {
      const scores = boundsOf(boxLinear(last, box(1)));
      return [worstMargins(last, box(1), labels), scores.lower, scores.upper];
    }, []);
    [...labels.data].forEach((own, i) => {
      expect(margins[3 * i + Number(own)]).toBe(0);
      for (let j = 0; j < 3; j++)
        if (j !== Number(own))
          expect(margins[3 * i + j]).toBeLessThanOrEqual(upper[3 * i + j] - lower[3 * i + Number(own)] + 1e-9);
    });
  });

  test("without a radius they are differences of scores, and every weight gives the ordinary loss", () => {
    const [plain, ...mixed] = oracle(() => {
      const { centre } = box(0);
      const logits = linear(last, centre);
      const margins = worstMargins(last, box(0), labels);
      return [
        crossEntropy(logits, labels),
        ...[0, 0.3, 1].map((natural) => ibpLoss({ logits, margins, labels, natural })),
      ];
    }, []);
    for (const each of mixed) expectClose(each, plain, { atol: 1e-9 });
  });

  test("verified is what no other class can reach", () => {
    const margins = value([
      [-1, 0, -0.1],
      [0, 0.1, -1],
      [0, 0, -1],
    ]);
    expect([...oracle((m) => isVerified(m), [margins])[0]]).toEqual([1, 0, 0]);
  });

  test("executors, gradients and batching", () =>
    check(
      (centre, radius, weight, bias) =>
        ibpLoss({
          logits: linear({ weight, bias }, centre),
          margins: worstMargins({ weight, bias }, { centre, radius }, labels),
          labels,
          natural: 0.4,
        }),
      [box(1).centre, box(1).radius, last.weight, last.bias],
    ));
});

test("executors and gradients of a whole net", () =>
  check((x) => boundsOf(featureBox(x, 0.05)), [images], { batch: false, gradientTolerance: 1e-5 }));

test("the ramp: nothing during the warm-up, half way, and the end", () => {
  const options = { warmUp: 100, ramp: 100, radius: 0.2 };
  expect(rampSchedule(99, options)).toEqual({ radius: 0, natural: 1 });
  expect(rampSchedule(150, options)).toEqual({ radius: 0.1, natural: 0.75 });
  expect(rampSchedule(5000, options)).toEqual({ radius: 0.2, natural: 0.5 });
  expect(rampSchedule(0, { warmUp: 0, ramp: 0, radius: 0.2 })).toEqual({ radius: 0.2, natural: 0.5 });
});
