import { describe, expect, test } from "vitest";
import { emitModel } from "../../runtime/onnx/emit.ts";
import { encodeModel } from "../../runtime/onnx/protobuf/index.ts";
import { Session } from "../../runtime/onnx/session.ts";
import { check, checkExecutors, checkGradients, expectClose, oracle } from "../../testing/check.ts";
import { input, type Tensor } from "../tensor.ts";
import { grad } from "../transforms/index.ts";
import { value } from "../value.ts";
import { add, cast, exp, layerNorm, mean, mul, rmsNorm, square, sub, sum, variance } from "./index.ts";

const x = value([
  [
    [0.3, -1.2, 2.1, 0.8],
    [1.7, 0.2, -0.4, -2.6],
  ],
  [
    [-0.6, 0.9, 0.1, 1.1],
    [2.4, -2.2, 0.5, 0.7],
  ],
  [
    [1.6, -0.9, 1.1, 0.2],
    [0.4, -1.2, 1.5, -0.7],
  ],
]);
const scale = value([0.7, 1.3, -0.4, 2.1]);
const bias = value([0.1, -0.2, 0.9, 0.4]);

describe("layerNorm: executors, gradient, batching", () => {
  test("plain", () => check((a) => layerNorm(a), [x]));
  test("with scale", () => check((a, s) => layerNorm(a, s), [x, scale]));
  test("with scale and bias", () => check((a, s, b) => layerNorm(a, s, b), [x, scale, bias]));
  test("with bias", () => check((a, b) => layerNorm(a, undefined, b), [x, bias]));
  test("over two axes", () => {
    const wide = value([scale.toArray(), bias.toArray()]);
    return check((a, s, b) => layerNorm(a, s, b, { axis: 1 }), [x, wide, wide]);
  });
  test("a scale for each example", () => check((s, a) => layerNorm(a, s, s), [scale, x]));
});

describe("rmsNorm: executors, gradient, batching", () => {
  test("plain", () => check((a) => rmsNorm(a), [x]));
  test("with scale", () => check((a, s) => rmsNorm(a, s), [x, scale]));
  test("over all axes", () => check((a, s) => rmsNorm(a, s, { axis: 0 }), [x, x]));
  test("over several axes of one size", () => {
    const square = value([
      [0.3, -1.2],
      [1.7, 0.2],
    ]);
    return check((a, s) => rmsNorm(a, s, { axis: 0 }), [square, square]);
  });
  test("a scale for each example", () => check((s, a) => rmsNorm(a, s), [scale, x]));
});

describe("laws", () => {
  test("groups have mean 0 and variance 1; adding and scaling change nothing", () => {
    const [middle, spread, moved, plain] = oracle(
      (a) => {
        const y = layerNorm(a, undefined, undefined, { epsilon: 0 });
        const other = layerNorm(add(mul(a, 3), 5), undefined, undefined, { epsilon: 0 });
        return [mean(y, { axis: -1 }), variance(y, { axis: -1 }), other, y];
      },
      [x],
    );
    for (const one of middle) expect(one).toBeCloseTo(0, 12);
    for (const one of spread) expect(one).toBeCloseTo(1, 12);
    expectClose(moved, plain, { rtol: 1e-10, atol: 1e-12 });
  });

  test("rmsNorm has mean square 1, and is layerNorm of what has mean 0", () => {
    const [meanSquare, root, layer] = oracle(
      (a) => {
        const centred = sub(a, mean(a, { axis: -1, keepDims: true }));
        return [mean(square(rmsNorm(a, undefined, { epsilon: 0 })), { axis: -1 }), rmsNorm(centred), layerNorm(a)];
      },
      [x],
    );
    for (const one of meanSquare) expect(one).toBeCloseTo(1, 12);
    expectClose(root, layer, { rtol: 1e-12, atol: 1e-12 });
  });

  test("gradients of gradients", async () => {
    const options = { gradientTolerance: 1e-5, rtol: 1e-4, atol: 1e-4 }; // third derivatives of 32-bit quotients
    await checkGradients((a, s, b) => grad((p: Tensor) => sum(exp(layerNorm(p, s, b))))(a), [x, scale, bias], options);
    await checkGradients((a, s) => grad((p: Tensor) => sum(exp(rmsNorm(p, s))))(a), [x, scale], options);
  });
});

describe("edges", () => {
  test("by hand", () => {
    expectClose(oracle((a) => layerNorm(a, undefined, undefined, { epsilon: 0 }), [value([1, 3])])[0], [-1, 1]);
    expectClose(oracle((a) => rmsNorm(a, undefined, { epsilon: 0 }), [value([3, 4])])[0], [
      3 / Math.sqrt(12.5),
      4 / Math.sqrt(12.5),
    ]);
  });

  test("a constant group gives the bias, one element gives 0, no group gives nothing", async () => {
    await checkExecutors((a, s, b) => layerNorm(a, s, b), [value([[5, 5, 5, 5]]), scale, bias]);
    expectClose(oracle((a) => layerNorm(a), [value([[3], [4]])])[0], [0, 0]);
    await checkExecutors((a, s, b) => layerNorm(a, s, b), [value([], { shape: [0, 4] }), scale, bias]);
    await checkExecutors((a) => rmsNorm(a), [value([[0, 0]])]);
  });

  test("half and double precision", async () => {
    for (const norm of [layerNorm, rmsNorm]) {
      // Half floats carry 11 bits.
      await checkExecutors((a) => cast(norm(cast(a, "float16")), "float32"), [x], { rtol: 2e-3, atol: 2e-3 });
      await checkExecutors((a) => norm(cast(a, "float64")), [x], { rtol: 1e-12, atol: 1e-12 });
    }
  });

  test("a portable file has only standard operators, and rmsNorm from them agrees", async () => {
    const [inputs, outputs] = [[input(x.shape, "float32", "x")], [] as Tensor[]];
    outputs.push(rmsNorm(inputs[0], scale), layerNorm(inputs[0], scale, bias));
    const emitted = emitModel(inputs, outputs, { portable: true });
    const standard = ["Mul", "ReduceMean", "Add", "Sqrt", "Reciprocal", "LayerNormalization"];
    for (const { opType } of emitted.model.graph.node) expect(standard).toContain(opType);
    const session = await Session.open(emitted);
    const results = outputs.map(({ shape }) => value(new Float32Array(24), { shape }));
    await session.run([x], results);
    const [root, layer] = oracle((a) => [rmsNorm(a, scale), layerNorm(a, scale, bias)], [x]);
    expectClose(results[0].toFloat64(), root);
    expectClose(results[1].toFloat64(), layer);
    await session.release();
  });

  test("mistakes are named", () => {
    const code = (fn: () => unknown, wanted: string) =>
      expect(fn).toThrowError(expect.objectContaining({ code: wanted }));
    code(() => layerNorm(x, value([1, 2])), "layerNorm/scale");
    code(() => layerNorm(x, scale, value([1])), "layerNorm/bias");
    code(() => layerNorm(x, cast(scale, "float64")), "layerNorm/dtype");
    code(() => layerNorm(value([], { shape: [2, 0] })), "layerNorm/empty");
    code(() => rmsNorm(x, scale, { axis: 3 }), "rmsNorm/axis-out-of-range");
    code(() => rmsNorm(value([1], { dtype: "int32" })), "rmsNorm/dtype");
  });
});
