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

/** The nodes that `outputs` need, inputs before users. Ends at the tensors that `ends` has (what makes them is not included). */
export function nodesUpTo(outputs: readonly Tensor[], ends: { has(tensor: Tensor): boolean }): Node[] {
  const found = new Set<Node>();
  const pending = outputs.filter((tensor) => !ends.has(tensor));
  while (pending.length > 0) {
    const { node } = pending.pop()!;
    if (found.has(node)) continue;
    found.add(node);
    for (const x of node.inputs) if (!ends.has(x) && !found.has(x.node)) pending.push(x);
  }
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
