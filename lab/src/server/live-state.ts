import type { TrialMessage } from "../run/events.ts";
import type { TrialRecord } from "../store/trials.ts";
import type { RunState } from "./api.ts";

/** What is shown of a trial. */
export type TrialView = Pick<TrialRecord, "id" | "variant" | "seed" | "status" | "attempt" | "seconds" | "error">;

export function trialView({ id, variant, seed, status, attempt, seconds, error }: TrialRecord): TrialView {
  return { id, variant, seed, status, attempt, seconds, error };
}

export interface LogLine {
  /** Milliseconds since 1970. */
  readonly time: number;
  /** The trial that it is about; none for the run itself. */
  readonly trial: string | null;
  readonly text: string;
}

export type Progress = Omit<Extract<TrialMessage, { type: "progress" }>, "type">;

/** The points of one curve, and how many neighbours are left out between two of them. */
export interface Series {
  readonly points: readonly (readonly [step: number, value: number])[];
  readonly stride: number;
}

/** A run while it goes on. The server and every page that watches keep one, and apply the same updates to it. */
export interface LiveState {
  readonly state: RunState;
  readonly trials: readonly TrialView[];
  /** By trial. */
  readonly progress: { readonly [trial: string]: Progress };
  /** By metric, then by trial. */
  readonly series: { readonly [metric: string]: { readonly [trial: string]: Series } };
  readonly log: readonly LogLine[];
  /** What the runner's process left behind when it died. */
  readonly death: { readonly message: string; readonly detail: string } | null;
}

/** What has changed since the last update. */
export interface LiveUpdate {
  readonly state?: RunState;
  /** Those that have changed, or all when the run begins. */
  readonly trials?: readonly TrialView[];
  readonly progress?: { readonly [trial: string]: Progress };
  readonly points?: readonly (readonly [trial: string, metric: string, step: number, value: number])[];
  readonly log?: readonly LogLine[];
  readonly death?: LiveState["death"];
}

export const emptyLiveState: LiveState = {
  state: "queued",
  trials: [],
  progress: {},
  series: {},
  log: [],
  death: null,
};

/** Points of a curve beyond which every second one is left out, so that a long run stays small. */
const pointsOfSeries = 600;
const linesOfLog = 400;

/** The state after an update; what the update does not name is shared with the state before. */
export function applyUpdate(state: LiveState, update: LiveUpdate): LiveState {
  const trials = new Map(state.trials.map((trial) => [trial.id, trial]));
  for (const trial of update.trials ?? []) trials.set(trial.id, trial);
  return {
    state: update.state ?? state.state,
    trials: update.trials ? [...trials.values()] : state.trials,
    progress: update.progress ? { ...state.progress, ...update.progress } : state.progress,
    series: update.points ? withPoints(state.series, update.points) : state.series,
    log: update.log ? [...state.log, ...update.log].slice(-linesOfLog) : state.log,
    death: update.death === undefined ? state.death : update.death,
  };
}

function withPoints(series: LiveState["series"], points: NonNullable<LiveUpdate["points"]>): LiveState["series"] {
  const result: Record<string, Record<string, Series>> = {};
  for (const [trial, metric, step, value] of points) {
    const ofMetric = (result[metric] ??= { ...series[metric] });
    ofMetric[trial] = withPoint(ofMetric[trial] ?? { points: [], stride: 1 }, step, value);
  }
  return { ...series, ...result };
}

function withPoint({ points, stride }: Series, step: number, value: number): Series {
  // A resumed trial comes past the same steps again; what it had is replaced.
  const kept = points.length > 0 && points.at(-1)![0] >= step ? points.filter(([at]) => at < step) : points;
  const last = kept.at(-1);
  if (last && stride > 1 && step - last[0] < stride) return { points: kept, stride };
  const longer = [...kept, [step, value] as const];
  if (longer.length <= pointsOfSeries) return { points: longer, stride };
  const thinner = longer.filter((_, index) => index % 2 === 0);
  return { points: thinner, stride: Math.max(2, thinner[1][0] - thinner[0][0]) };
}

/** Puts what happened in quick succession into one update. */
export function mergeUpdates(one: LiveUpdate, other: LiveUpdate): LiveUpdate {
  return {
    ...one,
    ...other,
    ...((one.trials || other.trials) && { trials: [...(one.trials ?? []), ...(other.trials ?? [])] }),
    ...((one.progress || other.progress) && { progress: { ...one.progress, ...other.progress } }),
    ...((one.points || other.points) && { points: [...(one.points ?? []), ...(other.points ?? [])] }),
    ...((one.log || other.log) && { log: [...(one.log ?? []), ...(other.log ?? [])] }),
  };
}
