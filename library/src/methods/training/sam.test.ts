import { describe, expect, test } from "vitest";
import { add, compile, grad, mul, square, sum, type Tensor, value } from "../../index.ts";
import { batchNorm, initBatchNormState, initChannelNorm, sgd } from "../../nn/index.ts";
import { checkExecutors, expectClose, oracle, sample } from "../../testing/index.ts";
import { samGradient, samPerturbation } from "./sam.ts";

const [w, g] = [value([1, 2]), value([3, 1])];

describe("samPerturbation", () => {
  test("by hand, adaptive: [3, 4]/√13, on the ellipsoid", () => {
    const [step] = oracle((p, d) => samPerturbation(p, d, { radius: 1, adaptive: true }), [w, g]);
    expectClose(step, [3 / Math.sqrt(13), 4 / Math.sqrt(13)], { atol: 1e-9 });
    expect(Math.hypot(step[0] / 1, step[1] / 2)).toBeCloseTo(1, 9);
  });

  test("a ball: along the gradient, as long as the radius, over the whole tree", () => {
    const [a, b] = oracle(
      (p, d) => {
        const step = samPerturbation({ a: p, b: p }, { a: d, b: mul(d, 2) }, { radius: 0.5 });
        return [step.a, step.b];
      },
      [w, g],
    );
    expectClose(
      a,
      [3, 1].map((each) => (0.5 * each) / Math.sqrt(50)),
      { atol: 1e-9 },
    );
    expectClose(
      b,
      [6, 2].map((each) => (0.5 * each) / Math.sqrt(50)),
      { atol: 1e-9 },
    );
  });

  test("raises a linear loss, leaves zeros alone, and is nothing without gradient", async () => {
    const [params, gradient] = [sample([7]), sample([7], 3)];
    for (const adaptive of [true, false]) {
      const [step] = oracle((p, d) => samPerturbation(p, d, { radius: 2, adaptive }), [params, gradient]);
      const slope = gradient.toFloat64().reduce((total, each, i) => total + each * step[i], 0);
      expect(slope).toBeGreaterThan(0);
      await checkExecutors((p, d) => samPerturbation(p, d, { radius: 2, adaptive }), [params, gradient]);
    }
    const still = { radius: 1, adaptive: true };
    expect(oracle((p, d) => samPerturbation(p, d, still), [value([0, 1]), g])[0][0]).toBe(0);
    expect([...oracle((p, d) => samPerturbation(p, d, still), [w, value([0, 0])])[0]]).toEqual([0, 0]);
  });

  test("rescaled weights move as much in proportion", () => {
    const options = { radius: 0.3, adaptive: true };
    const [plain, scaled] = oracle(
      (p, d) => [samPerturbation(p, d, options), samPerturbation(mul(p, 8), mul(d, 1 / 8), options)],
      [w, g],
    );
    expectClose(
      scaled,
      plain.map((each) => 8 * each),
      { atol: 1e-9 },
    );
  });
});

describe("samGradient", () => {
  const bowl = (p: Tensor): [Tensor, null] => [sum(mul(square(p), g)), null];

  test("by hand on a bowl: the gradient at the perturbed place", () => {
    const [gradient, expected] = oracle(
      (p) => {
        const slope = grad((at: Tensor) => bowl(at)[0])(p);
        const there = add(p, samPerturbation(p, slope, { radius: 0.5, adaptive: true }));
        return [
          samGradient(bowl, p, { radius: 0.5, adaptive: true }).gradient,
          grad((at: Tensor) => bowl(at)[0])(there),
        ];
      },
      [w],
    );
    expectClose(gradient, expected, { atol: 1e-9 });
  });

  test("radius 0 and linear losses give the ordinary gradient", () => {
    const linear = (p: Tensor): [Tensor, null] => [sum(mul(p, g)), null];
    const [flat, still, plain] = oracle(
      (p) => [
        samGradient(linear, p, { radius: 3, adaptive: true }).gradient,
        samGradient(bowl, p, { radius: 0 }).gradient,
        grad((at: Tensor) => bowl(at)[0])(p),
      ],
      [w],
    );
    expectClose(flat, [3, 1], { atol: 1e-9 });
    expectClose(still, plain, { atol: 1e-9 });
  });

  test("running statistics are those of one ordinary pass, and steps start from the unperturbed weights", async () => {
    const x = sample([6, 2, 3]);
    const lossOf = (params: Tensor) => {
      const { output, state } = batchNorm(
        initChannelNorm({ channels: 2 }),
        initBatchNormState({ channels: 2 }),
        mul(x, params),
        { training: true },
      );
      return [sum(mul(square(output), params)), state] as [Tensor, typeof state];
    };
    const optimizer = sgd({ lr: 0.1 });
    const step = compile((params: Tensor) => {
      const { rest, gradient } = samGradient(lossOf, params, { radius: 0.5 });
      const moved = optimizer.update(params, gradient, optimizer.init(params)).params;
      return { rest, ordinary: lossOf(params)[1], moved, expected: add(params, mul(gradient, -0.1)) };
    });
    const { rest, ordinary, moved, expected } = await step(value(1.5));
    expect([...rest.mean.data, ...rest.variance.data]).toEqual([...ordinary.mean.data, ...ordinary.variance.data]);
    expectClose(moved.toFloat64(), expected.toFloat64(), { atol: 1e-6 });
  });
});
