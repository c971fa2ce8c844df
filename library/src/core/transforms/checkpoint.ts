import { closeOver, substitute } from "../control-flow/subgraph.ts";
import { dtypes } from "../dtype.ts";
import { dependents, nodesUpTo } from "../graph.ts";
import type { Operation } from "../operation.ts";
import { ensureBatched } from "../operations/define.ts";
import { alias } from "../operations/stop-gradient.ts";
import { apply, asTensor, type Node, type Tensor } from "../tensor.ts";
import { leavesOf, mapTree } from "../tree.ts";
import { barrier } from "./barrier.ts";
import { pullBack } from "./vjp.ts";

// Inputs: what the function takes, captures included, then its results. Outputs: the results again, with the rule attached.
const checkpointOperation: Operation<{ count: number }> = {
  name: "checkpoint",
  infer: (inputs, { count }) => inputs.slice(count).map(({ shape, dtype }) => ({ shape, dtype })),
  emit: (_, inputs, { attributes: { count } }) => inputs.slice(count),
  reference: (inputs, { attributes: { count } }) => inputs.slice(count),
  gradient: (cotangents, { inputs, attributes: { count } }, { needs }) => {
    const sources = inputs.slice(0, count);
    const results = inputs.slice(count);
    const token = cotangents.find((cotangent) => cotangent !== null)!;
    const late = sourcesToHoldBack(sources, results);
    const held = barrier(late, token);
    const fresh = sources.map((x) => (late.includes(x) ? held[late.indexOf(x)] : alias(x)));
    const again = substitute(results, new Map(sources.map((x, i) => [x, fresh[i]])));
    const wanted = fresh.filter((_, i) => needs[i]);
    const gradients = pullBack(again, cotangents, wanted);
    return inputs.map((_, i) => (i < count && needs[i] ? gradients[wanted.indexOf(fresh[i])] : null));
  },
  batch: (inputs, batched, { count }, size) =>
    apply(
      checkpointOperation,
      inputs.map((x, i) => (i < count ? x : ensureBatched(x, batched[i], size))),
      { count },
    ),
  simplifications: {
    "remove-identities": ({ inputs, attributes: { count } }) => inputs.slice(count),
  },
  flops: () => 0,
};

const bytesOf = (tensors: readonly Tensor[]): number =>
  tensors.reduce((total, { size, dtype }) => total + size * dtypes[dtype].bytes, 0);

/**
 * Which inputs must wait so that what depends on them is computed again: the fewest bytes that reach nearly everything.
 * What depends on none of them is not computed twice (a transposed weight, a mask), and keys never wait: random numbers
 * are drawn once.
 */
function sourcesToHoldBack(sources: readonly Tensor[], results: readonly Tensor[]): Tensor[] {
  const nodes = nodesUpTo(results, new Set(sources)).filter((node) => node.inputs.length > 0);
  const candidates = sources
    .filter((x) => x.dtype !== "uint32")
    .map((x) => ({ x, reached: dependents(nodes, new Set([x])) }));
  const held: Tensor[] = [];
  const left = new Set<Node>(nodes);
  while (candidates.length > 0) {
    const gains = candidates.map(({ x, reached }) => ({
      x,
      reached,
      gain: bytesOf([...reached].filter((node) => left.has(node)).flatMap((node) => node.outputs)) - bytesOf([x]),
    }));
    const best = gains.reduce((a, b) => (b.gain > a.gain ? b : a));
    if (best.gain <= 0) return held;
    held.push(best.x);
    for (const node of best.reached) left.delete(node);
  }
  return held;
}

/**
 * The same function, of which the gradient keeps nothing but the arguments: what it needs is computed a second time in the
 * backward pass. A chain of layers then holds the activations of one layer at a time instead of all, for about a third
 * more computation.
 *
 * @param fn  any function over trees of tensors; tensors that it closes over get their gradients, too
 * @example
 * let h = x;
 * for (const layer of layers) h = checkpoint(block)(layer, h);
 * @source    Chen, Xu, Zhang & Guestrin 2016, arXiv:1604.06174
 */
export function checkpoint<A extends unknown[], Y>(fn: (...args: A) => Y): (...args: A) => Y {
  return (...args) => {
    const separated = mapTree(args, (leaf) => alias(asTensor(leaf))) as A;
    const given = leavesOf(separated) as Tensor[];
    const result = fn(...separated);
    const results = (leavesOf(result) as Tensor[]).map((leaf) => asTensor(leaf));
    const { captures } = closeOver(given, results);
    const outputs = apply(checkpointOperation, [...given, ...captures, ...results], {
      count: given.length + captures.length,
    });
    let next = 0;
    return mapTree(result, () => outputs[next++]);
  };
}
