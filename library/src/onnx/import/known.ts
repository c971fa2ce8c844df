import { isFloat } from "../../core/dtype.ts";
import { nodesOf } from "../../core/graph.ts";
import { constant, type Tensor, Value } from "../../core/index.ts";
import { constantOperation, constantValue, inputOperation, type Node } from "../../core/tensor.ts";
import { convert } from "../../core/value.ts";

/** Tensors of more elements are not computed while tracing. */
const largest = 2 ** 16;

const memory = new WeakMap<Node, Float64Array[] | null>();

/**
 * The numbers of a tensor where they follow from constants alone, as the sizes and indices in exported models mostly
 * do; undefined where they depend on an input, or are too many to compute while tracing.
 */
export function knownNumbers(tensor: Tensor): Float64Array | undefined {
  for (const node of nodesOf([tensor], (one) => memory.has(one)))
    if (!memory.has(node)) memory.set(node, compute(node));
  return memory.get(tensor.node)?.[tensor.index];
}

function compute(node: Node): Float64Array[] | null {
  const { operation, inputs, outputs, attributes } = node;
  if (outputs.some(({ size }) => size > largest)) return null;
  if ((operation as unknown) === constantOperation)
    return [(attributes as unknown as { value: Value }).value.toFloat64()];
  if ((operation as unknown) === inputOperation || operation.host || operation.opaque) return null;
  const data = inputs.map((x) => memory.get(x.node)?.[x.index]);
  if (data.includes(undefined)) return null;
  const results = operation.reference(data as Float64Array[], node);
  // The oracle computes with 64 bits; what the model would round to 32 decides about sizes, too.
  return results.map((result, i) => (outputs[i].dtype === "float32" ? result.map(Math.fround) : result));
}

/** The tensor as a constant where its numbers are known, else as it is. */
export function settle(tensor: Tensor): Tensor {
  if (constantValue(tensor) || (isFloat(tensor.dtype) && tensor.size > 64)) return tensor;
  const numbers = knownNumbers(tensor);
  return numbers ? constant(new Value(convert(numbers, tensor.dtype), tensor.shape, tensor.dtype)) : tensor;
}
