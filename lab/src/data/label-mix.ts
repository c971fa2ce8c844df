import type { Column } from "./column.ts";
import { requireOption } from "./errors.ts";
import { Random } from "./random.ts";
import { sampled } from "./sampled.ts";
import type { Testbed } from "./testbed.ts";

export interface LabelMixOptions {
  /** Labels, and words: each label has one. */
  readonly labels: number;
  readonly docs: number;
  /** Mean number of words of a document. */
  readonly length: number;
  /** How much each label of a document counts: all alike, or a point drawn evenly from the simplex. */
  readonly mixture: "uniform" | "random";
  readonly seed: number;
}

// A word is its label's own with this probability, else any.
const ownWord = 0.8;
const meanLabels = 3;

export const testbed: Testbed = {
  name: "label-mix",
  summary: "documents as word frequencies whose labels come in known proportions",
  source: "generated (lab/src/data/label-mix.ts)",
  licence: "MIT, as the lab",
  sizes: "without end",
  split: "by seed",
  parts: [],
  sample: sampled("11bd6c7703a99230809196842d275a2a4f1b707d31761a0ca002a1aea1d6ee5b", () =>
    labelMix({ labels: 10, docs: 16, length: 50, mixture: "random", seed: 0 }),
  ),
};

/**
 * Documents with known label proportions.
 *
 * The number of labels is Poisson(3), drawn again until it lies in 1 … labels; the number of words is Poisson(length),
 * at least 1.
 *
 * @returns x float32[docs, labels], word frequencies; q float32[docs, labels], label proportions; both rows sum to 1
 * @source Martins & Astudillo 2016, arXiv:1602.02068, section 4.1
 */
export function labelMix(options: LabelMixOptions): { x: Column<Float32Array>; q: Column<Float32Array> } {
  const { labels, docs, length, mixture, seed } = options;
  requireOption(labels > 0 && length > 0, "label-mix", `labels and length from 1, given ${labels} and ${length}`);
  const random = new Random(seed).split("label-mix");
  const x = new Float32Array(docs * labels);
  const q = new Float32Array(docs * labels);
  for (let doc = 0; doc < docs; doc++) {
    const chosen = random.distinct(labelCount(labels, random), labels);
    const weights = mixture === "uniform" ? new Float64Array(chosen.length).fill(1) : random.dirichlet(chosen.length);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    chosen.forEach((label, index) => {
      q[doc * labels + label] = weights[index] / total;
    });
    const words = Math.max(1, random.poisson(length));
    for (let word = 0; word < words; word++) {
      const label = chosen[random.weighted(weights)];
      x[doc * labels + (random.chance(ownWord) ? label : random.below(labels))] += 1 / words;
    }
  }
  const shape = [docs, labels];
  return { x: { data: x, shape }, q: { data: q, shape } };
}

function labelCount(labels: number, random: Random): number {
  for (;;) {
    const count = random.poisson(meanLabels);
    if (count >= 1 && count <= labels) return count;
  }
}
