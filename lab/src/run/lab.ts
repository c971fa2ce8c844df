import type { Metrics, PlotRow } from "../store/measurements.ts";
import type { Budget } from "../store/trials.ts";
import type { Checkpoint } from "./checkpoint.ts";

/**
 * What a paper's `run` is handed: its place in the experiment, and where it says what it measured. Everything that is
 * said is stored at once and outlives the death of the process.
 */
export interface Lab<
  Settings = any,
  Variant extends string = string,
  Claims = { readonly [id: string]: { readonly [measure: string]: string } },
  Plots = { readonly [id: string]: unknown },
> {
  /** The arm of the experiment; the empty text for a paper without variants. */
  readonly variant: Variant;
  /** The seed of this trial; everything random in it derives from this number. */
  readonly seed: number;
  /** All seeds of the run, for work that is done for the first alone. */
  readonly seeds: readonly number[];
  readonly budget: Budget;
  /** The paper's settings at this budget, with those of the variant and of `--set`. */
  readonly settings: Settings;

  /**
   * Stores metrics of a step. Names carry quantity and unit: `loss/nats`, `speed/tokens_per_s`.
   *
   * @throws NonFiniteError for NaN or an infinity, which ends the trial
   */
  log(step: number, metrics: Metrics): void;
  /** Stores what this trial measured for a claim; the claim is judged over all trials. @throws NonFiniteError */
  claim<Id extends keyof Claims & string>(id: Id, measures: { readonly [Name in keyof Claims[Id]]?: number }): void;
  /** Stores this trial's rows for a figure. */
  plot(id: keyof Plots & string, rows: readonly PlotRow[]): void;
  /** Says what is being done, for those who watch. */
  say(text: string): void;

  /**
   * Runs a training loop that survives being killed: its state is saved every few seconds, and a resumed trial goes on
   * from there. The state must hold all that a step needs beside its number: parameters, optimizer, sampler.
   *
   * @returns the state after the last step
   * @example
   * const { params } = await lab.loop("train", {
   *   steps: lab.settings.steps,
   *   start: () => initial(lab.seed),
   *   async step(state, step) {
   *     const [next, loss] = await train(state, batches.at(step));
   *     lab.log(step, { "loss/nats": loss.item() });
   *     return next;
   *   },
   * });
   */
  loop<State>(name: string, loop: Loop<State>): Promise<State>;
  /** Does a piece of work once and keeps its result: a resumed trial takes the stored one. */
  stage<Result>(name: string, work: () => Result | Promise<Result>): Promise<Result>;
  /** A named place to save state under, for loops that `loop` does not fit. */
  checkpoint<State>(name: string): Checkpoint<State>;
}

export interface Loop<State> {
  readonly steps: number;
  /** The state before step 0. */
  start(): State | Promise<State>;
  /** Does step `step` and gives the state after it. */
  step(state: State, step: number): State | Promise<State>;
  /** Seconds between checkpoints. Default 5: what a killed trial may have to do again. */
  readonly every?: number;
}

/** A trial measured something that is not a number. */
export class NonFiniteError extends Error {
  override readonly name = "NonFiniteError";
  readonly metric: string;
  readonly value: number;
  readonly step: number | undefined;

  constructor(metric: string, value: number, step?: number) {
    const place = step === undefined ? "" : ` at step ${step}`;
    super(
      `NonFiniteError [${metric}]: ${value}${place}; training has diverged: lower the rate, or record the divergence as a measure of its own`,
    );
    this.metric = metric;
    this.value = value;
    this.step = step;
  }
}

/** A trial was asked to stop; it has saved its state. */
export class StoppedError extends Error {
  override readonly name = "StoppedError";

  constructor() {
    super("StoppedError: stopped on request; running the same command again goes on from here");
  }
}
