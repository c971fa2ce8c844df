import { describe, expect, test } from "vitest";
import { grad, mul, relu, sum, type Tensor, type Value, value } from "../core/index.ts";
import { leavesOf } from "../core/tree.ts";
import { compile } from "../runtime/index.ts";
import { checkExecutors, expectClose, oracle } from "../testing/check.ts";
import { sample } from "../testing/sample.ts";
import { type Linear, linear, packedLinear, packLayer, quantizedLinear, quantizeLayer } from "./index.ts";

const layer: Linear<Value> = { weight: sample([64, 24], 3), bias: sample([24], 8) };
const x = sample([10, 64]);

/** Root of the mean square of a difference, relative to that of what is wanted. */
const relativeError = (actual: Float64Array, wanted: Float64Array): number => {
  const power = (list: Float64Array) => list.reduce((total, number) => total + number ** 2, 0);
  return Math.sqrt(power(actual.map((number, i) => number - wanted[i])) / power(wanted));
};

const bytes = (tree: unknown): number =>
  (leavesOf(tree) as Value[]).reduce((total, { data }) => total + data.byteLength, 0);

const [float] = oracle((a) => linear(layer, a), [x]);

describe("a layer in 8 bits", () => {
  const small = quantizeLayer(layer);

  test("by hand: each column has its own scale, halves go to the even code", () => {
    const weight = value([
      [127, 0, -2],
      [-2.5, 0, 1],
    ]);
    const { codes, scale } = quantizeLayer({ weight }).weight;
    expect(codes.dtype).toBe("int8");
    expect(codes.toArray()).toEqual([
      [127, 0, -127],
      [-2, 0, 64],
    ]);
    expectClose(scale.toFloat64(), [1, 1, 2 / 127]);
  });

  test("is near the float layer, on both executors", async () => {
    const [rounded] = oracle((a) => quantizedLinear(small, a), [x]);
    // Half a step of 2/255 and of 1/127 in numbers of ±1 that spread evenly: √(1/12)·step / √(1/3) each.
    expect(relativeError(rounded, float)).toBeLessThan(0.01);
    await checkExecutors((a) => quantizedLinear(small, a), [x]);
  });

  test("a layer without bias, one vector, a stack of rows", async () => {
    const bare = quantizeLayer({ weight: layer.weight });
    expect(bare).not.toHaveProperty("bias");
    await checkExecutors((a) => quantizedLinear(bare, a), [sample([64])]);
    await checkExecutors((a) => quantizedLinear(small, a), [sample([2, 3, 64])]);
  });

  test("parameters may be a program's argument", async () => {
    const program = compile((params: typeof small, a: Tensor) => quantizedLinear(params, a));
    expectClose((await program(small, x)).toFloat64(), oracle((a) => quantizedLinear(small, a), [x])[0]);
  });

  test("takes little more than a quarter of the memory", () =>
    expect(bytes(small.weight) / bytes(layer.weight)).toBe((64 * 24 + 4 * 24) / (4 * 64 * 24)));

  test("the gradient to its input is near that of the float layer", () => {
    const gradients = [(a: Tensor) => quantizedLinear(small, a), (a: Tensor) => linear(layer, a)].map(
      (fn) => oracle((a) => grad((b: Tensor) => sum(mul(fn(b), fn(a))))(a), [x])[0],
    );
    expect(relativeError(gradients[0], gradients[1])).toBeLessThan(0.02);
  });
});

describe("a layer of a few bits", () => {
  test.each([
    [4, 0.1],
    [8, 0.01],
  ] as const)("%i bits are near the float layer, on both executors", async (bits, most) => {
    const packed = packLayer(layer, { bits, blockSize: 16 });
    const [rounded] = oracle((a) => packedLinear(packed, a, { bits }), [x]);
    expect(relativeError(rounded, float)).toBeLessThan(most);
    await checkExecutors((a) => packedLinear(packed, a, { bits }), [x], { rtol: 1e-5, atol: 1e-5 });
  });

  test("smaller blocks and zero points are nearer", () => {
    const error = (options: Parameters<typeof packLayer>[1]): number =>
      relativeError(oracle((a) => packedLinear(packLayer(layer, options), a), [x])[0], float);
    expect(error({ blockSize: 16, zeroPoints: true })).toBeLessThan(error({ blockSize: 64 }));
  });

  test("takes 5 bits a number where float32 takes 32", () =>
    expect(bytes(packLayer(layer).weight) / bytes(layer.weight)).toBe(5 / 32));
});

test("a network of such layers keeps its answers", async () => {
  const layers: Linear<Value>[] = [layer, { weight: sample([24, 5], 5), bias: sample([5], 2) }];
  const network = (apply: (i: number, h: Tensor) => Tensor) => (a: Tensor) => apply(1, relu(apply(0, a)));
  const eight = layers.map(quantizeLayer);
  const four = layers.map((one) => packLayer(one, { blockSize: 16, zeroPoints: true }));
  const run = async (fn: (a: Tensor) => Tensor): Promise<Float64Array> => (await compile(fn)(x)).toFloat64();
  const wanted = await run(network((i, h) => linear(layers[i], h)));
  expect(relativeError(await run(network((i, h) => quantizedLinear(eight[i], h))), wanted)).toBeLessThan(0.02);
  expect(relativeError(await run(network((i, h) => packedLinear(four[i], h))), wanted)).toBeLessThan(0.15);
});
