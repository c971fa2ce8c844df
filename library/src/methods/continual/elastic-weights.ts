import {
  add,
  div,
  equal,
  grad,
  leavesOf,
  mean,
  mul,
  square,
  sub,
  sum,
  type Tensor,
  type TensorLike,
  vmap,
  where,
  zerosLike,
  zipTrees,
} from "../../core/index.ts";
import { asTensor } from "../../core/tensor.ts";

/** Where parameters are held, and how strongly; both trees like the parameters. */
export interface Anchor<Params> {
  readonly centre: Params;
  readonly importance: Params;
}

/**
 * The diagonal of the empirical Fisher information: the mean square of the gradient of single examples.
 *
 * @param lossOf  negative log-likelihood of one example, a scalar
 * @param params  tree of parameters
 * @param batch   trees or tensors of examples, [batch, ...]; one gradient an example is held at a time, so that a few
 *                dozen examples fit
 * @source        Kirkpatrick et al. 2016, arXiv:1612.00796, with labels as they are given
 */
export const fisherDiagonal = <Params, Batch extends Tensor[]>(
  lossOf: (params: Params, ...example: Batch) => Tensor,
  params: Params,
  ...batch: Batch
): Params => {
  const gradients = vmap((...example: Batch) => grad((at: Params) => lossOf(at, ...example))(params))(...batch);
  return zipTrees((gradient: Tensor) => mean(square(gradient), { axis: 0 }), gradients);
};

/** Two anchors as one: its penalty differs from the sum of theirs by a constant. */
export function joinAnchors<Params>(first: Anchor<Params>, second: Anchor<Params>): Anchor<Params> {
  const importance: Params = zipTrees((a, b) => add(a, b), first.importance, second.importance);
  const centre: Params = zipTrees(
    (a, b, strengthA, strengthB, total) => {
      const free = equal(total, 0);
      return where(free, b, div(add(mul(a, strengthA), mul(b, strengthB)), where(free, 1, total)));
    },
    first.centre,
    second.centre,
    first.importance,
    second.importance,
    importance,
  );
  return { centre, importance };
}

/** No anchor at all: nothing is important. */
export const freeAnchor = <Params>(params: Params): Anchor<Params> => ({
  centre: params,
  importance: zipTrees((leaf: TensorLike) => zerosLike(asTensor(leaf)), params),
});

/**
 * Elastic weight consolidation: half the squared distance from the anchor, weighted by importance.
 *
 *     ½ Σ Fᵢ (θᵢ − θᵢ*)²
 *
 * @returns  a scalar; the paper multiplies it by λ and adds it to the loss
 * @source   Kirkpatrick et al. 2016, arXiv:1612.00796, equation 3
 * @example
 * elasticPenalty(value([3]), { centre: value([1]), importance: value([0.5]) })   // 1
 */
export function elasticPenalty<Params>(params: Params, { centre, importance }: Anchor<Params>): Tensor {
  const terms = leavesOf(
    zipTrees((at, anchor, strength) => sum(mul(square(sub(at, anchor)), strength)), params, centre, importance),
  ) as Tensor[];
  return mul(
    terms.reduce((total, each) => add(total, each)),
    0.5,
  );
}
