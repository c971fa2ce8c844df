import { createHash } from "node:crypto";
import { requireOption } from "./errors.ts";
import { Random } from "./random.ts";

export const splitNames = ["train", "validation", "test"] as const;
export type SplitName = (typeof splitNames)[number];
export type Fractions = readonly [train: number, validation: number, test: number];

const boundaries = (fractions: Fractions, count: number): [number, number] => {
  const total = fractions[0] + fractions[1] + fractions[2];
  requireOption(
    Math.abs(total - 1) < 1e-9,
    "fractions",
    `train, validation and test must sum to 1, given ${fractions}`,
  );
  const trainEnd = Math.round(fractions[0] * count);
  return [trainEnd, Math.max(trainEnd, Math.round((fractions[0] + fractions[1]) * count))];
};

/** 0 … count − 1 shuffled by the seed and cut into three. */
export function splitIndices(count: number, fractions: Fractions, seed: number): Record<SplitName, Int32Array> {
  const order = new Random(seed).split("split").permutation(count);
  const [trainEnd, validationEnd] = boundaries(fractions, count);
  return {
    train: order.slice(0, trainEnd),
    validation: order.slice(trainEnd, validationEnd),
    test: order.slice(validationEnd),
  };
}

/**
 * The part to which a text belongs, from a hash of the text itself: equal texts always fall together, so that a
 * duplicate in the source never puts a training text among the test texts.
 */
export function splitByContent(content: string | Uint8Array, fractions: Fractions): SplitName {
  const [trainEnd, validationEnd] = boundaries(fractions, 2 ** 32);
  const place = createHash("sha256").update(content).digest().readUInt32BE(0);
  return place < trainEnd ? "train" : place < validationEnd ? "validation" : "test";
}

/** The part of every item, such that each group (a genre, a party) is cut in the same proportions. */
export function stratifiedSplit(groups: readonly string[], fractions: Fractions, seed: number): SplitName[] {
  const parts: SplitName[] = [];
  for (const group of new Set(groups)) {
    const members = groups.flatMap((name, index) => (name === group ? [index] : []));
    const indices = splitIndices(members.length, fractions, seed);
    for (const name of splitNames) for (const index of indices[name]) parts[members[index]] = name;
  }
  return parts;
}
