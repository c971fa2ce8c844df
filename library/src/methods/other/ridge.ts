import {
  add,
  div,
  eye,
  matmul,
  maximum,
  mean,
  mul,
  repeat,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  type TensorLike,
  zerosLike,
} from "../../core/index.ts";
import { asTensor } from "../../core/tensor.ts";

export interface RidgeOptions {
  /** λ ≥ 0, the weight of the squared weights. */
  readonly decay: TensorLike;
  /** Steps of conjugate gradients; the number of features is exact up to rounding. Default 200. */
  readonly steps?: number;
}

/** A linear map of features that were standardised. */
export interface Ridge<T = Tensor> {
  /** [width] */
  readonly mean: T;
  /** [width] */
  readonly deviation: T;
  /** [width, outputs] */
  readonly weight: T;
  /** [outputs] */
  readonly bias: T;
}

/**
 * Ridge regression on standardised features: the W that minimises |Y − X·W|² + λ|W|², with a free bias.
 *
 * The normal equations are solved by conjugate gradients, so that thousands of features take a second: all work is in two
 * products of matrices. A feature that never changes gets no weight.
 *
 * @param features  X, float[examples, width]
 * @param targets   Y, float[examples, outputs]; one-hot rows make a classifier
 * @returns         mean and deviation of the features, weight [width, outputs], bias [outputs]
 * @throws          ShapeError `matmul/inner`
 * @source          Hoerl & Kennard 1970; Hestenes & Stiefel 1952, equations 3:1
 * @example
 * predictRidge(ridge(value([[-1], [1]]), value([[0], [2]]), { decay: 2 }), value([[1]]))   // 1 + 2/(2 + 2) = 1.5
 */
export function ridge(features: TensorLike, targets: TensorLike, { decay, steps = 200 }: RidgeOptions): Ridge {
  const [x, y] = [asTensor(features), asTensor(targets)];
  const [average, bias] = [mean(x, { axis: 0 }), mean(y, { axis: 0 })];
  const centred = sub(x, average);
  const deviation = sqrt(mean(square(centred), { axis: 0 }));
  const standard = div(centred, maximum(deviation, tiny));
  const gram = add(matmul(standard, standard, { transposeA: true }), mul(eye(x.shape[1], { dtype: x.dtype }), decay));
  const right = matmul(standard, sub(y, bias), { transposeA: true });
  return { mean: average, deviation, weight: conjugateGradients(gram, right, steps), bias };
}

const tiny = 1e-12;

/** What the map makes of features, float[..., outputs]. */
export const predictRidge = ({ mean, deviation, weight, bias }: Ridge<TensorLike>, features: TensorLike): Tensor =>
  add(matmul(div(sub(features, mean), maximum(deviation, tiny)), weight), bias);

/** The solution of A·X = B for a positive definite A, every column of B on its own. */
function conjugateGradients(a: Tensor, b: Tensor, steps: number): Tensor {
  const dot = (left: Tensor, right: Tensor) => sum(mul(left, right), { axis: 0 });
  // Once a column is solved its direction is 0, and so must be its step.
  const quotient = (above: Tensor, below: Tensor) => div(above, maximum(below, 1e-30));
  const { x } = repeat(
    steps,
    ({ x, residual, direction, size }) => {
      const image = matmul(a, direction);
      const step = quotient(size, dot(direction, image));
      const left = sub(residual, mul(image, step));
      const smaller = dot(left, left);
      return {
        x: add(x, mul(direction, step)),
        residual: left,
        direction: add(left, mul(direction, quotient(smaller, size))),
        size: smaller,
      };
    },
    { x: zerosLike(b), residual: b, direction: b, size: dot(b, b) },
  );
  return x;
}
