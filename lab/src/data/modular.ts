import { type Column, select } from "./column.ts";
import { requireOption } from "./errors.ts";
import { sampled } from "./sampled.ts";
import { splitIndices } from "./split.ts";
import type { Testbed } from "./testbed.ts";

export type ModularOperation = "add" | "mul" | "sub";

export interface ModularPairs {
  /** int32[n, 2], numbers 0 … p − 1 */
  readonly x: Column<Int32Array>;
  /** int32[n], result of the operation mod p */
  readonly y: Column<Int32Array>;
  [column: string]: Column;
}

export const testbed: Testbed = {
  name: "modular",
  summary: "all pairs of numbers with their sum, difference or product modulo p",
  source: "generated (lab/src/data/modular.ts)",
  licence: "MIT, as the lab",
  sizes: "p² pairs",
  split: "a random fraction of the pairs for training, the others for testing",
  parts: [],
  sample: sampled(
    "9f8cee48f0db483ef2f3335df77c69d13dff2ce275fa003cc89de0f57966efd7",
    () => modular("mul", 7, 0.5, 0).train,
  ),
};

const operations: Readonly<Record<ModularOperation, (a: number, b: number, p: number) => number>> = {
  add: (a, b, p) => (a + b) % p,
  mul: (a, b, p) => (a * b) % p,
  sub: (a, b, p) => (a - b + p) % p,
};

/**
 * Every pair (a, b) with a ∘ b mod p, in random order, cut into training and test pairs.
 *
 * @param fraction  share of the p² pairs that is for training, 0 … 1
 */
export function modular(
  operation: ModularOperation,
  p: number,
  fraction: number,
  seed: number,
): { train: ModularPairs; test: ModularPairs } {
  requireOption(Number.isInteger(p) && p > 0, "p", `a whole number from 1 is needed, given ${p}`);
  const count = p * p;
  const pairs = {
    x: {
      data: Int32Array.from({ length: 2 * count }, (_, i) => (i % 2 ? (i >> 1) % p : Math.floor(i / 2 / p))),
      shape: [count, 2],
    },
    y: {
      data: Int32Array.from({ length: count }, (_, i) => operations[operation](Math.floor(i / p), i % p, p)),
      shape: [count],
    },
  };
  const { train, test } = splitIndices(count, [fraction, 0, 1 - fraction], seed);
  return { train: select(pairs, train), test: select(pairs, test) };
}
