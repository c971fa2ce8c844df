import { cumProduct, cumSum, topK } from "../../../core/index.ts";
import type { Converter, Converters } from "../context.ts";
import { normalAxis } from "./axes.ts";

const cumulative =
  (operation: typeof cumSum): Converter =>
  (node) =>
    operation(node.tensor(0), {
      axis: normalAxis(node.number(1) ?? 0, node.tensor(0).rank),
      exclusive: node.attributes.int("exclusive", 0) === 1,
      reverse: node.attributes.int("reverse", 0) === 1,
    });

export const orderingOperators: Converters = {
  CumProd: cumulative(cumProduct),
  CumSum: cumulative(cumSum),
  TopK: (node) => {
    const x = node.tensor(0);
    const { values, indices } = topK(x, node.attributes.int("k") ?? node.number(1)!, {
      axis: normalAxis(node.attributes.int("axis", -1), x.rank),
      largest: node.attributes.int("largest", 1) === 1,
    });
    return [values, indices];
  },
};
