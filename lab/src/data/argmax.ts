import type { Column } from "./column.ts";
import { requireOption } from "./errors.ts";
import { Random } from "./random.ts";
import { sampled } from "./sampled.ts";
import type { Testbed } from "./testbed.ts";

export interface MaxRetrievalOptions {
  /** Items in each bag. */
  readonly items: number;
  readonly batch: number;
  /** Default 10 */
  readonly classes?: number;
}

export const testbed: Testbed = {
  name: "argmax",
  summary: "maximum retrieval: the class of the item with the highest priority in a bag",
  source: "generated (lab/src/data/argmax.ts)",
  licence: "MIT, as the lab",
  sizes: "without end; bags of any size",
  split: "by stream: draw training and test bags from different splits of a seed",
  parts: [],
  sample: sampled("99f7d5931c925cb0ededa502f4063ffab70ccfde11c6e7d01a62b2863df88d8e", () =>
    maxRetrieval({ items: 5, batch: 8 }, new Random(0)),
  ),
};

/**
 * Bags of items with a priority ~ U(0, 1) and a class; a query ~ U(0, 1) that says nothing; the class of the item with the
 * highest priority is asked for.
 *
 * @returns x float32[batch, items, 1 + classes], priority and one-hot class; q float32[batch, 1]; label int32[batch]
 * @source Veličković et al. 2024, arXiv:2410.01104, section 2
 */
export function maxRetrieval(
  { items, batch, classes = 10 }: MaxRetrievalOptions,
  random: Random,
): { x: Column<Float32Array>; q: Column<Float32Array>; label: Column<Int32Array> } {
  requireOption(items > 0 && classes > 0, "argmax", `items and classes from 1, given ${items} and ${classes}`);
  const width = 1 + classes;
  const x = new Float32Array(batch * items * width);
  const label = new Int32Array(batch);
  for (let row = 0; row < batch; row++) {
    let highest = -1;
    for (let item = 0; item < items; item++) {
      const place = (row * items + item) * width;
      const group = random.below(classes);
      x[place] = random.uniform();
      x[place + 1 + group] = 1;
      // The rounded priority decides, as it does for whoever sees the item.
      if (x[place] > highest) {
        highest = x[place];
        label[row] = group;
      }
    }
  }
  return {
    x: { data: x, shape: [batch, items, width] },
    q: { data: Float32Array.from({ length: batch }, () => random.uniform()), shape: [batch, 1] },
    label: { data: label, shape: [batch] },
  };
}
