import type { Node, Tensor } from "./tensor.ts";

/** All nodes that `outputs` need, inputs before users. Ends at the nodes for which `stop` holds (they are included). */
export function nodesOf(outputs: readonly Tensor[], stop?: (node: Node) => boolean): Node[] {
  const found = new Set<Node>();
  const pending = outputs.map((tensor) => tensor.node);
  while (pending.length > 0) {
    const node = pending.pop()!;
    if (found.has(node)) continue;
    found.add(node);
    if (stop?.(node)) continue;
    for (const input of node.inputs) if (!found.has(input.node)) pending.push(input.node);
  }
  // Ids grow with creation, and a node's inputs were made before it.
  return [...found].sort((a, b) => a.id - b.id);
}

/** The nodes among `nodesOf(outputs)` whose value depends on one of `sources`. */
export function dependents(nodes: readonly Node[], sources: ReadonlySet<Tensor>): Set<Node> {
  const result = new Set<Node>();
  for (const node of nodes)
    if (
      node.outputs.some((output) => sources.has(output)) ||
      node.inputs.some((x) => result.has(x.node) || sources.has(x))
    )
      result.add(node);
  return result;
}
