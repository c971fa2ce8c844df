import { describe, expect, test } from "vitest";
import {
  add,
  cast,
  compile,
  constant,
  div,
  exp,
  grad,
  greater,
  key,
  log,
  matmul,
  mean,
  mul,
  normal,
  scan,
  sin,
  splitStacked,
  square,
  sub,
  sum,
  type Tensor,
  value,
  vmap,
} from "../../index.ts";
import { check, checkExecutors, expectClose, oracle } from "../../testing/check.ts";
import { nodesOf } from "../graph.ts";
import { simplify } from "../simplify.ts";
import { input, type Node } from "../tensor.ts";
import { cond } from "./cond.ts";

const x = value([0.3, -1.2, 0.8]);
const choose = (predicate: Tensor, a: Tensor, b: Tensor) =>
  cond(
    predicate,
    (p, q) => [mul(p, q), sin(p)],
    (p, q) => [add(p, exp(q)), square(q)],
    a,
    b,
  );

describe("cond", () => {
  test.each([true, false])("values, gradients and batches when %s", (flag) =>
    check((a, b) => choose(constant(value(flag)), add(a, 0), b), [x, value([2, 0.5, 1])]),
  );

  test("a predicate from data", () =>
    check((a, b) => choose(greater(sum(a), 0), a, b), [x, value([2, 0.5, 1])], { gradients: [1] }));

  test("each example takes its own branch", async () => {
    const fn = (flag: Tensor, a: Tensor, b: Tensor) => choose(flag, a, b);
    const flags = value([true, false, true]);
    const rows = value([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    const other = value([0.5, -0.5]);
    const run = compile(vmap(fn, { inAxes: [0, 0, null] }));
    const [first, second] = await run(flags, rows, other);
    expectClose(first.toFloat64(), [0.5, -1, 3 + Math.exp(0.5), 4 + Math.exp(-0.5), 2.5, -3]);
    expectClose(second.toFloat64(), [Math.sin(1), Math.sin(2), 0.25, 0.25, Math.sin(5), Math.sin(6)]);
  });

  test("second derivatives, and only of some operands", () =>
    check((a, b) => grad((p: Tensor) => sum(choose(greater(sum(b), 0), p, b)[0]))(a), [x, value([2, 0.5, 1])]));

  test("branches close over tensors, which get gradients too", () =>
    check(
      (a, w) => {
        const outer = exp(w);
        return cond(
          greater(mean(a), 5),
          () => sum(a),
          () => sum(matmul(a, outer)),
        );
      },
      [
        x,
        value([
          [1, 2],
          [3, 4],
          [5, 6],
        ]),
      ],
      { rtol: 1e-4 },
    ));

  test("the branch not taken is not computed", async () => {
    // log of a negative number is NaN, and the gradient of the branch not taken would be, too.
    const safe = (a: Tensor) =>
      cond(
        greater(a, 0),
        (p) => log(p),
        (p) => mul(p, 2),
        a,
      );
    const run = compile((a: Tensor) => [safe(a), grad(safe)(a)]);
    expect((await run(value(-3))).map((one) => one.item())).toEqual([-6, 2]);
    const [y] = simplify([safe(input([], "float32", "a"))]);
    expect(nodesOf([y]).map((node) => node.operation.name)).not.toContain("log");
  });

  test("a predicate known when compiling leaves one branch", () => {
    const a = input([3], "float32", "a");
    const [y] = simplify(choose(constant(value(true)), a, a).slice(1));
    expect(nodesOf([y]).map((node) => node.operation.name)).toEqual(["input", "sin"]);
  });

  test("results that nobody reads are not computed", () => {
    const [predicate, a] = [input([], "bool", "p"), input([3], "float32", "a")];
    const [y] = simplify(choose(predicate, a, a).slice(1));
    const [node] = nodesOf([y]).filter(({ operation }) => operation.name === "cond") as unknown as Node<any>[];
    expect(node.outputs).toHaveLength(1);
    expect(nodesOf(node.attributes.onFalse.outputs).map(({ operation }) => operation.name)).not.toContain("exp");
  });

  test("random numbers in a branch, a cond in a scan, a scan in a cond", async () => {
    const noisy = (flag: Tensor, from: Tensor) =>
      cond(
        flag,
        (k) => normal(k, [3]),
        () => mul(x, 2),
        from,
      );
    for (const flag of [true, false]) {
      const [onnx, reference] = await Promise.all(
        (["onnx", "reference"] as const).map((executor) => compile(noisy, { executor })(value(flag), key(3))),
      );
      expectClose(onnx.toFloat64(), reference.toFloat64());
    }
    await check(
      (xs, c) => scan((s, y) => [cond(greater(sum(y), 0), (a, b) => mul(a, b), sub, s, y), s], c, xs),
      [
        value([
          [1, 2],
          [-1, -3],
          [0.5, 0.2],
        ]),
        value([1, 2]),
      ],
    );
    await check(
      (xs) =>
        cond(
          greater(sum(xs), 0),
          (ys) => scan((s, y) => [mul(s, sin(y)), s], 1, ys)[1],
          (ys) => ys,
          xs,
        ),
      [value([1, 2, -0.5])],
    );
    const keyed = (keys: Tensor) =>
      scan(
        (s, k) => [
          cond(
            greater(s, 0),
            (j) => add(s, normal(j)),
            () => add(s, 1),
            k,
          ),
          s,
        ],
        0.5,
        keys,
      )[0];
    await checkExecutors((y) => add(y, keyed(splitStacked(constant(key(2)), 4))), [value(0)]);
  });

  test("gradients of branches with a loop agree with the plain function", () => {
    const loop = (xs: Tensor) => sum(scan((s, y) => [mul(s, sin(y)), s], 1, xs)[1]);
    const [chosen] = oracle((xs) => grad((ys: Tensor) => cond(greater(ys.shape.length, 0), loop, sum, ys))(xs), [x]);
    const [plain] = oracle((xs) => grad(loop)(xs), [x]);
    expectClose(chosen, plain, { rtol: 1e-12 });
  });

  test.each<[string, () => unknown]>([
    [
      "cond/predicate",
      () =>
        cond(
          1,
          () => constant(x),
          () => constant(x),
        ),
    ],
    [
      "cond/predicate",
      () =>
        cond(
          value([true, false]),
          () => constant(x),
          () => constant(x),
        ),
    ],
    [
      "cond/branches",
      () =>
        cond(
          true,
          () => constant(x),
          () => sum(x),
        ),
    ],
    [
      "cond/branches",
      () =>
        cond(
          true,
          () => constant(x),
          () => cast(x, "int32"),
        ),
    ],
    [
      "cond/branches",
      () =>
        cond(
          true,
          () => [constant(x)],
          () => [div(x, 2), div(x, 3)],
        ),
    ],
  ])("%s", (code, run) => {
    expect(run).toThrow(expect.objectContaining({ code }));
  });
});
