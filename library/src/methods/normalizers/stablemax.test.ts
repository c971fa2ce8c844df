import { expect, test } from "vitest";
import { abs, compile, crossEntropy, log1p, mul, sign, softmax, type Tensor, value } from "../../index.ts";
import { check, expectClose, oracle } from "../../testing/index.ts";
import { stablemaxCrossEntropy } from "../losses/stablemax-loss.ts";
import { logStablemax, stablemax } from "./stablemax.ts";

const run = (scores: number[]) => oracle((x) => stablemax(x), [value(scores)])[0];
const label = value([0], { dtype: "int64" });

test("by hand: s(0) = 1, s(3) = 4, s(−3) = ¼; not shift invariant", () => {
  expectClose(run([0, 3]), [0.2, 0.8]);
  expectClose(run([-3, 3]), [1 / 17, 16 / 17]);
  expectClose(run([10, 13]), [11 / 25, 14 / 25]);
  expectClose(run([7]), [1]);
});

test("is softmax of ± ln(1 + |x|), and its logarithm is that of it", () => {
  const x = value([-4, -0.5, 0, 0.3, 9, 1e6]);
  const [ours, other, log] = oracle((x) => [stablemax(x), softmax(mul(sign(x), log1p(abs(x)))), logStablemax(x)], [x]);
  expectClose(ours, other, { rtol: 1e-9, atol: 1e-15 });
  expectClose(log, ours.map(Math.log), { rtol: 1e-9 });
});

test("executors, gradients and batching agree on both sides of 0, and the gradient is continuous there", async () => {
  const scores = value([
    [0.7, -1.2, 2.1],
    [-3, 0.4, -0.2],
  ]);
  await check((x) => stablemax(x), [scores]);
  await check((x) => logStablemax(x, { axis: 0 }), [scores]);
  await check((x) => stablemaxCrossEntropy(x, value([2, 0], { dtype: "int64" })), [scores], { batch: false });
  await check((x) => stablemax(x), [value([1e-3, -1e-3, 0.5])]);
});

test("32-bit softmax collapses where stablemax does not", async () => {
  const logits = value([[20, 0]]);
  const losses = await compile((x: Tensor) => [
    crossEntropy(x, label, { reduction: "none" }),
    stablemaxCrossEntropy(x, label),
  ])(logits as never);
  const [soft, stable] = (losses as any[]).map((loss) => loss.data[0]);
  expect(Math.abs(soft)).toBe(0);
  expect(stable).toBeCloseTo(0.04652, 5);
  expect(oracle((x) => crossEntropy(x, label, { reduction: "none" }), [logits])[0][0]).toBeCloseTo(2.06e-9, 11);
});
