import { expect, test } from "vitest";
import { abs, max, type Tensor, value } from "../../index.ts";
import { checkExecutors, expectClose, oracle } from "../../testing/index.ts";
import { roundToNearest } from "./round-to-nearest.ts";

const weights = value([
  [1, 0.4, -0.2],
  [0.1, -0.06, 0.02],
]);
const run = (options: Parameters<typeof roundToNearest>[1]) => oracle((w) => roundToNearest(w, options), [weights])[0];

test("by hand: three levels for 2 bits, a step of 1/7 for 4", () => {
  expectClose(run({ bits: 2 }), [1, 0, 0, 0, 0, 0], { atol: 1e-7 });
  expectClose(run({ bits: 4 }), [1, 3 / 7, -1 / 7, 1 / 7, 0, 0], { atol: 1e-7 });
  expectClose(run({ bits: 2, axis: 0 }), [1, 0, 0, 0.1, -0.1, 0], { atol: 1e-7 });
});

test("laws: the largest weight stays, twice is once, an error is at most half a step, many bits change nothing", () => {
  const [once, twice, largest] = oracle(
    (w) => [roundToNearest(w, { bits: 5 }), roundToNearest(roundToNearest(w, { bits: 5 }), { bits: 5 }), max(abs(w))],
    [weights],
  );
  expectClose(twice, once, { atol: 1e-12 });
  expect(Math.max(...once)).toBeCloseTo(largest[0], 12);
  const plain = weights.toFloat64();
  expect(Math.max(...once.map((rounded, i) => Math.abs(rounded - plain[i])))).toBeLessThanOrEqual(1 / 15 / 2 + 1e-9);
  expectClose(run({ bits: 16 }), plain, { atol: 2e-5 });
});

test("zeros stay zeros, on both executors", async () => {
  await checkExecutors((w: Tensor) => roundToNearest(w, { bits: 4 }), [value([0, 0])]);
  await checkExecutors((w: Tensor) => roundToNearest(w, { bits: 3, axis: 1 }), [weights]);
});
