import { describe, expect, test } from "vitest";
import { check, checkExecutors, oracle } from "../../testing/check.ts";
import { simplify } from "../simplify.ts";
import { input, type Tensor } from "../tensor.ts";
import { value } from "../value.ts";
import { concat, pad, reshape, type SliceRange, slice, sliceAxis } from "./index.ts";

const matrix = value(
  Float32Array.from({ length: 20 }, (_, i) => Math.sin(i * 1.7)),
  { shape: [4, 5] },
);
const counted = value(
  Float32Array.from({ length: 20 }, (_, i) => i),
  { shape: [4, 5] },
);

describe("slice", () => {
  const cases: [string, SliceRange[]][] = [
    ["rows", [[1, 3]]],
    ["a row away", [2]],
    ["the last column away", [null, -1]],
    ["a corner", [[-2], [null, 3]]],
    ["every other column", [null, [null, null, 2]]],
    ["every third column from the second", [null, [1, null, 3]]],
    ["backwards", [[null, null, -1]]],
    ["backwards in twos, both axes", [[null, null, -2], [3, 0, -2]]], // biome-ignore format: one case a line
    ["nothing", [[2, 2]]],
    ["beyond the ends", [[-10, 10], [3, 99]]], // biome-ignore format: one case a line
    ["one element backwards", [[0, null, -1]]],
  ];
  test.each(cases)("%s: executors, gradient, batching", (_, ranges) => check((x) => slice(x, ranges), [matrix]));

  test("by Python's rules", () => {
    const take = (...ranges: SliceRange[]) => [...oracle((x) => slice(x, ranges), [counted])[0]];
    expect(take(1)).toEqual([5, 6, 7, 8, 9]);
    expect(take([1, 3], 0)).toEqual([5, 10]);
    expect(take(0, [null, null, -2])).toEqual([4, 2, 0]);
    expect(take(-1, [-2])).toEqual([18, 19]);
    expect(take(0, [3, 1, -1])).toEqual([3, 2]);
    expect(take(0, [1, 3, -1])).toEqual([]);
  });

  test("a slice and the rest joined give the whole, in every dtype", async () => {
    for (const dtype of ["float32", "float64", "int32", "int64", "int8", "uint8", "bool"] as const) {
      const x = value([0, 1, 1, 0, 1], { dtype });
      await checkExecutors((t) => concat([sliceAxis(t, 0, 0, 2), sliceAxis(t, -1, 2)]), [x]);
      expect([...oracle((t) => concat([sliceAxis(t, 0, 0, 2), sliceAxis(t, 0, 2)]), [x])[0]]).toEqual([0, 1, 1, 0, 1]);
    }
  });

  test("a slice of a slice is one slice; one within a part of a concatenation needs only that part", () => {
    const [a, b] = [input([4, 5], "float32", "a"), input([3, 5], "float32", "b")];
    const [twice] = simplify([sliceAxis(sliceAxis(a, 0, 1, 4), 0, null, null, -2)]);
    expect(twice.node.inputs[0]).toBe(a);
    expect(twice.node.attributes).toMatchObject({ starts: [3, 0], sizes: [2, 5], steps: [-2, 1] });
    const [part] = simplify([sliceAxis(concat([a, b]), 0, 5, 6)]);
    expect(part.node.inputs).toEqual([b]);
    const [whole] = simplify([sliceAxis(concat([a, b]), 0, 4)]);
    expect(whole).toBe(b);
  });

  test("wrong ranges are refused", () => {
    expect(() => slice(matrix, [4])).toThrowError(expect.objectContaining({ code: "slice/index" }));
    expect(() => slice(matrix, [null, null, null])).toThrowError(expect.objectContaining({ code: "slice/rank" }));
    expect(() => slice(matrix, [[0, 1, 0]])).toThrowError(expect.objectContaining({ code: "slice/step" }));
    expect(() => sliceAxis(matrix, 2, 0)).toThrowError(expect.objectContaining({ code: "slice/axis-out-of-range" }));
  });
});

describe("pad", () => {
  test.each(["constant", "reflect", "edge"] as const)("%s: executors, gradient, batching", async (mode) => {
    const fill = mode === "constant" ? { mode, value: 2.5 } : { mode };
    await check((x: Tensor) => pad(x, [1, [0, 3]], fill), [matrix]);
    await check((x: Tensor) => pad(x, [null, [4, 2]], fill), [matrix]);
    await check((x: Tensor) => pad(x, [[-1, 2], [1, -3]], fill), [matrix]); // biome-ignore format: pairs
  });

  test("by hand", () => {
    const padded = (options: object, by: [number, number]) => [
      ...oracle((x) => pad(x, [by], options), [value([1, 2, 3])])[0],
    ];
    expect(padded({}, [1, 2])).toEqual([0, 1, 2, 3, 0, 0]);
    expect(padded({ value: -1 }, [2, -2])).toEqual([-1, -1, 1]);
    expect(padded({ mode: "reflect" }, [2, 2])).toEqual([3, 2, 1, 2, 3, 2, 1]);
    expect(padded({ mode: "edge" }, [2, 1])).toEqual([1, 1, 1, 2, 3, 3]);
  });

  test("every dtype, nothing, infinities", async () => {
    for (const dtype of ["float64", "int32", "int64", "int8", "uint8", "int16", "bool"] as const)
      await checkExecutors((x) => pad(x, [[1, 1]], { value: 1 }), [value([0, 1], { dtype })]);
    await check((x) => pad(x, [[1, 2]]), [value([], { shape: [0] })]);
    await checkExecutors((x) => pad(x, [[1, 0]], { value: -Infinity }), [value([1, 2])]);
  });

  test("pads merge, and padding then cropping by as much is the identity", async () => {
    const x = input([3], "float32", "x");
    const [merged] = simplify([pad(pad(x, [1]), [[0, 2]])]);
    expect(merged.node.inputs[0]).toBe(x);
    expect(merged.shape).toEqual([7]);
    await check((t) => pad(pad(t, [[2, 1]]), [[-2, -1]]), [value([1, 2, 3])]);
    expect([...oracle((t) => pad(pad(t, [[2, 1]]), [[-2, -1]]), [value([1, 2, 3])])[0]]).toEqual([1, 2, 3]);
  });

  test("wrong paddings are refused", () => {
    const x = value([1, 2, 3]);
    expect(() => pad(x, [[0, 3]], { mode: "reflect" })).toThrowError(expect.objectContaining({ code: "pad/size" }));
    expect(() => pad(x, [[-2, -2]])).toThrowError(expect.objectContaining({ code: "pad/size" }));
    expect(() => pad(reshape(x, [3, 1]), [1, 1, 1])).toThrowError(expect.objectContaining({ code: "pad/rank" }));
    expect(() => pad(value([1], { dtype: "int32" }), [1], { value: 0.5 })).toThrowError(
      expect.objectContaining({ code: "pad/value" }),
    );
  });
});
