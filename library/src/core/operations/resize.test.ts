import { describe, expect, test } from "vitest";
import { check, checkExecutors, checkGradients, expectClose, oracle } from "../../testing/check.ts";
import { sample } from "../../testing/sample.ts";
import { DTypeError, SettingError, ShapeError } from "../errors.ts";
import { input, type Tensor } from "../tensor.ts";
import { grad } from "../transforms/index.ts";
import { value } from "../value.ts";
import { averagePool, exp, flip, type PerAxis, type ResizeOptions, resize, sum } from "./index.ts";

const modes = ["linear", "nearest"] as const;
const coordinates = ["half-pixel", "align-corners", "asymmetric"] as const;
const settings = modes.flatMap((mode) => coordinates.map((one): ResizeOptions => ({ mode, coordinates: one })));

const cases: [name: string, shape: number[], sizes: PerAxis][] = [
  ["larger", [2, 1, 2, 3], [4, 6]],
  ["larger by a fraction", [1, 2, 3, 4], [5, 7]],
  ["smaller", [1, 2, 5, 4], [2, 3]],
  ["one axis larger, one smaller", [1, 1, 2, 5], [6, 2]],
  ["one axis", [2, 3, 4], 6],
  ["three axes", [1, 2, 2, 3, 1], [3, 3, 2]],
  ["to one element", [1, 1, 3, 3], 1],
  ["from one element", [1, 2, 1, 1], [2, 3]],
  ["the same size", [1, 2, 3, 3], 3],
];

describe.each(settings)("resize $mode, $coordinates: executors, gradient, batching", (options) => {
  test.each(cases)("%s", async (_, shape, sizes) => {
    await check((x) => resize(x, sizes, options), [sample(shape)]);
  });
});

describe("laws", () => {
  test.each(settings)("$mode, $coordinates: a constant stays, and so does the same size", (options) => {
    const x = sample([1, 2, 4, 3]);
    const [kept] = oracle((a) => resize(a, [4, 3], options), [x]);
    expectClose(kept, x.toFloat64(), { rtol: 0, atol: 0 });
    const [ones] = oracle(
      (a) => resize(a, [7, 2], options),
      [value(new Float32Array(12).fill(3), { shape: [1, 1, 4, 3] })],
    );
    expectClose(ones, new Float64Array(14).fill(3), { rtol: 1e-7, atol: 0 }); // the shares are 32-bit constants
  });

  test.each(["half-pixel", "align-corners"] as const)("linear, %s: reversing before or after is the same", (one) => {
    const options = { coordinates: one };
    const [a, b] = oracle(
      (x) => [flip(resize(x, [5, 7], options), { axis: [2, 3] }), resize(flip(x, { axis: [2, 3] }), [5, 7], options)],
      [sample([1, 2, 3, 4])],
    );
    expectClose(a, b, { rtol: 1e-6, atol: 1e-7 }); // the shares are 32-bit constants
  });

  test("linear: aligned corners keep the corners, straight lines stay straight", () => {
    const [line] = oracle((x) => resize(x, 7, { coordinates: "align-corners" }), [value([[[1, 3, 5, 7]]])]);
    expectClose(line, [1, 2, 3, 4, 5, 6, 7], { rtol: 1e-6, atol: 0 });
  });

  test("averaging over the copies of whole factors gives the input again", () => {
    const x = sample([2, 2, 3, 2]);
    const [same] = oracle((a) => averagePool(resize(a, [6, 8], { mode: "nearest" }), [2, 4]), [x]);
    expectClose(same, x.toFloat64(), { rtol: 1e-12, atol: 1e-12 });
  });
});

describe("hand-computed", () => {
  const ramp = value([[[0, 1]]]);
  test.each([
    [4, { mode: "linear", coordinates: "half-pixel" }, [0, 0.25, 0.75, 1]],
    [4, { mode: "linear", coordinates: "align-corners" }, [0, 1 / 3, 2 / 3, 1]],
    [4, { mode: "linear", coordinates: "asymmetric" }, [0, 0.5, 1, 1]],
    [4, { mode: "nearest", coordinates: "half-pixel" }, [0, 0, 1, 1]],
    [3, { mode: "nearest", coordinates: "half-pixel" }, [0, 1, 1]],
    [3, { mode: "nearest", coordinates: "align-corners" }, [0, 1, 1]],
    [3, { mode: "nearest", coordinates: "asymmetric" }, [0, 0, 1]],
  ] as const)("0, 1 in size %i, %o", (size, options, expected) => {
    expectClose(oracle((x) => resize(x, size, options), [ramp])[0], expected, { rtol: 1e-6, atol: 1e-7 });
  });
});

describe("edges", () => {
  test("no examples", () =>
    checkExecutors(
      (x) => [resize(x, 6), resize(x, 6, { mode: "nearest" }), grad((a: Tensor) => sum(exp(resize(a, 6))))(x)],
      [sample([0, 2, 3])],
    ));

  test("labels are looked up, never mixed", async () => {
    const labels = value([[[7, 3, 9]]], { dtype: "int64" });
    await checkExecutors((x) => [resize(x, 6, { mode: "nearest" }), resize(x, 2, { mode: "nearest" })], [labels]);
    expect([...oracle((x) => resize(x, 6, { mode: "nearest" }), [labels])[0]]).toEqual([7, 7, 3, 3, 9, 9]);
  });

  test("infinite elements stay where they are with nearest", () =>
    checkExecutors((x) => resize(x, 4, { mode: "nearest" }), [value([[[Infinity, 1]]])]));

  test("gradients of gradients", () =>
    checkGradients(
      grad((x: Tensor) => sum(exp(resize(x, [6, 3], { mode: "nearest" })))),
      [sample([1, 2, 3, 2])],
    ));
});

describe("errors", () => {
  const x = input([2, 3, 8, 8], "float32", "x");
  test.each([
    ["resize/rank", ShapeError, () => resize(input([8, 8], "float32", "x"), 2)],
    ["resize/empty", ShapeError, () => resize(input([1, 1, 0], "float32", "x"), 2)],
    ["resize/sizes", SettingError, () => resize(x, [2])],
    ["resize/sizes", SettingError, () => resize(x, 0)],
    ["resize/mode", SettingError, () => resize(x, 2, { mode: "cubic" as "linear" })],
    ["resize/coordinates", SettingError, () => resize(x, 2, { coordinates: "corners" as "asymmetric" })],
    ["resize/dtype", DTypeError, () => resize(input([1, 1, 2], "int32", "x"), 4)],
  ])("%s", (code, kind, run) => {
    expect(run).toThrow(kind);
    expect(run).toThrow(expect.objectContaining({ code }));
  });
});
