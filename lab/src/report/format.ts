import type { Check } from "../claims/check.ts";
import type { Provenance } from "../store/runs.ts";

const plain = new Intl.NumberFormat("en", { maximumSignificantDigits: 4, useGrouping: "min2" });
const scientific = new Intl.NumberFormat("en", { maximumSignificantDigits: 3, notation: "scientific" });

/** A figure to four digits, and to three with a power of ten where it is very small or very large. */
export function formatNumber(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return "not a number";
  const size = Math.abs(value);
  const text =
    size !== 0 && (size < 1e-4 || size >= 1e7) ? scientific.format(value).replace("E", "e") : plain.format(value);
  return text.replace("-", "−");
}

/** "0.83 ± 0.02 (n = 3)": mean, half of the 95 % interval, number of figures. */
export function formatMeasured({ mean, low, high, n }: Pick<Check, "mean" | "low" | "high" | "n">): string {
  if (n === 0) return "not measured";
  const bounded = Number.isFinite(low ?? Number.NaN) && Number.isFinite(high ?? Number.NaN);
  const half = !bounded ? "" : ` ± ${formatNumber((high! - low!) / 2)}`;
  return `${formatNumber(mean)}${half} (n = ${n})`;
}

/** "≥ 0.6", "in [0, 1], every seed". */
export function formatThreshold({ relation, bound, over }: Pick<Check, "relation" | "bound" | "over">): string {
  const range =
    relation === "within" ? `in [${bound.map(formatNumber).join(", ")}]` : `${relation} ${formatNumber(bound[0])}`;
  return over === "every seed" ? `${range}, every seed` : range;
}

const durations = new Intl.DurationFormat("en", { style: "narrow" });

/** "3m 12s", "0.4s", "1h 5m". */
export function formatDuration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  return durations.format(hours > 0 ? { hours, minutes } : { minutes, seconds: whole % 60 });
}

/** "3f2a1b9, changed": the commit, and whether the tree differed from it. */
export function formatCommit({ commit, dirty }: Provenance): string {
  if (commit === null) return "no repository";
  return `${commit.slice(0, 7)}${dirty ? ", with changes" : ""}`;
}

/** "AMD EPYC 7B13, 2 cores, 24 GiB, linux x64". */
export function formatMachine({ machine }: Provenance): string {
  return `${machine.processor}, ${machine.cores} cores, ${machine.memoryGib} GiB, ${machine.system}`;
}

/** "2025-03-01". */
export function formatDay(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(0, 10);
}

/** "momentum, seed 2": a trial's place in its run. */
export function formatPlace({ variant, seed }: { readonly variant: string; readonly seed: number }): string {
  return variant ? `${variant}, seed ${seed}` : `seed ${seed}`;
}

/** "1 seed", "3 seeds". */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
