import {
  cast,
  div,
  equal,
  expandDims,
  gather,
  gatherAlong,
  logSoftmax,
  mean,
  mul,
  neg,
  onesLike,
  squeeze,
  sum,
  type Tensor,
  where,
} from "../../../core/index.ts";
import type { Converters, NodeContext } from "../context.ts";

/** The loss of log-probabilities [batch, classes, …] for labels [batch, …], as the node's attributes reduce it. */
function likelihoodLoss(node: NodeContext, logs: Tensor, labels: Tensor, weights: Tensor | undefined): Tensor {
  const ignored = node.attributes.int("ignore_index");
  const wide = cast(labels, "int64");
  const skip = ignored === undefined ? undefined : equal(wide, ignored);
  // The ignored label may be no class at all: any class stands in for it, and counts nothing.
  const safe = skip ? where(skip, 0, wide) : wide;
  const picked = squeeze(gatherAlong(logs, expandDims(safe, 1), { axis: 1 }), 1);
  const given = weights ? gather(weights, safe) : onesLike(picked);
  const counted = skip ? where(skip, 0, given) : given;
  const losses = neg(mul(picked, counted));
  const reduction = node.attributes.string("reduction", "mean");
  if (reduction === "none") return losses;
  if (reduction === "sum") return sum(losses);
  return weights || skip ? div(sum(losses), sum(counted)) : mean(losses);
}

export const lossOperators: Converters = {
  NegativeLogLikelihoodLoss: (node) => likelihoodLoss(node, node.tensor(0), node.tensor(1), node.optional(2)),
  SoftmaxCrossEntropyLoss: (node) => {
    const logs = logSoftmax(node.tensor(0), { axis: 1 });
    return [likelihoodLoss(node, logs, node.tensor(1), node.optional(2)), logs];
  },
};
