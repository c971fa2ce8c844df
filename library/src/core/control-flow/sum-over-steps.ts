import { mul } from "../operations/arithmetic.ts";
import { sum } from "../operations/reduce.ts";
import { applyOne, Tensor } from "../tensor.ts";

/** How a sum over all steps of a tensor of one step is made, once the loop has run. */
export interface SumPlan {
  /** Tensors of one step that `build` wants stacked. */
  readonly stacked: readonly Tensor[];
  /** Tensors of one step that `build` wants added up in the loop. */
  readonly accumulated: readonly Tensor[];
  readonly build: (known: Known) => Tensor;
}

/** What a plan is built from. */
export interface Known {
  /** A tensor of all steps: [length, …]. */
  readonly stack: (x: Tensor) => Tensor;
  /** A tensor added up by the loop. */
  readonly total: (x: Tensor) => Tensor;
  /** A tensor that is the same at every step, outside the loop. */
  readonly constant: (x: Tensor) => Tensor;
}

interface PlanContext {
  readonly length: number;
  /** Elements up to which a tensor of one step may be stacked only to be summed. */
  readonly limit: number;
  readonly varies: (x: Tensor) => boolean;
  /** Whether the loop computes it anyway: it is taken from there. */
  readonly atomic: (x: Tensor) => boolean;
}

/**
 * Plans the sum over the steps of `x`. The sum goes inwards through everything linear; a product of two tensors of a
 * step becomes one product over all steps; what then remains is stacked and summed, or, if large, added up in the loop.
 */
export function planSum(x: Tensor, context: PlanContext): SumPlan {
  const { length, limit, varies, atomic } = context;
  const { operation, inputs, attributes, outputs } = x.node;
  if (!varies(x)) return { stacked: [], accumulated: [], build: ({ constant }) => mul(constant(x), length) };
  const varying = inputs.filter(varies);
  const isSimple = !atomic(x) && outputs.length === 1 && varying.length > 0;
  if (isSimple && varying.length === inputs.length && operation.contract !== undefined) {
    const contract = operation.contract;
    return { stacked: inputs, accumulated: [], build: ({ stack }) => contract(inputs.map(stack), attributes) };
  }
  const alone = operation.linear === "separately" && varying.length === 1;
  // Going inwards through a reduction must not make large what is stacked.
  const small = varying.every((input) => input.size <= Math.max(limit, x.size));
  if (isSimple && small && (alone || operation.linear === "jointly")) {
    const parts = inputs.map((input): SumPlan | Tensor => (alone && !varies(input) ? input : planSum(input, context)));
    const plans = parts.filter((part): part is SumPlan => !(part instanceof Tensor));
    return {
      stacked: plans.flatMap((plan) => plan.stacked),
      accumulated: plans.flatMap((plan) => plan.accumulated),
      build: (known) =>
        applyOne(
          operation,
          parts.map((part) => (part instanceof Tensor ? known.constant(part) : part.build(known))),
          attributes,
        ),
    };
  }
  return x.size <= limit
    ? { stacked: [x], accumulated: [], build: ({ stack }) => sum(stack(x), { axis: 0 }) }
    : { stacked: [], accumulated: [x], build: ({ total }) => total(x) };
}
