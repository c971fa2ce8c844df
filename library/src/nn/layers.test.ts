import { describe, expect, expectTypeOf, test } from "vitest";
import {
  type Concrete,
  convolution as convolve,
  key,
  mean,
  relu,
  type Tensor,
  type Value,
  value,
} from "../core/index.ts";
import { compile, evaluate } from "../runtime/index.ts";
import { check, expectClose, oracle } from "../testing/check.ts";
import {
  convolution,
  dropout,
  embedding,
  initConvolution,
  initEmbedding,
  initialisers,
  initLayerNorm,
  initLinear,
  initMlp,
  initRmsNorm,
  initTransposedConvolution,
  type Linear,
  layerNorm,
  linear,
  mlp,
  rmsNorm,
  transposedConvolution,
} from "./index.ts";

const shapes = (tree: Record<string, Tensor>) => Object.fromEntries(Object.entries(tree).map(([k, x]) => [k, x.shape]));
const x = value([
  [
    [1, 2, -1],
    [0.5, 0, 3],
  ],
]);

describe("linear", () => {
  const params = {
    weight: value([
      [1, 2],
      [3, 4],
      [5, 6],
    ]),
    bias: value([10, 20]),
  };

  test("by hand, for one vector, rows and stacks of rows", () => {
    expectClose(oracle((a) => linear(params, a), [value([1, 2, -1])])[0], [12, 24]);
    expectClose(oracle((a) => linear(params, a), [x])[0], [12, 24, 25.5, 39]);
    expectClose(oracle((a) => linear({ weight: params.weight }, a), [x])[0], [2, 4, 15.5, 19]);
  });

  test("executors, gradient, batching", () =>
    check((a, weight, bias) => linear({ weight, bias }, a), [x, params.weight, params.bias]));

  test("shapes and types of its parameters", async () => {
    const made = initLinear(key(1), { in: 3, out: 2 });
    expect(shapes({ ...made })).toEqual({ weight: [3, 2], bias: [2] });
    expect(initLinear(key(1), { in: 3, out: 2, bias: false })).not.toHaveProperty("bias");
    const values = await evaluate(made);
    expectTypeOf(values).toEqualTypeOf<Concrete<Linear>>();
    expectTypeOf(values.weight).toEqualTypeOf<Value>();
    const program = compile((p: Linear, a: Tensor) => linear(p, a));
    expect((await program(values, x)).shape).toEqual([1, 2, 2]);
  });

  test("a wrong width names both shapes", () =>
    expect(() => linear(params, value([1, 2]))).toThrowError(expect.objectContaining({ code: "matmul/inner" })));
});

test("embedding looks rows up", async () => {
  const weight = value([
    [1, 2],
    [3, 4],
    [5, 6],
  ]);
  const ids = value([[2, 0]], { dtype: "int64" });
  expectClose(oracle((w) => embedding({ weight: w }, ids), [weight])[0], [5, 6, 1, 2]);
  await check((w) => embedding({ weight: w }, ids), [weight]);
  expect(initEmbedding(key(1), { entries: 5, width: 3 }).weight.shape).toEqual([5, 3]);
});

describe("norms", () => {
  test("start as plain normalisations", () => {
    const [layer, root] = oracle(
      (a) => [layerNorm(initLayerNorm({ width: 3 }), a), rmsNorm(initRmsNorm({ width: 3 }), a)],
      [x],
    );
    const [plainLayer, plainRoot] = oracle(
      (a) => [layerNorm({ scale: value([1, 1, 1]) }, a), rmsNorm({ scale: value([1, 1, 1]) }, a)],
      [x],
    );
    expectClose(layer, plainLayer);
    expectClose(root, plainRoot);
  });

  test("of several axes have scales of several axes", () => {
    const params = initLayerNorm({ width: [2, 3] });
    expect(params.scale.shape).toEqual([2, 3]);
    const [y] = oracle((a) => mean(layerNorm(params, a)), [x]);
    expect(y[0]).toBeCloseTo(0, 10);
  });
});

describe("dropout", () => {
  const ones = value(new Float32Array(10_000).fill(1));

  test("drops the share it says and keeps the mean", async () => {
    const y = await compile((a: Tensor) => dropout(key(3), a, 0.25))(ones);
    const values = [...(y.data as Float32Array)];
    const dropped = values.filter((one) => one === 0).length;
    // The deviation of the count is √(10⁴ · ¼ · ¾) = 43; five times that.
    expect(Math.abs(dropped - 2500)).toBeLessThan(5 * 43);
    expectClose(
      values.filter((one) => one !== 0),
      new Float64Array(10_000 - dropped).fill(4 / 3),
    );
  });

  test("without key or rate does nothing; a rate of 1 is refused", () => {
    expectClose(oracle((a) => dropout(undefined, a, 0.5), [x])[0], x.toFloat64());
    expectClose(oracle((a) => dropout(key(1), a, 0), [x])[0], x.toFloat64());
    expect(() => dropout(key(1), x, 1)).toThrowError(expect.objectContaining({ code: "dropout/rate" }));
  });

  test("the gradient passes where the number did", () => check((a) => dropout(key(5), a, 0.4), [x], { batch: false }));
});

describe("convolution", () => {
  test("shapes of parameters, plain and transposed, with groups", () => {
    const options = { in: 4, out: 6, kernel: [3, 5], groups: 2 };
    expect(shapes({ ...initConvolution(key(1), options) })).toEqual({ weight: [6, 2, 3, 5], bias: [6] });
    expect(shapes({ ...initTransposedConvolution(key(1), options) })).toEqual({ weight: [4, 3, 3, 5], bias: [6] });
  });

  test("is the core's with these parameters", async () => {
    const image = value(
      Float32Array.from({ length: 50 }, (_, i) => Math.sin(i)),
      { shape: [1, 2, 5, 5] },
    );
    const params = await evaluate(initConvolution(key(1), { in: 2, out: 3, kernel: [3, 3] }));
    const [mine, core] = oracle(
      (a) => [
        convolution(params, a, { padding: "same" }),
        convolve(a, params.weight, params.bias, { padding: "same" }),
      ],
      [image],
    );
    expectClose(mine, core, { rtol: 0, atol: 0 });
    const back = await evaluate(initTransposedConvolution(key(2), { in: 3, out: 2, kernel: [3, 3] }));
    const program = compile((a: Tensor) => transposedConvolution(back, convolution(params, a)));
    expect((await program(image)).shape).toEqual([1, 2, 5, 5]);
  });
});

describe("mlp", () => {
  test("is linear layers with an activation between", async () => {
    const params = await evaluate(initMlp(key(4), { sizes: [3, 4, 2] }));
    const [whole, parts] = oracle(
      (a) => [mlp(params, a), linear(params.layers[1], relu(linear(params.layers[0], a)))],
      [x],
    );
    expectClose(whole, parts, { rtol: 0, atol: 0 });
  });

  test("one layer is linear", async () => {
    const params = await evaluate(initMlp(key(4), { sizes: [3, 2], initialiser: initialisers.ones }));
    expectClose(oracle((a) => mlp(params, a), [value([1, 2, 3])])[0], [6, 6]);
  });
});
