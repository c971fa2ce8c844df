import { describe, expect, test } from "vitest";
import { check, checkExecutors, checkGradients, expectClose, oracle } from "../../testing/check.ts";
import type { Tensor } from "../tensor.ts";
import { grad } from "../transforms/index.ts";
import { type Value, value } from "../value.ts";
import { add, attention, cast, exp, matmul, mul, softmax, sum, transpose } from "./index.ts";

/** Numbers without a pattern, between −1 and 1. */
const numbers = (seed: number, ...shape: number[]): Value => {
  const size = shape.reduce((a, b) => a * b, 1);
  return value(
    Float32Array.from({ length: size }, (_, i) => Math.sin(12.9898 * (i + 1) + 78.233 * seed)),
    { shape },
  );
};

const naive = (q: Tensor, k: Tensor, v: Tensor, bias?: Tensor): Tensor => {
  const scores = mul(matmul(q, k, { transposeB: true }), 1 / Math.sqrt(q.shape.at(-1)!));
  return matmul(softmax(bias === undefined ? scores : add(scores, bias)), v);
};

const triangle = (queries: number, keys: number): boolean[][] =>
  Array.from({ length: queries }, (_, i) => Array.from({ length: keys }, (_, j) => j <= i + keys - queries));

describe.each([
  [[], 3, 3, 2, 2],
  [[2], 3, 5, 4, 3],
  [[2, 3], 1, 2, 1, 1],
])("batch [%s], %i queries, %i keys, width %i and %i", (batch, queries, keys, width, out) => {
  const q = numbers(1, ...batch, queries, width);
  const k = numbers(2, ...batch, keys, width);
  const v = numbers(3, ...batch, keys, out);
  const bias = numbers(4, queries, keys);
  const options = { rtol: 1e-4, atol: 1e-5 }; // 32-bit sums in another order

  test("plain: executors, gradient, batching", () => check((...x) => attention(x[0], x[1], x[2]), [q, k, v], options));
  test("additive mask, differentiated", () =>
    check((...x) => attention(x[0], x[1], x[2], x[3]), [q, k, v, bias], options));
  test("causal", () => check((...x) => attention(x[0], x[1], x[2], undefined, { causal: true }), [q, k, v], options));

  test("outputs and gradients are those of the plain formula", () => {
    const gradients = (fn: typeof naive) =>
      oracle(
        (...x) => {
          const loss = ([a, b, c, d]: Tensor[]) => sum(exp(fn(a, b, c, d)));
          return [fn(x[0], x[1], x[2], x[3]), ...grad(loss)([...x])];
        },
        [q, k, v, bias],
      );
    const expected = gradients(naive);
    gradients((a, b, c, d) => attention(a, b, c, d)).forEach((one, i) => {
      expectClose(one, expected[i], { rtol: 1e-10, atol: 1e-12 });
    });
  });

  test("causal is the triangular mask, as bool and as −Infinity", () => {
    const allowed = triangle(queries, keys);
    const hidden = value(allowed.map((row) => row.map((one) => (one ? 0 : -Infinity))));
    const [causal, boolean, additive] = oracle(
      (...x) => [
        attention(x[0], x[1], x[2], undefined, { causal: true }),
        attention(x[0], x[1], x[2], value(allowed)),
        attention(x[0], x[1], x[2], hidden),
      ],
      [q, k, v],
    );
    expectClose(causal, boolean, { rtol: 1e-12, atol: 0 });
    expectClose(causal, additive, { rtol: 1e-12, atol: 0 });
  });
});

describe("laws", () => {
  const [q, k, v] = [numbers(1, 4, 3), numbers(2, 4, 3), numbers(3, 4, 3)];

  test("permuting keys with their values changes nothing", () => {
    const order = [2, 0, 3, 1];
    const permuted = (x: Value) => value(order.map((i) => x.toArray()[i]));
    expectClose(
      oracle((a, b, c) => attention(a, b, c), [q, permuted(k), permuted(v)])[0],
      oracle((a, b, c) => attention(a, b, c), [q, k, v])[0],
      { rtol: 1e-12, atol: 1e-12 },
    );
  });

  test("a large scale picks the best key's value; one key is certain", () => {
    const [y] = oracle((a, b, c) => attention(a, b, c, undefined, { scale: 1e4 }), [q, k, v]);
    const [scores] = oracle((a, b) => matmul(a, transpose(b)), [q, k]);
    const best = [0, 1, 2, 3].map((i) => {
      const row = [...scores.subarray(4 * i, 4 * i + 4)];
      return v.toArray()[row.indexOf(Math.max(...row))] as number[];
    });
    expectClose(y, best.flat(), { rtol: 1e-9, atol: 1e-9 });
    expectClose(
      oracle((a, b, c) => attention(a, b, c), [q, numbers(5, 1, 3), value([[1, 2, 3]])])[0],
      [1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3],
    );
  });

  test("heads may share a key and a value", () =>
    check((a, b, c) => attention(a, b, c), [numbers(1, 2, 3, 2), numbers(2, 1, 3, 2), numbers(3, 1, 3, 2)], {
      rtol: 1e-4,
      atol: 1e-5,
    }));

  test("gradients of gradients", () =>
    checkGradients(
      (...x) => {
        const loss = ([a, b, c]: Tensor[]) => sum(exp(attention(a, b, c, undefined, { causal: true })));
        return grad(loss)([...x]);
      },
      [q, k, v],
      { gradientTolerance: 1e-5, rtol: 1e-4, atol: 1e-4 },
    ));
});

describe("edges", () => {
  const [q, k, v] = [numbers(1, 3, 2), numbers(2, 3, 2), numbers(3, 3, 2)];
  const mask = [
    [true, false, true],
    [false, false, false],
    [false, false, true],
  ];

  test("a query that may look nowhere gets zeros; its gradient is finite", async () => {
    for (const given of [(_: Tensor) => value(mask), (flags: Tensor) => flags]) {
      const fn = (a: Tensor, b: Tensor, c: Tensor, flags: Tensor) => attention(a, b, c, given(flags));
      const [y] = oracle(fn, [q, k, v, value(mask)]);
      expectClose(y.subarray(2, 4), [0, 0], { atol: 0 });
      expectClose(y.subarray(4, 6), v.toFloat64().subarray(4, 6));
      await check(fn, [q, k, v, value(mask)], { gradients: [0, 1, 2], batch: false });
    }
  });

  test("bool masks batch and combine with causal", () =>
    check((a, b, c, flags) => attention(a, b, c, flags, { causal: true }), [q, k, v, value(mask)]));

  test("a bias joins either mask", async () => {
    const bias = numbers(7, 3, 3);
    await check((a, b, c, d) => attention(a, b, c, value(mask), { bias: d, causal: true }), [q, k, v, bias]);
    const [joint, both] = oracle(
      (a, b, c, d) => [
        attention(a, b, c, d, { causal: true }),
        attention(a, b, c, mul(d, 0.5), { bias: mul(d, 0.5), causal: true }),
      ],
      [q, k, v, bias],
    );
    expectClose(joint, both, { rtol: 1e-12 });
  });

  test("half precision, no queries", async () => {
    const half = (...x: Tensor[]) => {
      const [a, b, c] = x.map((one) => cast(one, "float16"));
      return cast(attention(a, b, c, value(mask)), "float32");
    };
    await checkExecutors(half, [q, k, v], { rtol: 5e-3, atol: 5e-3 }); // half floats carry 11 bits
    await checkExecutors((a, b, c) => attention(a, b, c), [value([], { shape: [0, 2] }), k, v]);
  });

  test("mistakes are named", () => {
    const code = (fn: () => unknown, wanted: string) =>
      expect(fn).toThrowError(expect.objectContaining({ code: wanted }));
    code(() => attention(q, numbers(1, 3, 4), v), "matmul/inner");
    code(() => attention(q, k, v, numbers(1, 2, 3)), "attention/broadcast");
    code(() => attention(q, k, v, value([[1, 2, 3]], { dtype: "int32" })), "attention/dtype");
    code(() => attention(numbers(1, 4, 2), k, v, undefined, { causal: true }), "attention/causal");
    code(() => attention(value([1, 2]), k, v), "attention/rank");
  });
});
