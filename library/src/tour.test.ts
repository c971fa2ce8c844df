import { expect, test } from "vitest";
import { compile, evaluate, exp, grad, key, mul, normal, sub, sum, type Tensor, Value, value, vmap } from "./index.ts";

// All that a user may rely on, each in about five lines.

test("a tensor is symbolic, a value is data, evaluate goes from one to the other", async () => {
  const x = mul(value([1, 2, 3]), 2);
  expect(x.shape).toEqual([3]);
  expect((await evaluate(x)).toArray()).toEqual([2, 4, 6]);
});

test("grad, vmap and both together", async () => {
  const f = (x: Tensor) => sum(mul(x, exp(x)));
  const slopes = await evaluate(vmap(grad(f))(mul(value([[0], [1]]), 1)));
  expect(slopes.toArray()).toEqual([[1], [expect.closeTo(2 * Math.E, 5)]]);
});

test("a compiled training step is called many times and hands its state to itself", async () => {
  const step = compile((w: Tensor) => sub(w, mul(0.1, grad((v: Tensor) => sum(mul(v, v)))(w))), { donate: [0] });
  let w = value([1, -2]);
  for (let i = 0; i < 50; i++) w = await step(w);
  expect(Math.hypot(...(w.toArray() as number[]))).toBeLessThan(1e-4);
});

test("random numbers depend on their key alone", async () => {
  const [a, b] = await evaluate([normal(key(1), [3]), normal(key(1), [3])]);
  expect(a.toArray()).toEqual(b.toArray());
  expect(a).toBeInstanceOf(Value);
});
