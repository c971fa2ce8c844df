import {
  add,
  div,
  leavesOf,
  maximum,
  mul,
  sqrt,
  square,
  stopGradient,
  sum,
  type Tensor,
  type TensorLike,
  valueAndGrad,
  zipTrees,
} from "../../core/index.ts";

export interface SamOptions {
  /** ρ ≥ 0, the radius of the ball that the loss is made worse in. */
  readonly radius: TensorLike;
  /** Whether each weight's reach is in proportion to its size. Default false: a ball. */
  readonly adaptive?: boolean;
}

/**
 * The move of all parameters that raises the loss most, to first order, within a radius.
 *
 *     ε = ρ · T²g / ‖T g‖   with T = diag |w| (adaptive) or the identity
 *
 * @param params    tree of parameters
 * @param gradient  of the loss, a tree like it
 * @returns         a tree like it; zeros where the gradient is zero everywhere
 * @source          Foret et al. 2020, arXiv:2010.01412, equation 2; adaptive: Kwon et al. 2021, arXiv:2102.11600, equation 6
 * @example
 * samPerturbation(value([1, 2]), value([3, 1]), { radius: 1, adaptive: true })   // [3, 4]/√13
 */
export function samPerturbation<Params>(
  params: Params,
  gradient: Params,
  { radius, adaptive = false }: SamOptions,
): Params {
  const scaled: Params = adaptive ? zipTrees((g, w) => mul(g, w), gradient, params) : gradient;
  const squares = (leavesOf(scaled) as Tensor[]).map((leaf) => sum(square(leaf)));
  const factor = div(radius, maximum(sqrt(squares.reduce((total, each) => add(total, each))), 1e-30));
  return zipTrees((each, w) => mul(adaptive ? mul(each, w) : each, factor), scaled, params);
}

/**
 * The gradient of sharpness-aware minimisation: that of the loss at the worst point nearby, taken as if it were here. An
 * optimizer that is given it steps from `params`, and its weight decay acts there.
 *
 * @param lossOf  from parameters to the loss and whatever else the first pass is to give: running statistics must follow from
 *                unperturbed parameters, so that of the second pass is dropped
 * @returns       loss and what else there was at `params`, gradient at the worst point
 * @source        Foret et al. 2020, arXiv:2010.01412, Algorithm 1; for removing backdoors Zhu et al. 2023, arXiv:2304.11823
 */
export function samGradient<Params, Rest>(
  lossOf: (params: Params) => [loss: Tensor, rest: Rest],
  params: Params,
  options: SamOptions,
): { loss: Tensor; rest: Rest; gradient: Params } {
  const both = valueAndGrad(lossOf, { auxiliary: true });
  const [[loss, rest], first] = both(params);
  const worst: Params = zipTrees(
    (w, step) => add(w, stopGradient(step)),
    params,
    samPerturbation(params, first, options),
  );
  return { loss, rest, gradient: both(worst)[1] };
}
