import { describe, expect, test } from "vitest";
import { Random } from "./random.ts";
import { mqar, type RecallOptions, recallStream } from "./recall.ts";

const rows = (data: Int32Array, length: number) =>
  Array.from({ length: data.length / length }, (_, row) => [...data.subarray(row * length, (row + 1) * length)]);

describe("mqar", () => {
  test.each<[string, Partial<RecallOptions>]>([
    ["plain", {}],
    ["uniform slots", { powerA: 1 }],
    ["smallest", { pairs: 1, length: 4 }],
    ["fixed offset", { fixedOffset: true }],
  ])("%s: keys stand twice, the label is the token after the first", (_, changes) => {
    const options = { vocab: 32, length: 32, pairs: 8, batch: 50, ...changes };
    const { x, y } = mqar(options, new Random(1));
    expect(x.shape).toEqual([50, options.length]);
    const labels = rows(y.data, options.length);
    for (const [row, tokens] of rows(x.data, options.length).entries()) {
      const keys = tokens.slice(0, 2 * options.pairs).filter((_, place) => place % 2 === 0);
      expect(new Set(keys).size).toBe(options.pairs);
      for (const key of keys) {
        expect(key).toBeGreaterThan(0);
        expect(key).toBeLessThan(16);
        const first = tokens.indexOf(key);
        const second = tokens.lastIndexOf(key);
        expect(tokens.filter((token) => token === key)).toHaveLength(2);
        expect(second).toBeGreaterThanOrEqual(2 * options.pairs);
        expect(labels[row][second]).toBe(tokens[first + 1]);
        expect(labels[row][second]).toBeGreaterThanOrEqual(16);
        if (options.fixedOffset) expect(second - first).toBe(2 * options.pairs);
      }
      expect(labels[row].filter((label) => label >= 0)).toHaveLength(options.pairs);
    }
  });

  test("slots follow the power law: slot 1 over slot 2 is 2^0.99", () => {
    const { y } = mqar({ vocab: 8, length: 16, pairs: 1, batch: 100_000 }, new Random(2));
    const counts = new Array(16).fill(0);
    y.data.forEach((label, place) => {
      if (label >= 0) counts[place % 16]++;
    });
    // 3 %: about four standard errors of the ratio.
    expect(Math.abs(counts[2] / counts[4] / 2 ** 0.99 - 1)).toBeLessThan(0.03);
  });

  test("random filler leaves no zeros; plain filler is zero", () => {
    const options = { vocab: 64, length: 64, pairs: 4, batch: 4 };
    expect(mqar({ ...options, randomFiller: true }, new Random(3)).x.data.includes(0)).toBe(false);
    const { x } = mqar(options, new Random(3));
    expect(x.data.filter((token) => token === 0)).toHaveLength(4 * (64 - 12));
  });

  test("sizes that cannot be are refused", () => {
    const options = { vocab: 32, length: 32, pairs: 8, batch: 1 };
    for (const change of [{ length: 31 }, { length: 30 }, { pairs: 0 }, { pairs: 16, length: 64 }])
      expect(() => mqar({ ...options, ...change }, new Random(0))).toThrow(/bad-option/);
  });
});

test("recallStream asks every key equally often, with the prompt's values", () => {
  const { prompt, stream, answer } = recallStream({ pairs: 24, asks: 2, batch: 3 }, new Random(4));
  expect(stream.shape).toEqual([3, 192]);
  for (let row = 0; row < 3; row++) {
    const triples = rows(prompt.data.slice(row * 72, (row + 1) * 72), 3);
    const asked = rows(stream.data.slice(row * 192, (row + 1) * 192), 4);
    const marks = rows(Int32Array.from(answer.data.slice(row * 192, (row + 1) * 192)), 4);
    for (const triple of triples)
      expect(asked.filter(([key]) => key === triple[0])).toEqual([
        [...triple, 0],
        [...triple, 0],
      ]);
    for (const mark of marks) expect(mark).toEqual([0, 1, 1, 0]);
  }
});
