import {
  add,
  concat,
  exp,
  expandDims,
  eye,
  logSoftmax,
  mean,
  mul,
  normal,
  reshape,
  split,
  splitAxis,
  square,
  sub,
  sum,
  type Tensor,
  type TensorLike,
  transpose,
} from "../../core/index.ts";
import { broadcastTo } from "../../core/operations/broadcast.ts";
import { asTensor } from "../../core/tensor.ts";
import { initMlp, type Mlp, mlp } from "../../nn/mlp.ts";
import { reconstructionCost } from "./categorical-vae.ts";
import { gumbelSoftmax } from "./gumbel.ts";

/** Parameters of an autoencoder whose code is a class and a normal vector. */
export interface SemiSupervisedVae<T = Tensor> {
  /** q(class | x) */
  readonly classifier: Mlp<T>;
  /** Mean and log-variance of q(vector | x, class). */
  readonly posterior: Mlp<T>;
  /** p(x | class, vector) */
  readonly decoder: Mlp<T>;
}

export interface SemiSupervisedConfig {
  readonly inputs: number;
  readonly classes: number;
  /** Size of the normal vector. Default 32. */
  readonly latent?: number;
  /** Default 256. */
  readonly hidden?: number;
}

/** First parameters. */
export function initSemiSupervisedVae(
  key: TensorLike,
  { inputs, classes, latent = 32, hidden = 256 }: SemiSupervisedConfig,
): SemiSupervisedVae {
  const [classifier, posterior, decoder] = split(key, 3);
  return {
    classifier: initMlp(classifier, { sizes: [inputs, hidden, classes] }),
    posterior: initMlp(posterior, { sizes: [inputs + classes, hidden, 2 * latent] }),
    decoder: initMlp(decoder, { sizes: [latent + classes, hidden, inputs] }),
  };
}

/** −ln p(x | y, w) + KL(q(w | x, y) ‖ N(0, 1)) of each row, for rows of classes y that are one-hot or soft. */
function costGiven(params: SemiSupervisedVae<TensorLike>, x: Tensor, y: Tensor, key: TensorLike): Tensor {
  const [center, logVariance] = splitAxis(mlp(params.posterior, concat([x, y], { axis: -1 })), 2, { axis: -1 });
  const w = add(center, mul(exp(mul(logVariance, 0.5)), normal(key, center.shape)));
  const terms = sub(add(exp(logVariance), square(center)), add(logVariance, 1));
  return add(
    reconstructionCost(mlp(params.decoder, concat([w, y], { axis: -1 })), x),
    mul(sum(terms, { axis: -1 }), 0.5),
  );
}

export interface UnlabelledOptions {
  /** "marginal" sums over all classes: as many decoder passes; "gumbel" takes one sample, in one pass. */
  readonly mode: "marginal" | "gumbel";
  readonly key: TensorLike;
  /** Of the Gumbel-softmax sample. Default 1. */
  readonly temperature?: TensorLike;
}

/**
 * The negative evidence bound of examples without labels, with classes equally likely beforehand.
 *
 *     marginal:  Σ_y q(y|x) (cost(x, y) + ln q(y|x) + ln K),    gumbel:  cost(x, sample) + KL(q(y|x) ‖ uniform)
 *
 * @param x  float[batch, inputs], numbers 0 or 1
 * @returns  scalar, nats an example
 * @source   Kingma et al. 2014, arXiv:1406.5298, equation 7; Jang et al. 2016, arXiv:1611.01144, section 4.3
 * @example
 * unlabelledCost(params, x, { mode: "gumbel", key, temperature: 0.7 })
 */
export function unlabelledCost(
  params: SemiSupervisedVae<TensorLike>,
  x: TensorLike,
  { mode, key, temperature }: UnlabelledOptions,
): Tensor {
  const input = asTensor(x);
  const [forClass, forVector] = split(key);
  const logits = mlp(params.classifier, input);
  const logQ = logSoftmax(logits);
  const [batch, classes] = logQ.shape;
  const divergence = sum(mul(exp(logQ), add(logQ, Math.log(classes))), { axis: -1 });
  if (mode === "gumbel")
    return mean(add(costGiven(params, input, gumbelSoftmax(logits, forClass, { temperature }), forVector), divergence));
  const repeated = (rows: Tensor, axis: number) =>
    reshape(broadcastTo(expandDims(rows, axis), [classes, batch, rows.shape[1]]), [classes * batch, -1]);
  const costs = costGiven(params, repeated(input, 0), repeated(eye(classes), 1), forVector);
  const expected = sum(mul(transpose(reshape(costs, [classes, batch])), exp(logQ)), { axis: -1 });
  return mean(add(expected, divergence));
}
