import { describe, expect, test } from "vitest";
import { compile } from "../../../runtime/index.ts";
import { emitModel } from "../../../runtime/onnx/emit.ts";
import { check, checkExecutors, expectClose, oracle } from "../../../testing/check.ts";
import { sample } from "../../../testing/sample.ts";
import type { DType } from "../../dtype.ts";
import { sizeOf } from "../../shape.ts";
import { input, type Tensor } from "../../tensor.ts";
import { grad, vmap } from "../../transforms/index.ts";
import { convert, type NestedArray, Value, value } from "../../value.ts";
import {
  type ConvolutionOptions,
  cast,
  convInteger,
  convolution,
  dequantizeLinear,
  dynamicQuantizedMatmul,
  matMulInteger,
  matmul,
  qLinearConv,
  qLinearMatMul,
  quantizeLinear,
  sub,
  sum,
} from "../index.ts";

/** Codes over the whole range of a dtype, without order. */
const codes = (shape: readonly number[], dtype: DType, seed = 1): Value => {
  const offset = dtype === "int8" ? -128 : 0;
  const data = Float64Array.from({ length: sizeOf(shape) }, (_, i) => ((i + seed) * 97 + ((i * seed) % 7) * 13) % 256);
  return new Value(convert(data.map((x) => x + offset), dtype), shape, dtype); // biome-ignore format: one row
};

const combinations = (["uint8", "int8"] as const).flatMap((a) =>
  (["uint8", "int8"] as const).map((b) => [a, b] as const),
);

/** Both executors give exactly these numbers. */
async function expectNumbers(fn: (...inputs: Tensor[]) => Tensor, inputs: Value[], numbers: readonly number[]) {
  expect([...oracle(fn, inputs)[0]]).toEqual(numbers);
  const result = (await compile(fn as (...given: any[]) => Tensor)(...inputs)) as Value;
  expect([...result.toFloat64()]).toEqual(numbers);
}

const exact = { rtol: 0, atol: 0, gradients: "none" } as const;

describe("matMulInteger", () => {
  const a = [[11, 7, 3], [10, 6, 2], [9, 5, 1], [8, 4, 0]]; // biome-ignore format: one row
  const b = [[1, 4], [2, 5], [3, 6]]; // biome-ignore format: one row

  test.each(combinations)("by hand: %s by %s", (left, right) =>
    expectNumbers(
      (x, y) => matMulInteger(x, y, 12),
      [value(a, { dtype: left }), value(b, { dtype: right })],
      [-38, -83, -44, -98, -50, -113, -56, -128],
    ),
  );

  test.each(combinations)("whole ranges, zero points for rows and columns: %s by %s", async (left, right) => {
    const [x, y] = [codes([3, 5], left), codes([5, 2], right, 3)];
    await check((s, t) => matMulInteger(s, t), [x, y], exact);
    await check((s, t, u, v) => matMulInteger(s, t, u, v), [x, y, codes([], left, 5), codes([], right, 6)], exact);
    await check((s, t, u, v) => matMulInteger(s, t, u, v), [x, y, codes([], left, 5), codes([2], right, 6)], exact);
    await check((s, t, u, v) => matMulInteger(s, t, u, v), [x, y, codes([3], left, 5), codes([2], right, 6)], exact);
    await check((u, v, s, t) => matMulInteger(s, t, u, v), [codes([3], left), codes([2], right), x, y], exact);
  });

  test("stacks of matrices broadcast", async () => {
    const x = codes([2, 1, 3, 4], "uint8");
    await check((s, t) => matMulInteger(s, t, 3, 4), [x, codes([3, 4, 2], "int8")], exact);
    await check((s, t) => matMulInteger(s, t, 3), [x, codes([4, 2], "int8")], exact);
  });

  test("is the product of the numbers that the codes stand for", () => {
    const [x, y] = [codes([4, 6], "uint8"), codes([6, 3], "int8")];
    const [integers, floats] = oracle(
      (s, t) => [matMulInteger(s, t, 100, -3), matmul(sub(cast(s, "float64"), 100), sub(cast(t, "float64"), -3))],
      [x, y],
    );
    expect(integers).toEqual(floats);
  });

  test("sums wrap where 32 bits end", () => {
    const full = (shape: readonly number[]): Value => new Value(new Uint8Array(sizeOf(shape)).fill(255), shape);
    const terms = 33_030;
    const sums = 255 * 255 * terms - 2 ** 32;
    return expectNumbers((x, y) => matMulInteger(x, y), [full([1, terms]), full([terms, 1])], [sums]);
  });

  test("no rows, no terms", async () => {
    await checkExecutors((x, y) => matMulInteger(x, y), [codes([0, 3], "uint8"), codes([3, 2], "int8")]);
    await expectNumbers((x, y) => matMulInteger(x, y), [codes([1, 0], "uint8"), codes([0, 2], "int8")], [0, 0]);
  });

  test("errors name what was expected", () => {
    const bytes = codes([2, 3], "uint8");
    const code = (expected: string) => expect.objectContaining({ code: expected });
    expect(() => matMulInteger(bytes, codes([2, 2], "int8"))).toThrowError(code("matMulInteger/inner"));
    expect(() => matMulInteger(bytes, codes([3], "int8"))).toThrowError(code("matMulInteger/rank"));
    expect(() => matMulInteger(sample([2, 3]), bytes)).toThrowError(code("matMulInteger/codes"));
    expect(() => matMulInteger(bytes, codes([3, 2], "int8"), codes([], "int8"))).toThrowError(
      code("matMulInteger/zero-point"),
    );
  });
});

describe("qLinearMatMul", () => {
  test("by hand: ties to even, both ends of the range", () =>
    expectNumbers(
      // Products 1, 3, 5, −1, 200, −200 of a step of ½ are codes ½, 1½, 2½ …
      (a, b) => qLinearMatMul({ codes: a, scale: 0.5 }, { codes: b, scale: 1 }, { scale: 1 }),
      [value([[1], [3], [5], [-1], [127], [-128]], { dtype: "int8" }), value([[1, 4]], { dtype: "int8" })], // biome-ignore format: one row
      [0, 2, 2, 6, 2, 10, 0, -2, 64, 127, -64, -128],
    ));

  test.each(combinations)("executors agree to the last code: %s by %s", async (left, right) => {
    const [a, b] = [codes([16, 9], left), codes([9, 24], right, 3)];
    const columns = value(Float32Array.from({ length: 24 }, (_, i) => 0.01 + 0.003 * i));
    const result = { scale: 7.3, zeroPoint: 3 };
    const [zeroA, zeroB] = left === right ? [4, 4] : [5, -6 + (right === "uint8" ? 20 : 0)];
    await checkExecutors(
      (x, y, s) => [
        qLinearMatMul({ codes: x, scale: 0.05, zeroPoint: zeroA }, { codes: y, scale: s, zeroPoint: zeroB }, result),
        qLinearMatMul({ codes: x, scale: 0.05 }, { codes: y, scale: 0.02, zeroPoint: codes([24], right) }, result),
        qLinearMatMul({ codes: x, scale: sample([16]) }, { codes: y, scale: s }, { scale: 0.3 }),
      ],
      [a, b, columns],
      exact,
    );
  });

  test("every input may carry the batch", () =>
    check(
      (s, t, a, b, u) =>
        qLinearMatMul({ codes: a, scale: s, zeroPoint: 3 }, { codes: b, scale: t }, { scale: u, zeroPoint: 100 }),
      [value(0.05), value([0.1, 0.02, 0.3]), codes([2, 4], "uint8"), codes([4, 3], "int8"), value(4)],
      exact,
    ));

  test("codes alone in the batch", () =>
    check(
      (a, b) => qLinearMatMul({ codes: a, scale: 0.05, zeroPoint: 3 }, { codes: b, scale: 0.1 }, { scale: 2.1 }),
      [codes([2, 3, 4], "uint8"), codes([4, 3], "int8")],
      exact,
    ));

  test("is near the product of what the codes stand for", () => {
    const [x, y] = [sample([4, 20]), sample([20, 3], 9)];
    const step = 1 / 127;
    const [rounded, float] = oracle(
      (s, t) => {
        const quantized = (one: Tensor) => ({ codes: quantizeLinear(one, step), scale: step });
        const product = qLinearMatMul(quantized(s), quantized(t), { scale: 0.05 });
        return [dequantizeLinear(product, 0.05), matmul(s, t)];
      },
      [x, y],
    );
    // Half a step of the result, and 20 terms with half a step of each factor, of random sign.
    expectClose(rounded, float, { rtol: 0, atol: 0.025 + 20 * step * 0.5 });
  });

  test("no rows, no terms: the zero point", async () => {
    const product = (a: Tensor, b: Tensor) =>
      qLinearMatMul({ codes: a, scale: 1 }, { codes: b, scale: 1 }, { scale: 1, zeroPoint: 7 });
    await checkExecutors(product, [codes([0, 3], "uint8"), codes([3, 2], "int8")]);
    await expectNumbers(product, [codes([1, 0], "uint8"), codes([0, 2], "int8")], [7, 7]);
  });
});

describe("convInteger and qLinearConv", () => {
  test("by hand", () =>
    expectNumbers(
      (x, w) => convInteger(x, w, 1),
      [value([[[2, 3, 4]]], { dtype: "uint8" }), value([[[1, 2]]], { dtype: "uint8" })],
      [5, 8],
    ));

  const cases: [string, number[], number[], ConvolutionOptions][] = [
    ["one axis, padded", [2, 2, 5], [3, 2, 2], { padding: [[2, 1]] }],
    ["two axes", [2, 3, 4, 3], [2, 3, 2, 2], {}],
    ["same, stride 2, dilated", [1, 2, 5, 6], [3, 2, 2, 3], { padding: "same", stride: 2, dilation: [1, 2] }],
    ["groups", [2, 4, 3, 3], [6, 2, 2, 2], { groups: 2, padding: 1 }],
  ];

  test.each(cases)("convInteger: %s", async (_, x, w, options) => {
    for (const [left, right] of combinations) {
      const given = [codes(x, left), codes(w, right, 3)];
      await checkExecutors((s, t) => convInteger(s, t, 9, 4, options), given, exact);
      await checkExecutors((s, t, u) => convInteger(s, t, 9, u, options), [...given, codes([w[0]], right)], exact);
    }
    const given = [codes(x, "uint8"), codes(w, "int8")];
    await check((s, t) => convInteger(s, t, undefined, undefined, options), given, exact);
    await check((s, t) => convInteger(s, t, 9, -4, options), given, exact);
    await check(
      (u, v, s, t) => convInteger(s, t, u, v, options),
      [codes([], "uint8"), codes([w[0]], "int8"), ...given],
      exact,
    );
  });

  test.each(cases)("qLinearConv: %s", async (_, x, w, options) => {
    const scales = value(Float32Array.from({ length: w[0] }, (_, i) => 0.01 + 0.02 * i));
    const bias = value(Int32Array.from({ length: w[0] }, (_, i) => 1000 * i - 500));
    for (const [left, right] of combinations)
      await checkExecutors(
        (s, t, u, v) => [
          qLinearConv({ codes: s, scale: 0.1, zeroPoint: 9 }, { codes: t, scale: u }, { scale: 3.3 }, v, options),
          qLinearConv(
            { codes: s, scale: 0.1 },
            { codes: t, scale: 0.02, zeroPoint: codes([w[0]], right) },
            { scale: 7.1, zeroPoint: 5 },
            undefined,
            options,
          ),
        ],
        [codes(x, left), codes(w, right, 3), scales, bias],
        exact,
      );
    await check(
      (s, u, t) =>
        qLinearConv({ codes: s, scale: 0.1, zeroPoint: 9 }, { codes: t, scale: u }, { scale: 3.3 }, bias, options),
      [codes(x, "uint8"), scales, codes(w, "int8")],
      exact,
    );
    await check(
      (s) =>
        qLinearConv({ codes: s, scale: 0.1 }, { codes: codes(w, "int8"), scale: 0.1 }, { scale: 9 }, bias, options),
      [codes(x, "uint8")],
      exact,
    );
  });

  test("are the convolution of the numbers that the codes stand for", () => {
    const [x, w] = [codes([1, 2, 4, 4], "uint8"), codes([3, 2, 2, 2], "int8")];
    const [integers, floats] = oracle(
      (s, t) => [
        convInteger(s, t, 100, -3, { padding: 1 }),
        convolution(sub(cast(s, "float64"), 100), sub(cast(t, "float64"), -3), undefined, { padding: 1 }),
      ],
      [x, w],
    );
    expect(integers).toEqual(floats);
  });

  test("no examples, no channels", async () => {
    const convolve = (s: Tensor, t: Tensor) => [
      convInteger(s, t, 3),
      qLinearConv({ codes: s, scale: 1 }, { codes: t, scale: 1 }, { scale: 1, zeroPoint: 2 }),
    ];
    await checkExecutors(convolve, [codes([0, 2, 3], "uint8"), codes([1, 2, 2], "int8")], exact);
    await checkExecutors(convolve, [codes([1, 0, 3], "uint8"), codes([1, 0, 2], "int8")], exact);
  });

  test("errors name what was expected", () => {
    const [x, w] = [codes([1, 2, 3], "uint8"), codes([4, 2, 2], "int8")];
    const code = (expected: string) => expect.objectContaining({ code: expected });
    const one = { codes: x, scale: 1 };
    expect(() => convInteger(sample([1, 2, 3]), w)).toThrowError(code("convInteger/codes"));
    expect(() => convInteger(x, w, undefined, undefined, { groups: 2 })).toThrowError(code("convInteger/channels"));
    expect(() => qLinearConv(one, { codes: w, scale: value([1, 2]) }, { scale: 1 })).toThrowError(
      code("qLinearConv/scale"),
    );
    expect(() => qLinearConv(one, { codes: w, scale: 1 }, { scale: 1 }, value([1, 2, 3, 4]))).toThrowError(
      code("qLinearConv/bias"),
    );
    expect(() =>
      qLinearConv(one, { codes: w, scale: 1 }, { scale: 1 }, value([1, 2], { dtype: "int32" })),
    ).toThrowError(code("qLinearConv/bias"));
  });
});

describe("dynamicQuantizedMatmul", () => {
  const weight = (dtype: "int8" | "uint8") => codes([6, 4], dtype, 3);
  const scale = value([0.01, 0.02, 0.005, 0.03]);
  const bias = value([1, -2, 0.5, 3]);
  // Both take 32 bits for the same numbers; the oracle does not round the results.
  const near = { rtol: 1e-5, atol: 1e-5, gradients: "none" } as const;

  test("by hand", () =>
    expectClose(
      oracle(
        (x) => dynamicQuantizedMatmul(x, { codes: value([[100], [-50]], { dtype: "int8" }), scale: 0.01 }),
        [value([[255, 0], [10, 200]])], // biome-ignore format: one row
      )[0],
      [255, -90],
    ));

  test.each(["int8", "uint8"] as const)("executors and batching: %s", async (dtype) => {
    const x = sample([3, 6]);
    await check((s) => dynamicQuantizedMatmul(s, { codes: weight(dtype), scale }), [x], near);
    await check(
      (s, w, u, v) => dynamicQuantizedMatmul(s, { codes: w, scale: u }, v),
      [x, weight(dtype), scale, bias],
      near,
    );
    await check(
      (s, w, z) => dynamicQuantizedMatmul(s, { codes: w, scale: 0.02, zeroPoint: z }),
      [sample([2, 3, 6]), weight(dtype), codes([], dtype)],
      near,
    );
    await check(
      (s, w, z) => dynamicQuantizedMatmul(s, { codes: w, scale, zeroPoint: z }, bias),
      [x, weight(dtype), codes([4], dtype)],
      near,
    );
  });

  test("examples of a batch have ranges of their own", () => {
    const small = sample([3, 6]);
    const fn = (s: Tensor) => dynamicQuantizedMatmul(s, { codes: weight("int8"), scale });
    const [alone] = oracle(fn, [small]);
    const both = new Value(Float32Array.from([...small.data, ...small.data].map((x, i) => Number(x) * (i < 18 ? 1 : 100))), [2, 3, 6]); // biome-ignore format: one row
    const [together] = oracle(vmap(fn), [both]);
    expectClose(together.subarray(0, 12), alone);
  });

  test("is near the float product", () => {
    const [x, w] = [sample([5, 32]), sample([32, 7], 4)];
    const [rounded, float] = oracle(
      (s, t) => [dynamicQuantizedMatmul(s, { codes: quantizeLinear(t, 1 / 127), scale: 1 / 127 }), matmul(s, t)],
      [x, w],
    );
    // 32 terms, each with up to a step of either factor in it, of random sign.
    expectClose(rounded, float, { rtol: 0, atol: 32 * (1 / 127) * 0.25 });
  });

  test("gradients are those of the product with the weight that the codes stand for", () => {
    const x = sample([3, 6]);
    const quantized = weight("int8");
    const gradients = (fn: (s: Tensor, u: Tensor, v: Tensor) => Tensor) =>
      oracle((s, u, v) => grad(([a, b, c]: Tensor[]) => sum(fn(a, b, c)))([s, u, v]), [x, scale, bias]);
    const measured = gradients((s, u, v) => dynamicQuantizedMatmul(s, { codes: quantized, scale: u }, v));
    const expected = gradients((s, u, v) => sub(matmul(s, dequantizeLinear(quantized, u)), sub(0, v)));
    measured.forEach((gradient, i) => {
      expectClose(gradient, expected[i]);
    });
  });

  test("a portable file has standard operators only", () => {
    const x = input([3, 6], "float32", "x");
    const y = dynamicQuantizedMatmul(x, { codes: weight("int8"), scale }, bias);
    const operators = (portable: boolean) =>
      emitModel([x], [y], { portable }).model.graph.node.map(({ opType, domain }) => `${domain ?? ""}:${opType}`);
    expect(operators(false)).toEqual(["com.microsoft:DynamicQuantizeMatMul"]);
    expect(operators(true)).toEqual(expect.arrayContaining([":DynamicQuantizeLinear", ":MatMulInteger"]));
    expect(operators(true).every((one) => one.startsWith(":"))).toBe(true);
  });

  test("no rows, one of each", async () => {
    const fn = (s: Tensor, w: Tensor) => dynamicQuantizedMatmul(s, { codes: w, scale: 0.1 });
    await checkExecutors(fn, [new Value(new Float32Array(0), [0, 6]), weight("int8")]);
    await checkExecutors(fn, [new Value(new Float32Array(0), [2, 0]), codes([0, 3], "int8")]);
    await checkExecutors(fn, [value([[2]]), value([[-3]], { dtype: "int8" })]);
  });

  test("errors name what was expected", () => {
    const code = (expected: string) => expect.objectContaining({ code: expected });
    const numbers: NestedArray = [[1, 2, 3, 4, 5, 6]];
    expect(() => dynamicQuantizedMatmul(value(numbers), { codes: weight("int8"), scale: value([1, 2]) })).toThrowError(
      code("dynamicQuantizedMatmul/scale"),
    );
    expect(() => dynamicQuantizedMatmul(value(numbers), { codes: weight("int8"), scale: 1 }, value([1]))).toThrowError(
      code("dynamicQuantizedMatmul/bias"),
    );
    expect(() => dynamicQuantizedMatmul(value([[1, 2]]), { codes: weight("int8"), scale: 1 })).toThrowError(
      code("dynamicQuantizedMatmul/inner"),
    );
  });
});
