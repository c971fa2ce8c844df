import { describe, expect, test } from "vitest";
import {
  type Concrete,
  crossEntropy,
  key,
  leavesOf,
  softmax,
  type Tensor,
  type Value,
  value,
  where,
} from "../../core/index.ts";
import { compile, evaluate } from "../../runtime/index.ts";
import { check, expectClose, oracle } from "../../testing/check.ts";
import { adam, type Gpt, type GptConfig, gpt, initGpt, train } from "../index.ts";

const config: GptConfig = { vocabulary: 11, context: 6, layers: 2, heads: 2, width: 8 };
const tokens = value(Int32Array.of(1, 4, 9, 0, 3, 7, 7, 2, 10, 5, 6, 8), { shape: [2, 6] });
const make = (changes: Partial<GptConfig> = {}) => evaluate(initGpt(key(1), { ...config, ...changes }));
const count = (params: unknown) => leavesOf(params).reduce((total, leaf) => total + leaf.size, 0);

describe.each<[string, Partial<GptConfig>]>([
  ["as published", {}],
  ["sinusoidal", { positions: "sinusoidal" }],
  [
    "rotary, rms, gated silu, no biases, untied",
    { positions: "rotary", norm: "rms", activation: "silu", gated: true, bias: false, tied: false },
  ],
  ["alibi, relu", { positions: "alibi", activation: "relu" }],
  ["no positions", { positions: "none" }],
])("%s", (_, changes) => {
  const all = { ...config, ...changes };

  test("both executors agree, in output and gradient", async () => {
    const params = await make(changes);
    const head = params.tokens.weight;
    await check((weight) => gpt({ ...params, tokens: { weight } }, tokens, all), [head], {
      rtol: 1e-4, // 32-bit sums in another order
      atol: 1e-5,
      batch: false,
    });
  });

  test("later letters change nothing before them", async () => {
    const params = await make(changes);
    const logits = (ids: Value) => oracle(() => gpt(params, ids, all), [])[0];
    const other = value(Int32Array.of(1, 4, 9, 0, 2, 2, 7, 2, 10, 5, 9, 9), { shape: [2, 6] });
    const [before, after] = [logits(tokens), logits(other)];
    for (const row of [0, 6]) {
      const [from, to] = [row * 11, (row + 4) * 11];
      expectClose(after.subarray(from, to), before.subarray(from, to), { rtol: 0, atol: 0 });
      expect(after[to]).not.toBe(before[to]);
    }
  });
});

test("as many parameters as the sizes say", async () => {
  const [v, t, l, w] = [11, 6, 2, 8];
  const block = 4 * w + (3 * w * w + 3 * w) + (w * w + w) + (8 * w * w + 5 * w);
  expect(count(await make())).toBe(v * w + t * w + l * block + 2 * w);
  const lean = 2 * w + 4 * w * w + 12 * w * w;
  expect(count(await make({ positions: "rotary", bias: false, gated: true, tied: false }))).toBe(
    2 * v * w + l * lean + w,
  );
});

test("fresh parameters guess: the loss is that of a uniform guess", async () => {
  const params = await make();
  // Not the letters themselves: through the shared embedding a fresh network already knows what it was told.
  const next = value(
    Int32Array.from(tokens.data as Int32Array, (token) => (token + 5) % 11),
    { shape: [2, 6] },
  );
  const [loss] = oracle(() => crossEntropy(gpt(params, tokens, config), next), []);
  expect(loss[0]).toBeCloseTo(Math.log(11), 1);
});

test("learns a sequence by heart", async () => {
  const sequence = [3, 1, 4, 1, 5, 9, 2, 6];
  const row = (from: number) => value(Int32Array.from(sequence.slice(from, from + 6)), { shape: [1, 6] });
  const loss = (params: Gpt, { x, y }: { x: Tensor; y: Tensor }) => crossEntropy(gpt(params, x, config), y);
  const { losses, params } = await train({
    loss,
    params: await make(),
    optimizer: adam({ lr: 0.02 }),
    batches: () => ({ x: row(0), y: row(1) }),
    steps: 60,
    compile: { threads: 1 },
  });
  expect(losses.at(-1)).toBeLessThan(0.05);
  const logits = await compile((p: Gpt, x: Tensor) => gpt(p, x, config))(params, row(0));
  const best = (logits.toArray()[0] as number[][]).map((scores) => scores.indexOf(Math.max(...scores)));
  expect(best).toEqual(sequence.slice(1, 7));
});

test("dropout with a key, none without", async () => {
  const params = await make();
  const noisy = compile((p: Gpt, random: Tensor) => gpt(p, tokens, { ...config, dropout: 0.3 }, { key: random }));
  const [one, same, other] = [await noisy(params, key(1)), await noisy(params, key(1)), await noisy(params, key(2))];
  expect(same.data).toEqual(one.data);
  expect(other.data).not.toEqual(one.data);
  const quiet = await compile((p: Gpt) => gpt(p, tokens, { ...config, dropout: 0.3 }))(params);
  const plain = await compile((p: Gpt) => gpt(p, tokens, config))(params);
  expect(quiet.data).toEqual(plain.data);
});

test("any normalizer takes the place of softmax in every layer", async () => {
  const params: Concrete<Gpt> = await make();
  const weights: Tensor[] = [];
  const watched = (scores: Tensor, mask?: Tensor) => {
    weights.push(softmax(where(mask!, scores, -Infinity)));
    return weights.at(-1)!;
  };
  const [fused, spelled] = oracle(
    () => [gpt(params, tokens, config), gpt(params, tokens, config, { normalizer: watched })],
    [],
  );
  expectClose(spelled, fused, { rtol: 1e-9, atol: 1e-12 });
  expect(weights.map((one) => one.shape)).toEqual([
    [2, 2, 6, 6],
    [2, 2, 6, 6],
  ]);
});

test("a longer text than learned positions is refused", async () => {
  const params = await make();
  const long = value(new Int32Array(7), { shape: [1, 7] });
  expect(() => gpt(params, long, config)).toThrowError(expect.objectContaining({ code: "positions/context" }));
});
