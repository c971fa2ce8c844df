import { meanInterval } from "../statistics/interval.ts";
import type { Point, Sample } from "./sample.ts";

export type Relation = "≥" | ">" | "≤" | "<" | "=" | "within";
/** What is held against the bound: the mean over the seeds, or every seed's own figure. */
export type Over = "mean" | "every seed";

/** One figure held against one threshold. Plain data: this is what is stored and shown. */
export interface Check {
  readonly label: string;
  readonly points: readonly Point[];
  /** Mean over the points, and its 95 % interval where there are at least two. Null where it is not a finite number. */
  readonly mean: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly n: number;
  readonly relation: Relation;
  /** Two numbers for `within`, one otherwise. */
  readonly bound: readonly number[];
  readonly over: Over;
  /** Null when nothing was measured. */
  readonly holds: boolean | null;
  /** The threshold lies inside the interval: other seeds might have decided otherwise. */
  readonly close: boolean;
}

const tests: Record<Relation, (value: number, low: number, high: number) => boolean> = {
  "≥": (value, bound) => value >= bound,
  ">": (value, bound) => value > bound,
  "≤": (value, bound) => value <= bound,
  "<": (value, bound) => value < bound,
  "=": (value, bound) => value === bound,
  within: (value, low, high) => value >= low && value <= high,
};

function check(sample: Sample, relation: Relation, bound: readonly number[], over: Over): Check {
  const { mean, low, high, n } = meanInterval(sample.values);
  const held = over === "mean" ? [mean] : sample.values;
  const finite = (value: number) => (Number.isFinite(value) ? value : null);
  return {
    label: sample.label,
    points: sample.points,
    mean: finite(mean),
    low: finite(low),
    high: finite(high),
    n,
    relation,
    bound,
    over,
    holds: n === 0 ? null : held.every((value) => tests[relation](value, bound[0], bound[1])),
    close: over === "mean" && bound.some((edge) => low < edge && edge < high),
  };
}

/** Holds when the mean (or every seed's figure) is at least `bound`. */
export function atLeast(sample: Sample, bound: number, over: Over = "mean"): Check {
  return check(sample, "≥", [bound], over);
}

/** Holds when the mean (or every seed's figure) is at most `bound`. */
export function atMost(sample: Sample, bound: number, over: Over = "mean"): Check {
  return check(sample, "≤", [bound], over);
}

/** Holds when the mean (or every seed's figure) is above `bound`. */
export function above(sample: Sample, bound: number, over: Over = "mean"): Check {
  return check(sample, ">", [bound], over);
}

/** Holds when the mean (or every seed's figure) is below `bound`. */
export function below(sample: Sample, bound: number, over: Over = "mean"): Check {
  return check(sample, "<", [bound], over);
}

/** Holds when every seed's figure is exactly `bound`. */
export function equals(sample: Sample, bound: number): Check {
  return check(sample, "=", [bound], "every seed");
}

/** Holds when the mean (or every seed's figure) lies in [low, high]. */
export function within(sample: Sample, low: number, high: number, over: Over = "mean"): Check {
  return check(sample, "within", [low, high], over);
}
