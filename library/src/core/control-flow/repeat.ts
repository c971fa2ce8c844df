import { range } from "../operations/range.ts";
import type { Tensor } from "../tensor.ts";
import type { Symbolic } from "../tree.ts";
import { type ScanOptions, scan } from "./scan.ts";

/**
 * Applies a function to its own result a fixed number of times, in one loop of the program. Differentiable.
 *
 * @param count  number of times, known when tracing
 * @param fn     (state, index) => next state, a tree of the same structure, shapes and dtypes; index is an int64 scalar
 * @param init   tree of the first state
 * @param residuals  see `scan`
 * @returns      the last state
 * @throws       as `scan`
 * @example
 * repeat(20, (x) => mul(0.5, add(x, div(2, x))), 1)   // √2
 */
export const repeat = <S>(
  count: number,
  fn: (state: Symbolic<NoInfer<S>>, index: Tensor) => Symbolic<NoInfer<S>>,
  init: S,
  { residuals }: Pick<ScanOptions, "residuals"> = {},
): Symbolic<S> => scan((state, index) => [fn(state, index), null], init, range(count), { residuals, length: count })[0];
