import type { Block } from "./contestant.ts";
import { type Spread, spread } from "./statistics.ts";
import type { Benchmark } from "./workloads.ts";

/** A started contestant, in a process of its own. */
export interface Running {
  about: Record<string, string | number>;
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
  /** Values of the step that ended the warm-up and of the last step (losses, where the benchmark trains); the largest. */
  firstValue: number;
  lastValue: number;
  maxValue: number;
  about: Record<string, string | number>;
  note?: string;
}

export interface Failed {
  error: string;
  note?: string;
}

export type Result = Measured | Failed;

export const failed = (result: Result): result is Failed => "error" in result;

/** Lets the spinning threads of the contestant before go to sleep. */
const pause = () => new Promise((resolve) => setTimeout(resolve, 50));

const message = (error: unknown) => (error instanceof Error ? error.message : String(error));

/**
 * Runs every entrant `runs` times, in turn: in each round every one does one block, and the rounds start with a different
 * one each. An entrant that fails is out, and its error is its result.
 */
export async function runInterleaved(
  benchmark: Benchmark,
  entrants: readonly Entrant[],
  { folder, runs, progress }: { folder: string; runs: number; progress: (line: string) => void },
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
    await pause();
    const { ms, value } = await state.running!.run(stepsPerRun);
    state.ms.push(ms / stepsPerRun);
    state.values.push(value);
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
    for (let i = 0; i < states.length; i++)
      await guarded(states[(round + i) % states.length], async () => {
        const state = states[(round + i) % states.length];
        if (benchmark.process === "fresh") await open(state);
        await measureOnce(state);
        if (benchmark.process === "fresh") await close(state);
      });
  }
  for (const state of states) await close(state);
  return Object.fromEntries(states.map((state) => [state.entrant.name, resultOf(state)]));
}

function resultOf(state: {
  entrant: Entrant;
  error: string | null;
  ms: number[];
  values: number[];
  peakMb: number | null;
  about: Running["about"];
}): Result {
  const { note } = state.entrant;
  if (state.error !== null) return { error: state.error, ...(note && { note }) };
  return {
    ...spread(state.ms),
    peakMb: state.peakMb,
    firstValue: state.values[0],
    lastValue: state.values.at(-1)!,
    maxValue: Math.max(...state.values),
    about: state.about,
    ...(note && { note }),
  };
}
