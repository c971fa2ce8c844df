import { relu, split, type Tensor, type TensorLike } from "../core/index.ts";
import { asTensor } from "../core/tensor.ts";
import { type Initialiser, kaimingUniform, zeros } from "./initialisers.ts";
import { initLinear, type Linear, linear } from "./linear.ts";

/** Parameters of a multilayer perceptron. */
export interface Mlp<T = Tensor> {
  readonly layers: readonly Linear<T>[];
}

/**
 * First parameters of a multilayer perceptron.
 *
 * @param sizes        width of the input, of each hidden layer, and of the output: [784, 512, 512, 10]
 * @param initialiser  of the weights; biases start at 0. Default `kaimingUniform()`, for ReLU
 */
export function initMlp(
  key: TensorLike,
  { sizes, initialiser = kaimingUniform() }: { sizes: readonly number[]; initialiser?: Initialiser },
): Mlp {
  const keys = split(key, sizes.length - 1);
  return {
    layers: keys.map((one, i) =>
      initLinear(one, { in: sizes[i], out: sizes[i + 1], initialiser, biasInitialiser: zeros }),
    ),
  };
}

/**
 * Linear layers with an activation between them (none after the last).
 *
 * @param x  float[..., sizes[0]]
 * @returns  float[..., sizes.at(-1)]
 */
export const mlp = (
  { layers }: Mlp<TensorLike>,
  x: TensorLike,
  { activation = relu as (x: Tensor) => Tensor } = {},
): Tensor => layers.reduce((h, layer, i) => linear(layer, i === 0 ? h : activation(h)), asTensor(x));
