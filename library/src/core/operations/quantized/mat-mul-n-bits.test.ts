import { describe, expect, test } from "vitest";
import { compile } from "../../../runtime/index.ts";
import { emitModel } from "../../../runtime/onnx/emit.ts";
import { check, checkExecutors, expectClose, oracle } from "../../../testing/check.ts";
import { sample } from "../../../testing/sample.ts";
import { input, type Tensor } from "../../tensor.ts";
import { Value, value } from "../../value.ts";
import { cast, matMulNBits, matmul } from "../index.ts";
import { type PackOptions, packWeight } from "./pack-weight.ts";

/** The weight that a packed one stands for: its product with the identity. */
const unpacked = (weight: Value, options: PackOptions): Float64Array => {
  const inner = weight.shape[0];
  const identity = Float32Array.from({ length: inner * inner }, (_, i) => (i % (inner + 1) === 0 ? 1 : 0));
  return oracle((x) => matMulNBits(x, packWeight(weight, options), undefined, options), [new Value(identity, [inner, inner])])[0]; // biome-ignore format: one row
};

describe("packWeight", () => {
  test("by hand: the largest number in size is the last code, low bits come first", () => {
    const { codes, scale, zeroPoints } = packWeight(value([[1], [-0.5], [0.25]]), { blockSize: 16 });
    expect(scale.toArray()).toEqual([[-0.125]]);
    // Codes 0, 12 and 6, then the code of 0.
    expect([...codes.data].map(Number)).toEqual([0xc0, 0x86, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88]);
    expect(codes.shape).toEqual([1, 1, 8]);
    expect(zeroPoints).toBeUndefined();
  });

  test("by hand: with zero points the range is all codes", () => {
    const { codes, scale, zeroPoints } = packWeight(value([[0.5], [3.5], [-0.25], [2]]), {
      blockSize: 16,
      zeroPoints: true,
    });
    expect(scale.toArray()).toEqual([[0.25]]);
    expect(zeroPoints!.toArray()).toEqual([[1]]);
    expect([...codes.data].map(Number).slice(0, 3)).toEqual([0xf3, 0x90, 0x11]);
  });

  test.each([2, 4, 8] as const)("%i bits: every number comes back within its step", (bits) => {
    for (const zeroPoints of [false, true])
      for (const blockSize of [16, 32]) {
        const weight = sample([40, 3], bits);
        const { scale } = packWeight(weight, { bits, blockSize, zeroPoints });
        const blocks = Math.ceil(40 / blockSize);
        unpacked(weight, { bits, blockSize, zeroPoints }).forEach((number, i) => {
          const [row, column] = [Math.floor(i / 3), i % 3];
          const step = Math.abs(Number(scale.data[column * blocks + Math.floor(row / blockSize)]));
          expect(Math.abs(number - Number(weight.data[i]))).toBeLessThanOrEqual(1.0001 * step);
        });
      }
  });

  test("more bits are nearer", () => {
    const weight = sample([64, 4]);
    const error = (options: PackOptions): number =>
      unpacked(weight, options).reduce((total, number, i) => total + (number - Number(weight.data[i])) ** 2, 0);
    expect(error({ bits: 4 })).toBeLessThan(error({ bits: 2 }) / 8);
    expect(error({ bits: 8 })).toBeLessThan(error({ bits: 4 }) / 100);
  });

  test("a weight of zeros, one number, none", () => {
    expect([...unpacked(value([[0], [0]]), {})]).toEqual([0, 0]);
    expect([...unpacked(value([[0], [0]]), { zeroPoints: true })]).toEqual([0, 0]);
    expect([...unpacked(value([[-3]]), { blockSize: 16 })]).toEqual([-3]);
    expect(packWeight(new Value(new Float32Array(0), [0, 2])).codes.shape).toEqual([2, 0, 16]);
  });

  test("4 bits in blocks of 32 take 5 bits a number", () => {
    const { codes, scale } = packWeight(sample([256, 64]));
    expect((8 * (codes.data.byteLength + scale.data.byteLength)) / (256 * 64)).toBe(5);
  });

  test("errors", () => {
    const code = (expected: string) => expect.objectContaining({ code: expected });
    expect(() => packWeight(value([1, 2]))).toThrowError(code("packWeight/rank"));
    expect(() => packWeight(value([[1]]), { bits: 3 as 4 })).toThrowError(code("packWeight/bits"));
    expect(() => packWeight(value([[1]]), { blockSize: 24 })).toThrowError(code("packWeight/block-size"));
  });
});

describe("matMulNBits", () => {
  const bias = value([0.5, -1, 2]);

  test.each([16, 32, 64, 128, 256])("blocks of %i: executors, gradient, batching", async (blockSize) => {
    for (const bits of [2, 4, 8] as const)
      for (const zeroPoints of [false, true]) {
        const weight = packWeight(sample([40, 3], 5), { bits, blockSize, zeroPoints });
        await checkExecutors((x) => matMulNBits(x, weight, bias, { bits }), [sample([4, 40])], {
          rtol: 1e-5,
          atol: 1e-5,
        });
      }
  });

  test("executors, gradient, batching", async () => {
    const { codes, scale, zeroPoints } = packWeight(sample([20, 3], 5), { blockSize: 16, zeroPoints: true });
    const near = { rtol: 1e-5, atol: 1e-5 };
    await check((x) => matMulNBits(x, { codes, scale, zeroPoints }), [sample([2, 20])], near);
    await check(
      (x, s, b, c, z) => matMulNBits(x, { codes: c, scale: s, zeroPoints: z }, b),
      [sample([2, 2, 20]), scale, bias, codes, zeroPoints!],
      near,
    );
    await check((x, c) => matMulNBits(x, { codes: c, scale }), [sample([20]), codes], near);
  });

  test("is the product with the weight that comes back", () => {
    const weight = sample([48, 5]);
    const back = new Value(Float32Array.from(unpacked(weight, { blockSize: 16 })), [48, 5]);
    const [packed, plain] = oracle(
      (x) => [matMulNBits(x, packWeight(weight, { blockSize: 16 })), matmul(x, back)],
      [sample([3, 48])],
    );
    expectClose(packed, plain, { rtol: 1e-6, atol: 1e-6 });
  });

  test("8-bit activations cost about two digits", async () => {
    const weight = packWeight(sample([128, 8]));
    const x = sample([2, 128]);
    const run = async (activationBits: 8 | 32) =>
      (await compile((s: Tensor) => matMulNBits(s, weight, undefined, { activationBits }))(x)).toFloat64();
    // Numbers up to 1 have steps of 1/127 then; 128 terms of random sign.
    expectClose(await run(8), await run(32), { rtol: 0, atol: 128 * (1 / 127) * 0.25 });
  });

  test("float64 and float16", async () => {
    const weight = packWeight(sample([20, 3]), { blockSize: 16 });
    await checkExecutors(
      (x) =>
        (["float64", "float16"] as const).map((dtype) =>
          cast(matMulNBits(cast(x, dtype), { codes: weight.codes, scale: cast(weight.scale, dtype) }), "float32"),
        ),
      [sample([2, 20])],
      // Half floats have 11 bits.
      { rtol: 2e-3, atol: 2e-3 },
    );
  });

  test("a portable file has standard operators only", async () => {
    const x = input([2, 20], "float32", "x");
    const y = matMulNBits(x, packWeight(sample([20, 3])), bias);
    const operators = (portable: boolean) =>
      emitModel([x], [y], { portable }).model.graph.node.map(({ opType, domain }) => `${domain ?? ""}:${opType}`);
    expect(operators(false)).toEqual(["com.microsoft:MatMulNBits"]);
    expect(operators(true).every((one) => one.startsWith(":"))).toBe(true);
  });

  test("no rows, no inner size", async () => {
    const weight = packWeight(sample([20, 3]));
    await checkExecutors((x) => matMulNBits(x, weight), [new Value(new Float32Array(0), [0, 20])]);
    const empty = packWeight(new Value(new Float32Array(0), [0, 3]));
    await checkExecutors((x) => matMulNBits(x, empty, bias), [new Value(new Float32Array(0), [2, 0])]);
  });

  test("errors name what was expected", () => {
    const weight = packWeight(sample([20, 3]));
    const code = (expected: string) => expect.objectContaining({ code: expected });
    const x = sample([2, 20]);
    expect(() => matMulNBits(sample([2, 40]), weight)).toThrowError(code("matMulNBits/codes"));
    expect(() => matMulNBits(x, { ...weight, scale: value([1]) })).toThrowError(code("matMulNBits/scale"));
    expect(() => matMulNBits(x, { ...weight, zeroPoints: weight.codes })).toThrowError(code("matMulNBits/zero-points"));
    expect(() => matMulNBits(x, weight, value([1]))).toThrowError(code("matMulNBits/bias"));
    expect(() => matMulNBits(x, weight, undefined, { bits: 3 as 4 })).toThrowError(code("matMulNBits/bits"));
  });
});
