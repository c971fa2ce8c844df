import { abs, max, mean, pow, sum, type Tensor } from "../../../core/index.ts";
import type { Converter, Converters } from "../context.ts";

/** A pooling over all of space. */
const overSpace =
  (pool: (x: Tensor, options: { axis: number[]; keepDims: true }) => Tensor): Converter =>
  (node) => {
    const x = node.tensor(0);
    return pool(x, { axis: x.shape.map((_, i) => i).slice(2), keepDims: true });
  };

export const poolingOperators: Converters = {
  GlobalAveragePool: overSpace(mean),
  GlobalLpPool: (node) => {
    const p = node.attributes.int("p", 2);
    return overSpace((x, options) => pow(sum(pow(abs(x), p), options), 1 / p))(node);
  },
  GlobalMaxPool: overSpace(max),
};
