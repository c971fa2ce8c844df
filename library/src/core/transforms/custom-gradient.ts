import { dtypes } from "../dtype.ts";
import { GradientError } from "../errors.ts";
import type { Operation } from "../operation.ts";
import { cast } from "../operations/cast.ts";
import { ensureBatched } from "../operations/define.ts";
import { sum } from "../operations/reduce.ts";
import { apply, applyOne, asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { leavesOf, mapTree } from "../tree.ts";
import { zerosLike } from "./vjp.ts";
import { vmap } from "./vmap.ts";

type Rule = (
  args: readonly Tensor[],
  outputs: readonly Tensor[],
  cotangents: readonly Tensor[],
) => readonly (Tensor | null)[];

// Inputs: the function's arguments, then its results. Outputs: the results again, with the rule attached.
const customGradientOperation: Operation<{ count: number; rule: Rule }> = {
  name: "customGradient",
  infer: (inputs, { count }) => inputs.slice(count),
  emit: (_, inputs, { attributes: { count } }) => inputs.slice(count),
  reference: (inputs, { attributes: { count } }) => inputs.slice(count),
  gradient: (cotangents, { inputs, outputs, attributes: { count, rule } }) =>
    rule(
      inputs.slice(0, count),
      outputs,
      cotangents.map((cotangent, i) => cotangent ?? zerosLike(outputs[i])),
    ),
  batch: (inputs, batched, { count, rule }, size) => {
    const all = inputs.map((x, i) => (i < count ? x : ensureBatched(x, batched[i], size)));
    const flags = batched.slice(0, count);
    const batchedRule: Rule = (args, outputs, cotangents) => {
      // The rule is written for one example: it is mapped, and arguments shared by all examples get the sum.
      const present: boolean[] = [];
      const results = vmap(
        (...tensors: Tensor[]) => {
          const gradients = rule(
            tensors.slice(0, count),
            tensors.slice(count, count + outputs.length),
            tensors.slice(count + outputs.length),
          );
          gradients.forEach((gradient, i) => {
            present[i] = gradient !== null && gradient !== undefined;
          });
          return gradients.filter((gradient) => gradient !== null && gradient !== undefined);
        },
        { inAxes: [...flags.map((flag) => (flag ? 0 : null)), ...outputs.map(() => 0), ...cotangents.map(() => 0)] },
      )(...args, ...outputs, ...cotangents);
      let next = 0;
      return present.map((has, i) => {
        if (!has) return null;
        const gradient = results[next++] as Tensor;
        return flags[i] ? gradient : sum(gradient, { axis: 0 });
      });
    };
    return apply(customGradientOperation, all, { count, rule: batchedRule });
  },
  simplifications: {
    "remove-identities": ({ inputs, attributes: { count } }) => inputs.slice(count),
  },
  flops: () => 0,
};

/**
 * A function with a gradient of your own.
 *
 * @param forward   the function, over trees of tensors; its own gradient is not used
 * @param backward  from { args, result, cotangent } to a list with one gradient tree per argument (null: none).
 *                  Both must not close over tensors that are to be differentiated: pass these as arguments
 * @throws          GradientError `customGradient/count` when the rule returns too few gradients
 * @example
 * const clippedIdentity = customGradient((x: Tensor) => x, ({ cotangent }) => [clip(cotangent, -1, 1)]);
 */
export function customGradient<A extends unknown[], Y>(
  forward: (...args: A) => Y,
  backward: (given: { args: A; result: Y; cotangent: Y }) => readonly unknown[],
): (...args: A) => Y {
  return (...args) => {
    const tensors = mapTree(args, (leaf) => asTensor(leaf)) as A;
    const flat = leavesOf(tensors) as Tensor[];
    const result = mapTree(forward(...tensors), (leaf) => asTensor(leaf)) as Y;
    const structure = (leaves: readonly Tensor[], like: unknown): any => {
      let position = 0;
      return mapTree(like, () => leaves[position++]);
    };
    const rule: Rule = (given, outputs, cotangents) => {
      const gradients = backward({
        args: structure(given, tensors),
        result: structure(outputs, result),
        cotangent: structure(cotangents, result),
      });
      if (gradients.length < args.length)
        throw new GradientError("customGradient/count", `${args.length} arguments, but ${gradients.length} gradients`, {
          fix: "return one gradient tree per argument, null where there is none",
        });
      return tensors.flatMap((argument, i) =>
        gradients[i] === null || gradients[i] === undefined
          ? leavesOf(argument).map(() => null)
          : leavesOf(gradients[i]).map((leaf) => asTensor(leaf)),
      );
    };
    const outputs = apply(customGradientOperation, [...flat, ...(leavesOf(result) as Tensor[])], {
      count: flat.length,
      rule,
    });
    return structure(outputs, result);
  };
}

const straightThroughOperation: Operation<Record<never, never>> = {
  name: "straightThrough",
  infer: ([hard, soft]) => [{ shape: hard.shape, dtype: soft.dtype }],
  emit: (graph, [hard], { inputs: [h, s] }) => [
    h.dtype === s.dtype ? hard : graph.node("Cast", [hard], { to: dtypes[s.dtype].onnx }),
  ],
  reference: ([hard]) => [hard],
  gradient: ([dy]) => [null, dy],
  batch: (inputs, batched, _, size) => [
    applyOne(
      straightThroughOperation,
      inputs.map((x, i) => ensureBatched(x, batched[i], size)),
      {},
    ),
  ],
  simplifications: {
    // What the gradient went to is not computed for its own sake.
    "remove-identities": ({ inputs: [hard, soft] }) => [cast(hard, soft.dtype)],
  },
  flops: () => 0,
};

/**
 * Exactly the numbers of `hard` with the gradient of `soft`: rounding, arg-max or sampling that still trains.
 *
 * @param hard  what the forward pass uses, the shape of `soft`
 * @param soft  what the gradient goes to
 * @source      Bengio, Léonard & Courville 2013, arXiv:1308.3432
 * @example
 * straightThrough(round(x), x)
 */
export const straightThrough = (hard: TensorLike, soft: TensorLike): Tensor =>
  applyOne(straightThroughOperation, [asTensor(hard), asTensor(soft)], {});
