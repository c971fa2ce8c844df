import { SettingError } from "../errors.ts";
import { dependents, nodesOf } from "../graph.ts";
import type { Tensor } from "../tensor.ts";
import { batchGraph } from "../transforms/vmap.ts";
import { placeholder, substitute } from "./subgraph.ts";

/** A body without random operations: their numbers come in as further elements, of further sequences. */
export interface Hoisted {
  readonly outputs: readonly Tensor[];
  readonly elements: readonly Tensor[];
  readonly sequences: readonly Tensor[];
}

/**
 * Random numbers are made by the host before the graph runs, so that a loop cannot make them itself. Those that a body
 * draws from keys among its elements are drawn for all steps at once and handed in.
 *
 * @param carried   what stands for the carries
 * @param elements  what stands for an element, with the sequence [length, …] that it is taken from
 * @throws          SettingError `scan/random` where a key depends on a carry
 */
export function hoistRandom(
  outputs: readonly Tensor[],
  carried: readonly Tensor[],
  elements: ReadonlyMap<Tensor, Tensor>,
  length: number,
): Hoisted {
  const nodes = nodesOf(outputs);
  const drawing = nodes.filter((node) => node.operation.host !== undefined);
  if (drawing.length === 0) return { outputs, elements: [], sequences: [] };
  const onCarries = dependents(nodes, new Set(carried));
  const onElements = dependents(nodes, new Set(elements.keys()));
  const refused = drawing.find((node) => onCarries.has(node));
  if (refused !== undefined)
    throw new SettingError("scan/random", `${refused.operation.name} in a loop draws from a key that is carried`, {
      operands: { key: refused.inputs[0], drawn: refused.outputs[0] },
      fix: "random numbers are made before the loop: pass splitStacked(key, length) as xs, and draw from its elements",
    });
  const hosted = new Set(drawing.filter((node) => onElements.has(node)));
  const used = new Set(outputs);
  for (const node of nodes) if (!hosted.has(node)) for (const x of node.inputs) used.add(x);
  const drawn = [...hosted].flatMap((node) => node.outputs.filter((output) => used.has(output)));
  const sequences = batchGraph(drawn, elements, length).map(({ tensor }) => tensor);
  const inner = drawn.map((x) => placeholder(x, x.origin));
  return { outputs: substitute(outputs, new Map(drawn.map((x, i) => [x, inner[i]]))), elements: inner, sequences };
}
