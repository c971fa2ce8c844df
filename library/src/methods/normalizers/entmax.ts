import {
  add,
  and,
  cast,
  cumSum,
  customGradient,
  div,
  equal,
  greater,
  less,
  lessEqual,
  max,
  mul,
  pow,
  range,
  relu,
  reshape,
  SettingError,
  sort,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  type TensorLike,
  where,
} from "../../core/index.ts";
import { normaliseAxis } from "../../core/operations/define.ts";
import { asTensor } from "../../core/tensor.ts";
import { sparsemax } from "./sparsemax.ts";

export interface EntmaxOptions {
  /** 1 < α ≤ 2: softmax is the limit at 1, sparsemax is 2. Default 1.5. */
  readonly alpha?: number;
  /** Axis that becomes a distribution. Default −1, as in `softmax`. */
  readonly axis?: number;
  /** bool, broadcasts to the scores: true where a score counts. Default: everywhere. */
  readonly mask?: TensorLike;
  /** How the threshold is found. Default "halley": third-order steps, kept inside a bracket by bisection. */
  readonly method?: "halley" | "bisect";
  /** Steps of the search. Default 6 of Halley's or 24 of bisection: 32-bit floats have no more to gain. */
  readonly iterations?: number;
}

/** Below every score that a model gives, and finite: sums over it stay numbers. */
const masked = -1e30;

/**
 * α-entmax: between softmax and sparsemax, with exact zeros for every α above 1.
 *
 *     p = max((α − 1)·z − τ, 0)^(1/(α−1))   with τ such that Σ p = 1
 *
 * @param scores  float[..., n]
 * @returns       probabilities, shape and dtype of the scores; 0 where masked, and throughout where all are
 * @throws        SettingError `entmax/alpha`; ShapeError `entmax/axis-out-of-range`
 * @source        Peters, Niculae & Martins 2019, arXiv:1905.05702 (definition and gradient); Gonçalves et al. 2025,
 *                arXiv:2502.12082, Algorithm 1 (the guarded Halley step)
 * @example
 * entmax(value([1, 0]))                 // [0.830719, 0.169281]
 * entmax(value([2, 0]))                 // [1, 0]
 */
export function entmax(scores: TensorLike, options: EntmaxOptions = {}): Tensor {
  const { alpha = 1.5, axis = -1, mask, method = "halley" } = options;
  const { iterations = method === "halley" ? 6 : 24 } = options;
  if (!(alpha > 1 && alpha <= 2))
    throw new SettingError("entmax/alpha", "α-entmax is for 1 < α ≤ 2", {
      given: alpha,
      fix: alpha === 1 ? "softmax is entmax at α = 1" : "give an α above 1 and up to 2",
    });
  const z = asTensor(scores);
  const place = normaliseAxis("entmax", z, axis);
  if (z.size === 0) return z;
  if (alpha === 2) return sparsemax(z, { axis: place, mask });
  const map = distribution({ alpha, axis: place, method, iterations });
  return mask === undefined ? map(z) : where(mask, map(where(mask, z, masked)), 0);
}

interface Search {
  readonly alpha: number;
  readonly axis: number;
  readonly method: "halley" | "bisect";
  readonly iterations: number;
}

const distribution = (search: Search) =>
  customGradient(
    (z: Tensor): Tensor => {
      const { shifted, tau } = findThreshold(z, search);
      return positivePower(relu(sub(shifted, tau)), 1 / (search.alpha - 1));
    },
    // J = Diag(u) − u uᵀ/Σu with u = p^(2−α) on the support; the search is not differentiated.
    ({ result: p, cotangent }) => {
      const { alpha, axis } = search;
      const u = positivePower(p, 2 - alpha);
      const mean = div(sum(mul(u, cotangent), { axis, keepDims: true }), sum(u, { axis, keepDims: true }));
      return [mul(u, sub(cotangent, mean))];
    },
  );

/** r^e where r > 0, and 0 elsewhere (also for e ≤ 0). */
function positivePower(r: Tensor, exponent: number): Tensor {
  if (exponent === 2) return square(r);
  if (exponent === 1) return r;
  const inside = greater(r, 0);
  if (exponent === 0) return cast(inside, r.dtype);
  return where(inside, pow(where(inside, r, 1), exponent), 0);
}

/**
 * The scores times α − 1 with their maximum moved to 0, and the root τ of f(τ) = Σ max(s − τ, 0)^(1/(α−1)) − 1. It lies
 * between −1, where the largest score alone gives 1, and −n^(1−α), where n equal ones do.
 */
function findThreshold(z: Tensor, { alpha, axis, method, iterations }: Search): { shifted: Tensor; tau: Tensor } {
  const shifted = mul(sub(z, max(z, { axis, keepDims: true })), alpha - 1);
  const exponent = 1 / (alpha - 1);
  const total = (r: Tensor, power: number) => sum(positivePower(r, power), { axis, keepDims: true });
  let low: TensorLike = -1;
  let high: TensorLike = -(z.shape[axis] ** (1 - alpha));
  let tau = asTensor((low + high) / 2, z.dtype);
  for (let i = 0; i < iterations; i++) {
    const rest = relu(sub(shifted, tau));
    const f = sub(total(rest, exponent), 1);
    [low, high] = [where(greater(f, 0), tau, low), where(less(f, 0), tau, high)];
    const middle = div(add(low, high), 2);
    if (method === "bisect") {
      tau = middle;
      continue;
    }
    const slope = mul(total(rest, exponent - 1), -exponent);
    const bend = mul(total(rest, exponent - 2), exponent * (exponent - 1));
    const step = div(mul(mul(f, slope), 2), sub(mul(square(slope), 2), mul(f, bend)));
    const guess = sub(tau, step);
    // A root at the very end of the bracket may be missed by a rounding error.
    const near = and(greater(guess, sub(low, slack)), less(guess, add(high, slack)));
    tau = where(near, guess, middle);
  }
  return { shifted, tau };
}

const slack = 1e-6;

/**
 * 1.5-entmax by sorting: exact, and the twin that the search is held against. It costs a sort and is differentiated
 * operation by operation.
 *
 * @param scores  float[..., n], n ≥ 1
 * @returns       probabilities, shape and dtype of the scores
 * @throws        ShapeError `entmax/axis-out-of-range`
 * @source        Peters, Niculae & Martins 2019, arXiv:1905.05702, Algorithm 2
 */
export function entmaxBySorting(scores: TensorLike, { axis = -1 }: { axis?: number } = {}): Tensor {
  const z = asTensor(scores);
  const place = normaliseAxis("entmax", z, axis);
  const length = z.shape[place];
  const shifted = div(sub(z, max(z, { axis: place, keepDims: true })), 2);
  const sorted = sort(shifted, { axis: place, descending: true }).values;
  const rank = reshape(
    cast(range(1, length + 1), z.dtype),
    z.shape.map((_, i) => (i === place ? length : 1)),
  );
  const mean = div(cumSum(sorted, { axis: place }), rank);
  const squares = cumSum(square(sorted), { axis: place });
  const spread = sub(squares, mul(rank, square(mean)));
  // τ for each size of the support; beyond the largest possible one the root would be imaginary.
  const radicand = div(sub(1, spread), rank);
  const real = greater(radicand, 0);
  const candidates = sub(mean, where(real, sqrt(where(real, radicand, 1)), 0));
  const inside = cast(lessEqual(candidates, sorted), z.dtype);
  const support = sum(inside, { axis: place, keepDims: true });
  const tau = sum(where(equal(rank, support), candidates, 0), { axis: place, keepDims: true });
  return square(relu(sub(shifted, tau)));
}
