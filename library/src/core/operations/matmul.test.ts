import { describe, expect, test } from "vitest";
import { check, checkExecutors, oracle } from "../../testing/check.ts";
import { constant } from "../tensor.ts";
import { value } from "../value.ts";
import { dot, matmul, outer } from "./index.ts";

const filled = (shape: number[], phase = 0) =>
  value(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 1.3 + phase)),
    { shape },
  );

describe("shapes", () => {
  const cases: [number[], number[]][] = [
    [
      [2, 3],
      [3, 4],
    ],
    [
      [1, 1],
      [1, 1],
    ],
    [
      [5, 2, 3],
      [3, 4],
    ],
    [
      [2, 2, 3],
      [2, 3, 4],
    ],
    [
      [2, 1, 2, 3],
      [3, 3, 2],
    ],
    [
      [2, 3],
      [5, 3, 2],
    ],
    [[3], [3]],
    [[3], [3, 2]],
    [[2, 3], [3]],
    [[2, 4, 3], [3]],
  ];
  test.each(cases)("[%s] by [%s]: executors, gradient, batching", (a, b) =>
    check((x, y) => matmul(x, y), [filled(a), filled(b, 1)]),
  );
});

describe.each([
  [false, false],
  [true, false],
  [false, true],
  [true, true],
])("transposed %s and %s", (transposeA, transposeB) => {
  test.each([[[]], [[2]]])("with batch [%s]", (batch) => {
    const a = filled([...batch, ...(transposeA ? [3, 2] : [2, 3])]);
    const b = filled([...batch, ...(transposeB ? [4, 3] : [3, 4])], 1);
    return check((x, y) => matmul(x, y, { transposeA, transposeB }), [a, b]);
  });
});

test("a stack of transposed matrices by one matrix", () =>
  check((x, y) => matmul(x, y, { transposeA: true }), [filled([2, 3, 4]), filled([3, 2], 1)]));

test("inner size 0 gives zeros; no rows give no rows", async () => {
  await checkExecutors((x, y) => matmul(x, y), [filled([0, 3]), filled([3, 2])]);
  expect([...oracle((x, y) => matmul(x, y), [filled([2, 0]), filled([0, 2])])[0]]).toEqual([0, 0, 0, 0]);
});

test("dot and outer", async () => {
  await check(dot, [filled([4, 3]), filled([3], 1)]);
  await check(outer, [filled([2]), filled([3], 1)]);
  expect(oracle(dot, [value([1, 2]), value([3, 4])])[0][0]).toBe(11);
});

test("faults name both sides and the way out", () => {
  expect(() => matmul(constant(filled([2, 3])), constant(filled([4, 5])))).toThrowError(
    expect.objectContaining({ code: "matmul/inner", fix: "give the right side the shape [3,5]" }),
  );
  expect(() => matmul(filled([2, 2, 3]), filled([3, 3, 4]))).toThrowError(
    expect.objectContaining({ code: "matmul/broadcast" }),
  );
  expect(() => matmul(value(2), filled([2]))).toThrowError(expect.objectContaining({ code: "matmul/scalar" }));
});
