import { isFloat } from "../dtype.ts";
import { GradientError } from "../errors.ts";
import { dependents, nodesOf } from "../graph.ts";
import { add } from "../operations/arithmetic.ts";
import { broadcastTo } from "../operations/broadcast.ts";
import { sameShape } from "../shape.ts";
import { withSite } from "../site.ts";
import { type Node, scalar, type Tensor } from "../tensor.ts";

/** Zeros of a tensor's shape and dtype. */
export const zerosLike = (x: Tensor): Tensor => broadcastTo(scalar(0, x.dtype), x.shape);

/** Ones of a tensor's shape and dtype. */
export const onesLike = (x: Tensor): Tensor => broadcastTo(scalar(1, x.dtype), x.shape);

/**
 * Reverse mode over a graph: the cotangents of `inputs` given those of `outputs`. Null where an input has no influence
 * that can be differentiated.
 *
 * @throws GradientError `gradient/none` at an operation without a gradient on the way
 */
export function pullBack(
  outputs: readonly Tensor[],
  cotangents: readonly (Tensor | null)[],
  inputs: readonly Tensor[],
): (Tensor | null)[] {
  const sources = new Set(inputs);
  const nodes = nodesOf(outputs, (node) => node.outputs.some((output) => sources.has(output)));
  const active = dependents(nodes, sources);
  const sums = new Map<Tensor, Tensor>();
  const accumulate = (tensor: Tensor, cotangent: Tensor): void => {
    const earlier = sums.get(tensor);
    sums.set(tensor, earlier === undefined ? cotangent : add(earlier, cotangent));
  };
  outputs.forEach((output, i) => {
    const cotangent = cotangents[i];
    if (cotangent !== null) accumulate(output, cotangent);
  });
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i];
    if (!active.has(node) || node.outputs.some((output) => sources.has(output))) continue;
    const given = node.outputs.map((output) => sums.get(output) ?? null);
    if (given.every((cotangent) => cotangent === null)) continue;
    withSite(node.site, () => pullBackNode(node, given, active, sources, accumulate));
  }
  return inputs.map((input) => sums.get(input) ?? null);
}

function pullBackNode(
  node: Node,
  cotangents: readonly (Tensor | null)[],
  active: ReadonlySet<Node>,
  sources: ReadonlySet<Tensor>,
  accumulate: (tensor: Tensor, cotangent: Tensor) => void,
): void {
  const { operation, inputs } = node;
  const needs = inputs.map((x) => isFloat(x.dtype) && (active.has(x.node) || sources.has(x)));
  if (!needs.includes(true)) return;
  if (typeof operation.gradient === "string")
    throw new GradientError("gradient/none", operation.gradient, {
      operands: Object.fromEntries(node.outputs.map((output, i) => [i === 0 ? "output" : `output${i}`, output])),
      fix: "wrap it in stopGradient, or give it a gradient with customGradient or straightThrough",
    });
  const results = operation.gradient(cotangents, node, { needs });
  inputs.forEach((x, i) => {
    const cotangent = results[i];
    if (!needs[i] || cotangent === null || cotangent === undefined) return;
    if (!sameShape(cotangent.shape, x.shape) || cotangent.dtype !== x.dtype)
      throw new GradientError(
        "gradient/shape",
        `the gradient of ${operation.name} to input ${i} is ${cotangent}, the input is ${x}`,
        {
          operands: { input: x, gradient: cotangent },
          fix: "this is a fault of the operation (or customGradient rule)",
        },
      );
    accumulate(x, cotangent);
  });
}
