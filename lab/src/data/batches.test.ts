import { describe, expect, test } from "vitest";
import { batches } from "./batches.ts";
import { firstOfEach, rowCount, select, slice, toFloats } from "./column.ts";
import { splitByContent, splitIndices, stratifiedSplit } from "./split.ts";

const count = 10;
const columns = {
  x: { data: Uint8Array.from({ length: count * 2 }, (_, i) => i), shape: [count, 2], scale: 0.5 },
  y: { data: Int32Array.from({ length: count }, (_, i) => i), shape: [count] },
};
const labels = (options: Parameters<typeof batches>[1]) => [...batches(columns, options)].map(({ y }) => [...y.data]);

describe("batches", () => {
  test("rows stay together and scaled columns become floats", () => {
    for (const { x, y } of batches(columns, { batch: 3, seed: 1 })) {
      expect(x.data).toBeInstanceOf(Float32Array);
      expect(x.shape).toEqual([3, 2]);
      expect([...x.data]).toEqual([...y.data].flatMap((row) => [row, row + 0.5]));
    }
  });

  test("every epoch holds every example once, in an order of its own", () => {
    const [first, second] = [0, 1].map((epoch) =>
      labels({ batch: 5, seed: 2, epochs: 2 })
        .slice(2 * epoch, 2 * epoch + 2)
        .flat(),
    );
    for (const epoch of [first, second]) expect([...epoch].sort((a, b) => a - b)).toEqual([...columns.y.data]);
    expect(first).not.toEqual(second);
  });

  test("the seed fixes the order; without one examples come as they stand", () => {
    expect(labels({ batch: 4, seed: 5 })).toEqual(labels({ batch: 4, seed: 5 }));
    expect(labels({ batch: 4, seed: 5 })).not.toEqual(labels({ batch: 4, seed: 6 }));
    expect(labels({ batch: 4 })).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ]);
  });

  test("the last batch is dropped unless partial", () => {
    expect(labels({ batch: 4, partial: true }).at(-1)).toEqual([8, 9]);
    expect(labels({ batch: 20, partial: true })).toEqual([[...columns.y.data]]);
  });

  test("a resumed run sees the batches that it would have seen", () => {
    const whole = labels({ batch: 3, seed: 7, steps: 8 });
    expect(whole).toHaveLength(8);
    expect(labels({ batch: 3, seed: 7, steps: 8, start: 5 })).toEqual(whole.slice(5));
  });

  test("a batch larger than the data, or of no size, is refused", () => {
    for (const batch of [11, 0, 2.5]) expect(() => labels({ batch })).toThrow(/bad-option/);
  });
});

describe("columns", () => {
  test("select copies, slice shares", () => {
    const picked = select(columns, [9, 0]);
    expect([...picked.x.data]).toEqual([18, 19, 0, 1]);
    expect(picked.x.scale).toBe(0.5);
    const part = slice(columns, 2, 4);
    expect([...part.y.data]).toEqual([2, 3]);
    expect(part.x.data.buffer).toBe(columns.x.data.buffer);
    expect(slice(columns, count).x.shape).toEqual([0, 2]);
  });

  test("columns of different lengths are refused", () => {
    expect(() => rowCount({ a: columns.y, b: { ...columns.x, shape: [5, 4] } })).toThrow(/bad-option/);
    expect(() => rowCount({})).toThrow(/bad-option/);
  });

  test("firstOfEach takes a number of every label", () => {
    expect(firstOfEach(Int32Array.of(1, 0, 1, 1, 0, 2), 2)).toEqual([0, 1, 2, 4, 5]);
  });

  test("toFloats without a scale keeps the numbers", () => {
    expect(toFloats(columns.y).data).toEqual(Float32Array.from(columns.y.data));
  });
});

describe("splits", () => {
  test("parts are disjoint and together whole", () => {
    const { train, validation, test: held } = splitIndices(101, [0.8, 0.1, 0.1], 3);
    expect([train.length, validation.length, held.length]).toEqual([81, 10, 10]);
    expect(new Set([...train, ...validation, ...held]).size).toBe(101);
  });

  test("by content: copies fall together, fractions hold", () => {
    const parts = Array.from({ length: 3000 }, (_, i) => splitByContent(`text ${i}`, [0.6, 0.15, 0.25]));
    expect(splitByContent("text 5", [0.6, 0.15, 0.25])).toBe(parts[5]);
    // Four standard errors of 3,000 draws.
    expect(Math.abs(parts.filter((part) => part === "train").length / 3000 - 0.6)).toBeLessThan(0.036);
    expect(splitByContent("x", [0, 0, 1])).toBe("test");
  });

  test("stratified: every group is cut alike", () => {
    const groups = Array.from({ length: 60 }, (_, i) => (i % 3 === 0 ? "rare" : "common"));
    const parts = stratifiedSplit(groups, [0.5, 0.25, 0.25], 1);
    const inTest = (group: string) => parts.filter((part, i) => part === "test" && groups[i] === group).length;
    expect([inTest("rare"), inTest("common")]).toEqual([5, 10]);
  });

  test("fractions that do not sum to one are refused", () => {
    expect(() => splitIndices(3, [0.5, 0.1, 0.1], 0)).toThrow(/bad-option/);
  });
});
