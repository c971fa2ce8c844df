import { scan } from "../control-flow/scan.ts";
import { abs, div, mod, mul, sign, sub } from "../operations/arithmetic.ts";
import { cast } from "../operations/cast.ts";
import { equal, greater } from "../operations/comparison.ts";
import { log } from "../operations/exponential.ts";
import { gather } from "../operations/gather.ts";
import { generated } from "../operations/generated.ts";
import { matmul } from "../operations/matmul.ts";
import { ones } from "../operations/range.ts";
import { any, argMax, product, sum } from "../operations/reduce.ts";
import { reshape } from "../operations/reshape.ts";
import { moveAxis } from "../operations/transpose.ts";
import { where } from "../operations/where.ts";
import type { Tensor } from "../tensor.ts";
import { asColumn, asRow, places } from "./matrices.ts";

/** What Gauss–Jordan elimination with row pivoting makes of the matrices [..., n, n + k]. */
export interface Eliminated {
  /** The matrices: the identity with its rows in the order of the pivots, and behind it the solutions, likewise. */
  readonly rest: Tensor;
  /** Which row each step took its pivot from: ones among zeros, [..., n, n]. */
  readonly order: Tensor;
  /** The pivots [..., n]. */
  readonly pivots: Tensor;
}

/** Eliminates the first n columns. Rows stay where they are: what was the pivot of a step is noted, not moved. */
export function eliminate(matrices: Tensor): Eliminated {
  const { dtype } = matrices;
  const n = matrices.shape.at(-2)!;
  const rows = places(n);
  const [last, taken] = scan(
    ({ rest, free }, at) => {
      const column = gather(rest, at, { axis: -1 });
      const best = argMax(where(greater(free, 0), abs(column), -1), { axis: -1, keepDims: true });
      const chosen = cast(equal(rows, best), dtype);
      const pivot = sum(mul(chosen, column), { axis: -1, keepDims: true });
      const row = div(matmul(asRow(chosen), rest), asColumn(pivot));
      // Less the pivot's row times the column takes the column out of all rows, and leaves 1 in the pivot's own.
      const next = sub(rest, mul(asColumn(sub(column, chosen)), row));
      return [
        { rest: next, free: sub(free, chosen) },
        { chosen, pivot },
      ];
    },
    { rest: matrices, free: ones(matrices.shape.slice(0, -1), { dtype }) },
    places(n),
  );
  return {
    rest: last.rest,
    order: moveAxis(taken.chosen, 0, -2),
    pivots: reshape(moveAxis(taken.pivot, 0, -2), matrices.shape.slice(0, -1)),
  };
}

/** Sign and logarithm of the absolute value of the determinants [...]. */
export function determinantOf({ order, pivots }: Eliminated): { sign: Tensor; logAbsolute: Tensor } {
  const n = pivots.shape.at(-1)!;
  const place = sum(mul(order, places(n, pivots.dtype)), { axis: -1 });
  const later = generated("strictly above", [n, n], pivots.dtype, (at) => (at % n > Math.floor(at / n) ? 1 : 0));
  const swapped = cast(greater(asColumn(place), asRow(place)), pivots.dtype);
  const inversions = sum(mul(swapped, later), { axis: [-2, -1] });
  const parity = sub(1, mul(2, mod(inversions, 2)));
  // Behind a pivot of 0 there is nothing but NaN.
  const singular = any(equal(pivots, 0), { axis: -1 });
  return {
    sign: where(singular, 0, mul(parity, product(sign(pivots), { axis: -1 }))),
    logAbsolute: where(singular, -Infinity, sum(log(abs(pivots)), { axis: -1 })),
  };
}
