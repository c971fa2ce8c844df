import { describe, expect, test } from "vitest";
import { evaluate } from "../../runtime/program.ts";
import { check, checkExecutors, oracle } from "../../testing/check.ts";
import { value } from "../value.ts";
import {
  add,
  cast,
  causalMask,
  eye,
  full,
  linspace,
  lowerTriangle,
  matmul,
  ones,
  range,
  sum,
  upperTriangle,
  where,
  zeros,
} from "./index.ts";

const list = (fn: () => any) => [...oracle(fn, [])[0]];

describe("made from nothing", () => {
  test("range, linspace", async () => {
    expect(list(() => range(4))).toEqual([0, 1, 2, 3]);
    expect(range(4).dtype).toBe("int64");
    expect(list(() => range(2, 8, { step: 3 }))).toEqual([2, 5]);
    expect(list(() => range(1, 0, { step: -0.25 }))).toEqual([1, 0.75, 0.5, 0.25]);
    expect(range(0, 1, { step: 0.1 }).shape).toEqual([10]);
    expect(range(3, 1).shape).toEqual([0]);
    expect(range(3, { dtype: "float32" }).dtype).toBe("float32");
    expect(list(() => linspace(0, 1, 5))).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(list(() => linspace(3, 9, 1))).toEqual([3]);
    expect((await evaluate(range(2, 5))).toArray()).toEqual([2, 3, 4]);
    expect(() => range(0, 1, { step: 0 })).toThrowError(expect.objectContaining({ code: "range/step" }));
    expect(() => range(0, 1, { step: 0.5, dtype: "int64" })).toThrowError(
      expect.objectContaining({ code: "range/dtype" }),
    );
    expect(() => linspace(0, 1, -1)).toThrowError(expect.objectContaining({ code: "linspace/count" }));
  });

  test("zeros, ones, full, eye", async () => {
    expect(
      (await evaluate([zeros([2]), ones([1, 2], { dtype: "int32" }), full([2], 7)])).map((x) => x.toArray()),
    ).toEqual([[0, 0], [[1, 1]], [7, 7]]);
    expect((await evaluate(eye(2, { columns: 3, diagonal: 1 }))).toArray()).toEqual([
      [0, 1, 0],
      [0, 0, 1],
    ]);
    expect(list(() => eye(2, { diagonal: -1 }))).toEqual([0, 0, 1, 0]);
    await check((x) => matmul(x, eye(3)), [value([[1, 2, 3], [4, 5, 6]])]); // biome-ignore format: a matrix
    expect(eye(0).shape).toEqual([0, 0]);
  });

  test("equal ranges are one constant", () => {
    expect(range(100).node.attributes).toEqual(range(100).node.attributes);
    expect((range(100).node.attributes as any).value).toBe((range(100).node.attributes as any).value);
  });
});

describe("triangles", () => {
  const x = value(
    Float32Array.from({ length: 24 }, (_, i) => i + 1),
    { shape: [2, 3, 4] },
  );
  test("executors, gradient, batching, any diagonal", async () => {
    for (const diagonal of [0, 1, -1, 7, -7]) {
      await check((t) => lowerTriangle(t, { diagonal }), [x]);
      await check((t) => upperTriangle(t, { diagonal }), [x]);
    }
    for (const dtype of ["float64", "int32", "int64", "bool"] as const)
      await checkExecutors((t) => lowerTriangle(t), [value([[1, 1], [1, 1]], { dtype })]); // biome-ignore format: a matrix
  });

  test("lower and strictly upper make the whole", () => {
    expect([...oracle((t) => add(lowerTriangle(t), upperTriangle(t, { diagonal: 1 })), [x])[0]]).toEqual([
      ...x.toFloat64(),
    ]);
    expect(() => lowerTriangle(value([1, 2]))).toThrowError(expect.objectContaining({ code: "lowerTriangle/rank" }));
  });

  test("causal masks: with a cache, with a window, stored or computed", async () => {
    const rows = (...args: Parameters<typeof causalMask>) => list(() => causalMask(...args));
    expect(rows(3)).toEqual([1, 0, 0, 1, 1, 0, 1, 1, 1]);
    expect(rows(2, { keys: 3 })).toEqual([1, 1, 0, 1, 1, 1]);
    expect(rows(3, { window: 2 })).toEqual([1, 0, 0, 1, 1, 0, 0, 1, 1]);
    await checkExecutors((t) => where(causalMask(4, { window: 2 }), t, -Infinity), [value(1)]);
    const large = (window?: number) => () => sum(cast(causalMask(1100, { window }), "float64"));
    expect(list(large())).toEqual([(1100 * 1101) / 2]);
    expect(list(large(3))).toEqual([1100 * 3 - 3]);
  });
});
