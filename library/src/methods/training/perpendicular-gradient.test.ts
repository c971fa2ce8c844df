import { expect, test } from "vitest";
import { compile, matmul, mul, relu, type Tensor, value } from "../../index.ts";
import { sgd } from "../../nn/index.ts";
import { checkExecutors, expectClose, oracle } from "../../testing/index.ts";
import { perpendicular, scalingCosine, softmaxCollapse, withPerpendicularGradient } from "./perpendicular-gradient.ts";

const w = value([
  [0.3, -1, 2],
  [0.5, 0.1, -0.7],
]);
const g = value([
  [1, 0.2, -0.4],
  [0.6, -2, 0.9],
]);
const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a, (x, i) => x * b[i]).reduce((s, x) => s + x, 0);
const run = (w: number[], g: number[]) => [...oracle((w, g) => perpendicular(w, g), [value(w), value(g)])[0]];

test("is perpendicular to the weights and as long as before, on both executors, however small", async () => {
  await checkExecutors(perpendicular, [w, g]);
  const [turned] = oracle(perpendicular, [w, g]);
  expect(Math.abs(dot(turned, w.data as never))).toBeLessThan(1e-6);
  expect(dot(turned, turned)).toBeCloseTo(dot(g.data as never, g.data as never), 6);
  const tiny = (await compile((w: Tensor, g: Tensor) => perpendicular(w, mul(g, 1e-25)))(
    w as never,
    g as never,
  )) as any;
  expectClose(
    tiny.toFloat64().map((x: number) => x * 1e25),
    turned,
  );
});

test("by hand; nothing is left of a gradient along the weights; weights of 0 leave it as it is", () => {
  expectClose(run([1, 0], [3, 4]), [0, 5]);
  expectClose(run([1, 2], [2, 4]), [0, 0]);
  expectClose(run([0, 0], [3, 4]), [3, 4]);
  expectClose(run([1, 2], [0, 0]), [0, 0]);
});

test("an optimizer steps along perpendicular gradients", async () => {
  const optimizer = withPerpendicularGradient(sgd({ lr: 1 }));
  const { params } = (await compile((w: Tensor, g: Tensor) => optimizer.update({ w }, { w: g }, optimizer.init({ w })))(
    value([1, 0]) as never,
    value([3, 4]) as never,
  )) as any;
  expectClose(params.w.toFloat64(), [1, -5]);
});

test("the cosine of scaling: 1 where descent goes along the weights, over all tensors together", () => {
  expectClose(oracle((w, g) => scalingCosine(w, g), [value([1, 0]), value([-3, 4])])[0], [0.6]);
  const [cosine] = oracle((a, b) => scalingCosine([a, b], [mul(a, -2), mul(b, -2)]), [w, g]);
  expectClose(cosine, [1]);
  expectClose(oracle(softmaxCollapse, [value([0, 0.3, 0, 0])])[0], [0.75]);
});

test("a step along the weights scales the logits of a bias-free net of two layers by (1 + η)²", () => {
  const net = (scale: number) =>
    oracle(
      (w, g) =>
        matmul(
          relu(
            matmul(
              value([
                [1, -2],
                [0.3, 1],
              ]),
              mul(w, scale),
            ),
          ),
          mul(g, scale),
          { transposeB: true },
        ),
      [w, g],
    )[0];
  expectClose(
    net(1.1),
    net(1).map((logit) => 1.21 * logit),
    { rtol: 1e-9 },
  );
});
