import { describe, expect, test } from "vitest";
import { causalMask, key, softmax, type Tensor, type Value, value, where } from "../core/index.ts";
import { compile, evaluate } from "../runtime/index.ts";
import { check, expectClose, oracle } from "../testing/check.ts";
import {
  type AttentionSettings,
  alibi,
  crossAttention,
  initCrossAttention,
  initSelfAttention,
  maskedSoftmax,
  mergeHeads,
  selfAttention,
  splitHeads,
} from "./index.ts";

const numbers = (seed: number, ...shape: number[]): Value =>
  value(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) =>
      Math.sin(12.9898 * (i + 1) + 78.2 * seed),
    ),
    { shape },
  );
const code = (fn: () => unknown, wanted: string) => expect(fn).toThrowError(expect.objectContaining({ code: wanted }));

const x = numbers(1, 2, 4, 6);
const params = await evaluate(initSelfAttention(key(1), { width: 6 }));
const attend = (settings: Partial<AttentionSettings>) => (a: Tensor) =>
  selfAttention(params, a, { heads: 2, ...settings });

describe("self-attention", () => {
  test("executors, gradients to input and parameters, batching", () =>
    check(
      (a, weight, bias) => selfAttention({ qkv: { weight, bias }, out: params.out }, a, { heads: 3, causal: true }),
      [x, params.qkv.weight, params.qkv.bias!],
      { rtol: 1e-4, atol: 1e-5 }, // 32-bit sums in another order
    ));

  test.each<[string, Partial<AttentionSettings>]>([
    ["plain", {}],
    ["causal", { causal: true }],
    ["masked", { mask: value([true, true, false, true]) }],
    ["masked and causal", { causal: true, mask: value([true, true, false, true]) }],
    ["biased and causal", { causal: true, bias: alibi(2, 4) }],
  ])("%s: the fused form is what the normalizer form gives", (_, settings) => {
    const [fused, spelled] = oracle(
      (a) => [attend(settings)(a), attend({ ...settings, normalizer: maskedSoftmax })(a)],
      [x],
    );
    expectClose(fused, spelled, { rtol: 1e-9, atol: 1e-12 });
  });

  test("causal: later times do not change earlier results", () => {
    const changed = numbers(1, 2, 4, 6);
    (changed.data as Float32Array).set([9, 9, 9, 9, 9, 9], 3 * 6);
    const [before] = oracle(attend({ causal: true }), [x]);
    const [after] = oracle(attend({ causal: true }), [changed]);
    expectClose(after.subarray(0, 18), before.subarray(0, 18), { rtol: 0, atol: 0 });
    expect(after[18]).not.toBe(before[18]);
  });

  test("a normalizer sees scores and the whole mask", () => {
    const seen: { scores: readonly number[]; mask?: readonly number[] }[] = [];
    attend({
      causal: true,
      mask: value([[true], [true], [true], [true]]),
      normalizer: (scores, mask) => {
        seen.push({ scores: scores.shape, mask: mask?.shape });
        return softmax(where(mask!, scores, -Infinity));
      },
    })(x as never);
    expect(seen).toEqual([{ scores: [2, 2, 4, 4], mask: [4, 4] }]);
  });

  test("a mixer takes the place of all; giving values back is a linear map", () => {
    const [mixed] = oracle(attend({ mixer: (_q, _k, v) => v }), [x]);
    const only = oracle(
      attend({
        mask: value([
          [true, false, false, false],
          [false, true, false, false],
          [false, false, true, false],
          [false, false, false, true],
        ]),
      }),
      [x],
    )[0];
    expectClose(mixed, only, { rtol: 1e-9 });
  });

  test("dropout of weights keeps the mean", async () => {
    const ones = value(new Float32Array(2 * 64 * 6).fill(1), { shape: [2, 64, 6] });
    const run = compile((a: Tensor, random: Tensor) => [attend({ key: random, dropout: 0.5 })(a), attend({})(a)]);
    const [dropped, plain] = await run(ones, key(7));
    const mean = (one: Value) => one.toFloat64().reduce((a, b) => a + b, 0) / one.size;
    expect(dropped.toFloat64()).not.toEqual(plain.toFloat64());
    expect(mean(dropped)).toBeCloseTo(mean(plain), 1);
  });

  test("heads split and merge to the same", () => {
    const [back] = oracle((a) => mergeHeads(splitHeads(a, 3)), [x]);
    expectClose(back, x.toFloat64(), { rtol: 0, atol: 0 });
  });

  test("mistakes are named", () => {
    code(() => attend({ heads: 4 })(x as never), "attention/heads");
    code(() => attend({})(numbers(1, 4, 6) as never), "selfAttention/rank");
  });
});

describe("cross-attention", () => {
  const context = numbers(3, 2, 5, 3);

  test("executors, gradient, batching", async () => {
    const cross = await evaluate(initCrossAttention(key(2), { width: 6, contextWidth: 3 }));
    await check((a, b) => crossAttention(cross, a, b, { heads: 2 }), [x, context], { rtol: 1e-4, atol: 1e-5 });
  });

  test("to itself is self-attention with the same weights", () => {
    const part = (from: number, to: number) => {
      const rows = params.qkv.weight.toArray().map((row: number[]) => row.slice(6 * from, 6 * to));
      return { weight: value(rows), bias: value(params.qkv.bias!.toArray().slice(6 * from, 6 * to)) };
    };
    const same = { query: part(0, 1), kv: part(1, 3), out: params.out };
    const [self, cross] = oracle(
      (a) => [attend({ causal: true })(a), crossAttention(same, a, a, { heads: 2, mask: causalMask(4) })],
      [x],
    );
    expectClose(cross, self, { rtol: 1e-9, atol: 1e-12 });
  });
});
