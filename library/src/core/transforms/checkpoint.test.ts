import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import {
  add,
  bernoulli,
  cast,
  checkpoint,
  compile,
  constant,
  grad,
  key,
  matmul,
  mul,
  relu,
  scan,
  sin,
  softmax,
  splitStacked,
  square,
  sum,
  type Tensor,
  tanh,
  type Value,
  value,
  vmap,
} from "../../index.ts";
import { check, checkExecutors, expectClose, oracle } from "../../testing/check.ts";
import { nodesOf } from "../graph.ts";
import { simplify } from "../simplify.ts";
import { input } from "../tensor.ts";

const numbers = (seed: number, ...shape: number[]): Value =>
  value(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => 0.8 * Math.sin((i + 1) * (seed + 1.7))),
    { shape },
  );

const block = (x: Tensor, w: Tensor): Tensor => add(x, tanh(matmul(softmax(matmul(x, w)), w)));
const x = numbers(1, 4, 3);
const w = numbers(2, 3, 3);
const countOf = (name: string, outputs: readonly Tensor[]): number =>
  nodesOf(outputs).filter(({ operation }) => operation.name === name).length;

describe("checkpoint", () => {
  test("changes neither values nor gradients nor batches", async () => {
    const plain = (a: Tensor, b: Tensor) => block(block(a, b), b);
    const checked = (a: Tensor, b: Tensor) => checkpoint(block)(checkpoint(block)(a, b), b);
    await check(checked, [x, w]);
    const gradients = (fn: typeof plain) =>
      oracle((a, b) => grad((both: Tensor[]) => sum(square(fn(both[0], both[1]))))([a, b]), [x, w]);
    const [found, expected] = [gradients(checked), gradients(plain)];
    found.forEach((gradient, i) => {
      expectClose(gradient, expected[i], { rtol: 1e-12 });
    });
  });

  test("second derivatives; gradients for each example; checkpoints in checkpoints", async () => {
    const nested = (a: Tensor, b: Tensor) => sum(checkpoint((p: Tensor) => checkpoint(block)(sin(p), b))(a));
    await check((a, b) => grad((p: Tensor) => nested(p, b))(a), [x, w]);
    await check((a, b) => vmap(grad(nested), { inAxes: [0, null] })(a, b), [numbers(3, 2, 4, 3), w], { batch: false });
  });

  test("tensors that the function closes over get gradients", () =>
    check(
      (a, b) => {
        const outer = sin(b);
        return checkpoint((p: Tensor) => matmul(p, outer))(a);
      },
      [x, w],
    ));

  test("trees in and out, integers among them", () =>
    check(
      (a, b) => {
        const run = checkpoint(({ p, n }: { p: Tensor; n: Tensor }) => ({
          y: mul(p, cast(n, "float32")),
          n,
          parts: [sin(p)],
        }));
        return run({ p: add(a, sum(b)), n: constant(value(3, { dtype: "int32" })) });
      },
      [x, w],
    ));

  test("the backward pass computes again what the forward pass did, and this is not merged", () => {
    const [a, b] = [input([4, 3], "float32", "x"), input([3, 3], "float32", "w")];
    const loss = (fn: typeof block) => simplify(grad((both: Tensor[]) => sum(fn(both[0], both[1])))([a, b]));
    expect(countOf("softmax", loss(block))).toBe(1);
    const checked = loss(checkpoint(block));
    expect(countOf("softmax", checked)).toBe(1);
    expect(countOf("barrier", checked)).toBe(1);
    // With the value asked for as well, there are two: one of the forward pass, one of the backward pass.
    const both = simplify([
      checkpoint(block)(a, b),
      ...grad((p: Tensor[]) => sum(square(checkpoint(block)(p[0], p[1]))))([a, b]),
    ]);
    expect(countOf("softmax", both)).toBe(2);
  });

  test("random numbers are drawn once and are the same in both passes", async () => {
    const dropout = (a: Tensor, k: Tensor) => mul(relu(a), cast(bernoulli(k, 0.5, a.shape), "float32"));
    const [forward, gradient] = await compile((a: Tensor, k: Tensor) => [
      checkpoint(dropout)(a, k),
      grad((p: Tensor) => sum(checkpoint(dropout)(p, k)))(a),
    ])(value([1, 2, 3, 4, 5, 6, 7, 8]), key(4));
    expect(gradient.toArray()).toEqual(forward.toArray().map((y: number) => Number(y !== 0)));
  });

  test.each(["save", "recompute"] as const)("around a scan, and in one (%s)", async (residuals) => {
    const loop = (a: Tensor, b: Tensor) =>
      scan((c, p) => [tanh(add(matmul(c, b), p)), c], mul(a, 0), splitRows(a), { residuals });
    await check((a, b) => checkpoint(loop)(a, b), [x, w]);
    await check(
      (a, b) => scan((c, p) => [checkpoint(block)(add(c, p), b), c], mul(a, 0.1), splitRows(a), { residuals }),
      [x, w],
    );
    const keyed = (a: Tensor) =>
      scan(
        (c, k) => [checkpoint((p: Tensor) => mul(p, cast(bernoulli(k, 0.5, p.shape), "float32")))(sin(c)), c],
        a,
        splitStacked(constant(key(1)), 3),
      )[1];
    await checkExecutors((a) => grad((p: Tensor) => sum(keyed(p)))(a), [x]);
  });

  test("a gradient of NaN does not change what is computed again", async () => {
    const [gradient] = await compile((a: Tensor, n: Tensor) => [
      grad((p: Tensor) => sum(mul(checkpoint(sin)(p), n)))(a),
    ])(value([0.1, 0.2]), value([Number.NaN, 2]));
    expectClose(gradient.toFloat64(), [Number.NaN, 2 * Math.cos(0.2)]);
  });

  test("memory falls", () => {
    const peakMegabytes = (checkpointed: boolean): number =>
      Number(
        execFileSync(
          process.execPath,
          [new URL("./fixtures/deep-network.ts", import.meta.url).pathname, String(checkpointed)],
          { encoding: "utf8" },
        ),
      );
    const [plain, checked] = [peakMegabytes(false), peakMegabytes(true)];
    // 24 layers keep 6 activations of 2 MB each; with checkpoints one.
    expect(plain - checked).toBeGreaterThan(100);
  });
});

/** Each row repeated below the others, as a sequence. */
const splitRows = (a: Tensor): Tensor => mul(a, constant(numbers(7, 3, 1, 1)));
