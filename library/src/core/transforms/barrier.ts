import { dtypes } from "../dtype.ts";
import type { Operation } from "../operation.ts";
import { ensureBatched } from "../operations/define.ts";
import { apply, type Tensor } from "../tensor.ts";

/** Inputs: tensors, then the one they wait for. Outputs: the tensors. */
const barrierOperation: Operation<Record<never, never>> = {
  name: "barrier",
  infer: (inputs) => inputs.slice(0, -1).map(({ shape, dtype }) => ({ shape, dtype })),
  emit: (graph, inputs, { inputs: tensors }) => {
    const token = tensors.at(-1)!;
    const given = inputs.slice(0, -1);
    if (token.size === 0) return given;
    // What the token decides must be nothing, and no optimizer may know it: no number is less than itself, NaN neither.
    const first = graph.node("Slice", [
      graph.node("Reshape", [inputs.at(-1)!, graph.integers([-1])]),
      graph.integers([0]),
      graph.integers([1]),
    ]);
    const zero = graph.node("Cast", [graph.node("Less", [first, first])], { to: dtypes.int64.onnx });
    // A reshape shares the memory of its input: waiting costs no copy.
    return given.map((x, i) =>
      graph.node("Reshape", [x, graph.node("Add", [graph.integers(tensors[i].shape), zero])], {
        allowzero: tensors[i].shape.includes(0) ? 1 : undefined,
      }),
    );
  },
  reference: (inputs) => inputs.slice(0, -1),
  gradient: (cotangents) => [...cotangents, null],
  batch: (inputs, batched, _, size) => {
    const tensors = inputs.slice(0, -1);
    return apply(barrierOperation, [...tensors.map((x, i) => ensureBatched(x, batched[i], size)), inputs.at(-1)!], {});
  },
  flops: () => 0,
  opaque: true,
};

/**
 * The same tensors, available only after `token` is: whatever is computed from them waits for it, and is not merged with
 * the like computed from the originals, neither here nor by the runtime.
 */
export const barrier = (tensors: readonly Tensor[], token: Tensor): Tensor[] =>
  apply(barrierOperation, [...tensors, token], {});
