import { describe, expect, test } from "vitest";
import { check, checkExecutors, oracle } from "../../testing/check.ts";
import { simplify } from "../simplify.ts";
import { input } from "../tensor.ts";
import { value } from "../value.ts";
import { concat, splitAxis, stack, transposedConvolution } from "./index.ts";

const a = value([[0.5, -1.2, 2.2], [1.1, 0.3, -0.7]]); // biome-ignore format: a matrix
const b = value([[3.5], [-2.1]]);
const codeOf = (code: string) => expect.objectContaining({ code });

describe("concat and stack", () => {
  test("executors, gradients, batching", async () => {
    await check((x, y) => concat([x, y, x], { axis: 1 }), [a, b]);
    await check((x, y) => concat([x, y], { axis: -1 }), [a, b], { gradients: [1] });
    await check((x) => concat([x, x]), [a]);
    await check((x, y) => stack([x, y, x], { axis: 1 }), [a, value([[1, 2, 3], [4, 5, 6]])]); // biome-ignore format: a matrix
    await check((x) => stack([x, x], { axis: -1 }), [value(1.5)]);
  });

  test("by hand", () => {
    expect([...oracle((x, y) => concat([x, y], { axis: 1 }), [value([[1, 2], [3, 4]]), value([[5], [6]])])[0]]).toEqual([
      1, 2, 5, 3, 4, 6,
    ]); // biome-ignore format: a matrix
    expect([...oracle((x, y) => stack([x, y], { axis: 1 }), [value([1, 2]), value([3, 4])])[0]]).toEqual([1, 3, 2, 4]);
  });

  test("empty parts, every dtype", async () => {
    await check((x, y) => concat([x, y, x]), [value([1, 2]), value([], { shape: [0] })]);
    for (const dtype of ["float64", "int32", "int64", "uint8", "bool"] as const)
      await checkExecutors((x) => concat([x, x]), [value([0, 1], { dtype })]);
  });

  test("nested concatenations become one; empty parts fall away", () => {
    const [x, y] = [input([2], "float32", "x"), input([0], "float32", "y")];
    const [joined] = simplify([concat([concat([x, x]), y, x])]);
    expect(joined.node.inputs).toEqual([x, x, x]);
  });

  test("what does not fit is named", () => {
    expect(() => concat([a, b])).toThrowError(codeOf("concat/shape"));
    expect(() => concat([])).toThrowError(codeOf("concat/none"));
    expect(() => concat([a, value([[1]], { dtype: "int32" })], { axis: 1 })).toThrowError(codeOf("concat/dtype"));
    expect(() => stack([a, b])).toThrowError(codeOf("stack/shape"));
    expect(() => stack([a], { axis: 3 })).toThrowError(codeOf("stack/axis-out-of-range"));
  });
});

describe("splitAxis", () => {
  test("executors, gradients (of all parts, of some), batching", async () => {
    await check((x) => splitAxis(x, 3, { axis: 1 }), [a]);
    await check((x) => splitAxis(x, [1, 0, 2], { axis: -1 }), [a]);
    await check((x) => splitAxis(x, 3, { axis: 1 })[1], [a]);
    await check((x) => [splitAxis(x, 3, { axis: 1 })[0], splitAxis(x, 2)[1]], [a]);
  });

  test("then concat is the identity, in every dtype", async () => {
    for (const dtype of ["float32", "float64", "int32", "int64", "uint8", "int8", "bool"] as const) {
      const x = value([0, 1, 1, 1], { dtype });
      await checkExecutors((t) => concat(splitAxis(t, [1, 3])), [x]);
      expect([...oracle((t) => concat(splitAxis(t, [3, 1])), [x])[0]]).toEqual([0, 1, 1, 1]);
    }
  });

  test("one part alone, in an operation that is written by way of others", () =>
    check(
      (x, image) => transposedConvolution(image, splitAxis(x, 3, { axis: 1 })[1]),
      [value([[[0.5], [2], [-1]]]), value([[[1, 2, 3]]])],
    ));

  test("sizes that do not add up are refused", () => {
    expect(() => splitAxis(a, 2, { axis: 1 })).toThrowError(codeOf("splitAxis/parts"));
    expect(() => splitAxis(a, [1, 1], { axis: 1 })).toThrowError(codeOf("splitAxis/parts"));
    expect(() => splitAxis(a, [], { axis: 1 })).toThrowError(codeOf("splitAxis/parts"));
  });
});
