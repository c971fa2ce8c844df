import {
  add,
  type ConvolutionOptions,
  cast,
  convInteger,
  convolution,
  mul,
  pad,
  qLinearConv,
  type Tensor,
  transposedConvolution,
} from "../../../core/index.ts";
import type { Converters, NodeContext } from "../context.ts";
import { Unsupported } from "../faults.ts";
import { fusedActivation } from "./activation.ts";
import { perChannel } from "./normalization.ts";
import { asIntegers, readQuantized, writeQuantized } from "./quantized.ts";

/** How a window moves over the spatial axes of a node's input. */
export interface Window {
  kernel: number[];
  stride: number[];
  dilation: number[];
  padding: [before: number, after: number][];
}

/** Padding that `auto_pad` asks for, so that the output has ⌈size / stride⌉ elements. */
function samePadding(size: number, kernel: number, stride: number, dilation: number, upper: boolean): [number, number] {
  const total = Math.max(0, (Math.ceil(size / stride) - 1) * stride + (kernel - 1) * dilation + 1 - size);
  const small = Math.floor(total / 2);
  return upper ? [small, total - small] : [total - small, small];
}

/** The window of a convolution or pooling over `sizes`. */
export function windowOf({ attributes }: NodeContext, sizes: readonly number[], kernel: number[]): Window {
  const ones = sizes.map(() => 1);
  const stride = attributes.ints("strides") ?? ones;
  const dilation = attributes.ints("dilations") ?? ones;
  const auto = attributes.string("auto_pad", "NOTSET");
  const pads = attributes.ints("pads") ?? sizes.flatMap(() => [0, 0]);
  const padding = sizes.map((size, i): [number, number] => {
    if (auto.startsWith("SAME")) return samePadding(size, kernel[i], stride[i], dilation[i], auto === "SAME_UPPER");
    return auto === "VALID" ? [0, 0] : [pads[i], pads[i + sizes.length]];
  });
  const lists = [kernel, stride, dilation];
  if (lists.some((list) => list.length !== sizes.length || list.some((size) => size < 1)))
    throw new Unsupported(`its window of [${kernel}] does not fit an input of [${sizes}]`);
  return { kernel, stride, dilation, padding };
}

/** The options of the convolution that a node describes. */
function optionsOf(node: NodeContext, x: Tensor, weight: Tensor): ConvolutionOptions {
  const { stride, dilation, padding } = windowOf(node, x.shape.slice(2), weight.shape.slice(2));
  return { stride, dilation, padding, groups: node.attributes.int("group", 1) };
}

const convolve = (node: NodeContext, x: Tensor, weight: Tensor, bias: Tensor | undefined): Tensor =>
  convolution(x, weight, bias, optionsOf(node, x, weight));

function transposed(node: NodeContext): Tensor {
  const { attributes } = node;
  const [x, weight, bias] = [node.tensor(0), node.tensor(1), node.optional(2)];
  const sizes = x.shape.slice(2);
  const { kernel, stride, dilation } = windowOf(node, sizes, weight.shape.slice(2));
  const extra = attributes.ints("output_padding") ?? sizes.map(() => 0);
  const auto = attributes.string("auto_pad", "NOTSET");
  const wanted = attributes.ints("output_shape")?.slice(-sizes.length);
  const pads = attributes.ints("pads") ?? sizes.flatMap(() => [0, 0]);
  const padding = sizes.map((size, i): [number, number] => {
    const target = wanted?.[i] ?? (auto.startsWith("SAME") ? size * stride[i] : undefined);
    if (target === undefined) return [pads[i], pads[i + sizes.length]];
    const reach = (size - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1;
    const total = reach + extra[i] - target;
    const before = auto === "SAME_UPPER" ? Math.floor(total / 2) : total - Math.floor(total / 2);
    return [before, total - before];
  });
  const options = { stride, dilation, groups: attributes.int("group", 1) };
  if (padding.every(([before, after]) => before >= 0 && after >= 0))
    return transposedConvolution(x, weight, bias, { ...options, padding, outputPadding: extra });
  // A larger output than the windows reach: what lies beyond holds the bias alone.
  const bare = transposedConvolution(x, weight, undefined, options);
  const grown = pad(bare, [
    null,
    null,
    ...padding.map(([before, after], i): [number, number] => [-before, extra[i] - after]),
  ]);
  return bias ? add(grown, perChannel(bias, grown)) : grown;
}

export const convolutionOperators: Converters = {
  Conv: (node) => convolve(node, node.tensor(0), node.tensor(1), node.optional(2)),
  ConvInteger: (node) => {
    const [x, weight] = [node.tensor(0), node.tensor(1)];
    return convInteger(x, weight, node.optional(2), node.optional(3), optionsOf(node, x, weight));
  },
  ConvTranspose: transposed,
  QLinearConv: (node) => {
    const [x, weight] = [readQuantized(node, 0), readQuantized(node, 3, 0)];
    const bias = node.optional(8);
    const scale = mul(node.tensor(1), node.tensor(4));
    const floats = writeQuantized(node, convolve(node, x, weight, bias && mul(cast(bias, x.dtype), scale)), 6);
    return asIntegers(node, 6, floats, (a, b, result) => qLinearConv(a, b, result, bias, optionsOf(node, x, weight)));
  },
};

/** The convolutions of com.microsoft. */
export const contributedConvolution: Converters = {
  FusedConv: (node) => {
    const y = convolve(node, node.tensor(0), node.tensor(1), node.optional(2));
    const added = node.optional(3);
    const { attributes } = node;
    return fusedActivation(
      added ? add(y, added) : y,
      attributes.string("activation"),
      attributes.floats("activation_params") ?? [],
    );
  },
};
