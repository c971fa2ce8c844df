import { describe, expect, test } from "vitest";
import { maxRetrieval } from "./argmax.ts";
import { rowCount } from "./column.ts";
import { copyTask } from "./copy.ts";
import {
  bestSteps,
  type RegressionBatch,
  ridgePredictions,
  riskDebiasedGd,
  riskGd,
  sampleRegression,
} from "./icl-regression.ts";
import { modular } from "./modular.ts";
import { multitaskExperts } from "./mtl-experts.ts";
import { sparseParity } from "./parity.ts";
import { Random } from "./random.ts";

describe("copy", () => {
  test("the answer's places repeat the first symbols", () => {
    const { x, y } = copyTask({ symbols: 4, length: 3, delay: 5, batch: 6 }, new Random(1));
    expect(x.shape).toEqual([6, 12]);
    for (let row = 0; row < 6; row++) {
      const tokens = [...x.data.subarray(row * 12, (row + 1) * 12)];
      const labels = [...y.data.subarray(row * 12, (row + 1) * 12)];
      expect(tokens.slice(3)).toEqual([0, 0, 0, 0, 0, 1, 0, 0, 0]);
      expect(labels.slice(0, 9)).toEqual(new Array(9).fill(-1));
      expect(labels.slice(9)).toEqual(tokens.slice(0, 3));
      expect(tokens.slice(0, 3).every((token) => token >= 2 && token < 6)).toBe(true);
    }
  });

  test("without delay, one symbol", () => {
    const { x, y } = copyTask({ symbols: 1, length: 1, delay: 0, batch: 1 }, new Random(1));
    expect([...x.data]).toEqual([2, 1, 0]);
    expect([...y.data]).toEqual([-1, -1, 2]);
  });
});

describe("argmax", () => {
  test.each([1, 2, 50])("bags of %i: the label is the class of the highest priority", (items) => {
    const { x, q, label } = maxRetrieval({ items, batch: 30, classes: 4 }, new Random(2));
    expect([x.shape, q.shape, label.shape]).toEqual([[30, items, 5], [30, 1], [30]]);
    for (let row = 0; row < 30; row++) {
      const bag = Array.from({ length: items }, (_, item) =>
        x.data.subarray((row * items + item) * 5, (row * items + item + 1) * 5),
      );
      const best = bag.reduce((a, b) => (b[0] > a[0] ? b : a));
      expect(best[1 + label.data[row]]).toBe(1);
      for (const item of bag) expect([...item.subarray(1)].sort()).toEqual([0, 0, 0, 1]);
    }
  });
});

describe("modular", () => {
  test.each(["add", "sub", "mul"] as const)("%s: every pair once, right", (operation) => {
    const { train, test: held } = modular(operation, 13, 0.4, 3);
    expect([rowCount(train), rowCount(held)]).toEqual([68, 101]);
    const seen = new Set<number>();
    for (const { x, y } of [train, held])
      for (let row = 0; row < x.shape[0]; row++) {
        const [a, b] = x.data.subarray(2 * row, 2 * row + 2);
        seen.add(a * 13 + b);
        const result = { add: a + b, sub: a - b + 13, mul: a * b }[operation];
        expect(y.data[row]).toBe(result % 13);
      }
    expect(seen.size).toBe(169);
  });

  test("another seed mixes otherwise; all may be for training", () => {
    expect(modular("add", 5, 0.5, 1).train.x.data).not.toEqual(modular("add", 5, 0.5, 2).train.x.data);
    expect(rowCount(modular("add", 5, 1, 1).test)).toBe(0);
  });
});

test("parity: the label is the exclusive or of the first bits, the others say nothing", () => {
  const { train, test: held } = sparseParity({ relevant: 3, noise: 27, samples: 2000, fraction: 0.5, seed: 4 });
  expect([rowCount(train), rowCount(held)]).toEqual([1000, 1000]);
  let agreement = 0;
  for (let row = 0; row < 1000; row++) {
    const bits = train.x.data.subarray(row * 30, (row + 1) * 30);
    expect(train.y.data[row]).toBe((bits[0] + bits[1] + bits[2]) % 2);
    agreement += bits[7] === train.y.data[row] ? 1 : 0;
  }
  // Four standard errors of a fair coin.
  expect(Math.abs(agreement / 1000 - 0.5)).toBeLessThan(0.064);
});

test("mtl-experts: targets have deviation 1, tasks of a group share experts, seeds differ", () => {
  const { test: held, experts } = multitaskExperts(5);
  for (let task = 0; task < 16; task++) {
    const y = held.y.data.subarray(task * 500, (task + 1) * 500);
    const mean = y.reduce((sum, value) => sum + value, 0) / 500;
    expect(Math.sqrt(y.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 500)).toBeCloseTo(1, 5);
    expect(experts[task]).toEqual(experts[task % 4]);
  }
  expect(multitaskExperts(5).train).toEqual(multitaskExperts(5).train);
  expect(multitaskExperts(6).train.y).not.toEqual(multitaskExperts(5).train.y);
});

describe("icl-regression", () => {
  const prompt = { dimension: 5, length: 40, noise: 0.1 };

  test("the published numbers for d = 5, L = 40, σ² = 0.1", () => {
    const { gd, debiasedGd } = bestSteps(prompt);
    expect(riskDebiasedGd(debiasedGd, prompt)).toBeCloseTo(0.2429, 4);
    expect(debiasedGd).toBeCloseTo(0.879, 3);
    expect(riskGd(gd, prompt)).toBeCloseTo(0.2398, 4);
    expect(gd).toBeCloseTo(0.86, 3);
    expect(riskGd(0, prompt)).toBeCloseTo(1.1, 12);
    expect(riskDebiasedGd(0, prompt)).toBeCloseTo(1.1, 12);
  });

  test("closed-form risks are what simulation gives", () => {
    const batch = sampleRegression({ ...prompt, batch: 20_000 }, new Random(6));
    const { gd, debiasedGd } = bestSteps(prompt);
    // 3 %: about three standard errors of 20,000 squared errors.
    const near = (measured: number, expected: number) => expect(Math.abs(measured / expected - 1)).toBeLessThan(0.03);
    near(
      risk(batch, (query) => stepPrediction(query, gd, false)),
      riskGd(gd, prompt),
    );
    near(
      risk(batch, (query) => stepPrediction(query, debiasedGd, true)),
      riskDebiasedGd(debiasedGd, prompt),
    );
    const ridge = ridgePredictions(batch, 5 * 0.1);
    // The sheet's own figure for the Bayes risk.
    expect(Math.abs(risk(batch, ({ row }) => ridge[row]) - 0.113)).toBeLessThan(0.004);
  });

  test("a covariance is what x has; one that is not positive definite is refused", () => {
    const covariance = Float64Array.of(2, 0.8, 0.8, 1);
    const { zq } = sampleRegression({ dimension: 2, length: 0, noise: 0, batch: 20_000, covariance }, new Random(7));
    const moment = (i: number, j: number) => {
      let sum = 0;
      for (let row = 0; row < 20_000; row++) sum += zq.data[row * 3 + i] * zq.data[row * 3 + j];
      return sum / 20_000;
    };
    for (const [i, j] of [
      [0, 0],
      [0, 1],
      [1, 1],
    ])
      expect(Math.abs(moment(i, j) - covariance[2 * i + j])).toBeLessThan(0.08);
    const bad = { dimension: 2, length: 1, noise: 0, batch: 1, covariance: Float64Array.of(1, 2, 2, 1) };
    expect(() => sampleRegression(bad, new Random(7))).toThrow(/positive definite/);
  });
});

interface Query {
  readonly row: number;
  readonly x: readonly number[][];
  readonly y: readonly number[];
  readonly query: readonly number[];
}

function risk({ z, zq, yq }: RegressionBatch, predict: (query: Query) => number): number {
  const [batch, length, width] = z.shape;
  let sum = 0;
  for (let row = 0; row < batch; row++) {
    const examples = Array.from({ length }, (_, e) => [
      ...z.data.subarray((row * length + e) * width, (row * length + e + 1) * width),
    ]);
    const prediction = predict({
      row,
      x: examples.map((example) => example.slice(0, -1)),
      y: examples.map((example) => example[width - 1]),
      query: [...zq.data.subarray(row * width, (row + 1) * width - 1)],
    });
    sum += (prediction - yq.data[row]) ** 2;
  }
  return sum / batch;
}

function stepPrediction({ x, y, query }: Query, step: number, centred: boolean): number {
  const mean = query.map((_, i) => (centred ? x.reduce((sum, each) => sum + each[i], 0) / x.length : 0));
  const dot = (each: readonly number[]) => each.reduce((sum, value, i) => sum + (value - mean[i]) * query[i], 0);
  return (step / x.length) * x.reduce((sum, each, e) => sum + y[e] * dot(each), 0);
}
