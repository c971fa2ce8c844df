import { dependents, nodesOf, nodesUpTo } from "../graph.ts";
import type { Subgraph } from "../operation.ts";
import { broadcastTo, isBroadcast } from "../operations/broadcast.ts";
import { withSite } from "../site.ts";
import { constantValue, input, Node, type Specification, type Tensor } from "../tensor.ts";
import { dropUnused } from "../unused.ts";

/** A body that refers to nothing outside, and the tensors from outside that its last inputs stand for. */
export interface ClosedBody {
  readonly body: Subgraph;
  readonly captures: readonly Tensor[];
}

/** A fresh stand-in for a tensor inside a body. */
export const placeholder = ({ shape, dtype }: Specification, label: string): Tensor => input(shape, dtype, label);

/** The same outputs with some tensors replaced by others of their shape and dtype; only what depends on them is copied. */
export function substitute(outputs: readonly Tensor[], replacements: ReadonlyMap<Tensor, Tensor>): Tensor[] {
  const replaced = new Map(replacements);
  for (const node of nodesUpTo(outputs, replacements)) {
    const inputs = node.inputs.map((x) => replaced.get(x) ?? x);
    if (inputs.every((x, i) => x === node.inputs[i])) continue;
    const copy = new Node(node.operation, inputs, node.attributes, node.outputs, node.site);
    node.outputs.forEach((output, i) => {
      if (!replacements.has(output)) replaced.set(output, copy.outputs[i]);
    });
  }
  return outputs.map((output) => replaced.get(output) ?? output);
}

/** What a body computes from the given inputs, as ordinary nodes. */
export const inline = ({ inputs, outputs }: Subgraph, given: readonly Tensor[]): Tensor[] =>
  substitute(outputs, new Map(inputs.map((formal, i) => [formal, given[i]])));

/**
 * Makes a body of a graph traced on `formal` inputs. What it uses from outside becomes inputs of its own, behind the
 * formal ones: the results of everything that does not depend on a formal input, so that this is computed once and
 * outside. Constants, and tensors that are only stretched, go in as they are.
 */
export function closeOver(formal: readonly Tensor[], outputs: readonly Tensor[]): ClosedBody {
  const sources = new Set(formal);
  return closeAround(formal, outputs, dependents(nodesUpTo(outputs, sources), sources));
}

/** `closeOver` where it is known which nodes are inside. */
export function closeAround(
  formal: readonly Tensor[],
  outputs: readonly Tensor[],
  inside: ReadonlySet<Node>,
): ClosedBody {
  const captures: Tensor[] = [];
  const inner = new Map<Tensor, Tensor>();
  const enter = (x: Tensor): Tensor => {
    if (inside.has(x.node) || formal.includes(x) || constantValue(x) !== undefined) return x;
    let own = inner.get(x);
    if (own !== undefined) return own;
    if (isBroadcast(x)) {
      const narrow = enter(x.node.inputs[0]);
      own = narrow === x.node.inputs[0] ? x : withSite(x.node.site, () => broadcastTo(narrow, x.shape));
    } else {
      captures.push(x);
      own = placeholder(x, x.origin);
    }
    inner.set(x, own);
    return own;
  };
  for (const node of inside) node.inputs.forEach(enter);
  outputs.forEach(enter);
  return {
    body: { inputs: [...formal, ...captures.map((x) => inner.get(x)!)], outputs: substitute(outputs, inner) },
    captures,
  };
}

/** Which inputs of a body its outputs depend on. */
export function neededInputs({ inputs, outputs }: Subgraph): boolean[] {
  const reached = new Set(nodesOf(outputs));
  return inputs.map((formal) => reached.has(formal.node));
}

/** A body with only some of its inputs and outputs. */
export const narrowBody = (
  { inputs, outputs }: Subgraph,
  keepInputs: readonly boolean[],
  keepOutputs: readonly boolean[],
): Subgraph => ({
  inputs: inputs.filter((_, i) => keepInputs[i]),
  outputs: dropUnused(outputs.filter((_, i) => keepOutputs[i])),
});

/** Floating-point operations of one run of a body. */
export const bodyFlops = ({ outputs }: Subgraph): number =>
  nodesOf(outputs).reduce(
    (total, node) =>
      node.inputs.length === 0
        ? total
        : total + (node.operation.flops?.(node) ?? node.outputs.reduce((size, output) => size + output.size, 0)),
    0,
  );
