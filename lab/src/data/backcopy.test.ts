import { expect, test } from "vitest";
import { backcopy } from "./backcopy.ts";
import { Random } from "./random.ts";

const language = backcopy({ seed: 5 });

test("rows of the matrix sum to one, triggers have 5 % each", () => {
  for (let row = 0; row < 32; row++) {
    const probabilities = language.transition.subarray(row * 32, (row + 1) * 32);
    expect(probabilities.reduce((sum, p) => sum + p)).toBeCloseTo(1, 12);
    expect([...probabilities.slice(1, 4)]).toEqual([0.05, 0.05, 0.05]);
  }
});

test("after a trigger the token before it comes again; elsewhere the matrix rules", () => {
  const { data, shape } = language.sample(600, new Random(1));
  expect(shape).toEqual([600, 64]);
  const follows = new Map<number, number>();
  let from7 = 0;
  for (let row = 0; row < 600; row++) {
    const tokens = data.subarray(row * 64, (row + 1) * 64);
    expect(tokens[0]).toBe(0);
    for (let t = 3; t < 64; t++) {
      if (language.isTrigger(tokens[t - 1])) expect(tokens[t]).toBe(tokens[t - 2]);
      else if (tokens[t - 1] === 7) {
        from7++;
        follows.set(tokens[t], (follows.get(tokens[t]) ?? 0) + 1);
      }
    }
  }
  const expected = language.transition.subarray(7 * 32, 8 * 32);
  for (const [token, count] of follows)
    expect(Math.abs(count / from7 - expected[token])).toBeLessThan(4 * Math.sqrt(expected[token] / from7));
  expect(follows.size).toBeGreaterThan(5);
});

test("the language depends on its seed alone, the sequences on theirs", () => {
  expect(backcopy({ seed: 5 }).transition).toEqual(language.transition);
  expect(backcopy({ seed: 6 }).transition).not.toEqual(language.transition);
  expect(language.sample(2, new Random(1))).toEqual(language.sample(2, new Random(1)));
});

test("triggers outside the vocabulary are refused", () => {
  for (const triggers of [[0], [32]]) expect(() => backcopy({ triggers, seed: 0 })).toThrow(/bad-option/);
});
