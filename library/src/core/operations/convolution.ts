import { ShapeError } from "../errors.ts";
import type { Operation } from "../operation.ts";
import { sizeOf } from "../shape.ts";
import { applyOne, harmonise, type Tensor, type TensorLike } from "../tensor.ts";
import {
  addChannelBias,
  type BatchSeats,
  batchConvolution,
  type ConvolutionAttributes,
  convolutionFlops,
  emptySum,
  forEachTerm,
  sumPerChannel,
} from "./convolution-terms.ts";
import { convolutionWeightGradient } from "./convolution-weight-gradient.ts";
import { expectFloat, withKernel } from "./define.ts";
import { convolutionInputGradient } from "./transposed-convolution.ts";
import { perAxis, spaceOf, type WindowOptions, windowAttributes, windowsOver } from "./window.ts";

export interface ConvolutionOptions extends WindowOptions {
  /** Channels fall into this many groups that do not see each other; as many as channels is "depthwise". Default 1. */
  readonly groups?: number;
}

/** Where a convolution takes a batch axis in. */
export const convolutionSeats: BatchSeats = {
  alone: [
    [[0], [0]],
    [
      [0, "grouped"],
      [1, "grouped"],
    ],
  ],
  both: [[1], [0], [1]],
};

// Inputs: x, weight, and perhaps a bias for each output channel.
const convolutionOperation: Operation<ConvolutionAttributes> = {
  name: "convolution",
  infer: ([x, weight], { output }) => [{ shape: [x.shape[0], weight.shape[0], ...output], dtype: x.dtype }],
  emit: (graph, names, { inputs: [{ dtype }], attributes }) => [
    withKernel(graph, ["float32"], names, dtype, dtype, (inputs) =>
      graph.node("Conv", inputs, { ...windowAttributes(attributes), group: attributes.groups }),
    ),
  ],
  reference: ([x, w, bias], { inputs: [input, weight], outputs: [y], attributes }) => {
    const positions = sizeOf(attributes.output);
    const result = Float64Array.from({ length: y.size }, (_, i) => bias?.[Math.floor(i / positions) % y.shape[1]] ?? 0);
    const channels = { inner: weight.shape[1], outer: weight.shape[0] / attributes.groups };
    forEachTerm(attributes, { batch: input.shape[0], ...channels }, (i, j, k) => {
      result[k] += x[i] * w[j];
    });
    return [result];
  },
  gradient: ([dy], { inputs: [x, weight], attributes }, { needs }) => [
    needs[0] ? convolutionInputGradient(dy!, weight, attributes) : null,
    needs[1] ? convolutionWeightGradient(x, dy!, attributes) : null,
    needs[2] ? sumPerChannel(dy!) : null,
  ],
  batch: ([x, weight, bias], batched, attributes, size) => {
    const fused = !batched[1] && !batched[2];
    const inputs = bias !== undefined && fused ? [x, weight, bias] : [x, weight];
    const y =
      batched[0] || batched[1]
        ? batchConvolution(convolutionOperation, inputs, batched, attributes, size, convolutionSeats)
        : applyConvolution(x, weight, attributes);
    return [bias === undefined || fused ? y : addChannelBias(y, bias, batched[2], attributes.input.length)];
  },
  simplifications: emptySum,
  linear: "separately",
  flops: ({ inputs: [, weight], outputs: [y] }) => convolutionFlops(weight, y),
};

/** The convolution that the attributes describe, for the rules of its relatives. */
export const applyConvolution = (x: Tensor, weight: Tensor, attributes: ConvolutionAttributes): Tensor =>
  applyOne(convolutionOperation, [x, weight], attributes);

/**
 * Convolution over any number of spatial axes (strictly, cross-correlation: the kernel is not turned around).
 *
 *     y[n, o, p] = bias[o] + Σ_i Σ_k x[n, i, p · stride + k · dilation − padding] · weight[o, i, k]
 *
 * @param x       float[batch, channels, ...space], one spatial axis or more
 * @param weight  float[channelsOut, channels / groups, ...kernel]
 * @param bias    float[channelsOut]. Default: none
 * @returns       float[batch, channelsOut, ...space'], each size ⌊(size + padding − dilation·(kernel − 1) − 1) / stride⌋ + 1
 * @throws        ShapeError `convolution/rank`, `convolution/channels`, `convolution/bias`, `convolution/window`;
 *                SettingError `convolution/stride`, `…/dilation`, `…/padding`, `…/groups`; DTypeError `convolution/dtype`
 * @example
 * convolution(images, weight, bias, { padding: "same" })   // float32[64,1,28,28], [32,1,5,5], [32]: [64,32,28,28]
 * convolution(signal, weight, undefined, { stride: 2, padding: [[3, 0]] })   // one axis, padded before only
 */
export function convolution(
  x: TensorLike,
  weight: TensorLike,
  bias?: TensorLike,
  { groups = 1, ...options }: ConvolutionOptions = {},
): Tensor {
  const inputs = harmonise("convolution", x, weight, ...(bias === undefined ? [] : [bias]));
  const [input, kernel] = inputs;
  expectFloat("convolution", input);
  expectChannels("convolution", inputs, groups, { from: 1, to: 0 });
  const windows = windowsOver("convolution", input.shape.slice(2), kernel.shape.slice(2), options, {
    input,
    weight: kernel,
  });
  return applyOne(convolutionOperation, inputs, { ...windows, groups });
}

/** Checks ranks and channels of x, weight and bias; `from` and `to` are the weight's axes of input and output channels. */
export function expectChannels(
  operation: string,
  [x, weight, bias]: readonly Tensor[],
  groups: number,
  { from, to }: { from: 0 | 1; to: 0 | 1 },
): void {
  const space = spaceOf(operation, x);
  perAxis(operation, "groups", groups, 1);
  if (weight.rank !== x.rank)
    throw new ShapeError(`${operation}/rank`, `${space.length} spatial axes, but a kernel of ${weight.rank - 2}`, {
      operands: { input: x, weight },
      fix: `give a weight of rank ${x.rank}: two axes of channels, then the kernel's sizes`,
    });
  // The axis that lists channels of one group only is 1; axis 0 lists those of all groups.
  const given = weight.shape[from] * (from === 1 ? groups : 1);
  if (given !== x.shape[1] || weight.shape[0] % groups !== 0)
    throw new ShapeError(
      `${operation}/channels`,
      `the input has ${x.shape[1]} channels, the weight takes ${given} in ${groups} groups`,
      {
        operands: { input: x, weight },
        fix: `weights are [${from === 1 ? "out, in / groups" : "in, out / groups"}, ...kernel], and groups divides both`,
      },
    );
  const channels = weight.shape[to] * (to === 1 ? groups : 1);
  if (bias !== undefined && (bias.rank !== 1 || bias.shape[0] !== channels))
    throw new ShapeError(`${operation}/bias`, `the bias has shape [${bias.shape}] for ${channels} output channels`, {
      operands: { weight, bias },
      fix: `give it the shape [${channels}]`,
    });
}
