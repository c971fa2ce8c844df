import { describe, expect, test } from "vitest";
import { compile, key, mul, normal, sub, type Tensor, value, valueAndGrad } from "../../index.ts";
import { check, expectClose, oracle } from "../../testing/index.ts";
import { sparsemax } from "../normalizers/sparsemax.ts";
import { sparsemaxLoss } from "./sparsemax-loss.ts";

const labels = (list: readonly number[]) => value([...list], { dtype: "int64" });
const loss = (z: readonly number[], label: number) =>
  oracle((x) => sparsemaxLoss(x, labels([label])), [value([[...z]], { dtype: "float64" })])[0][0];

describe("by hand", () => {
  test("0 once the margin of 1 is met", () => {
    expect(loss([2, 1, 0], 0)).toBeCloseTo(0, 12);
    expect(loss([2, 1.1, 0], 0)).toBeGreaterThan(1e-4);
    expect(loss([50, 1, 0], 0)).toBeCloseTo(0, 12);
  });

  test("two classes: a Huber loss, 2, ¼ and 0 at −2, 0 and 2", () => {
    expect([-2, 0, 2].map((t) => loss([t, 0], 0))).toEqual([
      expect.closeTo(2, 12),
      expect.closeTo(0.25, 12),
      expect.closeTo(0, 12),
    ]);
    expect(loss([0.5, 0], 0)).toBeCloseTo(((0.5 - 1) / 2) ** 2, 12);
  });
});

describe("laws", () => {
  test("never negative, 0 where sparsemax is the target, the same with a constant added", async () => {
    const z = await compile((from: Tensor) => mul(normal(from, [200, 6]), 2))(key(4));
    const [losses, own, moved] = oracle(
      (x) => [
        sparsemaxLoss(x, labels(Array.from({ length: 200 }, (_, i) => i % 6)), { reduction: "none" }),
        sparsemaxLoss(x, sparsemax(x), { reduction: "none" }),
        sparsemaxLoss(sub(x, 9), labels(Array.from({ length: 200 }, (_, i) => i % 6)), { reduction: "none" }),
      ],
      [z],
    );
    for (const one of losses) expect(one).toBeGreaterThanOrEqual(-1e-12);
    for (const one of own) expect(one).toBeCloseTo(0, 12);
    expectClose(moved, losses, { atol: 1e-9 });
  });

  test("labels are one-hot targets; reductions add up; classes may lie along another axis", () => {
    const z = value([
      [0.3, 1, -1],
      [2, 0.5, 0.4],
    ]);
    const hot = value([
      [0, 1, 0],
      [1, 0, 0],
    ]);
    const [byLabel, byTarget, total, mean] = oracle(
      (x) => [
        sparsemaxLoss(x, labels([1, 0]), { reduction: "none" }),
        sparsemaxLoss(x, hot, { reduction: "none" }),
        sparsemaxLoss(x, hot, { reduction: "sum" }),
        sparsemaxLoss(x, hot),
      ],
      [z],
    );
    expectClose(byLabel, byTarget, { rtol: 1e-12 });
    expect(total[0]).toBeCloseTo(byLabel[0] + byLabel[1], 12);
    expect(mean[0]).toBeCloseTo(total[0] / 2, 12);
    const turned = value([
      [0.3, 2],
      [1, 0.5],
      [-1, 0.4],
    ]);
    expectClose(oracle((x) => sparsemaxLoss(x, labels([1, 0]), { axis: 0 }), [turned])[0], mean, { rtol: 1e-6 });
  });
});

test("executors, central differences and batching; the gradient is sparsemax − target", async () => {
  const z = value([
    [0.3, 1, -1, 0.2],
    [2, 0.5, 0.4, 0.1],
  ]);
  const q = value([
    [0.5, 0, 0.5, 0],
    [1, 0, 0, 0],
  ]);
  await check((x, target) => sparsemaxLoss(x, target), [z, q], { gradients: [0] });
  await check((x) => sparsemaxLoss(x, labels([3, 0]), { reduction: "none" }), [z]);
  const { 1: gradient } = await compile((x: Tensor) => {
    const [total, slope] = valueAndGrad((y: Tensor) => sparsemaxLoss(y, q, { reduction: "sum" }))(x);
    return [total, slope];
  })(z);
  const [p] = oracle((x) => sparsemax(x), [z]);
  expectClose(
    gradient.toFloat64(),
    [...p].map((one, i) => one - q.toFloat64()[i]),
    { atol: 1e-6 },
  );
});

test("targets of another shape are named", () => {
  expect(() => sparsemaxLoss(value([[1, 2]]), labels([0, 1]))).toThrowError(
    expect.objectContaining({ code: "sparsemaxLoss/targets" }),
  );
});
