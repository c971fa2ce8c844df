import { ShapeError } from "../core/errors.ts";
import {
  mul,
  normal,
  reshape,
  type Shape,
  type Tensor,
  type TensorLike,
  truncatedNormal,
  uniform,
} from "../core/index.ts";
import { full } from "../core/operations/range.ts";
import { sizeOf } from "../core/shape.ts";
import { orthogonalise } from "./orthogonalise.ts";

/** How many numbers come into one output of a layer, and how many outputs one input goes to. */
export interface Fan {
  readonly in: number;
  readonly out: number;
}

/** Makes the first numbers of a parameter, float32 of `shape`. */
export type Initialiser = (key: TensorLike, shape: Shape, fan: Fan) => Tensor;

/** Every element the same number. */
export const constant =
  (number: number): Initialiser =>
  (_, shape) =>
    full(shape, number);

export const zeros: Initialiser = constant(0);
export const ones: Initialiser = constant(1);

/** Normal numbers of mean 0. */
export const normalOf =
  (standardDeviation: number): Initialiser =>
  (key, shape) =>
    normal(key, shape, { standardDeviation });

/** Normal numbers of mean 0, cut off at two standard deviations (of the uncut distribution). */
export const truncatedNormalOf =
  (standardDeviation: number): Initialiser =>
  (key, shape) =>
    mul(truncatedNormal(key, shape), standardDeviation);

/** Uniform numbers in [−bound, bound). */
export const uniformOf =
  (bound: number): Initialiser =>
  (key, shape) =>
    uniform(key, shape, { low: -bound, high: bound });

/** Uniform in ±1/√fan.in: PyTorch's default for weights and biases of linear layers and convolutions. */
export const fanInUniform: Initialiser = (key, shape, fan) => uniformOf(1 / Math.sqrt(fan.in))(key, shape, fan);

/**
 * Normal of variance gain²/fan.in: keeps the size of activations through layers of rectifiers.
 *
 * @param gain  √2 for ReLU, 1 for linear layers. Default √2
 * @source      He et al. 2015, arXiv:1502.01852, equation 12
 */
export const kaimingNormal =
  ({ gain = Math.SQRT2 } = {}): Initialiser =>
  (key, shape, fan) =>
    normalOf(gain / Math.sqrt(fan.in))(key, shape, fan);

/** Uniform of variance gain²/fan.in; see `kaimingNormal`. */
export const kaimingUniform =
  ({ gain = Math.SQRT2 } = {}): Initialiser =>
  (key, shape, fan) =>
    uniformOf(gain * Math.sqrt(3 / fan.in))(key, shape, fan);

/**
 * Normal of variance 2·gain²/(fan.in + fan.out): a compromise between activations and gradients.
 *
 * @source Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", equation 12
 */
export const xavierNormal =
  ({ gain = 1 } = {}): Initialiser =>
  (key, shape, fan) =>
    normalOf(gain * Math.sqrt(2 / (fan.in + fan.out)))(key, shape, fan);

/** Uniform of variance 2·gain²/(fan.in + fan.out); see `xavierNormal`. */
export const xavierUniform =
  ({ gain = 1 } = {}): Initialiser =>
  (key, shape, fan) =>
    uniformOf(gain * Math.sqrt(6 / (fan.in + fan.out)))(key, shape, fan);

/**
 * A random matrix with orthonormal rows or columns, whichever are fewer, times `gain`: it keeps lengths exactly. The last
 * axis is one side, all others together the other.
 *
 * @throws ShapeError `orthogonal/rank` of fewer than two axes
 * @source Saxe, McClelland & Ganguli 2013, arXiv:1312.6120
 */
export const orthogonal =
  ({ gain = 1 } = {}): Initialiser =>
  (key, shape) => {
    if (shape.length < 2)
      throw new ShapeError("orthogonal/rank", "an orthogonal matrix has at least two axes", {
        given: shape,
        fix: "use zeros or uniformOf for vectors",
      });
    const matrix = [sizeOf(shape.slice(0, -1)), shape.at(-1)!];
    return mul(reshape(orthogonalise(normal(key, matrix)), shape), gain);
  };
