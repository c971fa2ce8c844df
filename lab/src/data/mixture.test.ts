import { describe, expect, test } from "vitest";
import {
  classProbabilities,
  gateWeights,
  gaussianDensity,
  multinomialMixture,
  sampleGaussian,
  sampleMultinomial,
  sparseMixture,
  temperedMixture,
  topKMixture,
} from "./mixture.ts";
import { Random } from "./random.ts";

const sum = (values: ArrayLike<number>) => Array.from(values).reduce((total, value) => total + value, 0);

describe("gate", () => {
  test("softmax by hand, with temperature and activation", () => {
    const [first] = gateWeights(topKMixture.gate, [1]);
    expect(first).toBeCloseTo(1 / (1 + Math.exp(-1.5)), 12);
    expect(gateWeights(temperedMixture(0.5).gate, [1])[0]).toBeCloseTo(1 / (1 + Math.exp(-3)), 12);
    expect(gateWeights(temperedMixture(1, Math.tanh).gate, [1])[0]).toBeCloseTo(
      1 / (1 + Math.exp(-(Math.tanh(1.2) + 0.3))),
      12,
    );
  });

  test("top-k keeps by slope alone: a large bias does not bring an expert in", () => {
    const gate = { slopes: [[1], [2], [3]], biases: [50, 0, 0], topK: 2 };
    const weights = gateWeights(gate, [1]);
    expect(weights[0]).toBe(0);
    expect(sum(weights)).toBeCloseTo(1, 12);
    expect(gateWeights({ ...gate, topK: 1 }, [-1])).toEqual([1, 0, 0]);
  });
});

describe("samples", () => {
  test("Gaussian: the density integrates to one and is what is drawn", () => {
    const step = 0.01;
    const grid = Array.from({ length: 2000 }, (_, i) => -10 + i * step);
    for (const x of [-1.5, 0, 2])
      expect(sum(grid.map((y) => gaussianDensity(topKMixture, [x], y))) * step).toBeCloseTo(1, 6);
    const { x, y } = sampleGaussian(topKMixture, 8_000, new Random(1));
    // Four standard errors. P(y < 0) by the density, averaged over the x that were drawn.
    const below =
      x.reduce(
        (total, at) =>
          total +
          sum(
            grid
              .slice(0, 1000)
              .filter((_, i) => i % 20 === 0)
              .map((value) => gaussianDensity(topKMixture, [at], value + 0.1)),
          ) *
            0.2,
        0,
      ) / 8_000;
    expect(Math.abs(y.filter((value) => value < 0).length / 8_000 - below)).toBeLessThan(0.023);
  });

  test("multinomial: frequencies of the classes near a point", () => {
    for (const regime of [1, 2] as const) {
      const mixture = multinomialMixture(regime);
      expect(sum(classProbabilities(mixture, [0.4, -1]))).toBeCloseTo(1, 12);
      const { x, y, expert } = sampleMultinomial(mixture, 20_000, new Random(2));
      const expected = Array.from(
        { length: 20_000 },
        (_, row) => classProbabilities(mixture, x.subarray(2 * row, 2 * row + 2))[1],
      );
      expect(Math.abs(sum(y) - sum(expected)) / 20_000).toBeLessThan(0.014);
      const gated = Array.from(
        { length: 20_000 },
        (_, row) => gateWeights(mixture.gate, x.subarray(2 * row, 2 * row + 2))[1],
      );
      expect(Math.abs(sum(expert) - sum(gated)) / 20_000).toBeLessThan(0.014);
    }
  });

  test("sparse: six slopes, 9 in all, x in the box", () => {
    const mixture = sparseMixture(20);
    const slopes = [...mixture.gate.slopes.flat(), ...mixture.experts.flatMap(({ slope }) => slope)];
    expect(slopes.filter((slope) => slope !== 0)).toHaveLength(6);
    expect(sum(slopes.map(Math.abs))).toBe(9);
    const { x, y } = sampleGaussian(mixture, 50, new Random(3));
    expect([x.length, y.length]).toEqual([1000, 50]);
    expect(Math.max(...x.map(Math.abs))).toBeLessThanOrEqual(1);
    expect(() => sparseMixture(2)).toThrow(/bad-option/);
  });

  test("a gate that does not fit its experts is refused", () => {
    expect(() => sampleGaussian({ ...topKMixture, experts: [] }, 1, new Random(0))).toThrow(/bad-option/);
  });
});
