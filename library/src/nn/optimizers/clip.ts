import { add, div, leavesOf, mapTree, minimum, mul, sqrt, square, sum, type Tensor } from "../../core/index.ts";

/** The 2-norm of all numbers in a tree together, a scalar. */
export const globalNorm = (tree: unknown): Tensor =>
  sqrt((leavesOf(tree) as Tensor[]).map((leaf) => sum(square(leaf))).reduce((a, b) => add(a, b)));

/**
 * A tree (of gradients) scaled down so that its global norm is at most `limit`; smaller ones pass unchanged.
 *
 * @returns the tree, and the norm before (a scalar, worth logging)
 * @source  Pascanu, Mikolov & Bengio 2012, arXiv:1211.5063, Algorithm 1
 */
export function clipByGlobalNorm<P>(tree: P, limit: number): { tree: P; norm: Tensor } {
  const norm = globalNorm(tree);
  const scale = minimum(div(limit, norm), 1);
  return { tree: mapTree(tree, (leaf) => mul(leaf, scale)), norm };
}
