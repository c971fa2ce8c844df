import { describe, expect, test } from "vitest";
import { compile } from "../../../runtime/index.ts";
import { check, checkExecutors, expectClose, oracle } from "../../../testing/check.ts";
import { sample } from "../../../testing/sample.ts";
import { DTypeError, GradientError, ShapeError } from "../../errors.ts";
import { asTensor, type Tensor } from "../../tensor.ts";
import { grad, vjp } from "../../transforms/index.ts";
import { type NestedArray, Value, value } from "../../value.ts";
import {
  add,
  cast,
  dequantizeLinear,
  dynamicQuantizeLinear,
  fakeQuantize,
  mul,
  quantizeLinear,
  square,
  sub,
  sum,
} from "../index.ts";

const uint8 = (numbers: NestedArray): Value => value(numbers, { dtype: "uint8" });
const int8 = (numbers: NestedArray): Value => value(numbers, { dtype: "int8" });

/** The same numbers from both executors, which must be these. */
async function expectNumbers(fn: (...inputs: Tensor[]) => Tensor, inputs: Value[], numbers: readonly number[]) {
  expect([...oracle(fn, inputs)[0]]).toEqual(numbers);
  const result = (await compile(fn as (...given: any[]) => Tensor)(...inputs)) as Value;
  expect([...result.toFloat64()]).toEqual(numbers);
}

describe("quantizeLinear", () => {
  const ties = value([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49, -0.51]);

  test("halves go to the even code", () =>
    expectNumbers((x) => quantizeLinear(x, 1), [ties], [-2, -2, 0, 0, 2, 2, 0, -1]));

  test.each([
    ["uint8", [0, 0, 254, 255, 255]],
    ["int8", [-128, -128, 126, 127, 127]],
    ["uint16", [0, 0, 65534, 65535, 65535]],
    ["int16", [-32768, -32768, 32766, 32767, 32767]],
  ] as const)("%s ends at its range, whatever the zero point", async (dtype, expected) => {
    const [high, low] = [expected[4], expected[0]];
    const x = value([-1e30, low - 1, high - 1, high, 1e30]);
    await expectNumbers((t) => quantizeLinear(t, 1, undefined, { dtype }), [x], expected);
    // The zero point moves the codes, not their ends.
    await expectNumbers((t) => quantizeLinear(sub(t, 5), 1, 5, { dtype }), [x], expected);
  });

  const matrix = value([
    [1, 2, 3.1],
    [-4, 5, 6],
  ]);

  test("a scale and a zero point for each place of an axis, by hand", async () => {
    await expectNumbers(
      (x) => quantizeLinear(x, value([1, 2]), uint8([0, 10]), { axis: 0 }),
      [matrix],
      [1, 2, 3, 8, 12, 13],
    );
    await expectNumbers((x) => quantizeLinear(x, value([1, 2, 4])), [matrix], [1, 1, 1, -4, 2, 2]);
  });

  test("a scale for each block, the last one shorter", async () => {
    const scale = value([
      [1, 2],
      [0.5, 3],
    ]);
    await expectNumbers((x) => quantizeLinear(x, scale, undefined, { blockSize: 2 }), [matrix], [1, 2, 2, -8, 10, 2]);
  });

  const scales = value([0.4, 0.07, 0.2]);
  const blocks = value([
    [0.1, 0.3],
    [0.2, 0.15],
  ]);
  test.each<[string, (x: Tensor, scale: Tensor) => Tensor, Value]>([
    ["one for all", (x, s) => quantizeLinear(x, s, 3, { dtype: "uint8" }), value(0.02)],
    ["an axis", (x, s) => quantizeLinear(x, s, int8([1, -2, 3])), scales],
    ["another axis", (x, s) => quantizeLinear(x, s, undefined, { axis: 0 }), value([0.3, 0.1])],
    ["blocks", (x, s) => quantizeLinear(x, s, int8([[1, 2], [3, 4]]), { blockSize: 2 }), blocks], // biome-ignore format: one row
  ])("executors and batching: %s", (_, fn, scale) => check(fn, [sample([2, 3]), scale], { gradients: "none" }));

  test("float16 and float64 are quantized as well", () =>
    checkExecutors(
      (x) => [
        quantizeLinear(cast(x, "float64"), value([0.1], { dtype: "float64" }), 2, { dtype: "uint8" }),
        quantizeLinear(cast(x, "float16"), value(0.125, { dtype: "float16" })),
      ],
      [value([0.3, -7, 0.5, 40])],
    ));

  test("no elements, one element", async () => {
    await checkExecutors((x) => quantizeLinear(x, 1), [new Value(new Float32Array(0), [0, 3])]);
    await expectNumbers((x) => quantizeLinear(x, value([2])), [value(5)], [2]);
  });

  test("integers have no gradient, and say so", () => {
    const [, pull] = vjp((x: Tensor) => quantizeLinear(x, 1), asTensor(ties));
    const pulled = () => pull(asTensor(int8([1, 1, 1, 1, 1, 1, 1, 1])));
    expect(pulled).toThrowError(GradientError);
    expect(pulled).toThrowError(/fakeQuantize/);
  });

  test("errors name what was expected", () => {
    const code = (make: () => unknown): string => {
      try {
        make();
      } catch (error) {
        expect(error instanceof ShapeError || error instanceof DTypeError).toBe(true);
        return (error as ShapeError).code;
      }
      return "nothing was thrown";
    };
    expect(code(() => quantizeLinear(matrix, value([1, 2])))).toBe("quantizeLinear/scale");
    expect(code(() => quantizeLinear(matrix, value([1, 2]), undefined, { blockSize: 2 }))).toBe("quantizeLinear/scale");
    expect(code(() => quantizeLinear(matrix, 1, uint8(0), { dtype: "int8" }))).toBe("quantizeLinear/zero-point");
    expect(code(() => quantizeLinear(matrix, value([1, 1, 1]), uint8([1, 2])))).toBe("quantizeLinear/zero-point");
    expect(code(() => quantizeLinear(matrix, 1, undefined, { dtype: "int32" as "int8" }))).toBe("quantizeLinear/dtype");
    expect(code(() => quantizeLinear(int8([1]), 1))).toBe("quantizeLinear/dtype");
    expect(code(() => quantizeLinear(matrix, value([1, 2, 3]), undefined, { axis: 2 }))).toBe(
      "quantizeLinear/axis-out-of-range",
    );
    expect(code(() => dequantizeLinear(matrix, 1))).toBe("dequantizeLinear/codes");
  });
});

describe("dequantizeLinear", () => {
  test("by hand", async () => {
    await expectNumbers((x) => dequantizeLinear(x, 0.5, 128), [uint8([0, 128, 255])], [-64, 0, 63.5]);
    const rows = int8([
      [1, -2],
      [3, 127],
    ]);
    await expectNumbers((x) => dequantizeLinear(x, value([2, 4]), int8([1, 2])), [rows], [0, -16, 4, 500]);
    await expectNumbers((x) => dequantizeLinear(x, value([2, 4]), undefined, { axis: 0 }), [rows], [2, -4, 12, 508]);
  });

  test("of what was quantized is within half a step; of codes, quantized again, is the codes", () => {
    const x = sample([40]);
    const step = 2 / 255;
    const [y, codes, again] = oracle(
      (t) => {
        const given = quantizeLinear(t, step, 128, { dtype: "uint8" });
        const back = dequantizeLinear(given, step, 128);
        return [back, given, quantizeLinear(back, step, 128, { dtype: "uint8" })];
      },
      [x],
    );
    y.forEach((number, i) => {
      expect(Math.abs(number - Number(x.data[i]))).toBeLessThanOrEqual(step / 2 + 1e-9);
    });
    expect(again).toEqual(codes);
  });

  test.each(["uint8", "int8", "uint16", "int16", "int32"] as const)("executors, gradient, batching: %s", (dtype) => {
    const codes = value([[3, 100, 7], [0, 1, 90]], { dtype }); // biome-ignore format: one row
    const zero = value([2, 1, 0], { dtype });
    return check((x, scale) => dequantizeLinear(x, scale, zero), [codes, value([0.5, 0.2, 1.5])]);
  });

  test.each<[string, (x: Tensor, scale: Tensor) => Tensor, Value]>([
    ["one for all", (x, s) => dequantizeLinear(x, s, 4), value(0.3)],
    ["an axis", (x, s) => dequantizeLinear(x, s, int8([5, 6]), { axis: 0 }), value([0.3, 0.4])],
    ["blocks", (x, s) => dequantizeLinear(x, s, undefined, { blockSize: 2 }), value([[0.1, 0.3], [0.2, 0.15]])], // biome-ignore format: one row
    ["blocks of rows", (x, s) => dequantizeLinear(x, s, undefined, { axis: 0, blockSize: 2 }), value([[0.1, 0.3, 2]])],
  ])("executors, gradient, batching: %s", (_, fn, scale) => check(fn, [int8([[1, -2, 3], [100, -128, 127]]), scale])); // biome-ignore format: one row

  test("the batch may carry scales of its own", () =>
    check((s, x) => dequantizeLinear(x, s, undefined, { axis: 0 }), [value([0.3, 0.4]), int8([[1, 2], [3, 4]])])); // biome-ignore format: one row

  test("float64 and float16 scales give their dtype", () =>
    checkExecutors(
      (x) => [
        dequantizeLinear(x, value(0.1, { dtype: "float64" }), 3),
        dequantizeLinear(x, value(0.125, { dtype: "float16" }), 3),
      ],
      [uint8([0, 3, 255])],
    ));
});

describe("fakeQuantize", () => {
  const x = value([-200, -0.74, -0.3, 0.2, 0.9, 300]);

  test("has the numbers of quantizing and dequantizing", () =>
    checkExecutors(
      (t) => {
        const zero = int8(-20);
        return [
          sub(fakeQuantize(t, 0.3, zero), dequantizeLinear(quantizeLinear(t, 0.3, zero), 0.3, zero)),
          fakeQuantize(t, 0.3),
        ];
      },
      [x],
    ).then(() => {
      const [difference] = oracle(
        (t) => sub(fakeQuantize(t, 0.3, 7), dequantizeLinear(quantizeLinear(t, 0.3, 7), 0.3, 7)),
        [x],
      );
      expectClose(difference, new Array(6).fill(0));
    }));

  test("the gradient passes inside the range and ends outside", () => {
    const [gradient] = oracle((t) => grad((u: Tensor) => sum(mul(fakeQuantize(u, 1), 3)))(t), [x]);
    expect([...gradient]).toEqual([0, 3, 3, 3, 3, 0]);
  });

  test("the scale's gradient: round(x / s) − x / s inside, the last code outside", () => {
    const [gradient] = oracle(
      (t, s) => grad((scale: Tensor) => sum(mul(fakeQuantize(t, scale, undefined, { axis: 0 }), 1)))(s),
      [x, value(new Array(6).fill(0.5))],
    );
    expectClose(gradient, [-128, -1 + 1.48, -1 + 0.6, 0 - 0.4, 2 - 1.8, 127], { atol: 1e-6 });
  });

  test("blocks, axes, batching", () =>
    check((t, s) => fakeQuantize(t, s, 3, { blockSize: 2 }), [sample([2, 3]), value([[0.1, 0.3], [0.2, 0.15]])], { gradients: "none" })); // biome-ignore format: one row

  test("a learned scale comes to fit the data", async () => {
    const data = sample([64]);
    const loss = (s: Tensor): Tensor => sum(square(sub(fakeQuantize(data, s, undefined, { dtype: "int8" }), data)));
    const step = compile((s: Tensor): [Tensor, Tensor] => [sub(s, mul(grad(loss)(s), 1e-6)), loss(s)]);
    let scale = value(0.002);
    const losses: number[] = [];
    for (let i = 0; i < 300; i++) {
      const [next, measured] = await step(scale);
      losses.push(measured.item());
      scale = next;
    }
    // Numbers up to 1 need 1/127 for none to be cut off; rounding alone then costs scale²/12 a number.
    expect(scale.item()).toBeGreaterThan(0.007);
    expect(losses.at(-1)).toBeLessThan((4 * data.size * scale.item() ** 2) / 12);
  });
});

describe("dynamicQuantizeLinear", () => {
  test("by hand", async () => {
    const x = value([-1, 0, 4.1]);
    const [codes, scale, zero] = oracle((t) => Object.values(dynamicQuantizeLinear(t)), [x]);
    expect([...codes]).toEqual([0, 50, 255]);
    expect(scale[0]).toBeCloseTo(0.02, 8);
    expect([...zero]).toEqual([50]);
  });

  test.each<[string, NestedArray]>([
    ["mixed signs", [[0.3, -2, 1.7], [-0.2, 0.1, 3]]], // biome-ignore format: one row
    ["positive: the range is widened to hold 0", [[3, 4, 5]]],
    ["negative", [[-3, -4.5, -5]]],
    ["all zero", [[0, 0]]],
    ["one", [7]],
  ])("executors and batching: %s", (_, numbers) =>
    check((x) => Object.values(dynamicQuantizeLinear(x)), [value(numbers)], { gradients: "none" }),
  );

  test("mapped twice", () =>
    checkExecutors((x) => Object.values(dynamicQuantizeLinear(x)), [value([0.1, 5])]).then(() =>
      check((x) => Object.values(dynamicQuantizeLinear(add(x, 0))), [sample([3, 2])], { gradients: "none" }),
    ));

  test("nothing has scale 1", () =>
    checkExecutors((x) => Object.values(dynamicQuantizeLinear(x)), [new Value(new Float32Array(0), [0, 2])]));

  test("every number comes back within half a step", () => {
    const x = sample([50]);
    const [y, scale] = oracle(
      (t) => {
        const { codes, scale: step, zeroPoint } = dynamicQuantizeLinear(t);
        return [dequantizeLinear(codes, step, zeroPoint), step];
      },
      [x],
    );
    // The zero point is rounded too: half a step for it, half for the number.
    y.forEach((number, i) => {
      expect(Math.abs(number - Number(x.data[i]))).toBeLessThanOrEqual(scale[0] * 1.0001);
    });
  });

  test("no gradient, and a way out", () =>
    expect(() => grad((x: Tensor) => dynamicQuantizeLinear(x).scale)(asTensor(value([1, 2])))).toThrowError(
      /fakeQuantize/,
    ));

  test("takes float32", () =>
    expect(() => dynamicQuantizeLinear(int8([1]))).toThrowError(
      expect.objectContaining({ code: "dynamicQuantizeLinear/dtype" }),
    ));
});
