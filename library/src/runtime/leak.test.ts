import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import {
  compile,
  evaluate,
  key,
  matmul,
  mul,
  normal,
  sub,
  sum,
  type Tensor,
  tanh,
  type Value,
  value,
  valueAndGrad,
  zipTrees,
} from "../index.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const megabytes = () => process.memoryUsage().rss / 2 ** 20;

/** The slope of the tail of a series, in units a sample: a leak grows steadily, a heap that settles does not. */
const growth = (samples: readonly number[]): number => {
  const tail = samples.slice(samples.length / 2);
  return (Math.min(...tail.slice(-3)) - Math.min(...tail.slice(0, 3))) / tail.length;
};

test("2,000 training steps with donated state do not grow the resident memory", async () => {
  const step = compile(
    (params: { a: Tensor; b: Tensor }, x: Tensor) => {
      const [loss, gradient] = valueAndGrad((p: typeof params) => sum(matmul(tanh(matmul(x, p.a)), p.b)))(params);
      return { loss, params: zipTrees((p, g) => sub(p, mul(g, 1e-6)), params, gradient) as typeof params };
    },
    { donate: [0] },
  );
  // 1.5 MB of state: leaking it once a step would be 3 GB.
  let params: { a: Value; b: Value } = await evaluate({ a: normal(key(1), [512, 512]), b: normal(key(2), [512, 256]) });
  const x = await evaluate(normal(key(3), [4, 512]));
  const samples: number[] = [];
  for (let i = 0; i < 2000; i++) {
    params = (await step(params, x)).params;
    if (i % 100 === 99) samples.push(megabytes());
  }
  // Less than 1 MB in 100 steps, which leak would be 150 MB.
  expect(growth(samples)).toBeLessThan(1);
});

test("programs that nothing refers to give their sessions back", async () => {
  const samples: number[] = [];
  for (let round = 0; round < 12; round++) {
    for (let i = 0; i < 10; i++) {
      const table = value(new Float32Array(1 << 20).fill(i + round), { shape: [1024, 1024] });
      await compile((x: Tensor) => sum(matmul(x, table)))(value(new Float32Array(1024), { shape: [1, 1024] }));
    }
    collectGarbage();
    // Finalizers run in a turn of the event loop of their own.
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    samples.push(megabytes());
  }
  // A round that leaked would add 40 MB.
  expect(growth(samples)).toBeLessThan(5);
});

test("evaluate closes its session at once", async () => {
  const samples: number[] = [];
  for (let round = 0; round < 12; round++) {
    for (let i = 0; i < 10; i++) {
      // Each session holds 4 MB of its own.
      const table = value(new Float32Array(1 << 20).fill(i + round), { shape: [1024, 1024] });
      await evaluate(sum(matmul(value(new Float32Array(1024), { shape: [1, 1024] }), table)));
    }
    samples.push(megabytes());
  }
  expect(growth(samples)).toBeLessThan(5);
});

test("a released program opens again when it is called", async () => {
  const program = compile((x: Tensor) => mul(x, 2));
  await program(value(1));
  await program.release();
  expect((await program(value(2))).item()).toBe(4);
});
