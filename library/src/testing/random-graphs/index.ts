import { arrangingSteps } from "./arranging.ts";
import { combiningSteps } from "./combining.ts";
import { elementwiseSteps } from "./elementwise.ts";
import { GrowingGraph, type Maker } from "./growing.ts";
import { quantizedSteps } from "./quantized.ts";
import { windowSteps } from "./windows.ts";

export { Dice, type GrowingGraph, type Grown, type Maker, type Step } from "./growing.ts";

/** Every kind of step by the name of the operation it tries. */
export const makers: Readonly<Record<string, Maker>> = {
  ...elementwiseSteps,
  ...arrangingSteps,
  ...combiningSteps,
  ...windowSteps,
  ...quantizedSteps,
};

/**
 * A random graph of `steps` steps. The first is of the kind `wanted`, as far as that is possible; the same seed gives the
 * same graph.
 */
export function growGraph(seed: number, { steps = 8, wanted }: { steps?: number; wanted?: string } = {}): GrowingGraph {
  const graph = new GrowingGraph(seed);
  const kinds = Object.entries(makers);
  // Many kinds give up where nothing suits them: a few tries for each step.
  for (let tries = 0; tries < 20 * steps && graph.steps.length < steps; tries++) {
    const pending = wanted !== undefined && !graph.steps.some(({ name }) => name === wanted);
    const [name, maker] = pending && tries % 2 === 0 ? [wanted, makers[wanted]] : graph.dice.pick(kinds);
    try {
      graph.grow(name, maker);
    } catch (error) {
      throw new Error(`random graph ${seed}, at ${name}: ${(error as Error).message}\n${graph}`, { cause: error });
    }
  }
  return graph;
}
