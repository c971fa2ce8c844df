import { describe, expect, test } from "vitest";
import { check, checkExecutors, checkGradients, expectClose, oracle } from "../../testing/check.ts";
import type { Tensor } from "../tensor.ts";
import { grad } from "../transforms/index.ts";
import { type Value, value } from "../value.ts";
import { binaryCrossEntropy, cast, crossEntropy, exp, moveAxis, oneHot, sigmoid, softmax, sub, sum } from "./index.ts";

const logits = value([
  [0.3, -1.2, 2.1],
  [1.7, 0.2, -0.4],
  [-0.6, 0.9, 0.1],
  [2.4, -2.2, 0.5],
]);
const labels = value([2, 0, 1, 1], { dtype: "int64" });
const targets = value([
  [0.2, 0.5, 0.3],
  [1, 0, 0],
  [0.1, 0.1, 0.8],
  [0.4, 0.4, 0.2],
]);
const code = (fn: () => unknown, wanted: string) => expect(fn).toThrowError(expect.objectContaining({ code: wanted }));

describe("executors, gradient, batching", () => {
  test.each(["mean", "sum", "none"] as const)("labels, %s", (reduction) =>
    check((x, y) => crossEntropy(x, y, { reduction }), [logits, labels]),
  );
  test("smoothed", () => check((x, y) => crossEntropy(x, y, { smoothing: 0.1 }), [logits, labels]));
  test("with ignored labels", () => {
    const some = value([2, -1, 1, -1], { dtype: "int32" });
    return check((x, y) => crossEntropy(x, y, { ignore: -1, smoothing: 0.2 }), [logits, some]);
  });
  test("distributions", () =>
    check((x, t) => crossEntropy(x, t, { smoothing: 0.3, reduction: "none" }), [logits, targets]));
  test("classes along another axis", () =>
    check((x, y) => crossEntropy(moveAxis(x, 0, 1), y, { axis: 0 }), [logits, labels]));
  test("binary", () => check((x, t) => binaryCrossEntropy(x, t), [logits, targets]));
  test("gradients of gradients", () =>
    checkGradients((x) => grad((p: Tensor) => exp(crossEntropy(p, labels, { smoothing: 0.1 })))(x), [logits]));
});

describe("laws", () => {
  const agree = (left: (x: Tensor) => unknown, right: (x: Tensor) => unknown) => {
    const expected = oracle(right, [logits]);
    oracle(left, [logits]).forEach((one, i) => {
      expectClose(one, expected[i], { rtol: 1e-12, atol: 1e-12 });
    });
  };

  // A quarter for each class: a constant that float32 holds exactly.
  test.each([0, 0.75])("labels are their one-hot distributions, smoothing %d", (smoothing) => {
    const loss = (target: Value | Tensor) => (x: Tensor) => crossEntropy(x, target, { smoothing });
    agree(loss(labels), loss(oneHot(labels, 3)));
    agree(grad(loss(labels)), grad(loss(oneHot(labels, 3))));
  });

  test("the gradient is softmax − one-hot", () =>
    agree(
      grad((x: Tensor) => crossEntropy(x, labels, { reduction: "sum" })),
      (x) => sub(softmax(x), oneHot(labels, 3)),
    ));

  test("the binary gradient is sigmoid − target", () =>
    agree(
      grad((x: Tensor) => binaryCrossEntropy(x, targets, { reduction: "sum" })),
      (x) => sub(sigmoid(x), targets),
    ));

  test("ignored examples change neither loss nor gradient", () => {
    const some = value([2, -7, 1, -7], { dtype: "int64" });
    const [all] = oracle((x) => crossEntropy(x, some, { ignore: -7 }), [logits]);
    const rows = value([logits.toArray()[0], logits.toArray()[2]]);
    const [two] = oracle((x) => crossEntropy(x, value([2, 1], { dtype: "int64" })), [rows]);
    expectClose(all, two, { rtol: 1e-12 });
    const [slope] = oracle(
      grad((x: Tensor) => crossEntropy(x, some, { ignore: -7 })),
      [logits],
    );
    expectClose([...slope.subarray(3, 6), ...slope.subarray(9)], [0, 0, 0, 0, 0, 0], { atol: 0 });
  });
});

describe("edges", () => {
  test("by hand", () => {
    const rows = value([[0, Math.log(3)]], { dtype: "float64" });
    expectClose(oracle((x) => crossEntropy(x, value([1], { dtype: "int64" })), [rows])[0], [Math.log(4 / 3)]);
  });

  test("certainty costs nothing, error is finite however large", async () => {
    const far = value([
      [1e4, 0],
      [1e4, 0],
    ]);
    const fn = (x: Tensor) => crossEntropy(x, value([0, 1], { dtype: "int64" }), { reduction: "none" });
    expectClose(oracle(fn, [far])[0], [0, 1e4]);
    await checkExecutors((x) => [fn(x), grad((p: Tensor) => sum(fn(p)))(x)], [far]);
    await checkExecutors((x) => binaryCrossEntropy(x, value([0, 1]), { reduction: "none" }), [value([1e4, -1e4])]);
  });

  test("all ignored is 0, one class costs nothing, no example is 0 in sum", async () => {
    const none = value([-1, -1, -1, -1], { dtype: "int64" });
    expectClose(oracle((x) => crossEntropy(x, none, { ignore: -1 }), [logits])[0], [0]);
    await checkExecutors((x) => crossEntropy(x, value([0, 0], { dtype: "int64" })), [value([[3], [4]])]);
    await checkExecutors(
      (x, y) => crossEntropy(x, y, { reduction: "sum" }),
      [value([], { shape: [0, 3] }), value([], { shape: [0], dtype: "int64" })],
    );
  });

  test("half precision", () =>
    // Half floats carry 11 bits.
    checkExecutors((x) => cast(crossEntropy(cast(x, "float16"), labels, { smoothing: 0.1 }), "float32"), [logits], {
      rtol: 2e-3,
      atol: 2e-3,
    }));

  test("mistakes are named", () => {
    code(() => crossEntropy(logits, value([1, 2], { dtype: "int64" })), "crossEntropy/targets");
    code(() => crossEntropy(logits, value([1, 2])), "crossEntropy/targets");
    code(() => crossEntropy(logits, cast(labels, "uint8")), "crossEntropy/indices");
    code(() => crossEntropy(labels, labels), "crossEntropy/dtype");
    code(() => crossEntropy(logits, labels, { axis: 2 }), "crossEntropy/axis-out-of-range");
  });
});
