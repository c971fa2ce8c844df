import { describe, expect, test } from "vitest";
import { check, checkExecutors, expectClose, oracle } from "../../testing/check.ts";
import { value } from "../value.ts";
import {
  argSort,
  binCount,
  cast,
  flip,
  gatherAlong,
  isFirstOccurrence,
  max,
  roll,
  searchSorted,
  sort,
  tile,
  topK,
} from "./index.ts";

const matrix = value([
  [0.3, -1.2, 2.5, 0.9],
  [1.7, 0.1, -0.6, -2.2],
  [0.8, 3.1, 1.4, -0.5],
]);
const tied = value([2, 1, 2, 0, 1, 2]);
const int64 = (list: any) => value(list, { dtype: "int64" });
const codeOf = (code: string) => expect.objectContaining({ code });
const lists = (fn: any, ...values: any[]) => oracle(fn, values).map((result) => [...result]);

describe("sort and topK", () => {
  test("executors, gradients, batching, either direction, any axis", async () => {
    await check((x) => sort(x), [matrix]);
    await check((x) => sort(x, { axis: 0, descending: true }), [matrix]);
    await check((x) => topK(x, 2), [matrix]);
    await check((x) => topK(x, 1, { axis: 0, largest: false }), [matrix]);
    await check((x) => topK(x, 2).values, [matrix]);
  });

  test("equal elements: the lower index first, in both directions, on both executors", async () => {
    expect(lists((x: any) => sort(x), tied)).toEqual([
      [0, 1, 1, 2, 2, 2],
      [3, 1, 4, 0, 2, 5],
    ]);
    expect(lists((x: any) => sort(x, { descending: true }), tied)[1]).toEqual([0, 2, 5, 1, 4, 3]);
    const many = value(Float32Array.from({ length: 200 }, (_, i) => (i * 7) % 5));
    for (const k of [1, 2, 7, 50, 199, 200])
      for (const largest of [true, false]) await checkExecutors((x) => topK(x, k, { largest }), [many]);
  });

  test("sorted values are the elements at the indices, and sorting again changes nothing", () => {
    const [values, indices, taken, again] = lists((x: any) => {
      const sorted = sort(x);
      return [sorted.values, sorted.indices, gatherAlong(x, sorted.indices), sort(sorted.values).values];
    }, matrix);
    expect(taken).toEqual(values);
    expect(again).toEqual(values);
    expect(lists((x: any) => argSort(x), matrix)[0]).toEqual(indices);
    const [first, largest] = oracle((x) => [topK(x, 1).values, max(x, { axis: -1 })], [matrix]);
    expectClose(first, largest);
  });

  test("infinities, nothing, one element, every dtype", async () => {
    await checkExecutors((x) => sort(x), [value([1, -Infinity, Infinity, 0])]);
    await check((x) => sort(x), [value([[1.5]])]);
    await check((x) => topK(x, 0), [matrix]);
    await checkExecutors((x) => sort(x), [value([], { shape: [2, 0] })]);
    for (const dtype of ["float64", "int32", "int64", "uint8", "int8", "bool"] as const)
      await checkExecutors((x) => [sort(x), topK(x, 2)], [value([1, 0, 1, 0], { dtype })]);
    await checkExecutors((x) => cast(sort(cast(x, "float16")).values, "float32"), [value([1.5, -0.25, 3])]);
  });

  test("more than there is, is refused", () => {
    expect(() => topK(matrix, 5)).toThrowError(codeOf("topK/k"));
    expect(() => topK(matrix, 1.5)).toThrowError(codeOf("topK/k"));
    expect(() => sort(matrix, { axis: 2 })).toThrowError(codeOf("sort/axis-out-of-range"));
  });
});

describe("tile, flip, roll", () => {
  test("executors, gradients, batching", async () => {
    await check((x) => tile(x, [2, 3]), [matrix]);
    await check((x) => tile(x, [2]), [matrix]);
    await check((x) => tile(x, [2, 1, 2]), [matrix]);
    await check((x) => flip(x), [matrix]);
    await check((x) => flip(x, { axis: -1 }), [matrix]);
    await check((x) => roll(x, 1), [matrix]);
    await check((x) => roll(x, -4, { axis: 0 }), [matrix]);
  });

  test("by hand", () => {
    const x = value([1, 2, 3]);
    expect(lists((t: any) => tile(t, [2]), x)[0]).toEqual([1, 2, 3, 1, 2, 3]);
    expect(lists((t: any) => tile(t, [0]), x)[0]).toEqual([]);
    expect(lists((t: any) => flip(t), x)[0]).toEqual([3, 2, 1]);
    expect(lists((t: any) => [roll(t, 1), roll(t, -1), roll(t, 7)], x)).toEqual([
      [3, 1, 2],
      [2, 3, 1],
      [3, 1, 2],
    ]);
  });

  test("twice flipped, or rolled there and back, is what it was", () => {
    for (const fn of [(x: any) => flip(flip(x)), (x: any) => roll(roll(x, 3), -3)])
      expect(lists(fn, matrix)[0]).toEqual([...matrix.toFloat64()]);
    expect(() => roll(matrix, 0.5)).toThrowError(codeOf("roll/shift"));
    expect(() => tile(matrix, [-1])).toThrowError(codeOf("tile/repeats"));
  });
});

test("nothing to sort, and none of something", async () => {
  await checkExecutors((x) => [sort(x).values, sort(x).indices, topK(x, 2).values], [value([], { shape: [0, 3] })]);
  await checkExecutors((x) => [topK(x, 0).values, topK(x, 0).indices], [value([[1, 2, 3]])]);
});

describe("searching and counting", () => {
  test("first occurrences", async () => {
    expect(lists((x: any) => isFirstOccurrence(x), value([3, 1, 3, 1, 2]))[0]).toEqual([1, 1, 0, 0, 1]);
    await check((x) => isFirstOccurrence(x), [int64([[1, 1, 0], [2, 1, 2]])]); // biome-ignore format: a matrix
    await checkExecutors((x) => isFirstOccurrence(x), [value([true, true, false])]);
    await checkExecutors((x) => isFirstOccurrence(x), [value([5])]);
    expect(() => isFirstOccurrence(value([]))).toThrowError(codeOf("isFirstOccurrence/empty"));
  });

  test("places in a sorted list", async () => {
    const [list, wanted] = [value([1, 3, 3, 5]), value([0, 3, 4, 9])];
    expect(lists((s: any, x: any) => searchSorted(s, x), list, wanted)[0]).toEqual([0, 1, 3, 4]);
    expect(lists((s: any, x: any) => searchSorted(s, x, { side: "right" }), list, wanted)[0]).toEqual([0, 3, 3, 4]);
    await check((s, x) => searchSorted(s, x), [int64([1, 3, 3, 5]), int64([2, 5])]);
  });

  test("counts, and sums of weights", async () => {
    const places = int64([[0, 2], [2, 2]]); // biome-ignore format: a matrix
    expect(lists((i: any) => binCount(i, 4), places)[0]).toEqual([1, 0, 3, 0]);
    await check((i, w) => binCount(i, 3, w), [places, value([[0.5, 1.5], [2, -1]])]); // biome-ignore format: a matrix
  });
});
