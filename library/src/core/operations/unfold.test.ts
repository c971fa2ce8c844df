import { describe, expect, test } from "vitest";
import { check, checkExecutors, checkGradients, expectClose, oracle } from "../../testing/check.ts";
import { sample } from "../../testing/sample.ts";
import { DTypeError, SettingError, ShapeError } from "../errors.ts";
import { asTensor, input, type Tensor } from "../tensor.ts";
import { grad } from "../transforms/index.ts";
import { value } from "../value.ts";
import {
  convolution,
  exp,
  fold,
  matmul,
  mul,
  type PerAxis,
  reshape,
  sum,
  unfold,
  type WindowOptions,
} from "./index.ts";

type Case = [name: string, shape: number[], size: PerAxis, options?: WindowOptions];

const cases: Case[] = [
  ["overlapping windows", [1, 2, 4, 3], 2],
  ["padding", [2, 1, 3, 3], 3, { padding: 1 }],
  ["stride that leaves a rest", [1, 2, 6, 5], [2, 3], { stride: [3, 2] }],
  ["dilated", [1, 1, 5, 6], 2, { dilation: [2, 3], padding: [[1, 0], 0] }],
  ["tiles", [2, 2, 4, 6], [2, 3], { stride: [2, 3] }],
  ["one axis", [2, 3, 5], 3],
  ["one axis of tiles", [1, 2, 6], 3, { stride: 3 }],
  ["three axes", [1, 2, 2, 3, 2], 2],
  ["one window", [1, 2, 2, 2], 2],
];

describe("unfold and fold: executors, gradients, batching", () => {
  test.each(cases)("unfold: %s", async (_, shape, size, options) => {
    await check((x) => unfold(x, size, options), [sample(shape)]);
  });

  test.each(cases)("fold: %s", async (_, shape, size, options) => {
    const columns = unfold(asTensor(sample(shape)), size, options).shape;
    await check((x) => fold(x, shape.slice(2), size, options), [sample(columns)]);
  });

  test.each(cases)("gradients of gradients: %s", async (_, shape, size, options) => {
    await checkGradients(
      grad((x: Tensor) => sum(exp(unfold(x, size, options)))),
      [sample(shape)],
    );
  });
});

describe("laws", () => {
  test.each(cases)("fold is the transpose of unfold: %s", (_, shape, size, options) => {
    const [left, right] = oracle(
      (x) => {
        const columns = unfold(x, size, options);
        const y = asTensor(sample(columns.shape, 7));
        return [sum(mul(columns, y)), sum(mul(x, fold(y, shape.slice(2), size, options)))];
      },
      [sample(shape)],
    );
    expect(left[0]).toBeCloseTo(right[0], 12);
  });

  test("a convolution is a product with the columns", () => {
    const options = { padding: 1, stride: [2, 1] };
    const [a, b] = oracle(
      (x, w) => [convolution(x, w, undefined, options), matmul(reshape(w, [4, 2 * 3 * 2]), unfold(x, [3, 2], options))],
      [sample([2, 2, 5, 4]), sample([4, 2, 3, 2], 5)],
    );
    expectClose(a, b, { rtol: 1e-12, atol: 1e-12 });
  });

  test("folding tiles gives the input again, folding all counts the windows of each element", () => {
    const x = sample([1, 2, 4, 6]);
    const [same] = oracle((a) => fold(unfold(a, 2, { stride: 2 }), [4, 6], 2, { stride: 2 }), [x]);
    expectClose(same, x.toFloat64(), { rtol: 0, atol: 0 });
    const [counts] = oracle((a) => fold(unfold(a, 2), [4], 2), [value([[[1, 1, 1, 1]]])]);
    expect([...counts]).toEqual([1, 2, 2, 1]);
  });

  test("hand-computed: taps in rows, windows in columns", () => {
    expect([...oracle((a) => unfold(a, 2), [value([[[1, 2, 3]]])])[0]]).toEqual([1, 2, 2, 3]);
    const [square] = oracle(
      (a) => unfold(a, 2),
      [
        value([
          [
            [
              [1, 2, 3],
              [4, 5, 6],
            ],
          ],
        ]),
      ],
    );
    expect([...square]).toEqual([1, 2, 2, 3, 4, 5, 5, 6]);
  });
});

describe("edges", () => {
  test.each([
    ["no examples", [0, 2, 3]],
    ["no channels", [2, 0, 3]],
  ])("%s", (_, shape) => checkExecutors((x) => [unfold(x, 2), fold(unfold(x, 2), [3], 2)], [sample(shape)]));
});

describe("errors", () => {
  const x = input([2, 3, 8, 8], "float32", "x");
  test.each([
    ["unfold/rank", ShapeError, () => unfold(input([8, 8], "float32", "x"), 2)],
    ["unfold/window", ShapeError, () => unfold(x, 9)],
    ["unfold/size", SettingError, () => unfold(x, [2])],
    ["unfold/dtype", DTypeError, () => unfold(input([1, 1, 2], "int32", "x"), 2)],
    ["fold/columns", ShapeError, () => fold(input([2, 12, 48], "float32", "x"), [8, 8], 2)],
    ["fold/columns", ShapeError, () => fold(input([2, 13, 49], "float32", "x"), [8, 8], 2)],
    ["fold/window", ShapeError, () => fold(input([2, 12, 49], "float32", "x"), [1, 8], 2)],
  ])("%s", (code, kind, run) => {
    expect(run).toThrow(kind);
    expect(run).toThrow(expect.objectContaining({ code }));
  });
});
