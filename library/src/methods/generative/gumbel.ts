import {
  add,
  argMax,
  div,
  exp,
  floor,
  gumbel,
  log,
  logSoftmax,
  logSumExp,
  maximum,
  mul,
  oneHot,
  softmax,
  stopGradient,
  sub,
  sum,
  type Tensor,
  type TensorLike,
} from "../../core/index.ts";
import { asTensor } from "../../core/tensor.ts";
import { type Schedule, schedule } from "../../nn/optimizers/schedules.ts";

export interface GumbelSoftmaxOptions {
  /** Above 0: small is nearly discrete, large nearly uniform. Default 1. τ in the paper. */
  readonly temperature?: TensorLike;
  /** Whether the result is exactly one-hot, with the gradient of the soft sample. Default false. */
  readonly hard?: boolean;
  /** Axis of the classes. Default −1. */
  readonly axis?: number;
}

/**
 * A differentiable sample of a categorical distribution: softmax((logits + Gumbel noise) / temperature).
 *
 * The largest entry is class i with probability softmax(logits)ᵢ at every temperature. Gradients grow like
 * 1/temperature; their bias against those of a discrete sample falls with it.
 *
 * @param logits  float[..., classes], unnormalised log-probabilities: not logarithms of probabilities that may be 0
 * @param key     of the noise
 * @returns       float, shape of the logits; sums to 1 along the axis
 * @throws        ShapeError `softmax/axis-out-of-range`
 * @source        Jang et al. 2016, arXiv:1611.01144, section 2, equation 2; `hard` is the straight-through estimator of
 *                section 2.2
 * @example
 * gumbelSoftmax(value([0, 0, 9]), key(1), { hard: true })   // [0, 0, 1]
 */
export function gumbelSoftmax(
  logits: TensorLike,
  key: TensorLike,
  { temperature = 1, hard = false, axis = -1 }: GumbelSoftmaxOptions = {},
): Tensor {
  const scores = asTensor(logits);
  const noisy = add(scores, gumbel(key, scores.shape, { dtype: scores.dtype }));
  const soft = softmax(div(noisy, temperature), { axis });
  return hard ? throughSoft(oneHotLike(noisy, axis), soft) : soft;
}

/**
 * A discrete sample with the gradient of its probabilities: the plain straight-through estimator, biased but simple.
 *
 * @param logits  float[..., classes]
 * @param key     of the sample
 * @returns       one-hot, shape of the logits
 * @source        Bengio et al. 2013, arXiv:1308.3432, section 4
 * @example
 * straightThrough(value([0, 9]), key(1))   // [0, 1]
 */
export function straightThrough(logits: TensorLike, key: TensorLike): Tensor {
  const scores = asTensor(logits);
  return throughSoft(oneHotLike(add(scores, gumbel(key, scores.shape, { dtype: scores.dtype })), -1), softmax(scores));
}

/** `discrete` in value, `soft` in gradient. */
const throughSoft = (discrete: Tensor, soft: Tensor): Tensor => add(stopGradient(sub(discrete, soft)), soft);

const oneHotLike = (x: Tensor, axis: number): Tensor =>
  oneHot(argMax(stopGradient(x), { axis }), x.shape.at(axis)!, { axis, dtype: x.dtype });

/**
 * The logarithm of the density of `gumbelSoftmax` on the simplex.
 *
 *     p(y) = Γ(K) τᴷ⁻¹ (Σ πᵢ yᵢ^−τ)^−K Π πᵢ yᵢ^(−τ−1)
 *
 * @param y            float[..., K], positive, sums to 1
 * @param logits       float[..., K]
 * @param temperature  τ, above 0
 * @returns            float[...], nats
 * @source             Jang et al. 2016, arXiv:1611.01144, equation 3 and appendix B
 * @example
 * gumbelSoftmaxLogDensity(value([0.5, 0.5]), value([0, 0]), { temperature: 1 })   // 0: uniform
 */
export function gumbelSoftmaxLogDensity(
  y: TensorLike,
  logits: TensorLike,
  { temperature }: { temperature: number },
): Tensor {
  const [logY, logPi] = [log(y), logSoftmax(logits)];
  const classes = logY.shape.at(-1)!;
  let constant = (classes - 1) * Math.log(temperature);
  for (let i = 2; i < classes; i++) constant += Math.log(i);
  const total = logSumExp(sub(logPi, mul(logY, temperature)), { axis: -1 });
  const product = sum(sub(logPi, mul(logY, temperature + 1)), { axis: -1 });
  return add(sub(product, mul(total, classes)), constant);
}

/**
 * A temperature that falls with the steps: max(least, e^(−rate · t)), renewed every so many steps.
 *
 * @source Jang et al. 2016, arXiv:1611.01144, section 4.1
 * @example
 * temperatureSchedule({ rate: 1e-3, every: 500, least: 0.5 })(700)   // 0.6065 = e^−0.5
 */
export const temperatureSchedule = ({
  rate,
  every,
  least = 0.5,
}: {
  readonly rate: number;
  readonly every: number;
  readonly least?: number;
}): Schedule => schedule((step) => maximum(exp(mul(floor(div(step, every)), -rate * every)), least));
