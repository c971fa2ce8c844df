import { type DType, dtypes, isFloat } from "../dtype.ts";
import type { Operation } from "../operation.ts";
import { applyOne, asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { convert } from "../value.ts";

const castOperation: Operation<{ dtype: DType }> = {
  name: "cast",
  infer: ([x], { dtype }) => [{ shape: x.shape, dtype }],
  emit: (graph, [x], { attributes: { dtype } }) => [graph.node("Cast", [x], { to: dtypes[dtype].onnx })],
  reference: ([x], { attributes: { dtype } }) => [
    // Floats keep their 64 bits in the oracle; integers and bool are truly converted.
    isFloat(dtype) ? x : Float64Array.from(convert(x, dtype) as ArrayLike<number | bigint>, Number),
  ],
  gradient: ([dy], { inputs: [x], attributes: { dtype } }) => [
    isFloat(x.dtype) && isFloat(dtype) ? cast(dy!, x.dtype) : null,
  ],
  batch: ([x], _, { dtype }) => [cast(x, dtype)],
  simplifications: {
    // Widening and coming back is the identity; narrowing is not.
    "cast-round-trip": ({ inputs: [x], attributes: { dtype } }) => {
      const source = x.node.operation === castOperation ? x.node.inputs[0] : undefined;
      const exact =
        source !== undefined && isFloat(source.dtype) && dtypes[x.dtype].bytes >= dtypes[source.dtype].bytes;
      return exact && isFloat(x.dtype) && source.dtype === dtype ? [source] : undefined;
    },
  },
};

/**
 * The same numbers as another dtype: floats to integers towards zero, numbers to bool as "not 0".
 * Gradients pass between float dtypes and stop at integers.
 */
export function cast(x: TensorLike, dtype: DType): Tensor {
  const tensor = asTensor(x);
  return tensor.dtype === dtype ? tensor : applyOne(castOperation, [tensor], { dtype });
}
