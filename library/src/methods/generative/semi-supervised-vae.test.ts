import { expect, test } from "vitest";
import { compile, grad, key, mapTree, mul, type Tensor, value } from "../../index.ts";
import { check, expectClose, oracle } from "../../testing/index.ts";
import { initSemiSupervisedVae, type SemiSupervisedVae, unlabelledCost } from "./semi-supervised-vae.ts";

const config = { inputs: 4, classes: 3, latent: 2, hidden: 5 };
const x = value([
  [0, 1, 1, 0],
  [1, 0, 0, 0],
]);
const cost = (mode: "marginal" | "gumbel", change: (params: SemiSupervisedVae) => SemiSupervisedVae = (same) => same) =>
  oracle((x) => unlabelledCost(change(initSemiSupervisedVae(key(1), config)), x, { mode, key: key(2) }), [x])[0][0];

test("where neither class nor vector is used, both are the cost of even guesses and the divergence of the classes", () => {
  const unused = (params: SemiSupervisedVae): SemiSupervisedVae => ({
    classifier: params.classifier,
    posterior: mapTree(params.posterior, (leaf: Tensor) => mul(leaf, 0)) as typeof params.posterior,
    decoder: mapTree(params.decoder, (leaf: Tensor) => mul(leaf, 0)) as typeof params.decoder,
  });
  const [marginal, sampled] = [cost("marginal", unused), cost("gumbel", unused)];
  expectClose([marginal], [sampled], { rtol: 1e-9 });
  expect(marginal).toBeGreaterThan(4 * Math.log(2));
  expect(marginal).toBeLessThan(4 * Math.log(2) + Math.log(3));
});

test("the cost exceeds that of the divergence alone, and executors and gradients agree", async () => {
  for (const mode of ["marginal", "gumbel"] as const) {
    expect(cost(mode)).toBeGreaterThan(0);
    await check((x) => unlabelledCost(initSemiSupervisedVae(key(1), config), x, { mode, key: key(2) }), [x], {
      batch: false,
      rtol: 1e-4, // float32 sums through two networks
    });
    const gradient = await compile((x: Tensor) =>
      grad((params: SemiSupervisedVae) => unlabelledCost(params, x, { mode, key: key(2) }))(
        initSemiSupervisedVae(key(1), config),
      ),
    )(x as never);
    expect(Math.max(...gradient.classifier.layers[0].weight.toFloat64().map(Math.abs))).toBeGreaterThan(1e-4);
  }
});
