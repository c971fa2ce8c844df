import { type Column, slice } from "./column.ts";
import { requireOption } from "./errors.ts";
import { Random } from "./random.ts";
import { sampled } from "./sampled.ts";
import type { Testbed } from "./testbed.ts";

export interface SparseParityOptions {
  /** Bits that decide. */
  readonly relevant: number;
  /** Bits that do not. */
  readonly noise: number;
  readonly samples: number;
  /** Share of the samples for training, 0 … 1. */
  readonly fraction: number;
  readonly seed: number;
}

export interface ParityBits {
  /** float32[n, relevant + noise], 0 or 1, the relevant bits first */
  readonly x: Column<Float32Array>;
  /** int32[n], 1 where an odd number of relevant bits is 1 */
  readonly y: Column<Int32Array>;
  [column: string]: Column;
}

export const testbed: Testbed = {
  name: "parity",
  summary: "sparse parity: the exclusive or of a few bits among many",
  source: "generated (lab/src/data/parity.ts)",
  licence: "MIT, as the lab",
  sizes: "any number of samples",
  split: "the first samples for training, the others for testing",
  parts: [],
  sample: sampled(
    "ccb6d3623a2fd26f28bdc0eda9cca3628590f7e824410acfa128a4845d974dd4",
    () => sparseParity({ relevant: 3, noise: 5, samples: 16, fraction: 1, seed: 0 }).train,
  ),
};

/** Random bits whose label is the parity of the first `relevant` ones. */
export function sparseParity(options: SparseParityOptions): { train: ParityBits; test: ParityBits } {
  const { relevant, noise, samples, fraction, seed } = options;
  requireOption(fraction >= 0 && fraction <= 1, "fraction", `0 … 1 is needed, given ${fraction}`);
  const random = new Random(seed).split("parity");
  const bits = relevant + noise;
  const x = Float32Array.from({ length: samples * bits }, () => random.below(2));
  const y = Int32Array.from({ length: samples }, (_, row) =>
    x.subarray(row * bits, row * bits + relevant).reduce((parity, bit) => parity ^ bit, 0),
  );
  const all: ParityBits = { x: { data: x, shape: [samples, bits] }, y: { data: y, shape: [samples] } };
  const trained = Math.round(samples * fraction);
  return { train: slice(all, 0, trained), test: slice(all, trained) };
}
