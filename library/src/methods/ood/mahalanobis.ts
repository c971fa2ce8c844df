import { SettingError } from "../../core/errors.ts";
import {
  add,
  constant,
  expandDims,
  grad,
  matmul,
  max,
  mul,
  neg,
  sign,
  square,
  sub,
  sum,
  symmetricEigen,
  type Tensor,
  type TensorLike,
  Value,
} from "../../core/index.ts";
import { evaluateReference } from "../../core/oracle.ts";
import { asTensor } from "../../core/tensor.ts";

/** One normal distribution a class, with one covariance for all of them. */
export interface ClassGaussians {
  /** float64[classes, width] */
  readonly means: Value;
  /** float64[width, width], divided by the number of examples */
  readonly covariance: Value;
  /** float64[width, width]: times its transpose it is the pseudo-inverse of the covariance */
  readonly whitening: Value;
}

/**
 * A factor W of the pseudo-inverse of a symmetric matrix, W·Wᵀ = A⁺, in 64 bits. Directions whose eigenvalue is below
 * `tolerance` times the largest count as absent: a dead feature must not blow up.
 *
 * @param a  float[n, n], positive semidefinite
 * @returns  float64[n, n]
 * @source   own derivation: V·diag(λ^−½) of the eigenvectors V
 * @example
 * whitening(value([[4, 0], [0, 0]]))   // one column (±½, 0), the other zero
 */
export function whitening(a: Value, { tolerance = 1e-10 } = {}): Value {
  const size = a.shape[0];
  const { values, vectors } = symmetricEigen(constant(asFloat64(a)));
  const [lambda, v] = evaluateReference([values, vectors]);
  const largest = lambda.reduce((most, each) => Math.max(most, each), 0);
  const scale = lambda.map((each) => (each > tolerance * largest ? 1 / Math.sqrt(each) : 0));
  return new Value(
    v.map((each, place) => each * scale[place % size]),
    [size, size],
  );
}

/**
 * Fits a normal distribution to the features of each class, with one covariance for all.
 *
 * @param features  float[examples, width]
 * @param labels    classes, 0 … classes − 1
 * @throws          SettingError `mahalanobis/empty-class`
 * @source          Lee et al. 2018, arXiv:1807.03888, equation 1
 */
export function fitGaussians(features: Value, labels: ArrayLike<number>, classes: number): ClassGaussians {
  const [count, width] = features.shape;
  const data = features.toFloat64();
  const means = new Float64Array(classes * width);
  const counts = new Float64Array(classes);
  for (let i = 0; i < count; i++) {
    counts[labels[i]]++;
    for (let k = 0; k < width; k++) means[labels[i] * width + k] += data[i * width + k];
  }
  const empty = counts.indexOf(0);
  if (empty >= 0)
    throw new SettingError("mahalanobis/empty-class", `class ${empty} has no examples`, { given: [...counts] });
  means.forEach((total, place) => {
    means[place] = total / counts[Math.floor(place / width)];
  });
  const covariance = new Float64Array(width * width);
  const centred = new Float64Array(width);
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < width; k++) centred[k] = data[i * width + k] - means[labels[i] * width + k];
    for (let k = 0; k < width; k++)
      for (let j = 0; j <= k; j++) covariance[k * width + j] += (centred[k] * centred[j]) / count;
  }
  for (let k = 0; k < width; k++) for (let j = 0; j < k; j++) covariance[j * width + k] = covariance[k * width + j];
  return gaussians(means, covariance, width);
}

/**
 * A further class, without any training: its mean, and its own covariance as one part of classes + 1 of the shared one.
 *
 * @param features  float[examples, width], all of the new class
 * @source          Lee et al. 2018, arXiv:1807.03888, section 2.3 and Algorithm 2
 */
export function addClass({ means, covariance }: ClassGaussians, features: Value): ClassGaussians {
  const [classes, width] = means.shape;
  const own = fitGaussians(features, new Uint8Array(features.shape[0]), 1);
  const [before, added] = [covariance.toFloat64(), own.covariance.toFloat64()];
  return gaussians(
    Float64Array.of(...means.toFloat64(), ...own.means.toFloat64()),
    before.map((each, place) => (classes * each + added[place]) / (classes + 1)),
    width,
  );
}

function gaussians(means: Float64Array, covariance: Float64Array, width: number): ClassGaussians {
  const shared = new Value(covariance, [width, width]);
  return { means: new Value(means, [means.length / width, width]), covariance: shared, whitening: whitening(shared) };
}

const asFloat64 = (a: Value): Value => new Value(a.toFloat64().slice(), a.shape);

/** Means and whitening as a program takes them, in the features' precision. */
export interface GaussianTensors<T = Tensor> {
  readonly means: T;
  readonly whitening: T;
}

/** The fitted distributions in 32 bits, as arguments of a program. */
export const asArguments = ({ means, whitening }: ClassGaussians): GaussianTensors<Value> => ({
  means: new Value(Float32Array.from(means.toFloat64()), means.shape),
  whitening: new Value(Float32Array.from(whitening.toFloat64()), whitening.shape),
});

/**
 * Minus the squared Mahalanobis distance of features to the mean of every class.
 *
 * @param features  float[..., width]
 * @returns         float[..., classes], ≤ 0; the largest is that of the nearest class
 * @source          Lee et al. 2018, arXiv:1807.03888, equation 2
 * @example
 * mahalanobisScores(value([0.5, 0]), { means: value([[0, 0], [2, 0]]), whitening: value([[1, 0], [0, 1]]) })   // [-0.25, -2.25]
 */
export function mahalanobisScores(features: TensorLike, { means, whitening }: GaussianTensors<TensorLike>): Tensor {
  const f = asTensor(features);
  const white = matmul(f, whitening);
  const centres = matmul(means, whitening);
  const apart = sub(expandDims(white, -2), centres);
  return neg(sum(square(apart), { axis: -1 }));
}

/**
 * The confidence that features belong to any known class: minus the squared distance to the nearest class mean.
 *
 * @returns float[...], ≤ 0
 * @source  Lee et al. 2018, arXiv:1807.03888, equation 2
 */
export const mahalanobisScore = (features: TensorLike, fitted: GaussianTensors<TensorLike>): Tensor =>
  max(mahalanobisScores(features, fitted), { axis: -1 });

/**
 * Inputs moved by a small step that raises a score: known inputs gain more by it than outliers, which sets them apart.
 *
 * @param scoreOf  from inputs to one score an example, higher is more familiar; examples must not influence each other
 * @param x        float[batch, ...], in [0, 1] for images; the result is not clipped
 * @param epsilon  size of the step in every element, ≥ 0
 * @returns        x + ε·sign(∂score/∂x), shape of `x`
 * @source         Lee et al. 2018, arXiv:1807.03888, equation 3; Liang et al. 2017, arXiv:1706.02690, equation 2
 */
export const towardScore = (scoreOf: (x: Tensor) => Tensor, x: Tensor, epsilon: TensorLike): Tensor =>
  add(x, mul(sign(grad((at: Tensor) => sum(scoreOf(at)))(x)), epsilon));
