import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import type { Paper } from "../paper.ts";
import type { Provenance, RunPlan } from "../store/runs.ts";
import type { Budget, Setting, Settings, TrialPlan } from "../store/trials.ts";
import { revisionOf } from "./revision.ts";

/** What a user may choose of a run. */
export interface RunChoices {
  /** Default: `full`. */
  readonly budget?: Budget;
  /** How many seeds: 1 … n. Default: the paper's own number. */
  readonly seeds?: number;
  /** Settings to change for every trial. */
  readonly settings?: Settings;
}

/** A choice that the paper does not offer. */
export class ChoiceError extends Error {
  override readonly name = "ChoiceError";
  readonly paper: string;

  constructor(paper: string, detail: string) {
    super(`ChoiceError [${paper}]: ${detail}`);
    this.paper = paper;
  }
}

/** Seeds of a run for which neither the paper nor the user says another number. */
const usualSeeds = { smoke: 1, full: 3 } as const;

/** The seeds that a paper asks for at a budget. */
export function seedsOf(paper: Paper, budget: Budget): number {
  return paper.seeds?.[budget] ?? usualSeeds[budget];
}

/**
 * The trials of a run, and what is to be remembered of it.
 *
 * @param module  URL of the paper's file
 * @throws ChoiceError for a setting that the paper does not have, or a value of another kind
 */
export function planRun(
  paper: Paper,
  module: string,
  choices: RunChoices,
  context: { readonly command: string; readonly provenance: Provenance },
): RunPlan {
  const { budget = "full", settings = {} } = choices;
  const count = choices.seeds ?? seedsOf(paper, budget);
  const seeds = Array.from({ length: count }, (_, index) => index + 1);
  const revision = revisionOf(fileURLToPath(module));
  checkSettings(paper, settings);
  const trials = Object.entries(paper.variants ?? { "": {} }).flatMap(([variant, own]) =>
    seeds
      .filter((seed) => paper.includes?.({ variant, seed, budget }) ?? true)
      .map((seed): TrialPlan => {
        const small = budget === "smoke" ? paper.settings.smoke : {};
        const all = { ...paper.settings.full, ...small, ...own, ...settings };
        const plan = { paper: paper.id, variant, seed, budget, settings: all, revision };
        return { ...plan, key: keyOf(plan) };
      }),
  );
  if (trials.length === 0) throw new ChoiceError(paper.id, `no trial is left at budget ${budget} with ${count} seeds`);
  return { paper: paper.id, budget, seeds, settings, revision, ...context, trials };
}

/** Equal for equal plans, whatever the order of their settings. */
function keyOf(plan: Omit<TrialPlan, "key">): string {
  const settings = Object.entries(plan.settings).sort(([one], [other]) => (one < other ? -1 : 1));
  const { paper, variant, seed, budget, revision } = plan;
  return createHash("sha256")
    .update(JSON.stringify([paper, variant, seed, budget, revision, settings]))
    .digest("hex")
    .slice(0, 16);
}

function checkSettings(paper: Paper, settings: Settings): void {
  const known: Settings = Object.assign({}, ...Object.values(paper.variants ?? {}), paper.settings.full);
  const kind = (setting: Setting) => (Array.isArray(setting) ? "list" : setting === null ? "null" : typeof setting);
  for (const [name, given] of Object.entries(settings)) {
    if (!(name in known)) {
      throw new ChoiceError(paper.id, `no setting ${name}; there are ${Object.keys(known).join(", ")}`);
    }
    if (kind(given) !== kind(known[name])) {
      throw new ChoiceError(
        paper.id,
        `setting ${name} is a ${kind(known[name])} such as ${JSON.stringify(known[name])}; given was the ${kind(given)} ${JSON.stringify(given)}`,
      );
    }
  }
}
