import { isFloat } from "../dtype.ts";
import { DTypeError, ShapeError } from "../errors.ts";
import { add, mul } from "../operations/arithmetic.ts";
import { sum } from "../operations/reduce.ts";
import { alias } from "../operations/stop-gradient.ts";
import { sameShape } from "../shape.ts";
import { asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { leavesOf, mapTree, zipTrees } from "../tree.ts";
import { onesLike, pullBack, zerosLike } from "./vjp.ts";

/** Fresh names for the leaves of a tree, so that only these uses of them are differentiated. */
const separate = <T>(tree: T): T => mapTree(tree, (leaf) => alias(asTensor(leaf)));

function differentiable(leaves: readonly Tensor[]): readonly Tensor[] {
  const wrong = leaves.find((leaf) => !isFloat(leaf.dtype));
  if (wrong !== undefined)
    throw new DTypeError("grad/dtype", `only floats can be differentiated, an input is ${wrong.dtype}`, {
      operands: { input: wrong.node.inputs[0] ?? wrong },
      fix: "pass integers in another argument than the differentiated one",
    });
  return leaves;
}

function scalarLoss(loss: unknown): Tensor {
  const tensor = asTensor(loss as TensorLike);
  if (tensor.size !== 1 || !isFloat(tensor.dtype))
    throw new ShapeError("grad/scalar", "the differentiated function must return one float", {
      operands: { output: tensor },
      fix: "reduce it with mean or sum, or use vjp or jacobian",
    });
  return tensor;
}

/**
 * The function that returns both a scalar function's result and its gradient with respect to the first argument, a tree.
 *
 * @param fn  (params, ...rest) => scalar, or with `auxiliary: true` => [scalar, anything]
 * @returns   (params, ...rest) => [result, gradient]; the gradient is a tree like `params`
 * @throws    ShapeError `grad/scalar`; DTypeError `grad/dtype`; GradientError `gradient/none`
 * @example
 * const [loss, gradient] = valueAndGrad((w) => sum(mul(w, w)))(w);   // gradient = 2w
 */
export function valueAndGrad<P, R extends unknown[], X>(
  fn: (params: P, ...rest: R) => [Tensor, X],
  options: { auxiliary: true },
): (params: P, ...rest: R) => [[Tensor, X], P];
export function valueAndGrad<P, R extends unknown[]>(
  fn: (params: P, ...rest: R) => Tensor,
): (params: P, ...rest: R) => [Tensor, P];
export function valueAndGrad<P, R extends unknown[]>(
  fn: (params: P, ...rest: R) => unknown,
  { auxiliary = false }: { auxiliary?: boolean } = {},
): (params: P, ...rest: R) => [unknown, P] {
  return (params, ...rest) => {
    const separated = separate(params);
    const leaves = differentiable(leavesOf(separated));
    const result = fn(separated, ...rest);
    const loss = scalarLoss(auxiliary ? (result as [Tensor, unknown])[0] : result);
    const cotangents = pullBack([loss], [onesLike(loss)], leaves);
    let position = 0;
    const gradient = mapTree(separated, (leaf) => cotangents[position++] ?? zerosLike(leaf));
    return [result, gradient];
  };
}

/**
 * The gradient of a scalar function with respect to its first argument, a tree. See `valueAndGrad`.
 *
 * @example
 * grad((x) => pow(x, 3))(2)   // 12
 */
export const grad =
  <P, R extends unknown[]>(fn: (params: P, ...rest: R) => Tensor): ((params: P, ...rest: R) => P) =>
  (params, ...rest) =>
    valueAndGrad(fn)(params, ...rest)[1];

/**
 * The result of `fn` and the function that pulls cotangents of the result back to its arguments.
 *
 * @returns [result, pull]; `pull(cotangent)`, a tree like the result, gives an array of trees like the arguments
 */
export function vjp<A extends unknown[], Y>(fn: (...args: A) => Y, ...args: A): [Y, (cotangent: Y) => A] {
  const separated = separate(args);
  const result = fn(...separated);
  const leaves = leavesOf(separated) as Tensor[];
  const outputs = leavesOf(result).map((leaf) => asTensor(leaf));
  return [
    result,
    (cotangent) => {
      const given = leavesOf(cotangent).map((leaf, i) =>
        expectLike("vjp/cotangent", asTensor(leaf, outputs[i]?.dtype), outputs[i]),
      );
      const cotangents = pullBack(outputs, given, leaves);
      let position = 0;
      return mapTree(separated, (leaf) => cotangents[position++] ?? zerosLike(leaf)) as A;
    },
  ];
}

function expectLike(code: string, given: Tensor, wanted: Tensor | undefined): Tensor {
  if (wanted === undefined || !sameShape(given.shape, wanted.shape) || given.dtype !== wanted.dtype)
    throw new ShapeError(code, `expected ${wanted ?? "no further leaf"}, got ${given}`, {
      operands: { given },
      fix: "give a tree of the same structure, shapes and dtypes as the function's result (or argument)",
    });
  return given;
}

/**
 * The result of `fn` at `args` and its derivative along `tangents` (a list of trees like the arguments): forward mode,
 * made of two reverse passes, so that every operation with a gradient has it.
 */
export function jvp<A extends unknown[], Y>(fn: (...args: A) => Y, args: A, tangents: A): [Y, Y] {
  const separated = separate(args);
  const result = fn(...separated);
  const leaves = leavesOf(separated) as Tensor[];
  const directions = leavesOf(tangents).map((leaf, i) =>
    expectLike("jvp/tangent", asTensor(leaf, leaves[i]?.dtype), leaves[i]),
  );
  const outputs = leavesOf(result).map((leaf) => asTensor(leaf));
  // u ↦ Jᵀu is linear; its own transpose, applied to the tangents, is J·tangents.
  const probes = outputs.map((output) => alias(zerosLike(output)));
  const pulled = pullBack(
    outputs,
    probes.map((probe, i) => (isFloat(outputs[i].dtype) ? probe : null)),
    leaves,
  );
  const reached = pulled.flatMap((tensor, i) => (tensor === null ? [] : [{ tensor, direction: directions[i] }]));
  const derivatives = pullBack(
    reached.map(({ tensor }) => tensor),
    reached.map(({ direction }) => direction),
    probes,
  );
  let position = 0;
  return [
    result,
    mapTree(result, () => {
      const at = position++;
      return derivatives[at] ?? zerosLike(outputs[at]);
    }),
  ];
}

/**
 * The product of the Hessian of a scalar function with a direction, both at `params`; never builds the Hessian.
 *
 * @returns (params, direction, ...rest) => tree like `params`
 */
export const hessianVectorProduct =
  <P, R extends unknown[]>(fn: (params: P, ...rest: R) => Tensor) =>
  (params: P, direction: P, ...rest: R): P =>
    grad((at: P) => {
      const products = zipTrees((g, d) => sum(mul(g, d)), grad(fn)(at, ...rest), direction);
      return (leavesOf(products) as Tensor[]).reduce((total, term) => add(total, term));
    })(params);
