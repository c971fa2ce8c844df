import { describe, expect, test } from "vitest";
import {
  add,
  clip,
  customGradient,
  evaluate,
  exp,
  grad,
  greater,
  hessianVectorProduct,
  jacobian,
  jvp,
  key,
  matmul,
  mean,
  mul,
  normal,
  pow,
  relu,
  round,
  sin,
  splitStacked,
  square,
  stopGradient,
  straightThrough,
  sub,
  sum,
  type Tensor,
  tanh,
  uniform,
  value,
  valueAndGrad,
  vjp,
  vmap,
} from "../../index.ts";
import { check, checkBatching, expectClose, oracle } from "../../testing/check.ts";

const x = value([0.4, -1.3, 2.1]);
const at = (fn: (t: Tensor) => unknown, point = x) =>
  oracle(fn as (t: Tensor) => Tensor, [point]).map((data) => [...data]);

describe("grad", () => {
  test("differentiates the first argument's tree and leaves closures alone", () => {
    const [da, db] = at(
      (t) => grad((p: { a: Tensor; b: Tensor }) => sum(mul(mul(p.a, p.b), t)))({ a: t, b: mul(t, 2) }) as any,
    );
    expectClose(
      da,
      [...x.data].map((v) => (v as number) * 2 * (v as number)),
    );
    expectClose(
      db,
      [...x.data].map((v) => (v as number) ** 2),
    );
  });

  test("of grad is the second derivative; four times is the fourth", () => {
    const nth = (n: number, f: (t: Tensor) => Tensor): ((t: Tensor) => Tensor) =>
      n === 0 ? f : nth(n - 1, (t) => sum(grad((u: Tensor) => sum(f(u)))(t)));
    expectClose(at((t) => nth(4, (u) => sum(pow(u, 5)))(t))[0], [120 * (0.4 - 1.3 + 2.1)]);
    expectClose(
      at((t) => grad((u: Tensor) => sum(grad((v: Tensor) => sum(sin(v)))(u)))(t))[0],
      [...x.data].map((v) => -Math.sin(v as number)),
    );
  });

  test("valueAndGrad carries an auxiliary result", () => {
    const fn = valueAndGrad((t: Tensor): [Tensor, Tensor] => [sum(square(t)), mul(t, 3)], { auxiliary: true });
    const [loss, extra, gradient] = at((t) => {
      const [[l, e], g] = fn(t);
      return [l, e, g];
    });
    expectClose(loss, [0.16 + 1.69 + 4.41]);
    expectClose(extra, [1.2, -3.9, 6.3]);
    expectClose(gradient, [0.8, -2.6, 4.2]);
  });

  test("an argument without influence gets zeros", () => {
    expect(at((t) => grad((_: Tensor) => sum(value([1, 2]) as unknown as Tensor))(t))[0]).toEqual([0, 0, 0]);
  });

  test("what cannot be differentiated says why and what to do", () => {
    expect(() => grad((t: Tensor) => t)(value([1, 2]) as unknown as Tensor)).toThrowError(
      expect.objectContaining({ code: "grad/scalar" }),
    );
    expect(() => grad((t: Tensor) => sum(t))(value([1], { dtype: "int32" }) as unknown as Tensor)).toThrowError(
      expect.objectContaining({ code: "grad/dtype" }),
    );
  });

  test("stopGradient counts as constant", () => {
    expect(at((t) => grad((u: Tensor) => sum(mul(u, stopGradient(u))))(t))[0]).toEqual([...x.data]);
  });
});

test("vjp pulls back any cotangent; jvp pushes a tangent; they are transposes", () => {
  const f = (t: Tensor) =>
    matmul(
      tanh(t),
      value([
        [1, 2],
        [0, -1],
        [3, 1],
      ]),
    );
  const [v, u] = [value([0.3, -0.7, 1.1]), value([2, -0.5])];
  const [forward, backward] = at((t) => {
    const [, tangent] = jvp(f, [t], [v as unknown as Tensor]);
    const [, pull] = vjp(f, t);
    return [sum(mul(tangent, u)), sum(mul(pull(u as unknown as Tensor)[0], v))];
  });
  expectClose(forward, backward, { rtol: 1e-12, atol: 0 });
});

test("jacobian and Hessian-vector product of known functions", () => {
  expectClose(at((t) => jacobian((u) => square(u))(t))[0], [0.8, 0, 0, 0, -2.6, 0, 0, 0, 4.2]);
  const cube = hessianVectorProduct((t: Tensor) => sum(pow(t, 3)));
  expectClose(at((t) => cube(t, value([1, 0, 2]) as unknown as Tensor))[0], [6 * 0.4, 0, 12 * 2.1]);
});

describe("vmap", () => {
  const xs = value([
    [0.1, 0.2, 0.3],
    [1, -1, 0.5],
  ]);

  test("of grad gives one gradient per example", () => {
    const [each] = oracle(
      (w, data) =>
        vmap(
          grad((p: Tensor, row: Tensor) => square(sum(mul(p, row)))),
          { inAxes: [null, 0] },
        )(w, data),
      [x, xs],
    );
    const single = [0, 1].flatMap((i) => {
      const row = [...xs.data].slice(3 * i, 3 * i + 3) as number[];
      const inner = row.reduce((total, v, j) => total + v * (x.data[j] as number), 0);
      return row.map((v) => 2 * inner * v);
    });
    expectClose(each, single);
  });

  test("nests, takes other axes, and puts the result where asked", () => {
    const product = vmap(vmap(mul as (a: Tensor, b: Tensor) => Tensor, { inAxes: [null, 0] }), { inAxes: [0, null] });
    expectClose(oracle(product, [x, value([1, 10])])[0], [0.4, 4, -1.3, -13, 2.1, 21]);
    const columns = vmap((column: Tensor) => sum(column), { inAxes: 1 });
    expectClose(oracle(columns, [xs])[0], [1.1, -0.8, 0.8]);
    expect(vmap((row: Tensor) => row, { outAxes: 1 })(xs as unknown as Tensor).shape).toEqual([3, 2]);
  });

  test("what does not depend on the example is repeated", () => {
    expect(oracle((t) => vmap((_: Tensor) => value([7]) as unknown as Tensor)(t), [xs])[0]).toEqual(
      Float64Array.of(7, 7),
    );
  });

  test("draws different numbers for different keys", async () => {
    const numbers = await evaluate(vmap((k: Tensor) => uniform(k, [2]))(splitStacked(key(3), 2)));
    expect(new Set(numbers.data as Float32Array).size).toBe(4);
  });

  test("sizes that differ, and nothing to map, are errors", () => {
    const both = vmap(add as (a: Tensor, b: Tensor) => Tensor);
    expect(() => both(xs as unknown as Tensor, x as unknown as Tensor)).toThrowError(
      expect.objectContaining({ code: "vmap/size" }),
    );
    expect(() => vmap((t: Tensor) => t, { inAxes: null })(x as unknown as Tensor)).toThrowError(
      expect.objectContaining({ code: "vmap/nothing" }),
    );
  });
});

describe("gradients of one's own", () => {
  const clipped = customGradient(
    (t: Tensor) => square(t),
    ({ args: [t], cotangent }) => [mul(clip(t, -1, 1), cotangent)],
  );

  test("customGradient uses the rule, not the function", () => {
    expectClose(at((t) => grad((u: Tensor) => sum(clipped(u)))(t))[0], [0.4, -1, 1]);
  });

  test("the rule is batched with its function, shared arguments get sums", async () => {
    const scaled = customGradient(
      (a: Tensor, b: Tensor) => mul(a, b),
      ({ args: [a, b], cotangent }) => [mul(cotangent, mul(b, 2)), sum(mul(cotangent, a))],
    );
    const perExample = (a: Tensor, b: Tensor) => grad((p: { a: Tensor; b: Tensor }) => sum(scaled(p.a, p.b)))({ a, b });
    await checkBatching(perExample as any, [x, value(1.5)]);
    const [shared] = oracle(
      (a, b) => grad((p: Tensor) => sum(vmap(scaled, { inAxes: [0, null] })(a, p)))(b),
      [
        value([
          [1, 2],
          [3, 4],
        ]),
        value(1),
      ],
    );
    expect([...shared]).toEqual([10]);
  });

  test("a rule with too few gradients is an error", () => {
    const wrong = customGradient(
      (a: Tensor, b: Tensor) => add(a, b),
      () => [null],
    );
    expect(() => grad((a: Tensor) => sum(wrong(a, a)))(x as unknown as Tensor)).toThrowError(
      expect.objectContaining({ code: "customGradient/count" }),
    );
  });

  test("straightThrough has the hard numbers and the soft gradient", () => {
    const f = (t: Tensor) => straightThrough(round(t), mul(t, 2));
    expect(at(f)[0]).toEqual([0, -1, 2]);
    expect(at((t) => grad((u: Tensor) => sum(f(u)))(t))[0]).toEqual([2, 2, 2]);
    const hard = (t: Tensor) => straightThrough(greater(t, 0), t);
    expect(at(hard)[0]).toEqual([1, 0, 1]);
  });
});

test("a network's gradient: both executors, central differences, batches", () =>
  check(
    (w1, w2, input) => mean(square(sub(matmul(relu(matmul(input, w1)), w2), exp(mul(input, 0.1))))),
    [
      value([
        [0.3, -0.8, 0.5, 0.9],
        [0.7, 0.2, -0.6, 0.4],
      ]),
      value([
        [0.5, -0.3],
        [0.8, 0.6],
        [-0.2, 0.9],
        [0.1, -0.7],
      ]),
      value([
        [1, 2],
        [0.5, -1],
        [-0.3, 0.8],
      ]),
    ],
  ));

test("normal numbers inside a differentiated function", async () => {
  const f = (t: Tensor) => grad((u: Tensor) => sum(mul(u, normal(key(5), [3]))))(t);
  const [gradient, noise] = [await evaluate(f(x as unknown as Tensor)), await evaluate(normal(key(5), [3]))];
  expect(gradient.toArray()).toEqual(noise.toArray());
});
