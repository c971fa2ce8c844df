import { lower } from "../lower.ts";
import type { Operation } from "../operation.ts";
import { applyOne, type Tensor } from "../tensor.ts";
import { applyConvolution } from "./convolution.ts";
import {
  type BatchSeats,
  batchConvolution,
  type ConvolutionAttributes,
  convolutionFlops,
  emptySum,
  forEachTerm,
} from "./convolution-terms.ts";
import { reshape } from "./reshape.ts";
import { slice } from "./slice.ts";
import { moveAxis, swapAxes } from "./transpose.ts";
import { convolutionInputGradient } from "./transposed-convolution.ts";
import { paddingAfter } from "./window.ts";

const seats: BatchSeats = {
  alone: [
    [[1, "grouped"], [1]],
    [
      [1, "grouped"],
      [0, "grouped"],
    ],
  ],
  both: [[1], [1], [0]],
};

// Inputs: the convolution's input, and the cotangent of its output. Output: the cotangent of its weight.
const weightGradientOperation: Operation<ConvolutionAttributes> = {
  name: "convolutionWeightGradient",
  infer: ([x, dy], { kernel, groups }) => [{ shape: [dy.shape[1], x.shape[1] / groups, ...kernel], dtype: x.dtype }],
  emit: (graph, names, node) => lower(graph, names, node, (x, dy) => [composed(x, dy, node.attributes)]),
  reference: ([x, dy], { inputs: [{ shape }], outputs: [dw], attributes }) => {
    const result = new Float64Array(dw.size);
    const channels = { inner: dw.shape[1], outer: dw.shape[0] / attributes.groups };
    forEachTerm(attributes, { batch: shape[0], ...channels }, (i, j, k) => {
      result[j] += x[i] * dy[k];
    });
    return [result];
  },
  gradient: ([cotangent], { inputs: [x, dy], attributes }, { needs }) => [
    needs[0] ? convolutionInputGradient(dy, cotangent!, attributes) : null,
    needs[1] ? applyConvolution(x, cotangent!, attributes) : null,
  ],
  batch: (inputs, batched, attributes, size) => [
    batchConvolution(weightGradientOperation, inputs, batched, attributes, size, seats),
  ],
  simplifications: emptySum,
  linear: "separately",
  // The summed axis joins the batch, which is summed over anyway.
  contract: (inputs, attributes) => {
    const [x, dy] = inputs.map((one) => reshape(one, [one.shape[0] * one.shape[1], ...one.shape.slice(2)]));
    return convolutionWeightGradient(x, dy, attributes);
  },
  flops: ({ inputs: [, dy], outputs: [dw] }) => convolutionFlops(dw, dy),
};

/** The cotangent of a convolution's weight, from its input and the cotangent of its output. */
export const convolutionWeightGradient = (x: Tensor, dy: Tensor, attributes: ConvolutionAttributes): Tensor =>
  applyOne(weightGradientOperation, [x, dy], attributes);

/** From this many channels in a group, they are worth an axis of their own in the kernel's loops. */
const widthWorthAnAxis = 8;

/**
 * The weight gradient as a convolution: examples are its input channels, the cotangent is its kernel, stride and
 * dilation change places. Input channels are one more spatial axis, the innermost, so that the runtime copies runs of
 * them when it lays out its columns; with few channels, or with three spatial axes (the runtime's fast kernels end
 * there), they are its batch.
 */
function composed(x: Tensor, dy: Tensor, attributes: ConvolutionAttributes): Tensor {
  const { groups, input, kernel, output, strides, dilations, before } = attributes;
  const [batch, channels] = x.shape;
  const inner = channels / groups;
  const innermost = inner >= widthWorthAnAxis && input.length < 3;
  // Windows may leave a rest of the input unread; nothing may slide over it here.
  const after = paddingAfter(attributes);
  const read = slice(x, [null, null, ...after.map((count, axis) => [0, input[axis] + Math.min(0, count)] as const)]);
  const sizes = read.shape.slice(2);
  // A single group gets no axis of its own: that would keep the runtime from its fast transposes.
  const front = groups === 1 ? [batch, inner] : [batch, groups, inner];
  const moved = moveAxis(reshape(read, [...front, ...sizes]), front.length - 1, innermost ? -1 : 0);
  const examples = innermost ? 0 : 1;
  const left = groups === 1 ? moved : swapAxes(moved, examples, examples + 1);
  const right = moveAxis(dy, 1, 0);
  const one = innermost ? [1] : [];
  const wide = innermost ? [inner] : [];
  const result = applyConvolution(
    reshape(left, [innermost ? 1 : inner, groups * batch, ...sizes, ...wide]),
    reshape(right, [...right.shape, ...one]),
    {
      input: [...sizes, ...wide],
      kernel: [...output, ...one],
      output: [...kernel, ...wide],
      strides: [...dilations, ...one],
      dilations: [...strides, ...one],
      before: [...before, ...one.map(() => 0)],
      groups,
    },
  );
  return innermost ? moveAxis(reshape(result, result.shape.slice(1)), -1, 1) : moveAxis(result, 1, 0);
}
