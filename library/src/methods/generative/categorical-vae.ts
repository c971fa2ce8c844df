import {
  add,
  binaryCrossEntropy,
  exp,
  logSoftmax,
  mul,
  reshape,
  split,
  sum,
  type Tensor,
  type TensorLike,
} from "../../core/index.ts";
import { asTensor } from "../../core/tensor.ts";
import { initMlp, type Mlp, mlp } from "../../nn/mlp.ts";

/** Parameters of a variational autoencoder with categorical codes. */
export interface CategoricalVae<T = Tensor> {
  readonly encoder: Mlp<T>;
  readonly decoder: Mlp<T>;
}

export interface CategoricalVaeConfig {
  /** Numbers in an input, each 0 or 1. */
  readonly inputs: number;
  readonly variables: number;
  readonly classes: number;
  readonly hidden: number;
}

/** First parameters. */
export function initCategoricalVae(
  key: TensorLike,
  { inputs, variables, classes, hidden }: CategoricalVaeConfig,
): CategoricalVae {
  const [encoder, decoder] = split(key);
  return {
    encoder: initMlp(encoder, { sizes: [inputs, hidden, variables * classes] }),
    decoder: initMlp(decoder, { sizes: [variables * classes, hidden, inputs] }),
  };
}

/** Logits of the codes of x, float[batch, variables, classes]. */
export const encodeCategorical = (
  params: Pick<CategoricalVae<TensorLike>, "encoder">,
  x: TensorLike,
  { classes }: Pick<CategoricalVaeConfig, "classes">,
): Tensor => reshape(mlp(params.encoder, x), [asTensor(x).shape[0], -1, classes]);

/** Logits of the inputs, float[batch, inputs], for codes float[batch, variables, classes]. */
export const decodeCategorical = (params: Pick<CategoricalVae<TensorLike>, "decoder">, z: TensorLike): Tensor =>
  mlp(params.decoder, reshape(z, [asTensor(z).shape[0], -1]));

/** −ln p(x | z) of each example, nats: Bernoulli numbers with the given logits. */
export const reconstructionCost = (logits: TensorLike, x: TensorLike): Tensor =>
  sum(binaryCrossEntropy(logits, x, { reduction: "none" }), { axis: -1 });

/**
 * The divergence of independent categorical codes from uniform ones: Σₙ Σₖ q ln(K q).
 *
 * @param logits  float[batch, variables, classes]
 * @returns       float[batch], nats; 0 where uniform, at most variables · ln classes
 * @source        Jang et al. 2016, arXiv:1611.01144, section 4.2, in closed form
 * @example
 * categoricalKl(value([[[0, 0, 0]]]))   // [0]
 */
export function categoricalKl(logits: TensorLike): Tensor {
  const logQ = logSoftmax(logits);
  return sum(mul(exp(logQ), add(logQ, Math.log(logQ.shape.at(-1)!))), { axis: [-2, -1] });
}
