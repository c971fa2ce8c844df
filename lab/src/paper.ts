import type { Check } from "./claims/check.ts";
import type { Sample } from "./claims/sample.ts";
import type { Lab } from "./run/lab.ts";
import type { MetricPoint, PlotRow } from "./store/measurements.ts";
import type { Budget, Setting } from "./store/trials.ts";

export { above, atLeast, atMost, below, equals, within } from "./claims/check.ts";
export { average, count, figure, largest, minus, paired, ratio, Sample, smallest } from "./claims/sample.ts";
export type { Lab } from "./run/lab.ts";
export type { Budget } from "./store/trials.ts";

/** The rooms of the catalogue. */
export const families = [
  "normalizers",
  "gates",
  "attention",
  "activations",
  "losses",
  "training",
  "compression",
  "backdoor",
  "ood",
  "robustness",
  "continual",
  "rl",
  "tuning",
  "generative",
  "private",
  "vision",
  "neuro",
  "other",
] as const;
export type Family = (typeof families)[number];

/** A claim of a paper: what it reports, what is measured here, and when that counts as reproduced. */
export interface Claim<Measures, Variant extends string> {
  /** The paper's own figure and setting, in our words. */
  readonly paper: string;
  /** When the claim holds, in words. The thresholds stand here and in `judge` before the first full run. */
  readonly holds: string;
  /** Budgets at which it is judged. Default: `full` alone; add `smoke` where it holds at that size as well. */
  readonly budgets?: readonly Budget[];
  /** What a trial measures for this claim: name to label, with the unit where there is one. */
  readonly measures: Measures;
  /** Holds the figures of all variants and seeds against thresholds; the claim is reproduced when every check holds. */
  judge(
    measured: { readonly [Name in keyof Measures]: Sample<Variant> },
    run: { readonly budget: Budget },
  ): readonly Check[];
}

/** A figure of the report, drawn from what the trials gave to it. */
export interface Plot {
  readonly title: string;
  /** What there is to see in it. */
  readonly caption: string;
  /**
   * Makes the Vega-Lite specification, with its data inside.
   *
   * `rows` are those that trials gave with `lab.plot`, each with its `variant` and `seed`; `metrics` are all metrics of the run.
   */
  draw(material: {
    readonly rows: readonly (PlotRow & TrialPlace)[];
    readonly metrics: readonly (MetricPoint & TrialPlace)[];
  }): object;
}

export interface TrialPlace {
  readonly variant: string;
  readonly seed: number;
}

type AnySettings = { readonly [name: string]: Setting };
/** Settings as a paper's trials see them: numbers and strings, not the literals that stand in the file. */
type Widened<S> = S extends number ? number : S extends boolean ? boolean : S extends string ? string : S;

/** What `paper` is given. */
export interface PaperSpec<
  Full extends AnySettings,
  Variants extends { readonly [name: string]: AnySettings },
  Claims extends { readonly [id: string]: { readonly [measure: string]: string } },
  Plots,
> {
  /** Kebab-case, stable: the file's name and the argument of `sluice run`. */
  readonly id: string;
  /** Its number in the list of papers. */
  readonly row: number;
  readonly family: Family;
  readonly title: string;
  readonly year: number;
  readonly arxiv?: string;
  /** The authors' code, where public: `github.com/owner/name`. */
  readonly code?: string;
  /** The idea in two or three sentences of our own. */
  readonly idea: string;
  /** What a full run takes on two cores, in minutes. */
  readonly minutes: number;
  /** Seeds of a run. Default: 3 for `full`, 1 for `smoke`. */
  readonly seeds?: { readonly [budget in Budget]?: number };
  /** Whether trials measure time, and so must have the machine to themselves. */
  readonly exclusive?: boolean;
  /** Everything that could be chosen otherwise, each with its reason beside it. `smoke` changes what makes it small. */
  readonly settings: { readonly full: Full; readonly smoke: { readonly [Name in keyof Full]?: Widened<Full[Name]> } };
  /**
   * The arms of the experiment, by name, each with the settings in which it differs. Every variant runs with every seed,
   * each as a trial of its own. Without variants a trial is the whole experiment at one seed.
   */
  readonly variants?: Variants;
  /** Leaves out some trials: arms that need one seed only, or that a smoke run can do without. */
  includes?(trial: {
    readonly variant: keyof Variants & string;
    readonly seed: number;
    readonly budget: Budget;
  }): boolean;
  readonly claims: { readonly [Id in keyof Claims]: Claim<Claims[Id], NoInfer<keyof Variants & string>> };
  readonly plots?: { readonly [Id in keyof Plots]: Plot };
  /** One trial: data, models, training, measurement. It knows nothing of processes, stores or printing. */
  run(
    lab: Lab<
      { readonly [Name in keyof Full]: Widened<Full[Name]> } & Variants[keyof Variants],
      NoInfer<keyof Variants & string>,
      NoInfer<Claims>,
      NoInfer<Plots>
    >,
  ): Promise<void>;
}

/** A paper as the runner sees it. */
export interface Paper {
  readonly id: string;
  readonly row: number;
  readonly family: Family;
  readonly title: string;
  readonly year: number;
  readonly arxiv?: string;
  readonly code?: string;
  readonly idea: string;
  readonly minutes: number;
  readonly seeds?: { readonly [budget in Budget]?: number };
  readonly exclusive?: boolean;
  readonly settings: { readonly full: AnySettings; readonly smoke: AnySettings };
  readonly variants?: { readonly [name: string]: AnySettings };
  includes?(trial: { readonly variant: string; readonly seed: number; readonly budget: Budget }): boolean;
  readonly claims: { readonly [id: string]: Claim<{ readonly [name: string]: string }, string> };
  readonly plots?: { readonly [id: string]: Plot };
  run(lab: Lab): Promise<void>;
}

/** A paper's file says something that cannot be. */
export class PaperError extends Error {
  override readonly name = "PaperError";
  readonly paper: string;

  constructor(paper: string, detail: string) {
    super(`PaperError [${paper}]: ${detail}`);
    this.paper = paper;
  }
}

/**
 * Declares a paper: what it claims, and the run that checks the claims. It is the default export of its file.
 *
 * Names are checked while compiling: `lab.claim`, `lab.plot`, `lab.variant`, `lab.settings` and `sample.of` know only what
 * the paper declares.
 *
 * @throws PaperError for an id that is not kebab-case, a paper without claims, smoke settings that `full` does not have
 * @example
 * export default paper({
 *   id: "softpick", row: 22, family: "normalizers", title: "…", year: 2025, idea: "…", minutes: 4,
 *   settings: { full: { steps: 1200 }, smoke: { steps: 300 } },
 *   variants: { softmax: {}, softpick: {} },
 *   claims: {
 *     sink: {
 *       paper: "sink rate 0 % (softmax 63 %)",
 *       holds: "softpick 0 in every seed, softmax above 0.05",
 *       measures: { rate: "sink rate" },
 *       judge: ({ rate }) => [equals(rate.of("softpick"), 0), above(rate.of("softmax"), 0.05)],
 *     },
 *   },
 *   async run(lab) {
 *     const model = await trainOn(lab);
 *     lab.claim("sink", { rate: sinkRate(model) });
 *   },
 * });
 */
export function paper<
  Full extends AnySettings,
  Claims extends { readonly [id: string]: { readonly [measure: string]: string } },
  const Variants extends { readonly [name: string]: AnySettings } = { readonly "": Record<never, never> },
  Plots = Record<never, never>,
>(spec: PaperSpec<Full, Variants, Claims, Plots>): Paper {
  const definition = spec as unknown as Paper;
  const { id, settings } = definition;
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(id)) throw new PaperError(id, "the id must be kebab-case, as in a-paper-2");
  if (Object.keys(definition.claims).length === 0) throw new PaperError(id, "a paper needs at least one claim");
  const unknown = Object.keys(settings.smoke).filter((name) => !(name in settings.full));
  if (unknown.length > 0) throw new PaperError(id, `smoke sets ${unknown.join(", ")}, which full does not have`);
  return definition;
}
