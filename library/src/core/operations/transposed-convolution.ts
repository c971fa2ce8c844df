import { SettingError } from "../errors.ts";
import { lower } from "../lower.ts";
import type { Operation } from "../operation.ts";
import { applyOne, harmonise, type Tensor, type TensorLike } from "../tensor.ts";
import { applyConvolution, type ConvolutionOptions, expectChannels } from "./convolution.ts";
import {
  addChannelBias,
  type BatchSeats,
  batchConvolution,
  type ConvolutionAttributes,
  convolutionFlops,
  emptySum,
  forEachTerm,
} from "./convolution-terms.ts";
import { convolutionWeightGradient } from "./convolution-weight-gradient.ts";
import { expectFloat, withKernel } from "./define.ts";
import { flip } from "./flip.ts";
import { reshape } from "./reshape.ts";
import { swapAxes } from "./transpose.ts";
import { type PerAxis, paddingAfter, paddingPairs, perAxis } from "./window.ts";

const seats: BatchSeats = {
  alone: [
    [[0], [0]],
    [[1], [1, "grouped"]],
  ],
  both: [[1], [0], [1]],
};

// Inputs: what a convolution puts out (or its cotangent), and its weight. Output: like what it takes in.
const transposedConvolutionOperation: Operation<ConvolutionAttributes> = {
  name: "transposedConvolution",
  infer: ([y, weight], { input, groups }) => [
    { shape: [y.shape[0], weight.shape[1] * groups, ...input], dtype: y.dtype },
  ],
  emit: (graph, names, node) => {
    const {
      inputs: [{ dtype }],
      attributes,
    } = node;
    const turned = asConvolution(attributes);
    if (turned !== undefined) return lower(graph, names, node, (y, weight) => [turned(y, weight)]);
    const { groups, kernel, strides, dilations, before } = attributes;
    const after = paddingAfter(attributes);
    return [
      withKernel(graph, ["float32"], names, dtype, dtype, (inputs) =>
        graph.node("ConvTranspose", inputs, {
          kernel_shape: kernel,
          strides,
          dilations,
          group: groups,
          pads: [...before, ...after.map((count) => Math.max(0, count))],
          output_padding: after.map((count) => Math.max(0, -count)),
        }),
      ),
    ];
  },
  reference: ([y, w], { inputs: [{ shape }, weight], outputs: [x], attributes }) => {
    const result = new Float64Array(x.size);
    const channels = { inner: weight.shape[1], outer: weight.shape[0] / attributes.groups };
    forEachTerm(attributes, { batch: shape[0], ...channels }, (i, j, k) => {
      result[i] += y[k] * w[j];
    });
    return [result];
  },
  gradient: ([cotangent], { inputs: [y, weight], attributes }, { needs }) => [
    needs[0] ? applyConvolution(cotangent!, weight, attributes) : null,
    needs[1] ? convolutionWeightGradient(cotangent!, y, attributes) : null,
  ],
  batch: (inputs, batched, attributes, size) => [
    batchConvolution(transposedConvolutionOperation, inputs, batched, attributes, size, seats),
  ],
  simplifications: emptySum,
  linear: "separately",
  flops: ({ inputs: [y, weight] }) => convolutionFlops(weight, y),
};

/** The cotangent of a convolution's input, from that of its output and its weight. */
export const convolutionInputGradient = (dy: Tensor, weight: Tensor, attributes: ConvolutionAttributes): Tensor =>
  applyOne(transposedConvolutionOperation, [dy, weight], attributes);

/**
 * With stride 1 the same is an ordinary convolution with the kernel turned around and the channels exchanged, which runs
 * on all cores; undefined where it is not, or would need less than no padding.
 */
function asConvolution(attributes: ConvolutionAttributes): ((y: Tensor, weight: Tensor) => Tensor) | undefined {
  const { input, kernel, output, strides, dilations, before, groups } = attributes;
  const reach = kernel.map((size, axis) => (size - 1) * dilations[axis]);
  const first = reach.map((count, axis) => count - before[axis]);
  const last = paddingAfter(attributes).map((count, axis) => reach[axis] - count);
  if (strides.some((stride) => stride !== 1) || [...first, ...last].some((count) => count < 0)) return undefined;
  const turned = { input: output, kernel, output: input, strides, dilations, before: first, groups };
  return (y, weight) => {
    const [outer, inner] = weight.shape;
    const flipped = flip(weight, { axis: kernel.map((_, axis) => axis + 2) });
    const exchanged = swapAxes(reshape(flipped, [groups, outer / groups, inner, ...kernel]), 1, 2);
    return applyConvolution(y, reshape(exchanged, [groups * inner, outer / groups, ...kernel]), turned);
  };
}

export interface TransposedConvolutionOptions extends ConvolutionOptions {
  /**
   * Elements more after each axis, fewer than the stride: several input sizes of a convolution give one output size, and
   * this says which is meant. Default 0.
   */
  readonly outputPadding?: PerAxis;
}

/**
 * Transposed convolution, also called deconvolution: the transpose of `convolution` as a linear map of its input, with
 * the same options. Each element of `x` adds its multiple of the kernel to the result, `stride` apart.
 *
 *     y[n, o, p · stride + k · dilation − padding] += x[n, i, p] · weight[i, o, k]
 *
 * @param x        float[batch, channels, ...space], one spatial axis or more
 * @param weight   float[channels, channelsOut / groups, ...kernel]
 * @param bias     float[channelsOut]. Default: none
 * @param options  as for `convolution`; padding takes elements away here. "same" gives sizes of size · stride
 * @returns        float[batch, channelsOut, ...space'], each size
 *                 (size − 1) · stride + dilation · (kernel − 1) + 1 − padding + outputPadding
 * @throws         ShapeError `transposedConvolution/rank`, `…/channels`, `…/bias`; SettingError
 *                 `transposedConvolution/stride`, `…/dilation`, `…/padding`, `…/outputPadding`, `…/groups`; DTypeError
 *                 `transposedConvolution/dtype`
 * @source         Zeiler et al. 2010, "Deconvolutional networks"
 * @example
 * transposedConvolution(x, weight, undefined, { stride: 2, padding: "same" })   // [8,64,7,7], [64,32,4,4]: [8,32,14,14]
 */
export function transposedConvolution(
  x: TensorLike,
  weight: TensorLike,
  bias?: TensorLike,
  options: TransposedConvolutionOptions = {},
): Tensor {
  const name = "transposedConvolution";
  const { stride = 1, padding = "valid", dilation = 1, groups = 1, outputPadding = 0 } = options;
  const inputs = harmonise(name, x, weight, ...(bias === undefined ? [] : [bias]));
  const [input, taps] = inputs;
  expectFloat(name, input);
  expectChannels(name, inputs, groups, { from: 0, to: 1 });
  const [output, kernel] = [input.shape.slice(2), taps.shape.slice(2)];
  const strides = perAxis(name, "stride", stride, kernel.length);
  const dilations = perAxis(name, "dilation", dilation, kernel.length);
  const extra = perAxis(name, "outputPadding", outputPadding, kernel.length, 0);
  if (extra.some((count, axis) => count >= strides[axis]))
    throw new SettingError(`${name}/outputPadding`, "the output padding must be smaller than the stride", {
      given: { outputPadding, stride },
      fix: "a full stride more would be another element of the input",
    });
  const spans = kernel.map((size, axis) => (size - 1) * dilations[axis] + 1);
  const pairs = paddingPairs(
    name,
    padding,
    spans.map((size, axis) => size - strides[axis]),
  );
  const sizes = output.map((size, axis) =>
    padding === "same"
      ? size * strides[axis]
      : (size - 1) * strides[axis] + spans[axis] - pairs[axis][0] - pairs[axis][1] + extra[axis],
  );
  if (sizes.some((size) => size < 1))
    throw new SettingError(`${name}/padding`, `the padding takes everything away: sizes would be [${sizes}]`, {
      operands: { input, weight: taps },
      given: padding,
    });
  const attributes = {
    input: sizes,
    kernel,
    output,
    strides,
    dilations,
    before: pairs.map(([before]) => before),
    groups,
  };
  const result = applyOne(transposedConvolutionOperation, [input, taps], attributes);
  return inputs.length < 3 ? result : addChannelBias(result, inputs[2], false, kernel.length);
}
