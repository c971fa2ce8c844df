import { describe, expect, test } from "vitest";
import { compile, grad, key, mul, normal, softmax, sum, type Tensor, value } from "../../index.ts";
import { check, checkExecutors, expectClose, oracle } from "../../testing/index.ts";
import { importanceLoss, loadLoss } from "../losses/balance.ts";
import { initNoisyGate, kthExcluding, type NoisyGate, noisyTopK, topKSoftmax } from "./noisy-top-k.ts";

const rows = 6;
const [width, experts] = [3, 5];
const numbers = (count: number, from = 0) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(3 * (i + from) + 1));
const x = value(numbers(rows * width), { shape: [rows, width] });
const gate = value(numbers(width * experts, 40), { shape: [width, experts] });
const noise = value(numbers(width * experts, 90), { shape: [width, experts] });

describe("top-k softmax", () => {
  test("by hand: the largest two of three, softmax over them alone", () => {
    const [gates, indices, weights] = oracle(
      (z) => {
        const result = topKSoftmax(z, { k: 2 });
        return [result.gates, result.indices, result.weights];
      },
      [value([3, 1, 3 + Math.log(3)])],
    );
    expectClose(gates, [0.25, 0, 0.75]);
    expect([...indices]).toEqual([2, 0]);
    expectClose(weights, [0.75, 0.25]);
  });

  test("k = 1 is certain, k = n is softmax; no other k is possible", () => {
    const scores = value([0.3, -1, 2]);
    expectClose(oracle((z) => topKSoftmax(z, { k: 1 }).gates, [scores])[0], [0, 0, 1]);
    const [all, soft] = oracle((z) => [topKSoftmax(z, { k: 3 }).gates, softmax(z)], [scores]);
    expectClose(all, soft, { rtol: 1e-12 });
    for (const k of [0, 4, 1.5])
      expect(() => topKSoftmax(scores, { k })).toThrow(expect.objectContaining({ code: "noisyTopK/k" }));
  });

  test("executors, gradients and batching agree", () => check((z) => topKSoftmax(z, { k: 2 }).gates, [gate]));
});

describe("the k-th of the others", () => {
  const of = (scores: number[], k: number) => [...oracle((z) => kthExcluding(z, { k }), [value(scores)])[0]];

  test("by hand, with ties, and with too few others", () => {
    expect(of([3, 1, 2], 1)).toEqual([2, 3, 3]);
    expect(of([3, 1, 2], 2)).toEqual([1, 2, 1]);
    expect(of([2, 2, 1], 1)).toEqual([2, 2, 2]);
    expect(of([3, 1], 2)).toEqual([-Infinity, -Infinity]);
  });

  test("executors, gradients and batching agree", () => check((z) => kthExcluding(z, { k: 2 }), [gate]));
});

describe("noisy top-k", () => {
  const run = compile((x: Tensor, params: NoisyGate, key: Tensor) =>
    noisyTopK(x, params, { k: 2, key }),
  ) as unknown as (...args: unknown[]) => Promise<any>;

  test("every row has k experts with shares that sum to 1", async () => {
    const { gates, indices, weights } = await run(x, { gate, noise }, key(1));
    for (const row of gates.toArray() as number[][]) {
      expect(row.filter((share) => share > 0)).toHaveLength(2);
      expect(row.reduce((a, b) => a + b)).toBeCloseTo(1, 6);
    }
    const [first] = gates.toArray();
    const [at] = indices.toArray();
    expectClose(
      weights.toArray()[0],
      at.map((i: number) => first[i]),
    );
  });

  test("another key, another choice; without a key the scores are clean", async () => {
    const [one, other] = [await run(x, { gate, noise }, key(1)), await run(x, { gate, noise }, key(2))];
    expect([...one.logits.toFloat64()]).not.toEqual([...other.logits.toFloat64()]);
    const [logits, scores] = oracle(
      (x, g, n) => {
        const result = noisyTopK(x, { gate: g, noise: n }, { k: 2 });
        return [result.logits, topKSoftmax(result.logits, { k: 2 }).gates];
      },
      [x, gate, noise],
    );
    const clean = await compile((x: Tensor, params: NoisyGate) => noisyTopK(x, params, { k: 2 }))(
      x as never,
      { gate, noise } as never,
    );
    expectClose(clean.logits.toFloat64(), logits);
    expectClose(clean.gates.toFloat64(), scores);
  });

  test("k = experts is the softmax of the noisy scores, and every load is all rows", async () => {
    const [gates, soft, load] = oracle(
      (x, g, n) => {
        const result = noisyTopK(x, { gate: g, noise: n }, { k: experts, key: key(3) });
        return [result.gates, softmax(result.logits), result.load];
      },
      [x, gate, noise],
    );
    expectClose(gates, soft, { rtol: 1e-12 });
    expect([...load]).toEqual(new Array(experts).fill(rows));
  });

  test("over the noise, the probabilities of being chosen sum to k", async () => {
    const draws = 100_000;
    const same = value(
      Float32Array.from({ length: draws * width }, (_, i) => x.data[i % width] as number),
      { shape: [draws, width] },
    );
    for (const k of [1, 2]) {
      const { load } = await compile((x: Tensor, params: NoisyGate, key: Tensor) => noisyTopK(x, params, { k, key }))(
        same as never,
        { gate, noise } as never,
        key(5) as never,
      );
      expect(load.toFloat64().reduce((a, b) => a + b) / draws).toBeCloseTo(k, 1.7); // ± 0.01
    }
  });

  test("at first all experts are equally likely", async () => {
    const count = 20_000;
    const { gates, load } = await compile((from: Tensor, random: Tensor) =>
      noisyTopK(normal(from, [count, width]), initNoisyGate({ width, experts }), { k: 2, key: random }),
    )(key(1) as never, key(2) as never);
    const importance = new Array(experts).fill(0);
    for (const row of gates.toArray() as number[][])
      row.forEach((share, i) => {
        importance[i] += share;
      });
    // Three standard errors of a mean of 20,000 shares.
    for (const total of importance) expect(Math.abs(total / count - 1 / experts)).toBeLessThan(0.007);
    for (const total of load.toFloat64()) expect(Math.abs(total / count - 2 / experts)).toBeLessThan(0.01);
  });

  test("load and importance reach the weights, the noise's too, from zeros on", async () => {
    const gradient = compile((x: Tensor) =>
      grad((params: NoisyGate) => loadLoss(noisyTopK(x, params, { k: 2, key: key(7) }).load))(
        initNoisyGate({ width, experts }),
      ),
    );
    const { gate: atGate } = await gradient(x as never);
    expect(Math.max(...atGate.toFloat64().map(Math.abs))).toBeGreaterThan(1e-3);
    await check(
      (x, g, n) => {
        const { gates, load } = noisyTopK(x, { gate: g, noise: n }, { k: 2, key: key(1) });
        return [importanceLoss(gates), loadLoss(load), sum(mul(gates, gates))];
      },
      [x, gate, noise],
      { batch: false, rtol: 1e-4, gradientTolerance: 1e-5 }, // probabilities change steeply where the noise is small
    );
    await checkExecutors((x) => noisyTopK(x, initNoisyGate({ width, experts }), { k: 1, key: key(2) }).gates, [x]);
  });
});
