import { describe, expect, test } from "vitest";
import {
  add,
  broadcastTo,
  cast,
  compile,
  constant,
  evaluate,
  exp,
  grad,
  jvp,
  key,
  matmul,
  max,
  mean,
  mul,
  normal,
  relu,
  sigmoid,
  sin,
  slice,
  softmax,
  split,
  splitStacked,
  square,
  stack,
  stopGradient,
  sub,
  sum,
  type Tensor,
  tanh,
  transpose,
  uniform,
  type Value,
  value,
  vjp,
  vmap,
  where,
} from "../../index.ts";
import { check, checkExecutors, expectClose, oracle } from "../../testing/check.ts";
import { nodesOf } from "../graph.ts";
import { simplify } from "../simplify.ts";
import { input, type Node } from "../tensor.ts";
import { type ScanAttributes, type ScanOptions, scan } from "./scan.ts";

/** Numbers without pattern in (−0.8, 0.8). */
const numbers = (seed: number, ...shape: number[]): Value =>
  value(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => 0.8 * Math.sin((i + 1) * (seed + 1.7))),
    { shape },
  );

type Step = (carry: Tensor, x: Tensor) => readonly [Tensor, Tensor];

/** What `scan` is, written as a loop at tracing time. */
function unrolled(step: Step, init: Tensor, xs: Tensor): [Tensor, Tensor] {
  let carry = init;
  const ys: Tensor[] = [];
  for (let i = 0; i < xs.shape[0]; i++) {
    const [next, y] = step(carry, slice(xs, [i]));
    carry = next;
    ys.push(y);
  }
  return [carry, stack(ys)];
}

const scansIn = (outputs: readonly Tensor[]): Node<ScanAttributes>[] =>
  nodesOf(outputs).filter((node) => node.operation.name === "scan") as unknown as Node<ScanAttributes>[];

const operationsIn = (outputs: readonly Tensor[]): string[] => nodesOf(outputs).map((node) => node.operation.name);

const recurrent =
  (options: ScanOptions = {}) =>
  (xs: Tensor, h: Tensor, w: Tensor, u: Tensor, b: Tensor) =>
    scan(
      (carry, x) => {
        const next = tanh(add(add(matmul(x, w), matmul(carry, u)), b));
        return [next, next];
      },
      h,
      xs,
      options,
    );
const recurrentValues = [numbers(1, 4, 2, 3), numbers(2, 2, 5), numbers(3, 3, 5), numbers(4, 5, 5), numbers(5, 5)];

describe("values", () => {
  const sums: Step = (total, x) => [add(total, x), mul(total, 10)];

  test("carry and stacked results", async () => {
    const [last, ys] = await evaluate(scan(sums, value(1), value([1, 2, 3])));
    expect(last.item()).toBe(7);
    expect(ys.toArray()).toEqual([10, 20, 40]);
  });

  test("in reverse the results stand at their elements' places", async () => {
    const run = compile((x: Tensor) => scan(sums, value(1), x, { reverse: true }));
    const [last, ys] = await run(value([1, 2, 3]));
    expect(last.item()).toBe(7);
    expect(ys.toArray()).toEqual([60, 40, 10]);
    await checkExecutors((x) => scan(sums, value(1), x, { reverse: true }), [value([1, 2, 3])]);
  });

  test("trees of carries, elements and results, integers and booleans among them", async () => {
    const run = compile((xs: Tensor, flags: Tensor) =>
      scan(
        ({ count, total }, { x, flag }) => [
          { count: where(flag, add(count, 1), count), total: add(total, x) },
          { seen: flag, parts: [count, mul(x, cast(count, "float32"))] },
        ],
        { count: value(0, { dtype: "int32" }), total: value([0, 0]) },
        { x: xs, flag: flags },
      ),
    );
    const [last, ys] = await run(numbers(1, 3, 2), value([true, false, true]));
    expect(last.count.item()).toBe(2);
    expect(last.count.dtype).toBe("int32");
    expect(ys.seen.toArray()).toEqual([1, 0, 1]);
    expect(ys.parts[0].toArray()).toEqual([0, 1, 1]);
    expectClose(ys.parts[1].toFloat64().slice(4), numbers(1, 3, 2).toFloat64().slice(4));
  });

  test("along another axis", async () => {
    const along = (xs: Tensor) => scan((c, x) => [add(c, x), add(c, x)], value([0, 0]), xs, { axis: 1 });
    const [last, ys] = await compile(along)(
      value([
        [1, 2, 3],
        [4, 5, 6],
      ]),
    );
    expect(last.toArray()).toEqual([6, 15]);
    expect(ys.toArray()).toEqual([
      [1, 3, 6],
      [4, 9, 15],
    ]);
    await check(along, [numbers(3, 2, 4)]);
  });

  test("without elements a length says how often", async () => {
    const powers = (x: Tensor) => scan((c: Tensor) => [mul(c, 2), c], x, null, { length: 5 });
    const [last, ys] = await compile(powers)(value(1));
    expect(last.item()).toBe(32);
    expect((ys as unknown as Value).toArray()).toEqual([1, 2, 4, 8, 16]);
    await check(powers, [value(1.5)]);
  });

  test("without carries it maps", () =>
    check((xs) => scan((_, x: Tensor) => [null, sin(square(x))], null, xs)[1], [numbers(2, 4, 3)]));

  test("a function that hands its carry and element through", () =>
    check((xs, c) => scan((carry, x) => [carry, x], c, xs), [numbers(1, 3, 2), numbers(2, 2)]));

  test.each([0, 1, 2])("length %i", async (length) => {
    const fn = recurrent();
    const values = [numbers(1, length, 2, 3), ...recurrentValues.slice(1)];
    await check(fn, values);
    await check(recurrent({ reverse: true, residuals: "recompute" }), values);
  });

  test("elements of size 0", () =>
    check(recurrent(), [numbers(1, 4, 0, 3), numbers(2, 0, 5), ...recurrentValues.slice(2)], { gradients: "none" }));
});

describe("gradients", () => {
  test.each([{}, { reverse: true }, { residuals: "recompute" }] as ScanOptions[])(
    "of a recurrent layer, %o",
    (options) => check(recurrent(options), recurrentValues),
  );

  test("of a loop are those of the unrolled loop", () => {
    const [xs, h, w] = [numbers(1, 5, 2, 3), numbers(2, 2, 3), numbers(3, 3, 3)];
    const loss = (loop: typeof unrolled) => (inputs: Tensor[]) => {
      const step: Step = (carry, x) => [tanh(matmul(add(carry, x), inputs[2])), mul(sin(carry), x)];
      const [last, ys] = loop(step, inputs[1], inputs[0]);
      return add(sum(square(last)), sum(exp(ys)));
    };
    const scanned = oracle((...inputs) => grad(loss(scan))(inputs), [xs, h, w]);
    const expected = oracle((...inputs) => grad(loss(unrolled))(inputs), [xs, h, w]);
    scanned.forEach((gradient, i) => {
      expectClose(gradient, expected[i], { rtol: 1e-12, atol: 1e-12 });
    });
  });

  test.each(["save", "recompute"] as const)("of an LSTM with packed gates (%s)", (residuals) =>
    check(
      (xs, u, b) =>
        scan(
          ({ h, c }, x) => {
            const gates = add(add(x, matmul(h, u)), b);
            const [i, f, g, o] = [0, 1, 2, 3].map((k) => slice(gates, [null, [3 * k, 3 * k + 3]]));
            const cell = add(mul(sigmoid(f), c), mul(sigmoid(i), tanh(g)));
            const hidden = mul(sigmoid(o), tanh(cell));
            return [{ h: hidden, c: cell }, hidden] as const;
          },
          { h: mul(slice(xs, [0, null, [0, 3]]), 0), c: mul(slice(xs, [0, null, [3, 6]]), 0) },
          xs,
          { residuals },
        ),
      [numbers(1, 4, 2, 12), numbers(2, 3, 12), numbers(3, 12)],
      // float32 over 4 steps of sigmoids
      { rtol: 3e-5 },
    ),
  );

  test("of captures used in every way: twice, in parts, transposed, elementwise, alone, as an outer result", () =>
    check(
      (xs, w, v) => {
        const outer = exp(v);
        return scan(
          (carry, x) => {
            const first = matmul(carry, w);
            const second = matmul(tanh(first), transpose(w));
            const part = mul(slice(w, [0]), x);
            return [tanh(add(add(second, part), mul(outer, carry))), mul(sum(w), v)] as const;
          },
          mul(slice(xs, [0]), 0.5),
          xs,
        );
      },
      [numbers(1, 4, 3), numbers(2, 3, 3), numbers(3, 3)],
    ));

  test("of a capture larger than all that is stacked", () =>
    check(
      (xs, w) => scan((carry, x) => [tanh(sum(mul(square(w), add(carry, x)))), mul(carry, x)], sum(xs), xs),
      [numbers(1, 3), numbers(2, 6, 7)],
    ));

  test("of captures in stacked matrices", () =>
    check(
      (xs, w) => scan((carry, x) => [softmax(matmul(add(carry, x), w)), max(carry)], mul(slice(xs, [0]), 0), xs),
      [numbers(1, 3, 2, 4, 3), numbers(2, 2, 3, 3)],
    ));

  test("with integers, masks and stopped gradients on the way", () =>
    check(
      (xs, c) =>
        scan(
          ({ c, n }, x) => {
            const on = cast(n, "bool");
            const next = where(on, mul(c, x), add(c, square(x)));
            return [{ c: next, n: sub(1, n) }, relu(mul(next, stopGradient(cast(on, "float32"))))] as const;
          },
          { c, n: value(0, { dtype: "int32" }) },
          xs,
        ),
      [numbers(1, 5, 3), numbers(2, 3)],
    ));

  test("only of the last carry, only of the results, only of one input", async () => {
    for (const pick of [0, 1] as const) {
      await check(
        (...inputs: Tensor[]) => recurrent()(...(inputs as Parameters<ReturnType<typeof recurrent>>))[pick],
        recurrentValues,
        { batch: false },
      );
      await check(
        (...inputs: Tensor[]) => recurrent()(...(inputs as Parameters<ReturnType<typeof recurrent>>))[pick],
        recurrentValues,
        { gradients: [3], batch: false },
      );
    }
  });

  test.each(["save", "recompute"] as const)("of gradients (%s)", (residuals) => {
    const loss = (w: Tensor, xs: Tensor, h: Tensor) => {
      const [last, ys] = scan(
        (carry, x) => {
          const next = tanh(add(matmul(carry, w), x));
          return [next, square(next)] as const;
        },
        h,
        xs,
        { residuals },
      );
      return add(sum(last), sum(ys));
    };
    return check(
      (w, xs, h) => grad((inputs: Tensor[]) => loss(inputs[0], inputs[1], inputs[2]))([w, xs, h]),
      [numbers(2, 3, 3), numbers(1, 3, 2, 3), numbers(3, 2, 3)],
    );
  });

  test("forward derivatives are those of differences", () => {
    const values = recurrentValues;
    const directions = values.map((v, i) => numbers(20 + i, ...v.shape));
    const along = oracle(
      (...inputs) => {
        const half = inputs.length / 2;
        return jvp(
          (...args: Tensor[]) => recurrent()(...(args as Parameters<ReturnType<typeof recurrent>>)),
          inputs.slice(0, half),
          inputs.slice(half),
        )[1];
      },
      [...values, ...directions],
    );
    const at = (by: number) =>
      oracle(
        (...inputs) => {
          const half = inputs.length / 2;
          const moved = inputs.slice(0, half).map((x, i) => add(x, mul(inputs[half + i], by)));
          return recurrent()(...(moved as Parameters<ReturnType<typeof recurrent>>));
        },
        [...values, ...directions],
      );
    const step = 1e-5;
    const [above, below] = [at(step), at(-step)];
    along.forEach((derivative, k) => {
      const numeric = derivative.map((_, i) => (above[k][i] - below[k][i]) / (2 * step));
      expectClose(derivative, numeric, { rtol: 0, atol: 1e-7 });
    });
  });

  test("a gradient taken twice from one pass", () => {
    const [twice, once] = [2, 1].map((times) =>
      oracle(
        (x: Tensor) => {
          const [, pull] = vjp((xs: Tensor) => scan((c, y) => [mul(c, sin(y)), c], value(1), xs)[1], x);
          const ones = mul(x, 0);
          const gradients = Array.from({ length: times }, () => pull(add(ones, 1))[0]);
          return gradients.reduce((a, b) => add(a, b));
        },
        [numbers(1, 4)],
      ),
    );
    expectClose(
      twice[0],
      once[0].map((g) => 2 * g),
      { rtol: 1e-12 },
    );
  });
});

describe("scans in scans", () => {
  const nested = (residuals: "save" | "recompute") => (xs: Tensor, w: Tensor) =>
    scan(
      (outer, row) => {
        const [last, ys] = scan(
          (inner, x) => {
            const next = tanh(add(mul(inner, w), mul(x, outer)));
            return [next, mul(next, x)] as const;
          },
          outer,
          row,
          { reverse: true, residuals },
        );
        return [add(last, mean(ys)), ys] as const;
      },
      mul(w, 0.3),
      xs,
      { residuals },
    );

  test.each(["save", "recompute"] as const)("values, gradients, batches (%s)", (residuals) =>
    check(nested(residuals), [numbers(1, 3, 4), value(0.7)]),
  );

  test("second derivatives", () =>
    check(
      (xs, w) => grad((inputs: Tensor[]) => sum(nested("save")(inputs[0], inputs[1])[1]))([xs, w]),
      [numbers(1, 2, 3), value(0.7)],
    ));
});

describe("vmap", () => {
  test.each([
    [0, null, null, null, null],
    [null, 0, null, null, null],
    [null, null, 0, null, null],
    [null, null, null, null, 0],
    [0, 0, null, 0, null],
  ])("over some inputs only: %o %o %o %o %o", (...inAxes: (number | null)[]) => {
    const values = recurrentValues.map((v, i) => (inAxes[i] === null ? v : numbers(i + 30, 3, ...v.shape)));
    const fn = (...args: Tensor[]) => recurrent()(...(args as Parameters<ReturnType<typeof recurrent>>));
    const together = oracle(vmap(fn, { inAxes }), values);
    const single = [0, 1, 2].map((k) =>
      oracle((...inputs) => fn(...inputs.map((x, i) => (inAxes[i] === null ? x : slice(x, [k])))), values),
    );
    together.forEach((result, i) => {
      expectClose(
        result,
        single.flatMap((one) => [...one[i]]),
        { rtol: 1e-12, atol: 1e-12 },
      );
    });
  });

  test("a carry becomes batched through another one", () =>
    check(
      (xs, c) => scan(([a, b], x) => [[add(a, x), mul(a, 0.5)], b], [c, mul(c, 0)], xs),
      [numbers(1, 4), value(0.3)],
    ));

  test("gradients for each example", () =>
    check(
      (xs, w) => grad((v: Tensor) => sum(scan((c, x) => [tanh(mul(c, add(v, x))), c], sum(xs), xs)[1]))(w),
      [numbers(1, 4), value(0.9)],
    ));
});

describe("random numbers", () => {
  const noisy = (keys: Tensor, x: Tensor) =>
    scan((c, k) => [add(mul(c, 0.5), normal(k, [2])), mul(c, cast(uniform(k), "float32"))], x, keys);

  test("are drawn from keys among the elements, the same as one by one", async () => {
    const seed = key(7);
    const run = (executor: "onnx" | "reference") =>
      compile((from: Tensor, x: Tensor) => noisy(splitStacked(from, 3), x), { executor })(seed, value([1, 2]));
    const [[last, ys], [expectedLast, expectedYs]] = [await run("onnx"), await run("reference")];
    expectClose(last.toFloat64(), expectedLast.toFloat64());
    expectClose(ys.toFloat64(), expectedYs.toFloat64());
    const byHand = await compile((from: Tensor, x: Tensor) => {
      let c = x;
      for (const k of split(from, 3)) c = add(mul(c, 0.5), normal(k, [2]));
      return c;
    })(seed, value([1, 2]));
    expectClose(last.toFloat64(), byHand.toFloat64());
  });

  test("in a scan in a scan, batched, and under a gradient", async () => {
    const deep = (from: Tensor, x: Tensor) =>
      scan(
        (c, k) => [scan((d, j) => [mul(d, add(1, normal(j, [2]))), null], c, splitStacked(k, 2))[0], c],
        x,
        splitStacked(from, 3),
      )[0];
    await checkExecutors((x) => deep(constant(key(3)), x), [value([1, 2])]);
    await checkExecutors((x) => grad((y: Tensor) => sum(deep(constant(key(3)), y)))(x), [value([1, 2])]);
    const each = await compile(vmap(deep, { inAxes: [0, null] }))(
      (await evaluate(splitStacked(key(5), 2))) as Value,
      value([1, 2]),
    );
    const first = await compile((from: Tensor, x: Tensor) => deep(slice(splitStacked(from, 2), [0]), x))(
      key(5),
      value([1, 2]),
    );
    expectClose(each.toFloat64().slice(0, 2), first.toFloat64());
  });

  test("cannot be drawn from a carried key", () => {
    const carried = () =>
      scan(
        (k: Tensor) => {
          const [next, use] = split(k);
          return [next, normal(use)] as const;
        },
        key(1),
        null,
        { length: 3 },
      );
    expect(carried).toThrow(expect.objectContaining({ code: "scan/random" }));
    expect(carried).toThrow(/splitStacked\(key, length\)/);
  });
});

describe("errors", () => {
  const x = input([3, 2], "float32", "x");
  const zero = value([0, 0]);
  test.each<[string, () => unknown]>([
    ["scan/length", () => scan((c: Tensor) => [c, c], zero, null)],
    ["scan/length", () => scan((c: Tensor) => [c, c], zero, { a: x, b: input([4], "float32", "y") })],
    ["scan/length", () => scan((c: Tensor) => [c, c], zero, x, { length: 4 })],
    ["scan/carry", () => scan((c: Tensor) => [sum(c), c], zero, x)],
    ["scan/carry", () => scan((c: Tensor) => [cast(c, "int32"), c], zero, x)],
    ["scan/carry", () => scan((c: any) => [{ a: c.a }, c.a], { a: zero, b: zero } as any, x)],
    ["scan/result", () => scan((c: Tensor) => c as any, zero, x)],
    ["scan/axis-out-of-range", () => scan((c: Tensor) => [c, c], zero, x, { axis: 2 })],
  ])("%s", (code, run) => {
    expect(run).toThrow(expect.objectContaining({ code }));
  });
});

describe("the graph", () => {
  const [xs, h, w, u, b] = recurrentValues.map((v, i) => input(v.shape, v.dtype, `input ${i}`));
  const loss = ([x, c, ...rest]: Tensor[]) => {
    const [last, ys] = recurrent()(x, c, ...(rest as [Tensor, Tensor, Tensor]));
    return add(sum(last), sum(ys));
  };

  test("forward and backward are one loop each, and products for weights and elements are outside", () => {
    const outputs = simplify(grad(loss)([xs, h, w, u, b]));
    const scans = scansIn(outputs);
    expect(scans).toHaveLength(2);
    const [forward, backward] = scans.map(({ attributes }) => operationsIn(attributes.body.outputs));
    expect(forward.filter((name) => name === "matmul")).toHaveLength(2);
    expect(backward.filter((name) => name === "matmul")).toHaveLength(1);
    // Products of all steps: gradients of w, u and x.
    expect(operationsIn(outputs).filter((name) => name === "matmul")).toHaveLength(3);
  });

  test("results that nobody reads are not computed", () => {
    const two = scan(
      ([a, c], x) => [
        [add(a, sum(x)), mul(c, 2)],
        [sin(a), exp(c)],
      ],
      [h, h],
      xs,
    );
    const [kept] = simplify([two[1][0]]);
    const [node] = scansIn([kept]);
    expect(node.outputs).toHaveLength(2);
    expect(operationsIn(node.attributes.body.outputs)).not.toContain("exp");
    expect(operationsIn(node.attributes.body.outputs)).not.toContain("mul");
  });

  test("what does not change from step to step is computed once, outside", () => {
    const [y] = simplify([scan((c, x) => [add(matmul(c, exp(u)), sum(x)), null], h, xs)[0]]);
    const [node] = scansIn([y]);
    expect(operationsIn(node.attributes.body.outputs)).not.toContain("exp");
    expect(operationsIn([y])).toContain("exp");
  });

  test("each rule may be switched off and changes no number", () => {
    const build = (x: Tensor) => {
      const row = add(value([1, 2, 3]), 1);
      const copies = broadcastTo(slice(x, [0, 0]), [4, 3]);
      const ys = scan((c, y) => [mul(c, add(y, row)), [add(c, y), c]], value([1, 1, 1]), copies)[1][0];
      const single = scan((c, y) => [c, add(c, y)], value([1, 1, 1]), slice(copies, [[0, 1]]))[1];
      return [ys, single];
    };
    const data = [numbers(1, 2, 2, 3)];
    const expected = oracle((x) => build(x), data);
    for (const without of [[], ["single-step"], ["scan-over-copies"], ["constants-into-bodies"], ["unused-results"]]) {
      const found = oracle((x) => simplify(build(x), { without }), data);
      found.forEach((result, i) => {
        expectClose(result, expected[i], { rtol: 1e-12 });
      });
    }
  });

  test("operations are counted for every step", async () => {
    const program = compile(
      (x: Tensor, c: Tensor, m: Tensor) => scan((carry, y) => [tanh(add(matmul(carry, m), y)), null], c, x)[0],
    );
    const cost = program.cost(numbers(1, 10, 2, 5), numbers(2, 2, 5), numbers(3, 5, 5));
    const [row] = cost.operations.filter(({ operation }) => operation === "scan");
    // 2 · 2 · 5 · 5 for the product; the addition and the hyperbolic tangent add at least one each an element.
    expect(row.flops).toBeGreaterThanOrEqual(10 * (100 + 10 + 10));
  });
});
