import { describe, expect, test } from "vitest";
import { emitModel } from "../../runtime/onnx/emit.ts";
import { check, checkExecutors, checkGradients, expectClose, oracle } from "../../testing/check.ts";
import { sample } from "../../testing/sample.ts";
import { DTypeError, SettingError, ShapeError } from "../errors.ts";
import { simplify } from "../simplify.ts";
import { asTensor, input, type Tensor } from "../tensor.ts";
import { checkpoint, grad } from "../transforms/index.ts";
import { value } from "../value.ts";
import {
  type AveragePoolOptions,
  averagePool,
  cast,
  convolution,
  exp,
  globalAveragePool,
  globalMaxPool,
  max,
  maxPool,
  maxPoolWithIndices,
  maxUnpool,
  mean,
  mul,
  neg,
  ones,
  type PerAxis,
  relu,
  reshape,
  sigmoid,
  sum,
  unfold,
} from "./index.ts";

type Case = [name: string, shape: number[], size: PerAxis, options?: AveragePoolOptions];

const cases: Case[] = [
  ["touching windows", [2, 2, 4, 6], 2],
  ["a rest that no window reads", [1, 2, 5, 7], [2, 3]],
  ["overlapping windows", [1, 2, 5, 4], 3, { stride: 1 }],
  ["padding", [1, 1, 5, 5], 3, { stride: 2, padding: 1 }],
  ["padding on one side", [2, 1, 4], 2, { padding: [[1, 0]] }],
  ["same", [1, 2, 5, 4], [3, 2], { stride: 2, padding: "same" }],
  ["dilated", [1, 1, 6, 5], 2, { stride: 1, dilation: [3, 2] }],
  ["gaps between windows", [1, 1, 7], 2, { stride: 3 }],
  ["one axis", [2, 3, 6], 3],
  ["three axes", [1, 2, 4, 2, 3], [2, 2, 3]],
  ["windows of one element", [1, 2, 3, 3], 1],
];

describe("maxPool: executors, gradient, batching", () => {
  test.each(cases)("%s", async (_, shape, size, options) => {
    await check((x) => maxPool(x, size, options), [sample(shape)]);
  });

  test.each(cases)("%s: gradients of gradients", async (_, shape, size, options) => {
    const second = grad((x: Tensor) => sum(exp(maxPool(x, size, options))));
    await checkGradients(second, [sample(shape)]);
  });
});

describe("averagePool: executors, gradient, batching", () => {
  test.each(cases)("%s", async (_, shape, size, options) => {
    await check((x) => averagePool(x, size, options), [sample(shape)]);
  });

  test.each(cases)("%s, padding counted", async (_, shape, size, options) => {
    await check((x) => averagePool(x, size, { ...options, countIncludePad: true }), [sample(shape)]);
  });

  test.each(cases)("%s: gradients of gradients", async (_, shape, size, options) => {
    await checkGradients(
      grad((x: Tensor) => sum(exp(averagePool(x, size, options)))),
      [sample(shape)],
    );
  });
});

describe("global pooling and unpooling: executors, gradient, batching", () => {
  test("largest", () => check((x) => globalMaxPool(x), [sample([2, 3, 2, 4])]));
  test("mean", () => check((x) => globalAveragePool(x, { keepDims: true }), [sample([2, 3, 2, 4])]));
  test("unpooling", () =>
    check(
      (x) => {
        const { values, indices } = maxPoolWithIndices(x, 2, { stride: 1 });
        return maxUnpool(exp(values), indices, x.shape);
      },
      [sample([2, 1, 3, 4])],
    ));
  test("32-bit indices, also with a shared input", () => {
    const places = value([[[[5, 0]]]], { dtype: "int32" });
    return check((i, x) => maxUnpool(x, i, [1, 1, 2, 3]), [places, sample([1, 1, 1, 2])]);
  });
});

describe("laws", () => {
  const x = sample([2, 3, 5, 6]);
  const same = (left: (a: Tensor) => Tensor, right: (a: Tensor) => Tensor, given = x) => {
    const [a, b] = oracle((one) => [left(one), right(one)], [given]);
    expectClose(a, b, { rtol: 1e-12, atol: 1e-12 });
  };

  test("a pool reduces the windows that unfold lists", () => {
    const windows = (a: Tensor) => reshape(unfold(a, [2, 3], { stride: [2, 1] }), [2, 3, 6, 2, 4]);
    same(
      (a) => maxPool(a, [2, 3], { stride: [2, 1] }),
      (a) => max(windows(a), { axis: 2 }),
    );
    same(
      (a) => averagePool(a, [2, 3], { stride: [2, 1] }),
      (a) => mean(windows(a), { axis: 2 }),
    );
  });

  test("the average is a convolution of each channel with equal weights", () =>
    same(
      (a) => averagePool(a, [2, 4], { stride: 1, padding: 1, countIncludePad: true }),
      (a) => convolution(a, mul(ones([3, 1, 2, 4]), 1 / 8), undefined, { groups: 3, padding: 1 }),
    ));

  test("padding counted or not: the same where there is none", () =>
    same(
      (a) => averagePool(a, 2, { countIncludePad: true }),
      (a) => averagePool(a, 2),
    ));

  test("a constant stays, except next to padding that counts", () => {
    const [apart, counted] = oracle(
      () => [
        averagePool(ones([1, 1, 4]), 2, { padding: 1 }),
        averagePool(ones([1, 1, 4]), 2, { padding: 1, countIncludePad: true }),
      ],
      [],
    );
    expect([...apart]).toEqual([1, 1, 1]);
    expect([...counted]).toEqual([0.5, 1, 0.5]);
  });

  test("global pools are pools with one window", () => {
    same(
      (a) => globalMaxPool(a, { keepDims: true }),
      (a) => maxPool(a, [5, 6]),
    );
    same(
      (a) => globalAveragePool(a, { keepDims: true }),
      (a) => averagePool(a, [5, 6]),
    );
  });

  test("unpooling is the transpose of taking: ⟨take(a), y⟩ = ⟨a, unpool(y)⟩", () => {
    const [left, right] = oracle(
      (a) => {
        const { values, indices } = maxPoolWithIndices(a, 3, { stride: 1 });
        const y = asTensor(sample(values.shape, 7));
        return [sum(mul(values, y)), sum(mul(a, maxUnpool(y, indices, a.shape)))];
      },
      [x],
    );
    expect(left[0]).toBeCloseTo(right[0], 12);
  });

  test.each(Object.entries({ relu, sigmoid }))("%s may come before or after", async (_, activation) => {
    const before = (a: Tensor) => maxPool(activation(a), 2);
    const apart = (a: Tensor) => maxPool(mul(activation(a), 1), 2);
    const all = (fn: typeof before) => (a: Tensor) => [fn(a), grad((b: Tensor) => sum(exp(fn(b))))(a)];
    const [first, second] = [oracle(all(before), [x]), oracle(all(apart), [x])];
    first.forEach((one, i) => {
      expectClose(one, second[i], { rtol: 1e-12, atol: 1e-12 });
    });
    await check((a) => checkpoint((b: Tensor) => maxPool(b, 2))(activation(a)), [sample([1, 1, 4, 4])]);
  });
});

describe("ties and edges", () => {
  test("of equal maxima the first gets the gradient, on both executors", async () => {
    const tied = value([
      [
        [
          [2, 2, 0, 0],
          [2, 2, 0, 0],
          [-1, 3, -5, -5],
          [3, 3, -5, -6],
        ],
      ],
    ]);
    const gradient = (a: Tensor) => grad((b: Tensor) => sum(maxPool(b, 2)))(a);
    expect([...oracle(gradient, [tied])[0]]).toEqual([1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]);
    await checkExecutors(gradient, [tied]);
    await checkExecutors((a) => grad((b: Tensor) => sum(maxPool(b, 3, { stride: 1, padding: 1 })))(a), [tied]);
  });

  test("padding never wins, not even over negative numbers", () =>
    checkExecutors((a) => maxPool(neg(a), 3, { stride: 1, padding: 1 }), [value([[[3, 4, 5]]])]));

  test("−Infinity and Infinity", async () => {
    const given = value([[[-Infinity, 1, Infinity, 0]]]);
    await checkExecutors((a) => [maxPool(a, 2), grad((b: Tensor) => sum(maxPool(b, 2)))(a)], [given]);
  });

  test.each([
    ["no examples", [0, 2, 4]],
    ["no channels", [2, 0, 4]],
  ])("%s", async (_, shape) => {
    const both = (a: Tensor) => [
      maxPool(a, 2),
      averagePool(a, 2),
      grad((b: Tensor) => sum(maxPool(b, 2)))(a),
      grad((b: Tensor) => sum(maxPool(b, 2, { stride: 1 })))(a),
      grad((b: Tensor) => sum(averagePool(b, 2)))(a),
      grad((b: Tensor) => sum(averagePool(b, 2, { stride: 1 })))(a),
    ];
    await checkExecutors(both, [sample(shape)]);
  });

  test("64-bit and 16-bit floats", async () => {
    for (const dtype of ["float64", "float16"] as const) {
      const both = (a: Tensor) => {
        const wide = cast(a, dtype);
        return [maxPool(wide, 2), averagePool(wide, 2), grad((b: Tensor) => sum(maxPool(b, 2)))(wide)];
      };
      await checkExecutors(both, [sample([1, 2, 4])], { rtol: 1e-3, atol: 1e-3 }); // the half floats' own rounding
    }
  });
});

describe("what runs", () => {
  const operators = (fn: (x: Tensor) => unknown): { type: string; outputs: number }[] => {
    const x = input([2, 2, 4, 4], "float32", "x");
    const { node } = emitModel([x], simplify([fn(x) as Tensor])).model.graph;
    return node.map(({ opType, output }) => ({ type: opType, outputs: output.length }));
  };

  test("indices are found only for a gradient", () => {
    expect(operators((x) => maxPool(x, 2))).toEqual([{ type: "MaxPool", outputs: 1 }]);
    const used = operators((x) => grad((a: Tensor) => sum(exp(maxPool(a, 2))))(x));
    expect(used.filter(({ type }) => type === "MaxPool")).toEqual([{ type: "MaxPool", outputs: 2 }]);
    expect(used.map(({ type }) => type)).toContain("MaxUnpool");
  });

  test("the gradient of an average over tiles is a resize", () => {
    const used = operators((x) => grad((a: Tensor) => sum(exp(averagePool(a, 2))))(x)).map(({ type }) => type);
    expect(used).toContain("Resize");
    expect(used).not.toContain("ConvTranspose");
  });
});

describe("errors", () => {
  const x = input([2, 3, 8, 8], "float32", "x");
  test.each([
    ["maxPool/rank", ShapeError, () => maxPool(input([8, 8], "float32", "x"), 2)],
    ["maxPool/rank", ShapeError, () => maxPool(input([1, 1, 2, 2, 2, 2], "float32", "x"), 2)],
    ["maxPool/window", ShapeError, () => maxPool(x, 9)],
    ["maxPool/padding", ShapeError, () => maxPool(x, 2, { padding: 2 })],
    ["maxPool/padding", ShapeError, () => maxPool(input([1, 1, 4], "float32", "x"), 2, { dilation: 5, padding: 1 })],
    ["maxPool/size", SettingError, () => maxPool(x, 0)],
    ["maxPool/size", SettingError, () => maxPool(x, [2])],
    ["averagePool/stride", SettingError, () => averagePool(x, 2, { stride: 0 })],
    ["averagePool/dtype", DTypeError, () => averagePool(input([1, 1, 2], "int32", "x"), 2)],
    ["maxUnpool/shape", ShapeError, () => maxUnpool(x, input([2], "int64", "i"), [4])],
    ["maxUnpool/indices", DTypeError, () => maxUnpool(x, x, [4])],
  ])("%s", (code, kind, run) => {
    expect(run).toThrow(kind);
    expect(run).toThrow(expect.objectContaining({ code }));
  });
});
