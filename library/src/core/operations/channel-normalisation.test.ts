import { describe, expect, test } from "vitest";
import { compile } from "../../runtime/program.ts";
import { check, checkExecutors, checkGradients, expectClose, oracle } from "../../testing/check.ts";
import { sample } from "../../testing/sample.ts";
import { DTypeError, SettingError, ShapeError } from "../errors.ts";
import { input, type Tensor } from "../tensor.ts";
import { grad, vmap } from "../transforms/index.ts";
import { value } from "../value.ts";
import {
  add,
  batchNorm,
  batchNormInference,
  cast,
  exp,
  groupNorm,
  instanceNorm,
  layerNorm,
  mean,
  mul,
  reshape,
  square,
  sum,
  transpose,
  variance,
} from "./index.ts";

const [x, scale, bias] = [sample([3, 4, 2, 3]), sample([4], 3), sample([4], 7)];
const all = ({ output, mean: m, variance: v }: ReturnType<typeof batchNorm>) => [output, m, v];
const positive = value([0.4, 1.3, 0.7, 2.1]);
// Third derivatives of a quotient by a small deviation: rounding of the differences shows.
const second = { onnx: false, gradientTolerance: 1e-5 };

describe("batchNorm: executors, gradient, batching", () => {
  test("plain", () => check((a) => all(batchNorm(a)), [x]));
  test("with scale and bias", () => check((a, s, b) => all(batchNorm(a, s, b)), [x, scale, bias]));
  test("with scale", () => check((a, s) => batchNorm(a, s).output, [x, scale]));
  test("without space", () => check((a, s, b) => all(batchNorm(a, s, b)), [sample([5, 4]), scale, bias]));
  test("three axes", () => check((a) => batchNorm(a).output, [sample([2, 2, 2, 1, 3])]));
  test("examples with a scale or bias of their own", () =>
    check((s, b, a) => batchNorm(a, s, b).output, [scale, bias, x]));
  test("only the bias mapped", () =>
    checkExecutors(
      vmap((a: Tensor, b: Tensor) => batchNorm(a, undefined, b).output, { inAxes: [null, 0] }),
      [x, sample([3, 4])],
    ));
  test("only the mean is used", () => check((a) => exp(batchNorm(a).mean), [x]));
  test("only the variance is used", () => check((a) => exp(batchNorm(a).variance), [x]));
  test("gradients of gradients", () =>
    checkGradients(
      (a, s) => grad((b: Tensor) => sum(exp(batchNorm(b, s).output)))(a),
      [sample([2, 2, 3]), sample([2])],
      second,
    ));
});

describe("batchNormInference: executors, gradient, batching", () => {
  test("with all", () =>
    check((a, m, v, s, b) => batchNormInference(a, m, v, s, b), [x, sample([4], 11), positive, scale, bias]));
  test("without scale and bias, statistics of every example", () =>
    check((m, v, a) => batchNormInference(a, m, v), [sample([4], 11), positive, x]));
  test("without space", () => check((a, m, v) => batchNormInference(a, m, v), [sample([5, 4]), bias, positive]));
});

describe("groupNorm and instanceNorm: executors, gradient, batching", () => {
  test.each([1, 2, 4])("%i groups", (groups) => check((a, s, b) => groupNorm(a, groups, s, b), [x, scale, bias]));
  test("plain", () => check((a) => groupNorm(a, 2), [x]));
  test("instances", () => check((a, s) => instanceNorm(a, s), [x, scale]));
  test("without space", () => check((a) => groupNorm(a, 2), [sample([3, 4])]));
  test("examples with a scale of their own", () => check((s, a) => groupNorm(a, 2, s), [scale, x]));
  test("only the bias mapped", () =>
    checkExecutors(
      vmap((a: Tensor, b: Tensor) => groupNorm(a, 2, undefined, b), { inAxes: [null, 0] }),
      [x, sample([3, 4])],
    ));
  test("gradients of gradients", () =>
    checkGradients(
      (a, s) => grad((b: Tensor) => sum(exp(groupNorm(b, 1, s))))(a),
      [sample([1, 2, 3]), sample([2])],
      second,
    ));
});

describe("laws", () => {
  const same = (results: Float64Array[], tolerance = 1e-10) =>
    expectClose(results[0], results[1], { rtol: tolerance, atol: tolerance });

  test("batchNorm: every channel has mean 0 and variance 1, and the statistics are those of the batch", () => {
    const [middle, spread, m, v, ofMean, ofVariance] = oracle(
      (a) => {
        const axis = [0, 2, 3];
        const { output, mean: m, variance: v } = batchNorm(a, undefined, undefined, { epsilon: 0 });
        return [mean(output, { axis }), variance(output, { axis }), m, v, mean(a, { axis }), variance(a, { axis })];
      },
      [x],
    );
    expectClose(middle, [0, 0, 0, 0], { rtol: 0, atol: 1e-12 });
    expectClose(spread, [1, 1, 1, 1], { rtol: 1e-12, atol: 0 });
    same([m, ofMean]);
    same([v, ofVariance]);
  });

  test("batchNorm: shifting and stretching the input changes nothing", () =>
    same(
      oracle((a) => [a, add(mul(a, 3), 5)].map((b) => batchNorm(b, undefined, undefined, { epsilon: 0 }).output), [x]),
    ));

  test("inference with the statistics of the batch is training", () =>
    same(
      oracle(
        (a, s, b) => {
          const { output, mean: m, variance: v } = batchNorm(a, s, b);
          return [output, batchNormInference(a, m, v, s, b)];
        },
        [x, scale, bias],
      ),
    ));

  test("groupNorm: one group is layerNorm, all channels are instanceNorm, each is batchNorm of one example", () => {
    const one = sample([1, 4, 2, 3]);
    same(oracle((a) => [groupNorm(a, 1), layerNorm(a, undefined, undefined, { axis: 1 })], [x]));
    same(oracle((a, s, b) => [groupNorm(a, 4, s, b), instanceNorm(a, s, b)], [x, scale, bias]));
    same(oracle((a, s, b) => [instanceNorm(a, s, b), batchNorm(a, s, b).output], [one, scale, bias]));
  });

  test("groupNorm: exchanging examples exchanges results; others do not matter", () =>
    same(
      oracle(
        (a) => {
          const apart = vmap((one: Tensor) => groupNorm(reshape(one, [1, 4, 2, 3]), 2))(a);
          return [groupNorm(a, 2), reshape(apart, [3, 4, 2, 3])];
        },
        [x],
      ),
    ));

  test("gradients along a shift of the input are 0", () => {
    const [batchwise, groupwise] = oracle(
      (a) => [
        sum(grad((b: Tensor) => sum(exp(batchNorm(b).output)))(a), { axis: [0, 2, 3] }),
        sum(grad((b: Tensor) => sum(exp(groupNorm(b, 2))))(a), { axis: [2, 3] }),
      ],
      [x],
    );
    expectClose(batchwise, [0, 0, 0, 0], { rtol: 0, atol: 1e-12 });
    const perGroup = Array.from({ length: 6 }, (_, i) => groupwise[2 * i] + groupwise[2 * i + 1]);
    expectClose(perGroup, new Float64Array(6), { rtol: 0, atol: 1e-12 });
  });

  test("hand-computed", () => {
    const two = value([[[1, 2]], [[5, 6]]]);
    const [output, m, v] = oracle((a) => all(batchNorm(a, undefined, undefined, { epsilon: 0 })), [two]);
    expectClose(m, [3.5], { rtol: 1e-12, atol: 0 });
    expectClose(v, [4.25], { rtol: 1e-12, atol: 0 });
    expectClose(
      output,
      [-2.5, -1.5, 1.5, 2.5].map((c) => c / Math.sqrt(4.25)),
      { rtol: 1e-12, atol: 0 },
    );
  });
});

describe("edges", () => {
  test("normalising leaves constants alone that others read", async () => {
    // ONNX Runtime updates running statistics where they stand.
    const fn = (a: Tensor) => {
      const { output, variance: v } = batchNorm(a, value([1, 1, 1, 1]), value([0, 0, 0, 0]));
      return [output, mul(v, value([1, 1, 1, 1])), batchNormInference(a, value([0, 0, 0, 0]), value([1, 1, 1, 1]))];
    };
    const program = compile(fn, { optimization: "disabled" });
    const expected = oracle(fn, [x]);
    for (const _ of [1, 2])
      (await program(x)).forEach((one, i) => {
        expectClose(one.toFloat64(), expected[i], {}, `output ${i}`);
      });
  });

  test("a constant channel gives its bias, and no gradient", async () => {
    const flat = value(new Float32Array(12).fill(2), { shape: [2, 2, 3] });
    const fn = (a: Tensor) => [
      batchNorm(a, undefined, value([3, 4])).output,
      groupNorm(a, 2, undefined, value([3, 4])),
      grad((b: Tensor) => sum(square(batchNorm(b).output)))(a),
    ];
    await checkExecutors(fn, [flat]);
    const [first] = oracle(fn, [flat]);
    expect([...first]).toEqual([3, 3, 3, 4, 4, 4, 3, 3, 3, 4, 4, 4]);
  });

  test("one element a channel", () =>
    checkExecutors((a) => [batchNorm(a).output, instanceNorm(a)], [sample([1, 3, 1])]));

  test("a mean far from 0", () =>
    checkExecutors(
      (a) => [batchNorm(add(a, 300)).output, batchNorm(add(a, 300)).variance],
      [x],
      { rtol: 1e-3, atol: 1e-3 }, // 32-bit numbers near 300 are 3e-5 apart, a hundredth of a percent of the deviation
    ));

  test("no examples in groups, no channels in a batch", async () => {
    await checkExecutors((a) => groupNorm(a, 2), [sample([0, 4, 2])]);
    await checkExecutors((a) => batchNormInference(a, bias, positive), [sample([0, 4, 2])]);
  });

  test("64-bit and 16-bit floats", async () => {
    for (const dtype of ["float64", "float16"] as const)
      await checkExecutors(
        (a) => {
          const wide = cast(a, dtype);
          const { output, variance: v } = batchNorm(wide);
          return [output, v, groupNorm(wide, 2), grad((b: Tensor) => sum(exp(groupNorm(b, 2))))(wide)];
        },
        [x],
        { rtol: 1e-2, atol: 1e-2 }, // the half floats' own rounding, over sums of six
      );
  });

  test("channels last, by transposing", () =>
    check((a) => transpose(batchNorm(transpose(a, [0, 2, 1])).output, [0, 2, 1]), [sample([2, 3, 2])]));
});

describe("errors", () => {
  const a = input([2, 4, 3], "float32", "x");
  const three = input([3], "float32", "three");
  test.each([
    ["batchNorm/rank", ShapeError, () => batchNorm(three)],
    ["batchNorm/scale", ShapeError, () => batchNorm(a, three)],
    ["batchNorm/bias", ShapeError, () => batchNorm(a, undefined, three)],
    ["batchNorm/empty", ShapeError, () => batchNorm(input([0, 4, 3], "float32", "x"))],
    ["batchNorm/dtype", DTypeError, () => batchNorm(input([2, 4], "int32", "x"))],
    ["batchNorm/dtype", DTypeError, () => batchNorm(a, input([4], "float64", "s"))],
    ["batchNormInference/mean", ShapeError, () => batchNormInference(a, three, three)],
    ["groupNorm/groups", SettingError, () => groupNorm(a, 3)],
    ["groupNorm/groups", SettingError, () => groupNorm(a, 0)],
    ["groupNorm/scale", ShapeError, () => groupNorm(a, 2, three)],
    ["groupNorm/empty", ShapeError, () => groupNorm(input([2, 4, 0], "float32", "x"), 2)],
    ["instanceNorm/empty", ShapeError, () => instanceNorm(input([2, 0, 3], "float32", "x"))],
  ])("%s", (code, kind, run) => {
    expect(run).toThrow(kind);
    expect(run).toThrow(expect.objectContaining({ code }));
  });
});
