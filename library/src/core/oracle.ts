import { nodesUpTo } from "./graph.ts";
import type { Subgraph } from "./operation.ts";
import type { Tensor } from "./tensor.ts";

/** Data of the oracle: every dtype as 64-bit floats. */
export type Float64Data = Float64Array;

/**
 * The oracle: evaluates a graph node by node in plain TypeScript with 64-bit floats. Slow, simple, and the judge of
 * every other executor.
 *
 * @param inputs  data of the graph's inputs
 */
export function evaluateReference(
  outputs: readonly Tensor[],
  inputs: ReadonlyMap<Tensor, Float64Data> = new Map(),
): Float64Data[] {
  const known = new Map<Tensor, Float64Data>(inputs);
  for (const node of nodesUpTo(outputs, inputs)) {
    const results = node.operation.reference(
      node.inputs.map((x) => known.get(x)!),
      node,
    );
    node.outputs.forEach((output, i) => {
      if (!known.has(output)) known.set(output, results[i]);
    });
  }
  return outputs.map((output) => known.get(output)!);
}

/** Evaluates the body of a loop or a branch on data for its inputs. */
export const evaluateSubgraph = ({ inputs, outputs }: Subgraph, data: readonly Float64Data[]): Float64Data[] =>
  evaluateReference(outputs, new Map(inputs.map((input, i) => [input, data[i]])));
