import { describe, expect, test } from "vitest";
import { check, checkExecutors, oracle } from "../../testing/check.ts";
import type { Tensor } from "../tensor.ts";
import { value } from "../value.ts";
import * as operations from "./index.ts";

const spread = value([
  [-2.3, -1.1, -0.4],
  [0.3, 0.9, 2.7],
]);
const positive = value([0.05, 0.4, 1.3, 6.2]);
const inside = value([-0.93, -0.2, 0.11, 0.87]);
const above = value([1.05, 1.7, 4]);

type Unary = (x: Tensor) => Tensor;

describe("one tensor", () => {
  const cases: [keyof typeof operations, typeof spread][] = [
    ["neg", spread],
    ["abs", spread],
    ["sign", spread],
    ["reciprocal", spread],
    ["square", spread],
    ["sqrt", positive],
    ["rsqrt", positive],
    ["floor", spread],
    ["ceil", spread],
    ["round", spread],
    ["exp", spread],
    ["log", positive],
    ["expm1", spread],
    ["log1p", positive],
    ["sin", spread],
    ["cos", spread],
    ["tan", inside],
    ["asin", inside],
    ["acos", inside],
    ["atan", spread],
    ["sinh", spread],
    ["cosh", spread],
    ["tanh", spread],
    ["asinh", spread],
    ["acosh", above],
    ["atanh", inside],
    ["erf", spread],
    ["sigmoid", spread],
    ["softplus", spread],
    ["logSigmoid", spread],
    ["relu", spread],
    ["silu", spread],
    ["heaviside", spread],
    ["gelu", spread],
  ];
  test.each(cases)("%s: executors, gradient, batching", async (name, sample) => {
    await check(operations[name] as unknown as Unary, [sample]);
  });

  test.each(cases)("%s of nothing and of a scalar", async (name) => {
    await checkExecutors(operations[name] as unknown as Unary, [value([], { shape: [0] })]);
    await checkExecutors(operations[name] as unknown as Unary, [value(1.25)]);
  });

  test("gelu's tanh form", () => check((x) => operations.gelu(x, { form: "tanh" }), [spread]));
});

describe("two tensors that broadcast", () => {
  const a = value([
    [0.7, 1.9, -2.2],
    [3.1, -0.6, 1.2],
  ]);
  const b = value([1.3, -0.8, 2.4]);
  const cases = ["add", "sub", "mul", "div", "maximum", "minimum", "logAddExp"] as const;
  test.each(cases)("%s", async (name) => {
    const operation = operations[name] as (x: Tensor, y: Tensor) => Tensor;
    await check(operation, [a, b]);
    await check(operation, [b, a]);
    await check(operation, [value([[1.5], [2.5]]), b]);
  });

  test("pow of positive bases, and mod", async () => {
    await check(operations.pow, [value([0.5, 1.7, 3.2]), value([2.5, -1.1, 0.4])]);
    await check(operations.mod, [value([5.3, -5.3, 5.3, -5.3]), value([3.1, 3.1, -3.1, -3.1])]);
  });

  test("comparisons and logic agree on both executors, ties included", async () => {
    const [x, y] = [value([1, 2, 3, Number.NaN]), value([2, 2, 2, 2])];
    for (const name of ["equal", "notEqual", "less", "lessEqual", "greater", "greaterEqual"] as const)
      await checkExecutors(operations[name], [x, y]);
    const [p, q] = [value([true, true, false, false]), value([true, false, true, false])];
    for (const name of ["and", "or", "xor", "equal"] as const) await checkExecutors(operations[name], [p, q]);
    expect([...oracle(operations.xor, [p, q])[0]]).toEqual([0, 1, 1, 0]);
  });

  test("where takes each side's gradient only where it was taken", () =>
    check((x, y) => operations.where(operations.greater(x, 0), x, y), [a, b]));
});

describe("edges", () => {
  test("round goes to even", () => {
    expect([...oracle(operations.round, [value([0.5, 1.5, 2.5, -0.5, -1.5])])[0]]).toEqual([0, 2, 2, 0, -2]);
  });

  test("expm1 and log1p keep the digits of small numbers", async () => {
    const tiny = value([1e-7, -3e-6, 2e-4]);
    await checkExecutors(operations.expm1, [tiny], { rtol: 2e-6, atol: 0 });
    await checkExecutors(operations.log1p, [tiny], { rtol: 2e-6, atol: 0 });
  });

  test("infinities and NaN", async () => {
    const odd = value([-Infinity, Infinity, Number.NaN, 0]);
    for (const name of ["exp", "sigmoid", "softplus", "isNaN", "isFinite", "abs", "erf"] as const)
      await checkExecutors(operations[name] as unknown as Unary, [odd]);
  });

  test("clip keeps between two numbers, with or without either", async () => {
    await check((x) => operations.clip(x, -1, 1.5), [spread]);
    await check((x) => operations.clip(x, 0), [spread]);
  });

  test("casts truncate towards zero and round-trip", async () => {
    await checkExecutors((x) => operations.cast(operations.cast(x, "int32"), "float32"), [spread]);
    await check((x) => operations.cast(operations.cast(x, "float64"), "float32"), [spread]);
    expect([...oracle((x) => operations.cast(x, "bool"), [value([0, 2, -1])])[0]]).toEqual([0, 1, 1]);
  });

  test("shapes that do not broadcast are named on the line that wrote it", () => {
    expect(() => operations.add(value([1, 2]), value([1, 2, 3]))).toThrowError(
      expect.objectContaining({ code: "add/broadcast" }),
    );
    try {
      operations.add(value([1, 2]), value([1, 2, 3]));
    } catch (error) {
      expect((error as Error).message).toContain("elementwise.test.ts");
    }
  });

  test("different dtypes are never cast in silence", () => {
    expect(() => operations.add(value([1, 2]), value([1, 2], { dtype: "int32" }))).toThrowError(
      expect.objectContaining({ code: "add/dtype" }),
    );
    expect(() => operations.add(value([1, 2], { dtype: "int32" }), 0.5)).toThrowError(
      expect.objectContaining({ code: "add/dtype" }),
    );
  });
});
