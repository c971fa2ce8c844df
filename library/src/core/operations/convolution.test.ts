import { describe, expect, test } from "vitest";
import { emitModel } from "../../runtime/onnx/emit.ts";
import { check, checkExecutors, checkGradients, expectClose, oracle } from "../../testing/check.ts";
import { sample } from "../../testing/sample.ts";
import { DTypeError, SettingError, ShapeError } from "../errors.ts";
import { simplify } from "../simplify.ts";
import { asTensor, input, type Tensor } from "../tensor.ts";
import { grad, vmap } from "../transforms/index.ts";
import { value } from "../value.ts";
import {
  type ConvolutionOptions,
  cast,
  concat,
  convolution,
  matmul,
  mul,
  pad,
  reshape,
  slice,
  stack,
  sum,
  transposedConvolution,
} from "./index.ts";

// A sum of a hundred 32-bit products.
const tolerance = { rtol: 2e-5, atol: 5e-6 };

interface Case {
  readonly x: readonly number[];
  readonly weight: readonly number[];
  readonly options?: ConvolutionOptions;
}

const cases: Record<string, Case> = {
  "one axis": { x: [2, 3, 5], weight: [4, 3, 2] },
  "one axis, stride that leaves a rest": { x: [1, 2, 6], weight: [2, 2, 2], options: { stride: 3 } },
  "one axis, causal": { x: [1, 2, 5], weight: [2, 2, 3], options: { padding: [[2, 0]] } },
  "two axes": { x: [2, 2, 4, 3], weight: [3, 2, 2, 3] },
  same: { x: [1, 2, 4, 5], weight: [2, 2, 3, 3], options: { padding: "same" } },
  "same, stride 2": { x: [1, 1, 5, 4], weight: [2, 1, 3, 4], options: { padding: "same", stride: 2 } },
  "more padding than the kernel reaches": { x: [1, 1, 3, 2], weight: [1, 1, 2, 1], options: { padding: [2, 1] } },
  dilated: { x: [1, 2, 6, 5], weight: [2, 2, 2, 2], options: { dilation: [3, 2], padding: 1 } },
  "dilated and strided": { x: [1, 1, 7, 7], weight: [2, 1, 2, 3], options: { dilation: 2, stride: [2, 1] } },
  groups: { x: [2, 4, 3, 3], weight: [6, 2, 2, 2], options: { groups: 2, padding: [[1, 0], 0] } },
  depthwise: { x: [2, 3, 4, 4], weight: [3, 1, 3, 3], options: { groups: 3, padding: "same" } },
  pointwise: { x: [2, 3, 2, 2], weight: [2, 3, 1, 1] },
  "many channels": { x: [2, 9, 3, 3], weight: [2, 9, 2, 2], options: { padding: 1 } },
  "many channels in groups": { x: [2, 16, 4], weight: [2, 8, 2], options: { groups: 2, stride: 2 } },
  "three axes": { x: [1, 2, 3, 2, 3], weight: [2, 2, 2, 2, 2], options: { padding: [0, 1, 0] } },
};

describe("convolution: executors, gradients, batching", () => {
  test.each(Object.entries(cases))("%s", async (_, { x, weight, options }) => {
    await check((a, w) => convolution(a, w, undefined, options), [sample(x), sample(weight, 5)], tolerance);
  });

  test.each(Object.entries(cases))("%s: gradients of gradients", async (_, { x, weight, options }) => {
    const second = (a: Tensor, w: Tensor): Tensor[] => {
      const loss = (b: Tensor, v: Tensor): Tensor => {
        const y = convolution(b, v, undefined, options);
        return sum(mul(y, mul(y, y)));
      };
      return [grad(loss)(a, w), grad((v: Tensor) => loss(a, v))(w)];
    };
    await checkGradients(second, [sample(x), sample(weight, 5)], {
      rtol: 1e-4,
      atol: 1e-3, // a third power of sums, differentiated twice: the terms are in the hundreds
      onnx: false,
    });
    await checkExecutors(second, [sample(x), sample(weight, 5)], { rtol: 1e-4, atol: 1e-4 });
  });

  test("with a bias", () =>
    check(
      (a, w, b) => convolution(a, w, b, { padding: "same" }),
      [sample([2, 2, 3, 3]), sample([3, 2, 3, 3], 5), sample([3])],
      tolerance,
    ));

  test("examples with a weight or a bias of their own", async () => {
    // Batching maps all inputs, and then all but the last: every order puts another one last.
    const [x, w, b] = [sample([2, 2, 4]), sample([2, 2, 2], 3), sample([2], 7)];
    await check((v, c, a) => convolution(a, v, c), [w, b, x], tolerance);
    await check((c, a, v) => convolution(a, v, c), [b, x, w], tolerance);
    for (const only of [0, 1, 2]) {
      const inAxes = [0, 1, 2].map((i) => (i === only ? 0 : null));
      const given = [x, w, b].map((one, i) => (i === only ? sample([3, ...one.shape], 11) : one));
      const mapped = vmap((a: Tensor, v: Tensor, c: Tensor) => convolution(a, v, c), { inAxes });
      await checkExecutors(mapped, given, tolerance);
      const loop = (...all: Tensor[]) =>
        stack(
          [0, 1, 2].map((i) =>
            convolution(...(all.map((one, k) => (k === only ? slice(one, [i]) : one)) as [Tensor, Tensor, Tensor])),
          ),
        );
      expectClose(oracle(mapped, given)[0], oracle(loop, given)[0], { rtol: 1e-12, atol: 1e-12 });
    }
    await check(
      (w, a) => convolution(a, w, undefined, { groups: 2 }),
      [sample([4, 1, 2]), sample([1, 2, 4])],
      tolerance,
    );
  });

  test("gradients of every example, by themselves", async () => {
    const { options } = cases["many channels in groups"];
    const [x, w] = [sample([3, 1, 16, 4]), sample([2, 8, 2])];
    const perExample = vmap(
      (a: Tensor, v: Tensor) => grad((u: Tensor) => sum(mul(convolution(a, u, undefined, options), 3)))(v),
      { inAxes: [0, null] },
    );
    await checkExecutors(perExample, [x, w], tolerance);
    const [all] = oracle(perExample, [x, w]);
    const single = [0, 1, 2].flatMap((i) => [
      ...oracle(
        (a, v) => grad((u: Tensor) => sum(mul(convolution(slice(a, [i]), u, undefined, options), 3)))(v),
        [x, w],
      )[0],
    ]);
    expectClose(all, single, { rtol: 1e-12, atol: 1e-12 });
  });
});

describe("transposedConvolution: executors, gradients, batching", () => {
  const transposed: Record<string, Case & { options?: Parameters<typeof transposedConvolution>[3] }> = {
    "one axis": { x: [2, 3, 3], weight: [3, 2, 2] },
    "stride 2": { x: [1, 2, 3, 2], weight: [2, 2, 3, 2], options: { stride: 2 } },
    "stride 2, same": { x: [1, 2, 2, 3], weight: [2, 1, 4, 4], options: { stride: 2, padding: "same" } },
    "kernel smaller than the stride, same": {
      x: [1, 1, 2],
      weight: [1, 2, 2],
      options: { stride: 3, padding: "same" },
    },
    "padding and more after": {
      x: [1, 1, 3, 3],
      weight: [1, 2, 3, 3],
      options: { stride: 2, padding: [1, [0, 1]], outputPadding: [1, 0] },
    },
    "stride 1, padded and dilated": { x: [1, 2, 4], weight: [2, 2, 2], options: { padding: 1, dilation: 2 } },
    "stride 1, padding beyond the kernel": { x: [1, 1, 5], weight: [1, 1, 2], options: { padding: 2 } },
    groups: { x: [2, 4, 2, 2], weight: [4, 3, 2, 2], options: { groups: 2, stride: [2, 1] } },
    "three axes": { x: [1, 1, 2, 1, 2], weight: [1, 2, 2, 2, 2], options: { stride: 2 } },
  };

  test.each(Object.entries(transposed))("%s", async (_, { x, weight, options }) => {
    await check((a, w) => transposedConvolution(a, w, undefined, options), [sample(x), sample(weight, 5)], tolerance);
  });

  test("with a bias", () =>
    check(
      (a, w, b) => transposedConvolution(a, w, b, { stride: 2 }),
      [sample([1, 2, 3]), sample([2, 3, 2], 5), sample([3])],
      tolerance,
    ));

  test.each(Object.entries(transposed))("is the transpose of convolution: %s", (_, { x, weight, options }) => {
    const { outputPadding, ...same } = options ?? {};
    const [forward, back] = oracle(
      (y, w) => {
        const up = transposedConvolution(y, w, undefined, options);
        const a = asTensor(sample(up.shape, 9));
        return [sum(mul(up, a)), sum(mul(y, convolution(a, w, undefined, same)))];
      },
      [sample(x), sample(weight, 5)],
    );
    expectClose(forward, back, { rtol: 1e-12, atol: 1e-12 });
  });
});

describe("laws", () => {
  const [x, w] = [sample([2, 4, 5, 6]), sample([6, 4, 3, 2], 5)];
  const same = (left: (a: Tensor, b: Tensor) => Tensor, right: typeof left, given = [x, w]) => {
    const [a, b] = oracle((one, other) => [left(one, other), right(one, other)], given);
    expectClose(a, b, { rtol: 1e-12, atol: 1e-12 });
  };

  test("a stride keeps every second window", () =>
    same(
      (a, b) => convolution(a, b, undefined, { stride: 2 }),
      (a, b) => slice(convolution(a, b), [null, null, [null, null, 2], [null, null, 2]]),
    ));

  test("padding is zeros around the input", () =>
    same(
      (a, b) => convolution(a, b, undefined, { padding: [[1, 0], 2] }),
      (a, b) => convolution(pad(a, [null, null, [1, 0], 2]), b),
    ));

  test("dilation is zeros within the kernel", () =>
    same(
      (a, b) => convolution(a, b, undefined, { dilation: 2 }),
      (a, b) => {
        const spaced = reshape(
          pad(reshape(b, [6, 4, 3, 1, 2, 1]), [null, null, null, [0, 1], null, [0, 1]]),
          [6, 4, 6, 4],
        );
        return convolution(a, slice(spaced, [null, null, [0, 5], [0, 3]]));
      },
    ));

  test("groups are convolutions side by side", () =>
    same(
      (a, b) => convolution(a, b, undefined, { groups: 2 }),
      (a, b) =>
        concat(
          [0, 1].map((g) => convolution(slice(a, [null, [2 * g, 2 * g + 2]]), slice(b, [[3 * g, 3 * g + 3]]))),
          { axis: 1 },
        ),
      [x, sample([6, 2, 3, 2], 5)],
    ));

  test("shifting the input shifts the output", () =>
    same(
      (a, b) => slice(convolution(a, b), [null, null, [1, null]]),
      (a, b) => convolution(slice(a, [null, null, [1, null]]), b),
    ));

  test("a kernel of one element is a matrix product over channels", () =>
    same(
      (a, b) => reshape(convolution(a, b), [2, 3, 30]),
      (a, b) => matmul(reshape(b, [3, 4]), reshape(a, [2, 4, 30])),
      [x, sample([3, 4, 1, 1], 5)],
    ));

  test("hand-computed", () => {
    const signal = value([[[1, 2, 3, 4]]]);
    const kernel = value([[[1, 10, 100]]]);
    const [valid, padded, strided, up] = oracle(
      (a, b) => [
        convolution(a, b),
        convolution(a, b, undefined, { padding: "same" }),
        convolution(a, b, undefined, { padding: "same", stride: 2 }),
        transposedConvolution(slice(a, [null, null, [0, 2]]), b, undefined, { stride: 2 }),
      ],
      [signal, kernel],
    );
    expect([...valid]).toEqual([321, 432]);
    expect([...padded]).toEqual([210, 321, 432, 43]);
    // Stride 2 over 4 elements needs one more than there are: it comes after.
    expect([...strided]).toEqual([321, 43]);
    expect([...up]).toEqual([1, 10, 102, 20, 200]);
  });
});

describe("edges", () => {
  test.each([
    ["no examples", [0, 2, 4], [3, 2, 2]],
    ["no output channels", [2, 2, 4], [0, 2, 2]],
    ["no input channels", [2, 0, 4], [3, 0, 2]],
    ["one of everything", [1, 1, 1], [1, 1, 1]],
  ])("%s", async (_, x, weight) => {
    const both = (a: Tensor, w: Tensor) => [
      convolution(a, w),
      grad((b: Tensor) => sum(convolution(b, w)))(a),
      grad((v: Tensor) => sum(convolution(a, v)))(w),
    ];
    await checkExecutors(both, [sample(x), sample(weight)]);
  });

  test("64-bit and 16-bit floats", async () => {
    for (const dtype of ["float64", "float16"] as const)
      await checkExecutors(
        (a, w) => convolution(cast(a, dtype), cast(w, dtype)),
        [sample([1, 2, 4]), sample([2, 2, 2])],
        { rtol: 1e-3, atol: 1e-3 }, // the half floats' own rounding
      );
  });
});

describe("what runs", () => {
  const operators = (fn: (...inputs: Tensor[]) => Tensor, ...shapes: number[][]): string[] => {
    const inputs = shapes.map((shape, i) => input(shape, "float32", `input ${i}`));
    return emitModel(inputs, simplify([fn(...inputs)])).model.graph.node.map(({ opType }) => opType);
  };
  const toInput = (stride: number) => (y: Tensor, w: Tensor) => transposedConvolution(y, w, undefined, { stride });

  test("with stride 1 the input's gradient is a convolution, with others a transposed one", () => {
    expect(operators(toInput(1), [1, 2, 5, 5], [2, 3, 3, 3])).toContain("Conv");
    expect(operators(toInput(2), [1, 2, 5, 5], [2, 3, 3, 3])).toEqual(["ConvTranspose"]);
  });

  test("the weight's gradient is one convolution among transposes", () => {
    const used = operators(
      (a, w) => grad((v: Tensor) => sum(convolution(a, v, undefined, { padding: "same" })))(w),
      [2, 16, 6, 6],
      [8, 16, 3, 3],
    );
    expect(used.filter((name) => name === "Conv")).toHaveLength(1);
    expect(new Set(used)).toEqual(new Set(["Conv", "Transpose", "Reshape", "Expand"]));
  });
});

describe("errors", () => {
  const [x, w] = [input([2, 3, 8, 8], "float32", "x"), input([4, 3, 3, 3], "float32", "w")];
  test.each([
    ["convolution/rank", ShapeError, () => convolution(input([3, 8], "float32", "x"), w)],
    ["convolution/rank", ShapeError, () => convolution(x, input([4, 3, 3], "float32", "w"))],
    ["convolution/channels", ShapeError, () => convolution(x, input([4, 2, 3, 3], "float32", "w"))],
    ["convolution/channels", ShapeError, () => convolution(x, w, undefined, { groups: 3 })],
    ["convolution/bias", ShapeError, () => convolution(x, w, input([3], "float32", "b"))],
    ["convolution/window", ShapeError, () => convolution(x, input([4, 3, 9, 3], "float32", "w"))],
    ["convolution/stride", SettingError, () => convolution(x, w, undefined, { stride: 0 })],
    ["convolution/stride", SettingError, () => convolution(x, w, undefined, { stride: [1, 1, 1] })],
    ["convolution/padding", SettingError, () => convolution(x, w, undefined, { padding: -1 })],
    ["convolution/groups", SettingError, () => convolution(x, w, undefined, { groups: 0.5 })],
    [
      "convolution/dtype",
      DTypeError,
      () => convolution(input([1, 1, 3], "int32", "x"), input([1, 1, 1], "int32", "w")),
    ],
    ["transposedConvolution/channels", ShapeError, () => transposedConvolution(x, w)],
    [
      "transposedConvolution/outputPadding",
      SettingError,
      () => transposedConvolution(x, input([3, 4, 3, 3], "float32", "w"), undefined, { outputPadding: 1 }),
    ],
    [
      "transposedConvolution/padding",
      SettingError,
      () => transposedConvolution(x, input([3, 4, 3, 3], "float32", "w"), undefined, { padding: 5 }),
    ],
  ])("%s", (code, kind, run) => {
    expect(run).toThrow(kind);
    expect(run).toThrow(expect.objectContaining({ code }));
  });
});
