import { expect, test } from "vitest";
import { compile, gather, key, matmul, mul, ones, type Tensor, value } from "../../index.ts";
import { check, checkExecutors, expectClose, oracle } from "../../testing/index.ts";
import { baseConv, causalConv, initBaseConv } from "./base-conv.ts";
import { attentionWith } from "./functional.ts";
import { repeatedTokenMask, selectedAttention } from "./selected.ts";

const numbers = (shape: number[], from = 0) =>
  value(
    Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(3 * (i + from) + 1)),
    { shape },
  );
const [q, k, v] = [0, 50, 90].map((from) => numbers([2, 5, 3], from));
const conv = (u: any, taps: number[][]) => oracle((u, h) => causalConv(u, h), [u, value(taps)])[0];

test("a filter of 1, 0, 0 changes nothing, of 0, 1, 0 shifts by one; taps beyond the sequence do not count", () => {
  const u = value([[[1], [2], [3]]]);
  expectClose(conv(u, [[1, 0, 0]]), [1, 2, 3]);
  expectClose(conv(u, [[0, 1, 0]]), [0, 1, 2]);
  expectClose(conv(u, [[1, 1, 1, 1, 9]]), [1, 3, 6]);
  expectClose(conv(value([[[2]]]), [[3]]), [6]);
});

test("many taps, as a product with a matrix, give what few give that end in zeros", () => {
  const filter = numbers([3, 4], 7);
  const longer = value(
    Float32Array.from({ length: 3 * 12 }, (_, i) =>
      i % 12 < 4 ? (filter.data as Float32Array)[4 * Math.floor(i / 12) + (i % 12)] : 0,
    ),
    { shape: [3, 12] },
  );
  const [few, many] = [filter, longer].map((h) => oracle((u, taps) => causalConv(u, taps), [q, h])[0]);
  expectClose(many, few, { rtol: 1e-12 });
});

test("what comes later changes nothing earlier", () => {
  const edited = value(
    Float32Array.from(q.data as Float32Array, (x, i) => (i % 15 >= 9 ? 7 : x)),
    { shape: [2, 5, 3] },
  );
  const layer = (u: Tensor) => baseConv(initBaseConv(key(1), { width: 3, taps: 5 }), u);
  const [before, after] = [q, edited].map((u) => oracle(layer, [u])[0]);
  for (const row of [0, 15]) expectClose(after.slice(row, row + 9), before.slice(row, row + 9), { rtol: 1e-12 });
});

test("tokens that stood before are marked", () => {
  const tokens = value([[4, 7, 4, 0, 0]], { dtype: "int64" });
  expect([...oracle(repeatedTokenMask, [tokens])[0]]).toEqual([0, 0, 1, 0, 1]);
});

test("all selected is causal attention; a place that is not selected is exactly 0; of k places the largest stay", () => {
  const [all, dense] = oracle(
    (q, k, v) => [selectedAttention(q, k, v, ones([2, 5])), attentionWith(q, k, v, undefined, { causal: true }).out],
    [q, k, v],
  );
  expectClose(all, dense, { rtol: 1e-12 });
  const select = value([
    [0.2, 0.9, 0.1, 0.5, 0],
    [1, 0, 0, 0, 0.5],
  ]);
  const [kept] = oracle((q, k, v) => selectedAttention(q, k, v, select, { topK: 2 }), [q, k, v]);
  const zero = (place: number) => [...kept.slice(3 * place, 3 * place + 3)].every((x) => x === 0);
  expect(Array.from({ length: 10 }, (_, place) => zero(place))).toEqual([
    ...[true, false, true, false, true],
    ...[false, true, true, true, false],
  ]);
  expectClose(
    kept.slice(3, 6),
    dense.slice(3, 6).map((x) => 0.9 * x),
    { rtol: 1e-6 },
  );
});

test("recall is solved by hand: a shift by one, then attention from a token to what follows its first occurrence", async () => {
  // Keys 1 … 3, values 4 … 7; keys are what stood one place before.
  const tokens = value([[1, 5, 3, 4, 2, 7, 3, 0, 1, 0, 2, 0]], { dtype: "int64" });
  const eye = value(
    Float32Array.from({ length: 64 }, (_, i) => (i % 9 === 0 ? 1 : 0)),
    { shape: [8, 8] },
  );
  const shift = value(
    Float32Array.from({ length: 16 }, (_, i) => i % 2),
    { shape: [8, 2] },
  );
  const answers = await compile((t: Tensor) => {
    const x = gather(eye, t);
    return matmul(selectedAttention(mul(x, 50 * Math.sqrt(8)), causalConv(x, shift), x, repeatedTokenMask(t)), eye);
  })(tokens as never);
  const rows = (answers.toArray() as number[][][])[0];
  const said = [6, 8, 10].map((place) => rows[place].indexOf(Math.max(...rows[place])));
  expect(said).toEqual([4, 5, 7]);
});

test("executors, gradients and batching agree", async () => {
  await check((u, h) => causalConv(u, h), [q, numbers([3, 4], 7)]);
  await check((u, h) => causalConv(u, h), [q, numbers([3, 9], 7)]);
  await check((q, k, v, s) => selectedAttention(q, k, v, s), [q, k, v, numbers([2, 5], 3)], { batch: false });
  await checkExecutors((u) => baseConv(initBaseConv(key(1), { width: 3, taps: 3 }), u), [q]);
});
