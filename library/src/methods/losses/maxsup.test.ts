import { expect, test } from "vitest";
import { add, crossEntropy, grad, mean, sub, type Tensor, value } from "../../index.ts";
import { check, expectClose, oracle } from "../../testing/index.ts";
import { labelSmoothingLoss, logitPenaltyLoss, maxSupLoss, smoothingTerms } from "./maxsup.ts";

const labels = (list: number[]) => value(list, { dtype: "int64" });
const wrong = value([[1, 3, 2]]);
const zero = labels([0]);
const logits = value([
  [0.3, -1.2, 2.1, 0.4],
  [1.7, 0.2, -0.4, 0.1],
  [-0.5, 0.9, 0.8, 3],
]);
const targets = labels([2, 1, 0]);

test("label smoothing is cross-entropy plus its penalty, for any α", () => {
  for (const alpha of [0, 0.1, 0.37, 0.9]) {
    const [penalty, smoothed] = oracle(
      (z) => [labelSmoothingLoss(z, targets, { alpha }), crossEntropy(z, targets, { smoothing: alpha })],
      [logits],
    );
    expectClose(penalty, smoothed, { atol: 1e-12 });
  }
});

test("by hand: logits 1, 3, 2 and the first class: no regularisation, an enhanced error of −1, a MaxSup term of 1", () => {
  const [regularisation, enhancement, plain, maxSup] = oracle(
    (z) => {
      const terms = smoothingTerms(z, zero);
      return [terms.regularisation, terms.errorEnhancement, crossEntropy(z, zero), maxSupLoss(z, zero, { alpha: 0.5 })];
    },
    [wrong],
  );
  expect([regularisation[0], enhancement[0]]).toEqual([0, -1]);
  expect(maxSup[0]).toBeCloseTo(2.4076 + 0.5, 4);
  expect(maxSup[0] - plain[0]).toBeCloseTo(0.5, 12);
});

test("by hand: the gradient of the MaxSup term is (−⅓, ⅔, −⅓); on ties the first class alone is meant", () => {
  const term = (z: Tensor) => sub(maxSupLoss(z, zero, { alpha: 1 }), crossEntropy(z, zero));
  expectClose(oracle(grad(term), [wrong])[0], [-1 / 3, 2 / 3, -1 / 3], { atol: 1e-12 });
  expectClose(oracle(grad(term), [value([[2, 2, 0]])])[0], [2 / 3, -1 / 3, -1 / 3], { atol: 1e-12 });
});

test("where the prediction is right, MaxSup is label smoothing and no error is enhanced", () => {
  const right = labels([2, 0, 3]);
  const [maxSup, smoothing, enhancement] = oracle(
    (z) => [maxSupLoss(z, right), labelSmoothingLoss(z, right), smoothingTerms(z, right).errorEnhancement],
    [logits],
  );
  expect(maxSup[0]).toBeCloseTo(smoothing[0], 12);
  expect([...enhancement]).toEqual([0, 0, 0]);
});

test("both parts add up to true logit minus mean; a constant added to all logits changes nothing", () => {
  const total = (z: Tensor) => {
    const { regularisation, errorEnhancement } = smoothingTerms(z, targets);
    return add(regularisation, errorEnhancement);
  };
  const [sums, before, after, moved] = oracle(
    (z) => [
      mean(total(z)),
      sub(labelSmoothingLoss(z, targets, { alpha: 1 }), crossEntropy(z, targets)),
      [maxSupLoss(z, targets), labelSmoothingLoss(z, targets)][0],
      maxSupLoss(add(z, 7), targets),
    ],
    [logits],
  );
  expect(sums[0]).toBeCloseTo(before[0], 12);
  expect(moved[0]).toBeCloseTo(after[0], 9);
});

test("by hand: the logit penalty is half the squared length", () => {
  const [penalised, plain] = oracle((z) => [logitPenaltyLoss(z, zero, { beta: 0.1 }), crossEntropy(z, zero)], [wrong]);
  expect(penalised[0] - plain[0]).toBeCloseTo(0.05 * 14, 7);
});

test("executors, gradients, batching", async () => {
  await check((z) => [maxSupLoss(z, targets), labelSmoothingLoss(z, targets), logitPenaltyLoss(z, targets)], [logits]);
  await check((z) => smoothingTerms(z, targets), [logits]);
});
