import { describe, expect, test } from "vitest";
import {
  bernoulli,
  bits,
  categorical,
  compile,
  evaluate,
  exponential,
  foldIn,
  gumbel,
  key,
  normal,
  permutation,
  randomIntegers,
  split,
  splitStacked,
  type Tensor,
  truncatedNormal,
  uniform,
  value,
} from "../../index.ts";
import { erfReference } from "../operations/error-function.ts";
import { normalQuantile } from "./random.ts";
import { fillWords, threefry } from "./threefry.ts";

const count = 20_000;

/** The largest distance of a sample's distribution function from the true one, times √n (Kolmogorov–Smirnov). */
function distance(sample: ArrayLike<number | bigint>, probability: (x: number) => number): number {
  const sorted = Float64Array.from(sample as ArrayLike<number>, Number).sort();
  let largest = 0;
  sorted.forEach((x, i) => {
    const p = probability(x);
    largest = Math.max(largest, Math.abs(p - i / sorted.length), Math.abs(p - (i + 1) / sorted.length));
  });
  return largest * Math.sqrt(sorted.length);
}

// P(√n·D > 1.95) = 0.001 for a true sample; the keys are fixed, so this never flickers.
const critical = 1.95;
const normalProbability = (x: number) => 0.5 * (1 + erfReference(x / Math.SQRT2));

describe("threefry", () => {
  test("known answers of the published test vectors", () => {
    expect(threefry(0, 0, 0, 0)).toEqual([0x6b200159, 0x99ba4efe]);
    expect(threefry(0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff)).toEqual([0x1cb996fc, 0xbb002be7]);
    expect(threefry(0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3)).toEqual([0xc4923a9c, 0x483df7a0]);
  });

  test("the unrolled form is the block cipher on the counters i, 0", () => {
    const words = new Uint32Array(7);
    fillWords(words, 0xdeadbeef, 0x12345678, 5);
    expect([...words]).toEqual([5, 6, 7, 8].flatMap((i) => threefry(0xdeadbeef, 0x12345678, i, 0)).slice(0, 7));
  });
});

describe("distributions", () => {
  const cases: [string, () => Tensor, (x: number) => number][] = [
    ["uniform", () => uniform(key(1), [count]), (x) => x],
    ["uniform on an interval", () => uniform(key(2), [count], { low: -3, high: 5 }), (x) => (x + 3) / 8],
    ["normal", () => normal(key(3), [count]), normalProbability],
    [
      "shifted normal",
      () => normal(key(4), [count], { mean: 2, standardDeviation: 3 }),
      (x) => normalProbability((x - 2) / 3),
    ],
    [
      "truncated normal",
      () => truncatedNormal(key(5), [count]),
      (x) => (normalProbability(x) - normalProbability(-2)) / (normalProbability(2) - normalProbability(-2)),
    ],
    ["gumbel", () => gumbel(key(6), [count]), (x) => Math.exp(-Math.exp(-x))],
    ["exponential", () => exponential(key(7), [count]), (x) => 1 - Math.exp(-x)],
  ];
  test.each(cases)("%s has its distribution function", async (_, draw, probability) => {
    expect(distance((await evaluate(draw())).data, probability)).toBeLessThan(critical);
  });

  test("bernoulli, integers and categories come as often as they should", async () => {
    const heads = (await evaluate(bernoulli(key(8), 0.3, [count]))).data as Uint8Array;
    expect(Math.abs(heads.reduce((a, b) => a + b, 0) / count - 0.3)).toBeLessThan(4 * Math.sqrt(0.21 / count));
    const die = (await evaluate(randomIntegers(key(9), [count], 1, 7))).data as Int32Array;
    const drawn = (
      await evaluate(
        categorical(key(10), value([Math.log(1), Math.log(2), -Infinity, Math.log(5)]), { shape: [count] }),
      )
    ).data;
    const frequency = (data: ArrayLike<number | bigint>, category: number) =>
      Array.from(data as ArrayLike<number>, Number).filter((x) => x === category).length / count;
    for (let face = 1; face <= 6; face++)
      expect(Math.abs(frequency(die, face) - 1 / 6)).toBeLessThan(4 * Math.sqrt(5 / 36 / count));
    [1 / 8, 2 / 8, 0, 5 / 8].forEach((p, i) => {
      expect(Math.abs(frequency(drawn, i) - p)).toBeLessThanOrEqual(4 * Math.sqrt((p * (1 - p)) / count));
    });
  });

  test("a permutation holds every index once, and each place is fair", async () => {
    const order = (await evaluate(permutation(key(11), 100))).data as Int32Array;
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    const firsts = await Promise.all(
      Array.from({ length: 600 }, async (_, i) => (await evaluate(permutation(key(i), 3))).data[0]),
    );
    for (const place of [0, 1, 2]) expect(Math.abs(firsts.filter((x) => x === place).length - 200)).toBeLessThan(60);
  });

  test("the normal quantile inverts the distribution function", () => {
    for (const p of [1e-9, 1e-4, 0.02, 0.3, 0.5, 0.77, 0.999])
      expect(normalProbability(normalQuantile(p))).toBeCloseTo(p, 6);
  });
});

describe("keys", () => {
  test("children differ from each other, from their parent and from numbers drawn with it", async () => {
    const parent = key(42);
    const children = (await evaluate(split(parent, 3))).map((child) => [...child.data].join());
    const folded = [...(await evaluate(foldIn(parent, 0))).data].join();
    const drawn = [...(await evaluate(bits(parent, [2]))).data].join();
    expect(new Set([...children, folded, drawn, [...parent.data].join()]).size).toBe(6);
  });

  test("stacked children are the same children", async () => {
    const [a, b] = await evaluate(split(key(1), 2));
    expect((await evaluate(splitStacked(key(1), 2))).toArray()).toEqual([a.toArray(), b.toArray()]);
  });

  test("neighbouring seeds are uncorrelated", async () => {
    const [a, b] = (await evaluate([normal(key(100), [count]), normal(key(101), [count])])).map(
      (v) => v.data as Float32Array,
    );
    const correlation = a.reduce((total, x, i) => total + x * b[i], 0) / count;
    expect(Math.abs(correlation)).toBeLessThan(4 / Math.sqrt(count));
  });

  test("split, drawn and used inside a program, they are the host's business", async () => {
    const program = compile((k: Tensor) => split(k, 2).map((one) => normal(one, [2])));
    const [a, b] = await program(key(9));
    const [first, second] = await evaluate(split(key(9)).map((one) => normal(one, [2])));
    expect([a.toArray(), b.toArray()]).toEqual([first.toArray(), second.toArray()]);
  });

  test("something that is no key is named", () => {
    expect(() => normal(value([1, 2]), [3])).toThrowError(expect.objectContaining({ code: "normal/key" }));
    expect(() => randomIntegers(key(1), [2], 3, 3)).toThrowError(
      expect.objectContaining({ code: "randomIntegers/range" }),
    );
  });
});
