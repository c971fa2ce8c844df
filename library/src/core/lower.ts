import type { GraphBuilder } from "./operation.ts";
import { simplify } from "./simplify.ts";
import { withSite } from "./site.ts";
import { input, type Node, type Tensor } from "./tensor.ts";

/**
 * Writes an operation as ONNX by way of other operations: for those that are one thing to the oracle and to the gradient,
 * and many to the runtime.
 *
 * @param names  what the node's inputs are called
 * @param build  from stand-ins for the node's inputs to its outputs
 */
export function lower(
  graph: GraphBuilder,
  names: readonly string[],
  node: Node<any>,
  build: (...inputs: Tensor[]) => readonly Tensor[],
): string[] {
  const formal = node.inputs.map((x) => input(x.shape, x.dtype, x.origin));
  const outputs = withSite(node.site, () => simplify(build(...formal)));
  return graph.write(outputs, new Map(formal.map((x, i) => [x, names[i]])));
}
