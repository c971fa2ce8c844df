import { describe, expect, test } from "vitest";
import { Random } from "../data/random.ts";
import { caution, meanInterval } from "./interval.ts";
import { pairedDifference } from "./paired.ts";

describe("meanInterval", () => {
  test("Student's interval by hand: t(0.975, 2) = 4.30265, t(0.975, 1) = 12.7062", () => {
    const three = meanInterval([1, 2, 3]);
    expect(three).toMatchObject({ mean: 2, n: 3, deviation: 1 });
    expect(three.high - 2).toBeCloseTo(4.30265273 / Math.sqrt(3), 6);
    expect(2 - three.low).toBeCloseTo(three.high - 2, 12);
    expect(meanInterval([0, 2]).high).toBeCloseTo(1 + 12.706204736, 6);
    expect(meanInterval([1, 2, 3], { level: 0.9 }).high - 2).toBeCloseTo(2.91998558 / Math.sqrt(3), 6);
  });

  test("it holds the true mean as often as it says", () => {
    const random = new Random(1);
    let held = 0;
    for (let trial = 0; trial < 2000; trial++) {
      const { low, high } = meanInterval([0, 1, 2, 3].map(() => random.normal(5, 2)));
      if (low < 5 && 5 < high) held++;
    }
    // Four standard errors of 2,000 draws.
    expect(Math.abs(held / 2000 - 0.95)).toBeLessThan(0.02);
  });

  test("shifting and scaling the values shifts and scales the interval", () => {
    for (const method of ["t", "bootstrap"] as const) {
      const values = [0.3, 1.7, 0.4, 2.2, 0.9];
      const plain = meanInterval(values, { method });
      const moved = meanInterval(
        values.map((value) => 10 + 2 * value),
        { method },
      );
      expect(moved.low).toBeCloseTo(10 + 2 * plain.low, 10);
      expect(moved.high).toBeCloseTo(10 + 2 * plain.high, 10);
    }
  });

  test("the bootstrap is repeatable, leans with the skew and nears Student's for many normal values", () => {
    const random = new Random(2);
    const skewed = Array.from({ length: 40 }, () => random.exponential() ** 2);
    const { mean, low, high } = meanInterval(skewed, { method: "bootstrap" });
    expect(meanInterval(skewed, { method: "bootstrap" })).toMatchObject({ low, high });
    expect(high - mean).toBeGreaterThan(mean - low);
    const normal = Array.from({ length: 400 }, () => random.normal());
    const [t, resampled] = (["t", "bootstrap"] as const).map((method) => meanInterval(normal, { method }));
    expect(Math.abs((resampled.high - resampled.low) / (t.high - t.low) - 1)).toBeLessThan(0.1);
  });

  test("none, one and equal values; values that are no numbers", () => {
    expect(meanInterval([])).toEqual({
      mean: Number.NaN,
      low: Number.NaN,
      high: Number.NaN,
      n: 0,
      deviation: Number.NaN,
    });
    expect(meanInterval([4])).toEqual({ mean: 4, low: Number.NaN, high: Number.NaN, n: 1, deviation: Number.NaN });
    expect(meanInterval([4, 4, 4])).toMatchObject({ mean: 4, low: 4, high: 4 });
    for (const method of ["t", "bootstrap"] as const)
      expect(meanInterval([1, Number.NaN, 2], { method })).toMatchObject({
        mean: Number.NaN,
        low: Number.NaN,
        high: Number.NaN,
      });
    expect(() => meanInterval([1, 2], { level: 95 })).toThrow(RangeError);
  });

  test("few values call for caution", () => {
    expect([0, 1, 2, 3].map((n) => caution({ n }))).toEqual([
      "nothing measured",
      "one seed: no interval",
      "2 seeds: the interval says little",
      undefined,
    ]);
  });
});

describe("pairedDifference", () => {
  const bySeed = (...values: number[]) => new Map(values.map((value, seed) => [seed, value]));

  test("what seeds have in common drops out", () => {
    const { mean, low, high, pValue } = pairedDifference(bySeed(1, 11, 101), bySeed(0, 10, 100));
    expect([mean, low, high, pValue]).toEqual([1, 1, 1, 0]);
  });

  test("a t-test by hand: differences 1, 2, 3 have t = 2√3 with 2 degrees of freedom", () => {
    const { pValue, differences } = pairedDifference(bySeed(1, 2, 3), bySeed(0, 0, 0));
    expect(differences).toEqual([1, 2, 3]);
    // With 2 degrees of freedom P(|T| > t) = 1 − t/√(2 + t²).
    expect(pValue).toBeCloseTo(1 - Math.sqrt(12) / Math.sqrt(14), 10);
  });

  test("swapping the sides flips the sign", () => {
    const forth = pairedDifference(bySeed(3, 1, 4), bySeed(1, 5, 9));
    const back = pairedDifference(bySeed(1, 5, 9), bySeed(3, 1, 4));
    expect(forth.mean).toBeCloseTo(-back.mean, 12);
    expect(forth.low).toBeCloseTo(-back.high, 12);
    expect(forth.pValue).toBeCloseTo(back.pValue, 12);
  });

  test("seeds without a partner are left out and named", () => {
    const { seeds, unpaired, n } = pairedDifference(
      new Map([
        [7, 1],
        [2, 1],
      ]),
      new Map([
        [2, 0],
        [9, 3],
      ]),
    );
    expect({ seeds, unpaired, n }).toEqual({ seeds: [2], unpaired: [7, 9], n: 1 });
    expect(pairedDifference(new Map(), new Map())).toMatchObject({ n: 0, pValue: Number.NaN });
    expect(pairedDifference(bySeed(1, 1), bySeed(1, 1)).pValue).toBe(1);
  });
});
