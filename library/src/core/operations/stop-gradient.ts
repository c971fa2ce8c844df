import type { Operation } from "../operation.ts";
import { applyOne, asTensor, type Tensor, type TensorLike } from "../tensor.ts";

const identity = (name: string, gradient: Operation["gradient"], kept: boolean): Operation<Record<never, never>> => {
  const operation: Operation<Record<never, never>> = {
    name,
    infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
    emit: (_, [x]) => [x],
    reference: ([x]) => [x],
    gradient,
    batch: ([x]) => [applyOne(operation, [x], {})],
    simplifications: kept ? undefined : { "remove-identities": ({ inputs: [x] }) => [x] },
    flops: () => 0,
  };
  return operation;
};

const stopGradientOperation = identity("stopGradient", () => [null], false);

/** The same numbers, but gradients end here: they count as constant. */
export const stopGradient = (x: TensorLike): Tensor => applyOne(stopGradientOperation, [asTensor(x)], {});

const aliasOperation = identity("alias", ([dy]) => [dy], false);

/** The same tensor under a new identity, so that a transformation can tell this use from others. */
export const alias = (x: TensorLike): Tensor => applyOne(aliasOperation, [asTensor(x)], {});
