import type { Column } from "./column.ts";
import { requireOption } from "./errors.ts";
import { Random } from "./random.ts";
import { sampled } from "./sampled.ts";
import type { Testbed } from "./testbed.ts";

export interface CopyOptions {
  /** Different symbols, tokens 2 … symbols + 1; 0 is blank, 1 asks for the copy. Default 8 */
  readonly symbols?: number;
  /** Symbols to be remembered. */
  readonly length: number;
  /** Blanks between the symbols and the token that asks. */
  readonly delay: number;
  readonly batch: number;
}

export const testbed: Testbed = {
  name: "copy",
  summary: "the copying task: symbols must be repeated after a delay",
  source: "generated (lab/src/data/copy.ts)",
  licence: "MIT, as the lab",
  sizes: "without end",
  split: "by stream: draw training and test sequences from different splits of a seed",
  parts: [],
  sample: sampled("6a8bd668da546cbc12ae0949a6c538c88de3e3dddffdd649be61a454aa98de9d", () =>
    copyTask({ length: 5, delay: 7, batch: 8 }, new Random(0)),
  ),
};

/**
 * Sequences of symbols, a delay, a token that asks, and places for the answer.
 *
 * @returns x int32[batch, 2·length + delay + 1], the answer's places blank; y of that shape, the symbols in those places
 *          and −1 elsewhere
 * @source Hochreiter & Schmidhuber 1997, in the form of Arjovsky, Shah & Bengio 2016, arXiv:1511.06464, section 5.1
 */
export function copyTask(
  { symbols = 8, length, delay, batch }: CopyOptions,
  random: Random,
): { x: Column<Int32Array>; y: Column<Int32Array> } {
  requireOption(symbols > 0 && length > 0 && delay >= 0, "copy", `${symbols} symbols, ${length} long, ${delay} later`);
  const total = 2 * length + delay + 1;
  const x = new Int32Array(batch * total);
  const y = new Int32Array(batch * total).fill(-1);
  for (let row = 0; row < batch; row++) {
    const answer = (row + 1) * total - length;
    for (let i = 0; i < length; i++) x[row * total + i] = y[answer + i] = 2 + random.below(symbols);
    x[answer - 1] = 1;
  }
  const shape = [batch, total];
  return { x: { data: x, shape }, y: { data: y, shape } };
}
