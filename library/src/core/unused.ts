import { nodesOf } from "./graph.ts";
import { Node, type Tensor } from "./tensor.ts";

/**
 * The same outputs from nodes that make no more than is used: loops without the results nobody reads, and without what
 * only those needed. Ordinary dead code needs no pass, it is never reached.
 */
export function dropUnused(outputs: readonly Tensor[]): Tensor[] {
  const nodes = nodesOf(outputs);
  if (nodes.every((node) => node.operation.dropUnused === undefined)) return [...outputs];
  const used = new Set(outputs);
  const smaller = new Map<Node, readonly (Tensor | undefined)[]>();
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i];
    const flags = node.outputs.map((output) => used.has(output));
    if (!flags.includes(true)) continue;
    const results = node.operation.dropUnused?.(node, flags);
    if (results !== undefined) smaller.set(node, results);
    const made =
      results === undefined ? [node] : results.flatMap((result) => (result === undefined ? [] : [result.node]));
    for (const { inputs } of made) for (const x of inputs) used.add(x);
  }
  const replaced = new Map<Tensor, Tensor>();
  const current = (x: Tensor): Tensor => replaced.get(x) ?? x;
  const rebuilt = new Map<Node, Node>();
  const rebuild = (node: Node): Node => {
    let result = rebuilt.get(node);
    if (result === undefined) {
      const inputs = node.inputs.map(current);
      const changed = inputs.some((x, i) => x !== node.inputs[i]);
      result = changed ? new Node(node.operation, inputs, node.attributes, node.outputs, node.site) : node;
      rebuilt.set(node, result);
    }
    return result;
  };
  for (const node of nodes) {
    if (!node.outputs.some((output) => used.has(output))) continue;
    const results = smaller.get(node) ?? node.outputs;
    results.forEach((result, i) => {
      if (result !== undefined) replaced.set(node.outputs[i], rebuild(result.node).outputs[result.index]);
    });
  }
  return outputs.map(current);
}
