import { expect, test } from "vitest";
import { compile, grad, key, type Tensor, value } from "../../index.ts";
import { check, expectClose, oracle } from "../../testing/index.ts";
import {
  categoricalKl,
  decodeCategorical,
  encodeCategorical,
  initCategoricalVae,
  reconstructionCost,
} from "./categorical-vae.ts";
import { initBaseline, scoreFunction } from "./score-function.ts";

test("the divergence is 0 for uniform codes and ln K a variable for certain ones", async () => {
  const uniform = value(new Float32Array(40), { shape: [2, 2, 10] });
  expectClose(oracle(categoricalKl, [uniform])[0], [0, 0]);
  const certain = value(
    Float32Array.from({ length: 40 }, (_, i) => (i % 10 === 3 ? 100 : 0)),
    { shape: [2, 2, 10] },
  );
  expectClose(oracle(categoricalKl, [certain])[0], [2 * Math.log(10), 2 * Math.log(10)], { rtol: 1e-9 });
  await check((logits) => categoricalKl(logits), [value([[[1, 0.5, -1]], [[0, 2, 1]]])]);
});

test("codes and inputs have their shapes, and even logits cost ln 2 a number", async () => {
  const config = { inputs: 6, variables: 3, classes: 4, hidden: 5 };
  const x = value([[0, 1, 0, 1, 1, 0]]);
  const { codes, inputs, cost } = await compile((k: Tensor, x: Tensor) => {
    const params = initCategoricalVae(k, config);
    const codes = encodeCategorical(params, x, config);
    return {
      codes,
      inputs: decodeCategorical(params, codes),
      cost: reconstructionCost(value(new Float32Array(6), { shape: [1, 6] }), x),
    };
  })(key(1) as never, x as never);
  expect([codes.shape, inputs.shape]).toEqual([
    [1, 3, 4],
    [1, 6],
  ]);
  expectClose(cost.toFloat64(), [6 * Math.log(2)]);
});

test("the score function weighs log-probabilities by centred costs, and learns centre and spread", () => {
  const [gradient, mean, variance] = oracle(
    (logQ, cost) => {
      const { baseline } = scoreFunction(logQ, cost, { mean: 1, variance: 4 });
      return [
        grad((q: Tensor) => scoreFunction(q, cost, { mean: 1, variance: 4 }).loss)(logQ),
        baseline.mean,
        baseline.variance,
      ];
    },
    [value([-1, -2]), value([3, 7])],
  );
  // (3 − 1)/2/2 and (7 − 1)/2/2
  expectClose(gradient, [0.5, 1.5]);
  expectClose([...mean, ...variance], [0.9 + 0.5, 3.6 + 2]);
  const first = oracle((q, c) => scoreFunction(q, c, initBaseline()).loss, [value([-1]), value([2])]);
  expectClose(first[0], [-2]);
});
