import { expect, test } from "vitest";
import {
  add,
  div,
  eye,
  matmul,
  mean,
  mul,
  solve,
  standardDeviation,
  sub,
  type Tensor,
  Value,
  value,
} from "../../index.ts";
import { checkBatching, checkExecutors, expectClose, oracle } from "../../testing/index.ts";
import { predictRidge, ridge } from "./ridge.ts";

const wild = (rows: number, width: number) =>
  new Value(
    Float64Array.from({ length: rows * width }, (_, i) => Math.sin((i + 1) * 12.9898) * (1 + (i % width))),
    [rows, width],
  );
const [x, y] = [wild(30, 6), wild(30, 2)];

test("by hand: one standardised feature ±1, targets 0 and 2, decay 2", () => {
  const [predicted] = oracle(
    (f, t, at) => predictRidge(ridge(f, t, { decay: 2 }), at),
    [
      value([[-1], [1]]), // biome-ignore format: rows
      value([[0], [2]]), // biome-ignore format: rows
      value([[1], [0]]), // biome-ignore format: rows
    ],
  );
  expectClose(predicted, [1.5, 1], { atol: 1e-9 });
});

test("solves the normal equations of the standardised features", () => {
  const [weight, expected] = oracle(
    (f, t) => {
      const standard = div(sub(f, mean(f, { axis: 0 })), standardDeviation(f, { axis: 0 }));
      const gram = add(matmul(standard, standard, { transposeA: true }), mul(eye(6, { dtype: "float64" }), 3));
      const right = matmul(standard, sub(t, mean(t, { axis: 0 })), { transposeA: true });
      return [ridge(f, t, { decay: 3, steps: 12 }).weight, solve(gram, right)];
    },
    [x, y],
  );
  expectClose(weight, expected, { atol: 1e-7 });
});

test("scaling or moving a feature changes no prediction; more decay, smaller weights; a constant feature gets none", () => {
  const predict = (f: Tensor, t: Tensor) => predictRidge(ridge(f, t, { decay: 1 }), f);
  const [before, after] = oracle((f, t) => [predict(f, t), predict(add(mul(f, 3), 5), t)], [x, y]);
  expectClose(after, before, { atol: 1e-5 });
  const sizes = [0.1, 10, 1000].map((decay) => {
    const [weight] = oracle((f, t) => ridge(f, t, { decay }).weight, [x, y]);
    return Math.hypot(...weight);
  });
  expect(sizes[0]).toBeGreaterThan(sizes[1]);
  expect(sizes[1]).toBeGreaterThan(sizes[2]);
  const flat = new Value(new Float32Array(6).fill(2), [3, 2]);
  const [none] = oracle((f) => ridge(f, value([[1], [0], [0]]), { decay: 1 }).weight, [flat]); // biome-ignore format: rows
  expect([...none]).toEqual([0, 0]);
});

test("executors and batching", async () => {
  const run = (f: Tensor, t: Tensor) => predictRidge(ridge(f, t, { decay: 2, steps: 8 }), f);
  const [f, t] = [x, y].map((one) => new Value(Float32Array.from(one.toFloat64()), one.shape));
  await checkExecutors(run, [f, t], { rtol: 1e-4, atol: 1e-4 }); // eight steps in 32 bits
  await checkBatching(run, [f, t], { onnx: false });
});
