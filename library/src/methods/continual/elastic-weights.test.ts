import { expect, test } from "vitest";
import { add, crossEntropy, expandDims, matmul, sum, type Tensor, Value, value } from "../../index.ts";
import { check, expectClose, oracle, sample } from "../../testing/index.ts";
import { elasticPenalty, fisherDiagonal, freeAnchor, joinAnchors } from "./elastic-weights.ts";

test("by hand: half the weighted square", () =>
  expect(
    oracle((x) => elasticPenalty<unknown>(x, { centre: value([1]), importance: value([0.5]) }), [value([3])])[0][0],
  ).toBe(1));

test("the Fisher diagonal is the mean square of the gradients of single examples", () => {
  const weight = sample([3, 2]);
  const x = sample([4, 3], 2);
  const labels = new Value(Int32Array.of(0, 1, 1, 0), [4]);
  const loss = (params: Tensor, one: Tensor, label: Tensor) =>
    crossEntropy(matmul(expandDims(one, 0), params), expandDims(label, 0));
  const [all] = oracle((w, x, y) => fisherDiagonal(loss, w, x, y), [weight, x, labels]);
  // The gradient of softmax regression is x (p − y)ᵀ.
  const expected = new Float64Array(6);
  const [w, rows] = [weight.toFloat64(), x.toFloat64()];
  for (let i = 0; i < 4; i++) {
    const scores = [0, 1].map((k) => [0, 1, 2].reduce((total, d) => total + rows[3 * i + d] * w[2 * d + k], 0));
    const weights = scores.map(Math.exp);
    for (let d = 0; d < 3; d++)
      for (let k = 0; k < 2; k++) {
        const error = weights[k] / (weights[0] + weights[1]) - (Number(labels.data[i]) === k ? 1 : 0);
        expected[2 * d + k] += (rows[3 * i + d] * error) ** 2 / 4;
      }
  }
  expectClose(all, expected, { atol: 1e-9 });
});

test("joined anchors pull as their sum does, and a free one changes nothing", async () => {
  const first = { centre: value([1, 2, -1]), importance: value([0.5, 0, 0]) };
  const second = { centre: value([-1, 4, 3]), importance: value([1.5, 2, 0]) };
  const penalty = (x: Tensor) => elasticPenalty(x, joinAnchors(first, second) as never);
  const sumOf = (x: Tensor) => add(elasticPenalty(x, first as never), elasticPenalty(x, second as never));
  const points = [sample([3]), sample([3], 2)];
  const [apart, joined] = [sumOf, penalty].map((fn) => points.map((x) => oracle(fn, [x])[0][0]));
  // They differ by a constant.
  expect(apart[0] - joined[0]).toBeCloseTo(apart[1] - joined[1], 9);
  const [free] = oracle((x) => elasticPenalty(x, joinAnchors(freeAnchor(first.centre), second) as never), [points[0]]);
  expectClose(free, oracle((x) => elasticPenalty(x, second as never), [points[0]])[0], { atol: 1e-12 });
  await check((x) => sum(penalty(x)), [points[0]]);
});
