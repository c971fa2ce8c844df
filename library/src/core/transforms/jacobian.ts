import { cast } from "../operations/cast.ts";
import { equal } from "../operations/comparison.ts";
import { reshape } from "../operations/reshape.ts";
import { range } from "../shape.ts";
import { constant, type Tensor } from "../tensor.ts";
import { leavesOf } from "../tree.ts";
import { value } from "../value.ts";
import { vjp } from "./grad.ts";
import { vmap } from "./vmap.ts";

/**
 * The Jacobian of a function from one tensor to one tensor: one reverse pass, batched over the elements of the result.
 *
 * @returns x ↦ [...result.shape, ...x.shape]
 * @example
 * jacobian((x) => mul(x, x))(value([1, 2]))   // [[2, 0], [0, 4]]
 */
export const jacobian =
  (fn: (x: Tensor) => Tensor) =>
  (x: Tensor): Tensor => {
    const [y, pull] = vjp(fn, x);
    const indices = constant(value(Int32Array.from(range(y.size))));
    const basis = cast(equal(reshape(indices, [y.size, 1]), indices), y.dtype);
    const rows = vmap((row: Tensor) => leavesOf(pull(reshape(row, y.shape)))[0] as Tensor)(basis);
    return reshape(rows, [...y.shape, ...rows.shape.slice(1)]);
  };
