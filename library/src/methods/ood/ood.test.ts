import { describe, expect, test } from "vitest";
import { add, compile, key, log, mul, normal, type Tensor, value } from "../../index.ts";
import { check, checkExecutors, expectClose, oracle } from "../../testing/index.ts";
import { energyHinge, outlierExposure } from "./energy-loss.ts";
import { aupr, auroc, detectionAccuracy, fprAtTpr } from "./metrics.ts";
import { energy, maxLogit, maxSoftmax } from "./scores.ts";

const logits = value([
  [0.3, -1.2, 2.1],
  [1.7, 0.2, -0.4],
]);
const energyOf = (f: readonly number[], temperature = 1) =>
  oracle((x) => energy(x, { temperature }), [value([...f], { dtype: "float64" })])[0][0];

describe("energy", () => {
  test("by hand: −ln 2 of two zeros, −a − ln K of equal logits", () => {
    expect(energyOf([0, 0])).toBeCloseTo(-Math.log(2), 12);
    expect(energyOf([5, 5, 5, 5])).toBeCloseTo(-5 - Math.log(4), 12);
  });

  test("falls with a constant added, which the softmax score does not see", () => {
    const [before, after, score, same] = oracle(
      (f) => [energy(f), energy(add(f, 3)), maxSoftmax(f), maxSoftmax(add(f, 3))],
      [logits],
    );
    expectClose(
      after,
      before.map((one) => one - 3),
      { atol: 1e-9 },
    );
    expectClose(same, score, { atol: 1e-9 });
  });

  test("cold it is −max, hot it is −T ln K − mean", () => {
    expect(energyOf([0.3, -1.2, 2.1], 1e-3)).toBeCloseTo(-2.1, 9);
    expect(energyOf([0.3, -1.2, 2.1], 1e4)).toBeCloseTo(-1e4 * Math.log(3) - 0.4, 3);
  });

  test("ln of the softmax score is energy plus the largest logit", () => {
    const [left, right] = oracle((f) => [log(maxSoftmax(f)), add(energy(f), maxLogit(f))], [logits]);
    expectClose(left, right, { atol: 1e-12 });
  });

  test("executors, gradients, batching; ±1000 stay finite", async () => {
    await check((f) => [energy(f), energy(f, { temperature: 2.5 }), maxSoftmax(f), maxLogit(f)], [logits]);
    await checkExecutors((f) => [energy(f), maxSoftmax(f)], [value([[1000, -1000]])]);
    expect(energyOf([1000, -1000])).toBe(-1000);
  });
});

describe("losses", () => {
  /** Logits of one class, so that E = −f. */
  const ofEnergies = (list: readonly number[]) =>
    value(
      list.map((one) => [-one]),
      { dtype: "float64" },
    );
  const hinge = (known: readonly number[], outliers: readonly number[], inside: number, outside: number) =>
    oracle((a, b) => energyHinge(a, b, { inside, outside }), [ofEnergies(known), ofEnergies(outliers)])[0][0];

  test("by hand: (9 + 0)/2 for energies −20 and −25 and a margin of −23", () => {
    expect(hinge([-20, -25], [0], -23, -5)).toBeCloseTo(4.5, 12);
    expect(hinge([-30], [-6, -5, -9], -23, -5)).toBeCloseTo((1 + 0 + 16) / 3, 12);
  });

  test("nothing is asked of energies on the right side of the margins", () => {
    expect(hinge([-23, -40], [-5, 3], -23, -5)).toBe(0);
  });

  test("outlier exposure is least, ln K, for equal logits", () => {
    const [even, uneven] = oracle((f) => outlierExposure(f), [value([[2, 2, 2]])]).concat(
      oracle((f) => outlierExposure(f), [value([[2, 1, 2]])]),
    );
    expect(even[0]).toBeCloseTo(Math.log(3), 12);
    expect(uneven[0]).toBeGreaterThan(even[0]);
  });

  test("executors, gradients, batching", async () => {
    const outliers = value([[0.1, 0.2, -0.3]]);
    await check((a, b) => energyHinge(a, b, { inside: -2.5, outside: -0.9, temperature: 1.5 }), [logits, outliers]);
    await check((f) => outlierExposure(f), [logits]);
  });
});

describe("metrics", () => {
  test("auroc by hand, for equal lists, and turned round", () => {
    expect(auroc([3, 2], [1, 2])).toBe(0.875);
    expect(auroc([1, 2, 3], [1, 2, 3])).toBe(0.5);
    const [known, outliers] = [
      [0.3, 0.9, 0.4, 0.4],
      [0.1, 0.4, 0.8],
    ];
    const negative = (list: readonly number[]) => list.map((one) => -one);
    expect(auroc(negative(known), negative(outliers))).toBeCloseTo(1 - auroc(known, outliers), 12);
  });

  test("false positives at 95 %: against counting", () => {
    const known = Array.from({ length: 100 }, (_, i) => i + 1);
    const outliers = Array.from({ length: 100 }, (_, i) => i + 0.5);
    // The 5 % quantile of 1 … 100 is 1 + 0.05 · 99 = 5.95.
    expect(fprAtTpr(known, outliers)).toBeCloseTo(outliers.filter((one) => one >= 5.95).length / 100, 12);
    expect(fprAtTpr([1, 1, 1], [1, 0])).toBe(0.5);
    expect(fprAtTpr([5, 6], [1, 2])).toBe(0);
    expect(fprAtTpr([1, 2], [3, 4], 0.5)).toBe(1);
  });

  test("aupr by hand, at its ends, and with ties", () => {
    // Down the list: 3 in (1/1), 2 out, 1 in (2/3).
    expect(aupr([3, 1], [2])).toBeCloseTo((1 + 2 / 3) / 2, 12);
    expect(aupr([3, 4], [1, 2])).toBe(1);
    expect(aupr([1, 1], [1, 1, 1])).toBeCloseTo(2 / 5, 12);
  });

  test("detection accuracy takes the best threshold", () => {
    expect(detectionAccuracy([3, 4], [1, 2])).toBe(1);
    expect(detectionAccuracy([1, 2], [1, 2])).toBe(0.5);
    // Above 2: both outliers stopped, two of three known ones pass.
    expect(detectionAccuracy([1, 3, 4], [0, 2])).toBeCloseTo((2 / 3 + 1) / 2, 12);
  });

  test("against counting pairs, on random scores", async () => {
    const [a, b] = await compile((from: Tensor) => [normal(from, [60]), mul(normal(from, [45]), 2)])(key(3));
    const [known, outliers] = [[...a.toFloat64()], [...b.toFloat64()]];
    const pairs = known.flatMap((x) => outliers.map((y) => (x > y ? 1 : x === y ? 0.5 : 0) as number));
    expect(auroc(known, outliers)).toBeCloseTo(pairs.reduce((s, one) => s + one, 0) / pairs.length, 12);
  });

  test("no scores, and NaN among them, are refused", () => {
    for (const bad of [[], [Number.NaN]]) {
      expect(() => auroc([1], bad)).toThrowError(expect.objectContaining({ code: "ood/scores" }));
      expect(() => fprAtTpr(bad, [1])).toThrowError(expect.objectContaining({ code: "ood/scores" }));
    }
  });
});
