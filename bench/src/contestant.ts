/** A contestant that is ready to run: `step(i)` does step i to the end and gives a number that depends on its result. */
export interface Contestant {
  step(index: number): Promise<number> | number;
  /** Versions and settings worth printing. */
  about: Record<string, string | number>;
}

/** Time of a block of steps, in milliseconds, and the value (a loss, where there is one) of its last step. */
export interface Block {
  ms: number;
  value: number;
}

/** A function that runs and times the contestant's next `steps` steps. */
export function measure(contestant: Contestant): (steps: number) => Promise<Block> {
  let index = 0;
  return async (steps) => {
    let value = Number.NaN;
    const start = performance.now();
    for (let i = 0; i < steps; i++) {
      const result = contestant.step(index++);
      // Awaiting a plain number would cost a turn of the event loop, which is more than an empty call takes.
      value = typeof result === "number" ? result : await result;
    }
    return { ms: performance.now() - start, value };
  };
}
