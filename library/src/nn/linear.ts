import { add, matmul, reshape, split, type Tensor, type TensorLike } from "../core/index.ts";
import { asTensor } from "../core/tensor.ts";
import { fanInUniform, type Initialiser } from "./initialisers.ts";

/** Parameters of a linear layer. */
export interface Linear<T = Tensor> {
  /** [in, out] */
  readonly weight: T;
  /** [out] */
  readonly bias?: T;
}

export interface LinearOptions {
  readonly in: number;
  readonly out: number;
  /** Whether there is a bias. Default true. */
  readonly bias?: boolean;
  /** For the weight. Default uniform in ±1/√in. */
  readonly initialiser?: Initialiser;
  /** For the bias. Default: as the default of the weight. */
  readonly biasInitialiser?: Initialiser;
}

/** First parameters of a linear layer: weight [in, out] and bias [out]. */
export function initLinear(key: TensorLike, options: LinearOptions): Linear {
  const { bias = true, initialiser = fanInUniform, biasInitialiser = fanInUniform } = options;
  const [weightKey, biasKey] = split(key);
  const weight = initialiser(weightKey, [options.in, options.out], options);
  return bias ? { weight, bias: biasInitialiser(biasKey, [options.out], options) } : { weight };
}

/**
 * x · weight + bias over the last axis.
 *
 * @param x  float[..., in]
 * @returns  float[..., out]
 * @throws   ShapeError `matmul/inner`
 */
export function linear({ weight, bias }: Linear<TensorLike>, x: TensorLike): Tensor {
  const [tensor, w] = [asTensor(x), asTensor(weight)];
  if (bias === undefined || tensor.rank < 2)
    return bias === undefined ? matmul(tensor, w) : add(matmul(tensor, w), bias);
  // Rows of one matrix until the bias is added: the runtime fuses such a product and sum into one kernel.
  const rows = matmul(reshape(tensor, [-1, tensor.shape.at(-1)!]), w);
  return reshape(add(rows, bias), [...tensor.shape.slice(0, -1), w.shape[1]]);
}
