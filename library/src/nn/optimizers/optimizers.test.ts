import { describe, expect, test } from "vitest";
import { add, type Concrete, grad, mul, square, sum, type Tensor, type Value, value } from "../../core/index.ts";
import { compile, evaluate } from "../../runtime/index.ts";
import { expectClose } from "../../testing/check.ts";
import {
  adam,
  adamW,
  clipByGlobalNorm,
  constantSchedule,
  cosineSchedule,
  globalNorm,
  linearSchedule,
  lion,
  movingAverage,
  type Optimizer,
  piecewiseSchedule,
  rmsProp,
  type Schedule,
  sgd,
  stepSchedule,
  warmUp,
} from "./index.ts";

interface Params {
  readonly matrix: Tensor;
  readonly vector: Tensor;
}
const start = { matrix: value([[1, -2]]), vector: value([3]) };

/** The loss 2Σp² has the gradient 4p: one number each, easy to follow by hand. */
const loss = ({ matrix, vector }: Params) => mul(add(sum(square(matrix)), sum(square(vector))), 2);

async function run(optimizer: Optimizer, steps: number): Promise<number[][]> {
  const step = compile((params: Params, state: ReturnType<typeof optimizer.init<Params>>) =>
    optimizer.update(params, grad(loss)(params), state),
  );
  let params: Concrete<Params> = start;
  let state = await evaluate(optimizer.init(start as unknown as Params));
  const path: number[][] = [];
  for (let i = 0; i < steps; i++) {
    ({ params, state } = await step(params, state));
    path.push([...(params.matrix.data as Float32Array), ...(params.vector.data as Float32Array)]);
  }
  return path;
}

/** The same by plain numbers: `rule` is told the parameter, its gradient, the step from 1, its memory, and whether it decays. */
function byHand(
  steps: number,
  rule: (p: number, g: number, t: number, memory: Record<string, number>, decays: boolean) => number,
): number[][] {
  const values = [1, -2, 3];
  const memories: Record<string, number>[] = values.map(() => ({ m: 0, v: 0 }));
  return Array.from({ length: steps }, (_, t) => {
    values.forEach((p, i) => {
      values[i] = rule(p, 4 * p, t + 1, memories[i], i < 2);
    });
    return [...values];
  });
}

const agree = (measured: number[][], expected: number[][]) => {
  expectClose(measured.flat(), expected.flat(), { rtol: 2e-6, atol: 1e-7 });
};

describe("five steps are those of the published rules", () => {
  test("sgd", async () => {
    agree(
      await run(sgd({ lr: 0.1 }), 5),
      byHand(5, (p, g) => p - 0.1 * g),
    );
    agree(
      await run(sgd({ lr: 0.01, momentum: 0.9, weightDecay: 0.5 }), 5),
      byHand(5, (p, g, _, memory) => {
        memory.v = 0.9 * memory.v + g + 0.5 * p;
        return p - 0.01 * memory.v;
      }),
    );
    agree(
      await run(sgd({ lr: 0.01, momentum: 0.9, nesterov: true }), 5),
      byHand(5, (p, g, _, memory) => {
        memory.v = 0.9 * memory.v + g;
        return p - 0.01 * (g + 0.9 * memory.v);
      }),
    );
  });

  const adamRule =
    (weightDecay: number) => (p: number, g: number, t: number, memory: Record<string, number>, decays: boolean) => {
      memory.m = 0.9 * memory.m + 0.1 * g;
      memory.v = 0.999 * memory.v + 0.001 * g * g;
      const [m, v] = [memory.m / (1 - 0.9 ** t), memory.v / (1 - 0.999 ** t)];
      return p * (1 - (decays ? 0.1 * weightDecay : 0)) - (0.1 * m) / (Math.sqrt(v) + 1e-8);
    };
  test("adam", async () => agree(await run(adam({ lr: 0.1 }), 5), byHand(5, adamRule(0))));
  test("adamW shrinks matrices, not vectors", async () =>
    agree(await run(adamW({ lr: 0.1, weightDecay: 0.3 }), 5), byHand(5, adamRule(0.3))));
  test("adamW shrinks what the mask names", async () => {
    const all = await run(adamW({ lr: 0.1, weightDecay: 0.3, decay: (path) => path === "vector" }), 1);
    agree(all, [
      [...byHand(1, adamRule(0))[0].slice(0, 2), byHand(1, (p, g, t, m) => adamRule(0.3)(p, g, t, m, true))[0][2]],
    ]);
  });

  test("rmsProp, with and without momentum", async () => {
    const scaled = (g: number, memory: Record<string, number>) => {
      memory.v = 0.99 * memory.v + 0.01 * g * g;
      return g / (Math.sqrt(memory.v) + 1e-8);
    };
    agree(
      await run(rmsProp({ lr: 0.01 }), 5),
      byHand(5, (p, g, _, memory) => p - 0.01 * scaled(g, memory)),
    );
    agree(
      await run(rmsProp({ lr: 0.01, momentum: 0.5 }), 5),
      byHand(5, (p, g, _, memory) => {
        memory.m = 0.5 * memory.m + scaled(g, memory);
        return p - 0.01 * memory.m;
      }),
    );
  });

  test("lion", async () =>
    agree(
      await run(lion({ lr: 0.01, weightDecay: 0.1 }), 5),
      byHand(5, (p, g, _, memory, decays) => {
        const direction = Math.sign(0.9 * memory.m + 0.1 * g);
        memory.m = 0.99 * memory.m + 0.01 * g;
        return p * (1 - (decays ? 0.001 : 0)) - 0.01 * direction;
      }),
    ));
});

describe("schedules", () => {
  test("by hand", () => {
    const at = (one: Schedule, steps: number[]) => steps.map((step) => one(step));
    expectClose(at(constantSchedule(3), [0, 9]), [3, 3]);
    expectClose(at(linearSchedule(1, 3, 4), [0, 1, 4, 9]), [1, 1.5, 3, 3]);
    expectClose(at(cosineSchedule(2, 4, { floor: 1 }), [0, 2, 4, 9]), [2, 1.5, 1, 1]);
    expectClose(at(stepSchedule(8, { every: 2, factor: 0.5 }), [0, 1, 2, 5]), [8, 8, 4, 2]);
    expectClose(at(piecewiseSchedule([3, 2, 1], [2, 4]), [0, 1, 2, 3, 4, 9]), [3, 3, 2, 2, 1, 1]);
    expectClose(at(warmUp(4, 8), [0, 1, 3, 4, 9]), [2, 4, 8, 8, 8]);
    expectClose(at(warmUp(2, linearSchedule(4, 0, 4)), [0, 1, 2, 4, 6]), [2, 4, 4, 2, 0]);
  });

  test("the same inside a program as on the host", async () => {
    const all = [
      warmUp(5, cosineSchedule(0.3, 20, { floor: 0.01 })),
      stepSchedule(0.1, { every: 7 }),
      piecewiseSchedule([1, 0.1], [10]),
      linearSchedule(1, 0, 13),
    ];
    const program = compile((step: Tensor) => all.map((one) => one(step)));
    for (const step of [0, 4, 6, 13, 25]) {
      const inside = await program(step);
      expectClose(
        inside.map((one) => one.item()),
        all.map((one) => one(step)),
        { rtol: 1e-5, atol: 1e-7 },
      );
    }
  });

  test("an optimizer follows its schedule", async () => {
    const rates = [0.1, 0.05, 0.05];
    const path = await run(sgd({ lr: piecewiseSchedule([0.1, 0.05], [1]) }), 3);
    agree(
      path,
      byHand(3, (p, g, t) => p - rates[t - 1] * g),
    );
  });
});

describe("trees of gradients and weights", () => {
  const tree = { a: value([3]), b: [value([[0, 4]])] };
  const list = (item: { a: Value; b: Value[] }) => [...item.a.toFloat64(), ...item.b[0].toFloat64()];

  test("clipping keeps the direction and the limit; small and zero trees pass", async () => {
    const clip = compile(
      (x: { a: Tensor; b: Tensor[] }, limit: Tensor) =>
        [
          clipByGlobalNorm(x, 2.5),
          clipByGlobalNorm(x, 50),
          globalNorm(clipByGlobalNorm(x, 2.5).tree),
          clipByGlobalNorm([mul(limit, 0)], 1),
        ] as const,
    );
    const [clipped, same, norm, zero] = await clip(tree, 1);
    expectClose(list(clipped.tree), [1.5, 0, 2]);
    expect(clipped.norm.item()).toBeCloseTo(5, 5);
    expectClose(list(same.tree), [3, 0, 4]);
    expect(norm.item()).toBeCloseTo(2.5, 5);
    expect(zero.tree[0].item()).toBe(0);
  });

  test("a moving average of a constant is the constant; of a jump it closes in", async () => {
    const other = { a: value([1]), b: [value([[2, 0]])] };
    const average = compile((x: { a: Tensor; b: Tensor[] }, y: { a: Tensor; b: Tensor[] }) => [
      movingAverage(x, x, 0.9),
      movingAverage(x, y, 0.75),
    ]);
    const [same, moved] = await average(tree, other);
    expectClose(list(same), [3, 0, 4]);
    expectClose(list(moved), [2.5, 0.5, 3]);
  });
});
