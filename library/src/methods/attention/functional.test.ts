import { describe, expect, test } from "vitest";
import { attention, compile, key, mul, normal, split, type Tensor, type Value, value } from "../../index.ts";
import { check, checkGradients, expectClose, oracle } from "../../testing/index.ts";
import { softpick } from "../normalizers/softpick.ts";
import { sparsemax } from "../normalizers/sparsemax.ts";
import { attentionWith } from "./functional.ts";
import { attentionSparsity, attentionToFirst, kurtosis, sinkRate } from "./probes.ts";
import { softpickTiles } from "./softpick-tiles.ts";

/** Random query, key and value, [2, 3, queries, 4], [2, 3, keys, 4] and [2, 3, keys, 5]. */
const make = (queries: number, keys: number, seed = 1): Promise<Value[]> =>
  compile((from: Tensor) => {
    const [a, b, c] = split(from, 3);
    const size = (shape: number[], k: Tensor) => mul(normal(k, shape), 2);
    return [size([2, 3, queries, 4], a), size([2, 3, keys, 4], b), size([2, 3, keys, 5], c)];
  })(key(seed));

describe("attention with a normalizer", () => {
  test("softmax gives the core's attention, causal and masked", async () => {
    const inputs = await make(6, 6);
    const mask = value(Array.from({ length: 6 }, (_, i) => i !== 2));
    const [ours, theirs] = oracle(
      (q, k, v) => [
        attentionWith(q, k, v, undefined, { causal: true, mask }).out,
        attention(q, k, v, mask, { causal: true }),
      ],
      inputs,
    );
    expectClose(ours, theirs, { rtol: 1e-9 });
  });

  test.each([
    // A small ε: the maximum counts as a constant, which is exact up to terms of its size.
    ["softpick", (scores: Tensor, mask?: Tensor) => softpick(scores, { mask, epsilon: 1e-12 })],
    ["sparsemax", (scores: Tensor, mask?: Tensor) => sparsemax(scores, { mask })],
  ])("%s: executors, gradients and batching", async (_, normalizer) => {
    await check((q, k, v) => attentionWith(q, k, v, normalizer, { causal: true }), await make(3, 3, 5), {
      rtol: 1e-4, // float32 differences of exponentials near a score of 0
      atol: 1e-5,
    });
  });

  test("weights are rows over the visible keys", async () => {
    const [weights] = oracle(
      (q, k, v) => attentionWith(q, k, v, undefined, { causal: true, scale: 1 }).weights,
      await make(4, 4),
    );
    for (let row = 0; row < 24; row++) {
      const line = weights.slice(row * 4, row * 4 + 4);
      expect(line.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
      for (let k = (row % 4) + 1; k < 4; k++) expect(line[k]).toBe(0);
    }
  });
});

describe("softpick in tiles", () => {
  test.each([
    [1, 1, 1],
    [5, 7, 3],
    [6, 13, 4],
    [9, 9, 64],
    [3, 16, 16],
  ])("%i queries on %i keys in tiles of %i: as the plain form, causal or not", async (queries, keys, tile) => {
    const inputs = await make(queries, keys, queries + keys);
    for (const causal of queries === keys ? [false, true] : [false]) {
      const plain = (q: Tensor, k: Tensor, v: Tensor) =>
        attentionWith(q, k, v, (scores, mask) => softpick(scores, { mask }), { causal }).out;
      const [tiled, whole] = oracle(
        (q, k, v) => [softpickTiles(q, k, v, { causal, tile }).out, plain(q, k, v)],
        inputs,
      );
      expectClose(tiled, whole, { atol: 1e-6, rtol: 0 });
      const single = await compile((q: Tensor, k: Tensor, v: Tensor) => [
        softpickTiles(q, k, v, { causal, tile }).out,
        plain(q, k, v),
      ])(inputs[0], inputs[1], inputs[2]);
      // Weights of 32 bits on values of about 2.
      expectClose(single[0].toFloat64(), single[1].toFloat64(), { atol: 1e-5, rtol: 1e-5 });
    }
  });

  test("its gradient is right, and logTotal is ln(Σ|eˣ − 1|)", async () => {
    await checkGradients((q, k, v) => softpickTiles(q, k, v, { tile: 2 }), await make(2, 3, 8), {
      rtol: 1e-4,
      atol: 1e-5,
    });
    const [one] = [value([[1, 0]], { dtype: "float64" })];
    const keys = value(
      [
        [Math.log(3), 0],
        [-Math.log(2), 0],
      ],
      { dtype: "float64" },
    );
    const [total] = oracle((q, k) => softpickTiles(q, k, k, { tile: 1, scale: 1, epsilon: 0 }).logTotal, [one, keys]);
    expect(total[0]).toBeCloseTo(Math.log(2 + 0.5), 12);
  });
});

describe("probes", () => {
  // Two heads on three keys: the first always looks at key 0, the second never.
  const weights = value([
    [
      [
        [1, 0, 0],
        [1, 0, 0],
        [0.5, 0.5, 0],
      ],
      [
        [1, 0, 0],
        [0, 1, 0],
        [0.2, 0, 0.8],
      ],
    ],
  ]);

  test("attention to the first key leaves out the first query, and queries that do not count", () => {
    expectClose(oracle((w) => attentionToFirst(w), [weights])[0], [0.75, 0.1], { atol: 1e-7 });
    const queries = value([[true, false, true]]);
    expectClose(oracle((w) => attentionToFirst(w, { queries }), [weights])[0], [0.5, 0.2], { atol: 1e-7 });
  });

  test("sink rate is the share of heads above the threshold", () => {
    expect(oracle((w) => sinkRate(w), [weights])[0][0]).toBe(0.5);
    expect(oracle((w) => sinkRate(w, { threshold: 0.05 }), [weights])[0][0]).toBe(1);
  });

  test("sparsity counts exact zeros among the visible weights alone", () => {
    const causal = value([
      [true, false, false],
      [true, true, false],
      [true, true, true],
    ]);
    expect(oracle((w) => attentionSparsity(w, causal), [weights])[0][0]).toBeCloseTo(4 / 12, 12);
  });

  test("kurtosis: 1 for two values, 3 for normal numbers, the same when scaled and moved", async () => {
    expect(oracle((x) => kurtosis(x), [value([1, -1, 1, -1])])[0][0]).toBeCloseTo(1, 12);
    // By hand: mean 1, squares 1, 1, 1, 9 → mean of their squares 21, square of their mean 9.
    expect(oracle((x) => kurtosis(x), [value([0, 0, 0, 4])])[0][0]).toBeCloseTo(21 / 9, 9);
    const [plain, changed] = await compile((from: Tensor) => {
      const x = normal(from, [20_000]);
      return [kurtosis(x), kurtosis(mul(x, 7))];
    })(key(6));
    expect(Math.abs(plain.item() - 3)).toBeLessThan(0.15);
    expect(changed.item()).toBeCloseTo(plain.item(), 3);
  });
});
