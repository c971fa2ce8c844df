import { ShapeError } from "../errors.ts";
import type { GraphBuilder, Operation } from "../operation.ts";
import type { Shape } from "../shape.ts";
import { apply, applyOne, asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { add, mul, rsqrt, square, sub } from "./arithmetic.ts";
import {
  channelAffine,
  channelGradient,
  expectChannelled,
  normaliseChannels,
  perChannel,
} from "./channel-normalisation.ts";
import { leaveSeat, sumPerChannel, takeSeat } from "./convolution-terms.ts";
import { ensureBatched, withKernel } from "./define.ts";
import { writeNormalisation } from "./normalisation.ts";
import { reshape } from "./reshape.ts";

interface BatchNormAttributes {
  /** Added to the variance, so that a constant channel does not divide by zero. */
  readonly epsilon: number;
}

// Inputs: x, scale, bias. Outputs: y, and the mean and the population's variance of each channel.
const batchNormOperation: Operation<BatchNormAttributes> = {
  name: "batchNorm",
  infer: ([x]) => {
    const channels = { shape: [x.shape[1]], dtype: x.dtype };
    return [{ shape: x.shape, dtype: x.dtype }, channels, channels];
  },
  // In training the operator gives running statistics; with a momentum of 0 they are those of this batch.
  emit: (graph, names, { inputs: [{ shape, dtype }], attributes: { epsilon } }) =>
    writeNormalisation(graph, names, [shape[1]], dtype, ([x, scale, bias]) => {
      const [first, second] = earlierStatistics(graph, x, shape);
      return graph.nodes("BatchNormalization", [x, scale, bias, first, second], {
        outputs: 3,
        attributes: { epsilon: { float: epsilon }, momentum: { float: 0 }, training_mode: 1 },
      });
    }),
  reference: (data, { inputs: [x], attributes: { epsilon } }) => {
    const { y, mean, variance } = normaliseChannels(data, x, { groups: x.shape[1], shared: 0 }, epsilon);
    return [y, mean, variance];
  },
  gradient: ([dy, dmean, dvariance], { inputs, outputs: [, mean, variance], attributes: { epsilon } }, { needs }) => {
    const inverse = rsqrt(add(variance, epsilon));
    const view = { groups: inputs[0].shape[1], shared: 0 } as const;
    return channelGradient({ inputs, needs, ...view, mean, inverse, dy, dmean, dvariance });
  },
  batch: (inputs, batched, attributes, size) => {
    const results = apply(batchNormOperation, asChannels(inputs, batched, size), attributes);
    return results.map((one, i) => leaveSeat(one, [i === 0 ? 1 : 0], size, 1));
  },
  flops: ({ inputs: [x] }) => 8 * x.size,
};

/**
 * Earlier running statistics, which do not count. ONNX Runtime writes the new ones into their memory, even where that is
 * a constant which others read: so these are no constants, but the first element of each channel, and its negative.
 */
function earlierStatistics(graph: GraphBuilder, x: string, shape: Shape): [string, string] {
  const axes = shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]));
  const [from, to] = [axes.map(() => 0), axes.map(() => 1)].map((places) => graph.integers(places));
  const elements = graph.node("Slice", [x, from, to, graph.integers(axes)]);
  const first = graph.node("Reshape", [elements, graph.integers([shape[1]])]);
  return [first, graph.node("Neg", [first])];
}

/** The examples of a batch as channels of one: statistics are then taken within each. */
const asChannels = (inputs: readonly Tensor[], batched: readonly boolean[], size: number): Tensor[] =>
  inputs.map((x, i) => takeSeat(ensureBatched(x, batched[i], size), [i === 0 ? 1 : 0], 1));

// Inputs: x, scale, bias, mean, variance.
const batchNormInferenceOperation: Operation<BatchNormAttributes> = {
  name: "batchNormInference",
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  emit: (graph, names, { inputs: [{ dtype }], attributes: { epsilon } }) => [
    withKernel(graph, ["float32", "float64"], names, dtype, dtype, (inputs) =>
      graph.node("BatchNormalization", inputs, { epsilon: { float: epsilon } }),
    ),
  ],
  reference: ([x, scale, bias, mean, variance], { inputs: [{ shape }], attributes: { epsilon } }) => {
    const space = shape.slice(2).reduce((product, size) => product * size, 1);
    return [
      x.map((element, i) => {
        const c = Math.floor(i / space) % shape[1];
        return ((element - mean[c]) / Math.sqrt(variance[c] + epsilon)) * scale[c] + bias[c];
      }),
    ];
  },
  gradient: ([dy], { inputs: [x, scale, , mean, variance], attributes: { epsilon } }, { needs }) => {
    const inverse = rsqrt(add(variance, epsilon));
    const factor = mul(scale, inverse);
    const along = (one: Tensor): Tensor => reshape(one, [one.size, ...new Array<number>(x.rank - 2).fill(1)]);
    const sums = needs[2] || needs[3] ? sumPerChannel(dy!) : null;
    const products = needs[1] || needs[4] ? sumPerChannel(mul(dy!, sub(x, along(mean)))) : null;
    return [
      needs[0] ? mul(dy!, along(factor)) : null,
      needs[1] ? mul(products!, inverse) : null,
      needs[2] ? sums : null,
      needs[3] ? mul(mul(sums!, factor), -1) : null,
      needs[4] ? mul(mul(products!, mul(factor, square(inverse))), -0.5) : null,
    ];
  },
  batch: (inputs, batched, attributes, size) => {
    const [x, ...perChannelInputs] = inputs;
    if (batched.slice(1).includes(true)) {
      const y = applyOne(batchNormInferenceOperation, asChannels(inputs, batched, size), attributes);
      return [leaveSeat(y, [1], size, 1)];
    }
    const merged = takeSeat(x, [0], 1);
    return [leaveSeat(applyOne(batchNormInferenceOperation, [merged, ...perChannelInputs], attributes), [0], size, 1)];
  },
  flops: ({ inputs: [x] }) => 2 * x.size,
};

export interface BatchNormOptions {
  /** Added to the variance. Default 1e-5. */
  readonly epsilon?: number;
}

/** The result of batch normalisation in training, and the statistics that it used, one number a channel. */
export interface BatchNormResult {
  readonly output: Tensor;
  readonly mean: Tensor;
  /** The population's: divided by the number of elements. */
  readonly variance: Tensor;
}

/**
 * Batch normalisation in training: each channel gets mean 0 and variance 1 over the batch and the space, then a scale and
 * a bias.
 *
 *     output = (x − mean) / √(variance + ε) · scale + bias
 *
 * The statistics come back, for running averages that `batchNormInference` uses later. They carry gradients: average
 * them behind `stopGradient`.
 *
 * @param x      float[batch, channels, ...space]
 * @param scale  float[channels]. Default: none, as if 1
 * @param bias   float[channels]. Default: none, as if 0
 * @throws       ShapeError `batchNorm/rank`, `batchNorm/scale`, `batchNorm/bias`, `batchNorm/empty`; DTypeError
 *               `batchNorm/dtype`
 * @source       Ioffe & Szegedy 2015, arXiv:1502.03167, Algorithm 1
 * @example
 * const { output, mean, variance } = batchNorm(x, scale, bias);   // float32[64,32,28,28] and two of float32[32]
 */
export function batchNorm(
  x: TensorLike,
  scale?: TensorLike,
  bias?: TensorLike,
  { epsilon = 1e-5 }: BatchNormOptions = {},
): BatchNormResult {
  const tensor = asTensor(x);
  expectChannelled("batchNorm", tensor);
  if (tensor.size === 0 && tensor.shape[1] > 0)
    throw new ShapeError("batchNorm/empty", "no elements have no mean", { operands: { input: tensor } });
  const inputs = [tensor, ...channelAffine("batchNorm", tensor, scale, bias)];
  const [output, mean, variance] = apply(batchNormOperation, inputs, { epsilon });
  return { output, mean, variance };
}

/**
 * Batch normalisation with statistics that are known, in one pass: after training, or with some of it frozen.
 *
 * @param x         float[batch, channels, ...space]
 * @param mean      float[channels]
 * @param variance  float[channels], not negative
 * @param scale     float[channels]. Default: none, as if 1
 * @param bias      float[channels]. Default: none, as if 0
 * @returns         shape and dtype of `x`
 * @throws          ShapeError `batchNormInference/rank`, `…/mean`, `…/variance`, `…/scale`, `…/bias`; DTypeError
 *                  `batchNormInference/dtype`
 * @source          Ioffe & Szegedy 2015, arXiv:1502.03167, Algorithm 2
 * @example
 * batchNormInference(x, running.mean, running.variance, scale, bias)
 */
export function batchNormInference(
  x: TensorLike,
  mean: TensorLike,
  variance: TensorLike,
  scale?: TensorLike,
  bias?: TensorLike,
  { epsilon = 1e-5 }: BatchNormOptions = {},
): Tensor {
  const name = "batchNormInference";
  const tensor = asTensor(x);
  expectChannelled(name, tensor);
  const statistics = [perChannel(name, "mean", tensor, mean), perChannel(name, "variance", tensor, variance)];
  const inputs = [tensor, ...channelAffine(name, tensor, scale, bias), ...statistics];
  return applyOne(batchNormInferenceOperation, inputs, { epsilon });
}
