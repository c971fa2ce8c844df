import { describe, expect, test } from "vitest";
import {
  abs,
  add,
  cast,
  compile,
  constant,
  div,
  exp,
  grad,
  greater,
  key,
  less,
  mod,
  mul,
  normal,
  split,
  square,
  sub,
  sum,
  type Tensor,
  value,
  vmap,
  where,
} from "../../index.ts";
import { check, expectClose } from "../../testing/check.ts";
import { nodesOf } from "../graph.ts";
import { simplify } from "../simplify.ts";
import { input } from "../tensor.ts";
import { repeat } from "./repeat.ts";
import { whileLoop } from "./while-loop.ts";

/** Steps of the Collatz sequence down to 1. */
const collatz = (n: Tensor) =>
  whileLoop(
    ({ at }) => greater(at, 1),
    ({ at, steps }) => ({ at: where(greater(mod(at, 2), 0), add(mul(at, 3), 1), div(at, 2)), steps: add(steps, 1) }),
    { at: n, steps: value(0, { dtype: "int32" }) },
  ).steps;

const root = (a: Tensor) =>
  whileLoop(
    (x) => greater(abs(sub(square(x), a)), 1e-4),
    (x) => mul(0.5, add(x, div(a, x))),
    a,
  );

const forward = { gradients: "none" } as const;

describe("whileLoop", () => {
  test("runs until the condition fails, perhaps never", async () => {
    const run = compile(collatz);
    for (const [n, steps] of [
      [1, 0],
      [2, 1],
      [3, 7],
      [27, 111],
    ])
      expect((await run(value(n, { dtype: "int32" }))).item()).toBe(steps);
    await check(collatz, [value(6, { dtype: "int32" })], forward);
  });

  test("uses tensors from outside, stops at the maximum", async () => {
    await check((a) => root(a), [value(5)], { ...forward, rtol: 1e-4 });
    const halved = (x: Tensor, y: Tensor) =>
      whileLoop(
        (s) => less(sum(s), 100),
        (s) => add(s, exp(y)),
        x,
        { maximum: 3 },
      );
    await check(halved, [value([1, 2]), value([0.1, 0.3])], forward);
    const [result] = [await compile(halved)(value([1, 2]), value([0, 0]))];
    expect(result.toArray()).toEqual([4, 5]);
    const never = await compile((x: Tensor) =>
      whileLoop(
        () => true,
        (s) => mul(s, 2),
        x,
        { maximum: 0 },
      ),
    )(value(3));
    expect(never.item()).toBe(3);
  });

  test("with a condition for each example, the finished keep their state", async () => {
    const run = compile(vmap(collatz));
    expect((await run(value([1, 27, 6, 2], { dtype: "int32" }))).toArray()).toEqual([0, 111, 8, 1]);
    const deep = await compile(vmap(vmap(root)))(
      value([
        [4, 9],
        [2, 16],
      ]),
    );
    expectClose(deep.toFloat64(), [2, 3, Math.SQRT2, 4], { rtol: 1e-4 });
  });

  test("a shared condition stays shared when states are batched", async () => {
    const grow = (x: Tensor) =>
      whileLoop(
        ({ n }) => less(n, 3),
        ({ n, y }) => ({ n: add(n, 1), y: mul(y, 2) }),
        { n: 0, y: x },
      ).y;
    await check(grow, [value([1, 2])], forward);
    const [y] = simplify([vmap(grow)(input([4, 2], "float32", "x"))]);
    expect(nodesOf([y]).map(({ operation }) => operation.name)).not.toContain("where");
  });

  test("states that nothing depends on are not carried", () => {
    const a = input([], "float32", "a");
    const both = whileLoop(
      ({ n }) => less(n, 3),
      ({ n, y }) => ({ n: add(n, 1), y: exp(y) }),
      { n: a, y: a },
    );
    const [n] = simplify([both.n]);
    expect(n.node.outputs).toHaveLength(1);
  });

  test("errors", () => {
    const zero = constant(value(0));
    const step = (s: Tensor) => add(s, 1);
    const cases: [string, () => unknown][] = [
      ["whileLoop/condition", () => whileLoop((s) => s, step, zero)],
      ["whileLoop/condition", () => whileLoop(() => value([true, false]), step, zero)],
      [
        "whileLoop/state",
        () =>
          whileLoop(
            (s) => less(s, 3),
            (s) => cast(s, "int32"),
            zero,
          ),
      ],
      ["whileLoop/maximum", () => whileLoop((s) => less(s, 3), step, zero, { maximum: 1.5 })],
      ["gradient/none", () => grad((x: Tensor) => whileLoop((s) => less(s, 3), step, x))(zero)],
      [
        "whileLoop/random",
        () =>
          whileLoop(
            () => true,
            ({ k, x }) => ({ k: split(k)[0], x: add(x, normal(k)) }),
            { k: key(1), x: zero },
          ),
      ],
    ];
    for (const [code, run] of cases) expect(run, code).toThrow(expect.objectContaining({ code }));
  });
});

describe("repeat", () => {
  test("applies a function to its own result", async () => {
    expectClose(
      [(await compile((x: Tensor) => repeat(20, (y) => mul(0.5, add(y, div(2, y))), x))(value(1))).item()],
      [Math.SQRT2],
    );
    expect(
      (await compile((x: Tensor) => repeat(4, (y, i) => add(mul(y, 10), cast(i, "float32")), x))(value(0))).item(),
    ).toBe(123);
    expect((await compile((x: Tensor) => repeat(0, (y) => mul(y, 2), x))(value(7))).item()).toBe(7);
  });

  test("is differentiable and batched", async () => {
    await check(
      (x, a) => repeat(5, (y, i) => mul(0.5, add(y, div(add(a, cast(i, "float32")), y))), x),
      [value([1, 2]), value(3)],
    );
    await check(
      (x) => repeat(3, ({ p, q }) => ({ p: mul(p, q), q: add(q, p) }), { p: x, q: x }, { residuals: "recompute" }),
      [value([0.5, 0.7])],
    );
  });
});
