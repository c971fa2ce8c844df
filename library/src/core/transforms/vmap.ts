import { ShapeError } from "../errors.ts";
import { nodesUpTo } from "../graph.ts";
import { broadcastTo } from "../operations/broadcast.ts";
import { moveAxis } from "../operations/transpose.ts";
import { withSite } from "../site.ts";
import { asTensor, input, type Tensor } from "../tensor.ts";
import { leavesOf, mapTree } from "../tree.ts";

/** Which axis of each argument is mapped: one for all leaves of the argument, or null for "the same for every example". */
export interface VmapOptions {
  /** Axis per argument; a single number stands for all arguments. Default 0. */
  readonly inAxes?: number | null | readonly (number | null)[];
  /** Where the mapped axis goes in every result. Default 0. */
  readonly outAxes?: number;
}

/**
 * Batches a graph: given what some tensors become with a leading axis of `size`, what `outputs` become. A result is
 * batched only if it depends on a replaced tensor.
 */
export function batchGraph(
  outputs: readonly Tensor[],
  replacements: ReadonlyMap<Tensor, Tensor>,
  size: number,
): { tensor: Tensor; batched: boolean }[] {
  const mapped = new Map<Tensor, Tensor>(replacements);
  for (const node of nodesUpTo(outputs, replacements)) {
    const batched = node.inputs.map((x) => mapped.has(x));
    if (!batched.includes(true)) continue;
    const inputs = node.inputs.map((x) => mapped.get(x) ?? x);
    const results = withSite(node.site, () => node.operation.batch(inputs, batched, node.attributes, size, node));
    node.outputs.forEach((output, i) => {
      if (!mapped.has(output)) mapped.set(output, results[i]);
    });
  }
  return outputs.map((output) => ({ tensor: mapped.get(output) ?? output, batched: mapped.has(output) }));
}

/**
 * Turns a function of one example into one of a batch, without a loop: each operation is applied to all examples at once.
 *
 * @param fn  any function over trees of tensors; may itself use `grad`, `vmap`, `scan` …
 * @returns   the same function over arguments with an extra axis, giving results with an extra axis
 * @throws    ShapeError `vmap/size` when the mapped sizes differ, `vmap/nothing` when no argument is mapped
 * @example
 * vmap(grad(loss), { inAxes: [null, 0, 0] })(params, xs, ys)   // one gradient per example
 */
export function vmap<A extends unknown[], Y>(fn: (...args: A) => Y, options: VmapOptions = {}): (...args: A) => Y {
  const { inAxes = 0, outAxes = 0 } = options;
  return (...args) => {
    const axes = args.map((_, i) => (typeof inAxes === "number" || inAxes === null ? inAxes : (inAxes[i] ?? null)));
    const replacements = new Map<Tensor, Tensor>();
    let size: number | undefined;
    const examples = args.map((argument, i) => {
      const axis = axes[i];
      if (axis === null) return argument;
      return mapTree(argument, (leaf, path) => {
        const batched = moveAxis(asTensor(leaf), axis, 0);
        if (size !== undefined && batched.shape[0] !== size)
          throw new ShapeError("vmap/size", `mapped sizes differ: ${size} and ${batched.shape[0]}`, {
            operands: { argument: batched },
            fix: "give every mapped argument the same size along its mapped axis, or null in inAxes",
          });
        size = batched.shape[0];
        const example = input(batched.shape.slice(1), batched.dtype, `example of argument ${i}${path && ` ${path}`}`);
        replacements.set(example, batched);
        return example;
      });
    }) as A;
    if (size === undefined)
      throw new ShapeError("vmap/nothing", "no argument is mapped", { fix: "give at least one axis in inAxes" });
    const count = size;
    const result = fn(...examples);
    const leaves = leavesOf(result).map((leaf) => asTensor(leaf));
    const batched = batchGraph(leaves, replacements, count);
    let position = 0;
    return mapTree(result, () => {
      const { tensor, batched: depends } = batched[position++];
      return moveAxis(depends ? tensor : broadcastTo(tensor, [count, ...tensor.shape]), 0, outAxes);
    });
  };
}
