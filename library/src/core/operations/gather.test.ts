import { describe, expect, test } from "vitest";
import { compile } from "../../runtime/program.ts";
import { check, checkExecutors, checkGradients, expectClose, oracle } from "../../testing/check.ts";
import { NumericError, RuntimeError } from "../errors.ts";
import { grad } from "../transforms/grad.ts";
import { vmap } from "../transforms/vmap.ts";
import { value } from "../value.ts";
import {
  cast,
  concat,
  gather,
  gatherAlong,
  lowerTriangle,
  matmul,
  mul,
  oneHot,
  pad,
  reshape,
  scatterAdd,
  scatterAddAlong,
  scatterSet,
  scatterSetAlong,
  sliceAxis,
  splitAxis,
  square,
  sum,
  zeros,
} from "./index.ts";

const numbers = (shape: number[], seed = 1) =>
  value(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin((i + 1) * 1.3 * seed) * 2),
    { shape },
  );
const int64 = (list: any) => value(list, { dtype: "int64" });
const table = numbers([4, 3]);
const cube = numbers([2, 4, 3]);
const codeOf = (code: string) => expect.objectContaining({ code });

describe("gather", () => {
  test("executors, gradient, batching: indices of any shape, negative ones, twice the same", async () => {
    await check((x, i) => gather(x, i), [table, int64([[1, 3], [0, 1], [-1, -4]])]); // biome-ignore format: a matrix
    await check((x, i) => gather(x, i), [table, value([2, 2], { dtype: "int32" })]);
    await check((x) => gather(x, -2), [table]);
    await check((x, i) => gather(x, i, { axis: 1 }), [cube, int64([[0, 2], [3, 0]])]); // biome-ignore format: a matrix
    await check((x, i) => gather(x, i, { axis: -1 }), [cube, int64([2, 0, 1, 0])]);
  });

  test("each example in its own table", async () => {
    await check((x, i) => gather(x, i, { axis: 1, batchDims: 1 }), [cube, int64([[0, -1], [3, 3]])]); // biome-ignore format: a matrix
    await check((x, i) => gather(x, i, { axis: 2, batchDims: 1 }), [cube, int64([[0, -1], [1, 1]])]); // biome-ignore format: a matrix
    await check((x, i) => gather(x, i, { axis: 1, batchDims: 1 }), [cube, value([3, 0], { dtype: "int32" })]);
    const both = oracle((x, i) => gather(x, i, { axis: 1, batchDims: 1 }), [value([[1, 2], [3, 4]]), int64([1, 0])]); // biome-ignore format: a matrix
    expect([...both[0]]).toEqual([2, 3]);
  });

  test("the gradient of a wide small table, a product with one-hot rows, is the same", async () => {
    const wide = numbers([5, 8]);
    const places = int64([[1, 4, 1], [-1, 0, 1]]); // biome-ignore format: a matrix
    await check((x, i) => gather(x, i), [wide, places]);
    await check((x, i) => gather(x, i, { axis: 1 }), [numbers([2, 3, 8]), int64([2, 0, 2])]);
    await check((x, i) => gather(x, i, { axis: 2, batchDims: 1 }), [numbers([2, 2, 3, 8]), int64([[2, 0], [1, 1]])]); // biome-ignore format: a matrix
    await checkGradients((x, i) => gather(x, i), [numbers([300, 8]), int64([1, 299, 299])]);
  });

  test("nested vmap, and the gradient of a gradient", async () => {
    const nested = vmap(
      vmap((x: any, i: any) => gather(x, i)),
      { inAxes: [0, 0] },
    );
    await check(
      (x, i) => nested(x, i),
      [
        numbers([2, 2, 4]),
        int64([
          [[0], [1]],
          [[2], [3]],
        ]),
      ],
      { batch: false },
    );
    await check((x, i) => grad((t: any) => sum(square(gather(t, i))))(x), [table, int64([1, 1, 2])]);
  });

  test("a look-up is a product with one-hot rows", () => {
    const places = int64([3, 0, 3]);
    const [looked] = oracle((x, i) => gather(x, i), [table, places]);
    const [multiplied] = oracle((x, i) => matmul(oneHot(i, 4), x), [table, places]);
    expectClose(looked, multiplied);
  });

  test("of nothing, from every dtype", async () => {
    await check((x, i) => gather(x, i), [table, value([], { shape: [0, 2], dtype: "int64" })]);
    for (const dtype of ["float64", "int32", "uint8", "bool"] as const)
      await checkExecutors((x, i) => [gather(x, i), gatherAlong(x, i)], [value([0, 1, 1], { dtype }), int64([2, 0])]);
  });

  test("an index out of range stops the run, and the oracle names it", async () => {
    const places = int64([0, 4]);
    const failing = [
      (x: any, i: any) => gather(x, i),
      (x: any, i: any) => gatherAlong(x, i, { axis: 0 }),
      (x: any, i: any) => scatterAdd(x, i, 1),
      (x: any, i: any) => scatterSet(x, i, 1),
      (x: any, i: any) => gather(reshape(x, [2, 2, 1]), reshape(i, [2, 1]), { axis: 1, batchDims: 1 }),
    ];
    for (const fn of failing) {
      expect(() => oracle(fn as any, [value([1, 2, 3, 4]), places])).toThrowError(NumericError);
      await expect((compile(fn as any) as any)(value([1, 2, 3, 4]), places)).rejects.toThrowError(RuntimeError);
    }
    expect(() => oracle((x, i) => gather(x, i), [value([1, 2, 3, 4]), places])).toThrowError(
      expect.objectContaining({ code: "gather/index-out-of-range", given: 4 }),
    );
  });

  test("wrong arguments are refused", () => {
    expect(() => gather(table, value([1.5]))).toThrowError(codeOf("gather/indices"));
    expect(() => gather(table, int64([0]), { axis: 2 })).toThrowError(codeOf("gather/axis-out-of-range"));
    expect(() => gather(table, int64([0]), { axis: 1, batchDims: 1 })).toThrowError(codeOf("gather/batch"));
    expect(() => gatherAlong(table, int64([0]))).toThrowError(codeOf("gatherAlong/shape"));
    expect(() => gatherAlong(table, int64([[0], [1]]))).toThrowError(codeOf("gatherAlong/shape"));
  });
});

describe("gatherAlong", () => {
  test("executors, gradient, batching", async () => {
    await check((x, i) => gatherAlong(x, i), [table, int64([[1], [-1], [0], [2]])]);
    await check((x, i) => gatherAlong(x, i, { axis: 0 }), [table, int64([[1, 3, 0], [1, -1, 2]])]); // biome-ignore format: a matrix
    await check((x, i) => gatherAlong(x, i, { axis: 1 }), [cube, int64([[[1, 2, 0], [1, 3, -4]]])]); // biome-ignore format: a matrix
    await check((x, i) => gatherAlong(x, i), [numbers([1, 3]), value([[0, 2], [1, 1]], { dtype: "int32" })]); // biome-ignore format: a matrix
  });

  test("by hand", () => {
    const picked = oracle((x, i) => gatherAlong(x, i), [value([[1, 2], [3, 4]]), int64([[1, 0, 1], [0, 0, -1]])]); // biome-ignore format: a matrix
    expect([...picked[0]]).toEqual([2, 1, 2, 3, 3, 4]);
  });
});

describe("scatterAdd and scatterSet", () => {
  const places = int64([[1, 3], [1, -1]]); // biome-ignore format: a matrix

  test("executors, gradients, batching; updates to one place add up, or the last stands", async () => {
    const updates = numbers([2, 2, 3], 2);
    for (const scatter of [scatterAdd, scatterSet]) {
      await check((x, i, u) => scatter(x, i, u), [table, places, updates]);
      await check((x, i, u) => scatter(x, i, u, { axis: 1 }), [cube, int64([0, 2, 2]), numbers([2, 3, 3], 3)]);
      await check((x, i, u) => scatter(x, i, u, { axis: 1, batchDims: 1 }), [cube, places, numbers([2, 2, 3], 3)]);
      await check((x, i, u) => scatter(x, i, u, { axis: 2, batchDims: 1 }), [cube, int64([[0, 0], [2, 1]]), value(1.5)]); // biome-ignore format: a matrix
    }
  });

  test("along an axis: executors, gradients, batching", async () => {
    for (const scatter of [scatterAddAlong, scatterSetAlong]) {
      await check((x, i, u) => scatter(x, i, u), [table, int64([[1, 1], [0, 2], [2, 2], [-1, 0]]), numbers([4, 2], 2)]); // biome-ignore format: a matrix
      await check((x, i, u) => scatter(x, i, u, { axis: 0 }), [table, int64([[1, 3, 0]]), numbers([1, 3], 2)]);
      await check((x, i, u) => scatter(x, i, u, { axis: 0 }), [table, int64([[2], [2]]), value(2)]);
    }
  });

  test("by hand", () => {
    const zero = value([0, 0, 0]);
    const [at, updates] = [int64([0, 2, 2]), value([1, 2, 3])];
    expect([...oracle((x, i, u) => scatterAdd(x, i, u), [zero, at, updates])[0]]).toEqual([1, 0, 5]);
    expect([...oracle((x, i, u) => scatterSet(x, i, u), [zero, at, updates])[0]]).toEqual([1, 0, 3]);
    expect([...oracle((x, i, u) => scatterAddAlong(x, i, u), [zero, at, updates])[0]]).toEqual([1, 0, 5]);
  });

  test("adding and looking up are transposes: ⟨u, gather(x)⟩ = ⟨scatterAdd(u), x⟩", () => {
    const u = numbers([2, 2, 3], 5);
    const [left] = oracle((x, i, t) => sum(mul(gather(x, i), t)), [table, places, u]);
    const [right] = oracle((x, i, t) => sum(mul(scatterAdd(zeros([4, 3]), i, t), x)), [table, places, u]);
    expectClose(left, right);
  });

  test("every dtype; nothing to add", async () => {
    for (const dtype of ["float64", "int32", "int64", "uint8", "int8"] as const)
      await checkExecutors(
        (x, i) => [scatterAdd(x, i, x), scatterSet(x, i, x)],
        [value([1, 2, 3], { dtype }), int64([2, 2, 0])],
      );
    await checkExecutors((x, i) => scatterSet(x, i, x), [value([true, false]), int64([1, 0])]);
    await check(
      (x, i, u) => scatterAdd(x, i, u),
      [table, value([], { shape: [0], dtype: "int64" }), value([], { shape: [0, 3] })],
    );
  });

  test("wrong arguments are refused", () => {
    expect(() => scatterAdd(value([true]), int64([0]), value([true]))).toThrowError(codeOf("scatterAddAlong/dtype"));
    expect(() => scatterAdd(table, int64([0]), numbers([1, 1, 1, 3]))).toThrowError(codeOf("scatterAdd/updates"));
    expect(() => scatterAdd(table, int64([0]), numbers([2, 3]))).toThrowError(codeOf("broadcastTo/shape"));
    expect(() => scatterSetAlong(table, int64([0]), 1)).toThrowError(codeOf("scatterSetAlong/shape"));
  });
});

describe("oneHot", () => {
  test("executors and batching, any axis and dtype", async () => {
    const places = int64([[0, 2], [-1, 1]]); // biome-ignore format: a matrix
    for (const axis of [0, 1, -1]) await check((i) => oneHot(i, 3, { axis }), [places]);
    for (const dtype of ["float64", "int32", "int64", "bool"] as const)
      await checkExecutors((i) => oneHot(i, 3, { dtype }), [places]);
    await check((i) => oneHot(i, 3), [value([1, 0], { dtype: "int32" })]);
    await check((i) => oneHot(i, 1), [int64([0])]);
    await check((i) => oneHot(i, 3), [int64(2)]);
  });

  test("negative indices count from the end, others outside give zeros", async () => {
    const places = int64([2, -1, -3, 3, -4, -100]);
    await checkExecutors((i) => oneHot(i, 3), [places]);
    expect([...oracle((i) => sum(oneHot(i, 3), { axis: 1 }), [places])[0]]).toEqual([1, 1, 1, 0, 0, 0]);
    expect([...oracle((i) => oneHot(i, 3), [int64([-3])])[0]]).toEqual([1, 0, 0]);
    expect(() => oneHot(int64([0]), -1)).toThrowError(codeOf("oneHot/depth"));
  });
});

test("half floats move like others", () =>
  checkExecutors(
    (x, i) => {
      const half = cast(x, "float16");
      const moved = [
        gather(half, i),
        gatherAlong(half, i),
        scatterAdd(half, i, half),
        scatterSet(half, i, half),
        oneHot(i, 3, { dtype: "float16" }),
        concat(splitAxis(half, [1, 2])),
        sliceAxis(half, 0, null, null, -1),
        pad(half, [1], { mode: "edge" }),
        lowerTriangle(reshape(half, [1, 3])),
      ];
      return moved.map((y) => cast(y, "float32"));
    },
    [value([1, 2, 3]), int64([2, 2, 0])],
  ));
