import { enoughValues } from "../statistics/interval.ts";
import type { Measure } from "../store/measurements.ts";
import type { Budget, TrialStatus } from "../store/trials.ts";
import type { Check } from "./check.ts";
import { Sample } from "./sample.ts";

/**
 * - `reproduced`, `not reproduced`: every trial is there, and its figures hold or do not hold
 * - `undecided`: a trial that the claim needs failed, or measured nothing for it
 * - `not judged`: the budget is too small for this claim; its figures are shown all the same
 */
export type Verdict = "reproduced" | "not reproduced" | "undecided" | "not judged";

/** A claim with the figures of a run. Plain data: this is what is stored and shown. */
export interface JudgedClaim {
  readonly id: string;
  /** Place in the paper's file. */
  readonly position: number;
  /** What the paper reports. */
  readonly paper: string;
  /** When the claim holds, in words. */
  readonly holds: string;
  readonly verdict: Verdict;
  readonly checks: readonly Check[];
  /** Why there is no verdict, or what to keep in mind about it. */
  readonly notes: readonly string[];
}

/** The parts of a claim's definition that judging needs. */
export interface Judge {
  readonly paper: string;
  readonly holds: string;
  readonly budgets?: readonly Budget[];
  readonly measures: { readonly [name: string]: string };
  judge(measured: { readonly [name: string]: Sample }, run: { readonly budget: Budget }): readonly Check[];
}

/** What a trial has to say when claims are judged. */
export interface Witness {
  readonly variant: string;
  readonly seed: number;
  readonly status: TrialStatus;
  readonly measures: readonly Measure[];
}

/** Judges the claims of one run from what its trials measured. */
export function judgeClaims(
  claims: { readonly [id: string]: Judge },
  witnesses: readonly Witness[],
  budget: Budget,
): JudgedClaim[] {
  return Object.entries(claims).map(([id, claim], position) => {
    const judged = (claim.budgets ?? ["full"]).includes(budget);
    const notes: string[] = [];
    let checks: readonly Check[] = [];
    try {
      checks = claim.judge(samplesOf(id, claim, witnesses), { budget });
    } catch (error) {
      notes.push(`judging failed: ${error instanceof Error ? error.message : error}`);
    }
    const missing = missingWitnesses(id, witnesses);
    if (missing.length > 0) notes.push(`without ${missing.join(", ")}`);
    if (judged) {
      for (const check of checks) if (check.holds === null) notes.push(`nothing measured for “${check.label}”`);
    }
    const verdict = judged ? verdictOf(checks, notes.length > 0) : "not judged";
    if (verdict === "reproduced" || verdict === "not reproduced") {
      const seeds = new Set(witnesses.map((witness) => witness.seed)).size;
      if (seeds < enoughValues && budget === "full") notes.push(`${seeds} of at least ${enoughValues} seeds`);
      for (const check of checks) {
        if (check.close) notes.push(`“${check.label}”: the interval reaches across the threshold`);
      }
    }
    return { id, position, paper: claim.paper, holds: claim.holds, verdict, checks, notes };
  });
}

function verdictOf(checks: readonly Check[], incomplete: boolean): Verdict {
  if (incomplete || checks.length === 0) return "undecided";
  return checks.every((check) => check.holds) ? "reproduced" : "not reproduced";
}

function samplesOf(id: string, claim: Judge, witnesses: readonly Witness[]): Record<string, Sample> {
  return Object.fromEntries(
    Object.entries(claim.measures).map(([name, label]) => {
      const points = witnesses.flatMap(({ variant, seed, measures }) =>
        measures
          .filter((measure) => measure.claim === id && measure.name === name)
          .map(({ value }) => ({ variant, seed, value })),
      );
      return [name, new Sample(label, points)];
    }),
  );
}

/**
 * The unfinished trials that a claim waits for: those of variants that report to it. Of a variant with no finished trial
 * one cannot tell, so it counts.
 */
function missingWitnesses(id: string, witnesses: readonly Witness[]): string[] {
  const finished = witnesses.filter((witness) => witness.status === "done");
  return witnesses
    .filter((witness) => witness.status !== "done")
    .filter(({ variant }) => {
      const siblings = finished.filter((witness) => witness.variant === variant);
      return siblings.length === 0 || siblings.some((sibling) => sibling.measures.some((each) => each.claim === id));
    })
    .map(({ variant, seed }) => `${variant ? `${variant} ` : ""}seed ${seed}`);
}

/**
 * The verdict on a whole run: reproduced when every judged claim is, not reproduced when one is not, undecided when one
 * could not be decided and none failed, and not judged when the budget judges none.
 */
export function overallVerdict(claims: readonly { readonly verdict: Verdict }[]): Verdict {
  const has = (verdict: Verdict) => claims.some((claim) => claim.verdict === verdict);
  return (["not reproduced", "undecided", "reproduced"] as const).find(has) ?? "not judged";
}
