import type { Block } from "./contestant.ts";
import { watchOthers } from "./interference.ts";
import { type Spread, spread } from "./statistics.ts";
import type { Benchmark } from "./workloads.ts";

/** A started contestant, in a process of its own. */
export interface Running {
  about: Record<string, string | number>;
  /** Its process; children of that count as it. */
  pid: number;
  run(steps: number): Promise<Block>;
  /** Peak resident memory so far in MB (10⁶ bytes); null where the system does not tell. */
  peakMb(): number | null;
  close(): Promise<void>;
}

/** A contestant that can be started. */
export interface Entrant {
  name: string;
  /** What differs from the other contestants, where something does. */
  note?: string;
  start(fixtureFolder: string): Promise<Running>;
}

export interface Measured extends Spread {
  peakMb: number | null;
  /**
   * Values (losses, where the benchmark trains) of the step that ended the warm-up, of the step that ends the last
   * measurement if none is repeated, and the largest. The first two belong to the same step for every contestant.
   */
  firstValue: number;
  lastValue: number;
  maxValue: number;
  /** Measurements taken although other processes used the machine; 0 on a quiet one. */
  disturbed: number;
  about: Record<string, string | number>;
  note?: string;
}

export interface Failed {
  error: string;
  note?: string;
}

export type Result = Measured | Failed;

export const failed = (result: Result): result is Failed => "error" in result;

/** How often a disturbed measurement is repeated before it is taken as it is. */
const repeats = 4;

/** Lets the spinning threads of the contestant before go to sleep. */
const pause = () => new Promise((resolve) => setTimeout(resolve, 50));

const message = (error: unknown) => (error instanceof Error ? error.message : String(error));

export interface RunOptions {
  folder: string;
  /** Measurements of each contestant. */
  runs: number;
  progress: (line: string) => void;
  /** Says whether other processes use the machine. Default `watchOthers`. */
  watch?: typeof watchOthers;
}

/**
 * Runs every entrant `runs` times, in turn: in each round every one does one block, and the rounds start with a different
 * one each. A measurement during which other processes used the machine is repeated. An entrant that fails is out, and
 * its error is its result.
 */
export async function runInterleaved(
  benchmark: Benchmark,
  entrants: readonly Entrant[],
  { folder, runs, progress, watch = watchOthers }: RunOptions,
): Promise<Record<string, Result>> {
  const { stepsPerRun, warmUpSteps } = benchmark;
  const states = entrants.map((entrant) => ({
    entrant,
    running: null as Running | null,
    error: null as string | null,
    about: {} as Running["about"],
    ms: [] as number[],
    values: [] as number[],
    peakMb: null as number | null,
    disturbed: 0,
  }));
  type State = (typeof states)[number];
  const guarded = async (state: State, action: () => Promise<void>) => {
    if (state.error !== null) return;
    try {
      await action();
    } catch (error) {
      state.error = message(error);
      progress(`${state.entrant.name} failed: ${state.error.split("\n")[0]}`);
      await close(state);
    }
  };
  const open = async (state: State) => {
    state.running = await state.entrant.start(folder);
    state.about = state.running.about;
  };
  const close = async (state: State) => {
    const { running } = state;
    if (!running) return;
    state.running = null;
    const peak = running.peakMb();
    if (peak !== null) state.peakMb = Math.max(peak, state.peakMb ?? 0);
    await running.close();
  };
  const measureOnce = async (state: State) => {
    for (let attempt = 0; ; attempt++) {
      await pause();
      if (benchmark.process === "fresh") await open(state);
      const disturbed = watch(state.running!.pid);
      const { ms, value } = await state.running!.run(stepsPerRun);
      const quiet = !disturbed();
      if (benchmark.process === "fresh") await close(state);
      state.values.push(value);
      if (!quiet && attempt < repeats) continue;
      state.ms.push(ms / stepsPerRun);
      if (!quiet) state.disturbed++;
      return;
    }
  };

  if (benchmark.process === "kept")
    for (const state of states)
      await guarded(state, async () => {
        progress(`${state.entrant.name}: starting and warming up`);
        await open(state);
        state.values.push((await state.running!.run(warmUpSteps)).value);
      });
  for (let round = 0; round < runs && states.some(({ error }) => error === null); round++) {
    progress(`round ${round + 1} of ${runs}`);
    for (let i = 0; i < states.length; i++) {
      const state = states[(round + i) % states.length];
      await guarded(state, () => measureOnce(state));
    }
  }
  for (const state of states) await close(state);
  return Object.fromEntries(states.map((state) => [state.entrant.name, resultOf(state, runs)]));
}

interface Measurements {
  entrant: Entrant;
  error: string | null;
  ms: number[];
  values: number[];
  peakMb: number | null;
  disturbed: number;
  about: Running["about"];
}

function resultOf({ entrant, error, ms, values, peakMb, disturbed, about }: Measurements, runs: number): Result {
  const note = entrant.note === undefined ? {} : { note: entrant.note };
  if (error !== null) return { error, ...note };
  return {
    ...spread(ms),
    peakMb,
    firstValue: values[0],
    // Repeated measurements come after it.
    lastValue: values[runs] ?? values.at(-1)!,
    maxValue: Math.max(...values),
    disturbed,
    about,
    ...note,
  };
}
