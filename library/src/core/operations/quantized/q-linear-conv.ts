import { DTypeError, ShapeError } from "../../errors.ts";
import { lower } from "../../lower.ts";
import type { Operation } from "../../operation.ts";
import { evaluateReference } from "../../oracle.ts";
import { sizeOf } from "../../shape.ts";
import { applyOne, asTensor, type Tensor, type TensorLike } from "../../tensor.ts";
import { add, div, mul } from "../arithmetic.ts";
import { cast } from "../cast.ts";
import { type ConvolutionOptions, convolutionSeats } from "../convolution.ts";
import { type ConvolutionAttributes, convolutionFlops, leaveSeat, takeSeat } from "../convolution-terms.ts";
import { reshape } from "../reshape.ts";
import { windowAttributes } from "../window.ts";
import {
  asZeroPoint,
  batchComposed,
  factorOf,
  type Quantized,
  type QuantizedAs,
  rangeOfCodes,
  requantize,
  withSign,
} from "./codes.ts";
import { channelZero, codesWindows, convInteger, perChannel } from "./conv-integer.ts";
import { quantizeLinear } from "./quantize-linear.ts";

// Inputs: x and weight, each as codes, scale and zero point, then the result's scale and zero point, perhaps a bias.
const qLinearConvOperation: Operation<ConvolutionAttributes> = {
  name: "qLinearConv",
  infer: ([x, , , weight], { output }) => [{ shape: [x.shape[0], weight.shape[0], ...output], dtype: x.dtype }],
  emit: (graph, names, node) => {
    const { inputs, attributes } = node;
    const [x, , , weight, scale, zero] = inputs;
    if (x.size === 0 || weight.size === 0)
      return lower(graph, names, node, (...given) => [composed(given, attributes)]);
    // Scales and zero points of channels have one shape.
    const along = (i: number, other: Tensor): string =>
      inputs[i].rank < other.rank ? graph.node("Expand", [names[i], graph.integers(other.shape)]) : names[i];
    return [
      graph.node("QLinearConv", names.with(4, along(4, zero)).with(5, along(5, scale)), {
        ...windowAttributes(attributes),
        group: attributes.groups,
      }),
    ];
  },
  reference: (data, { inputs, outputs: [y], attributes }) => {
    const known = new Map(inputs.map((x, i) => [x, data[i]]));
    const [sums] = evaluateReference([sumsOf(inputs, attributes)], known);
    const [channels, positions] = [y.shape[1], sizeOf(attributes.output)];
    const factorAt = (i: number): number => {
      const channel = inputs[4].rank === 0 ? 0 : Math.floor(i / positions) % channels;
      return factorOf(data[1][0], data[4][channel], data[6][0]);
    };
    return [requantize(sums, factorAt, data[7][0], rangeOfCodes(y.dtype))];
  },
  gradient:
    "qLinearConv gives integers, which have no gradient (fakeQuantize and convolution give floats that have one)",
  batch: (inputs, batched, attributes, size) => {
    if (batched.some((one, i) => one && i !== 0))
      return [batchComposed((...given) => composed(given, attributes), inputs, batched)];
    const [before, after] = convolutionSeats.alone[0];
    const x = takeSeat(inputs[0], before, attributes.groups);
    return [leaveSeat(applyOne(qLinearConvOperation, inputs.with(0, x), attributes), after, size, attributes.groups)];
  },
  flops: ({ inputs: [, , , weight], outputs: [y] }) => convolutionFlops(weight, y),
};

function sumsOf([x, , xZero, weight, , wZero, , , bias]: readonly Tensor[], attributes: ConvolutionAttributes): Tensor {
  const { strides, dilations, input, kernel, output, before, groups } = attributes;
  const padding = input.map((size, i): [number, number] => [
    before[i],
    Math.max(0, (output[i] - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 - before[i] - size),
  ]);
  const sums = convInteger(x, weight, xZero, wZero, { stride: strides, dilation: dilations, padding, groups });
  return bias === undefined ? sums : add(sums, perChannel(bias, x.rank));
}

function composed(inputs: readonly Tensor[], attributes: ConvolutionAttributes): Tensor {
  const [x, xScale, , , wScale, , yScale, yZero] = inputs;
  const factor = perChannel(div(mul(xScale, wScale), yScale), x.rank);
  return quantizeLinear(mul(cast(sumsOf(inputs, attributes), "float32"), factor), 1, yZero);
}

/**
 * Convolution of quantized tensors, quantized again: the sums are taken in 32-bit integers and rounded once.
 *
 *     y = clamp(round((xScale · weightScale / yScale) · (bias + Σ (x − xZero)(weight − weightZero))) + yZero)
 *
 * @param x       codes uint8 or int8 [batch, channels, ...space]; scale and zero point scalars
 * @param weight  codes uint8 or int8 [channelsOut, channels / groups, ...kernel]; scale and zero point scalars, or one
 *                for each output channel
 * @param result  scale and zero point of the result; the zero point has the dtype of `x`'s codes
 * @param bias    int32[channelsOut] in units of xScale · weightScale. Default: none
 * @returns       codes of the dtype of `x`, [batch, channelsOut, ...space']
 * @throws        as `convolution`, and DTypeError `qLinearConv/codes`, `…/zero-point`, `…/bias`; ShapeError `…/scale`,
 *                `…/zero-point`
 * @source        ONNX operator set 10, QLinearConv
 * @example
 * const one = { codes: value([[[2]]], { dtype: "int8" }), scale: 0.5 };
 * qLinearConv(one, one, { scale: 0.25 })   // 1 · 1 = 1 is code 4: int8 [[[4]]]
 */
export function qLinearConv(
  x: Quantized<TensorLike>,
  weight: Quantized<TensorLike>,
  result: QuantizedAs<TensorLike>,
  bias?: TensorLike,
  options: ConvolutionOptions = {},
): Tensor {
  const [input, kernel] = [asTensor(x.codes), asTensor(weight.codes)];
  const attributes = codesWindows("qLinearConv", input, kernel, options);
  const channels = kernel.shape[0];
  const given = asTensor(weight.scale);
  if (given.rank > 1 || (given.size !== 1 && given.size !== channels))
    throw new ShapeError("qLinearConv/scale", `scales of shape [${given.shape}] for ${channels} output channels`, {
      operands: { weight: kernel, scale: given },
      fix: `give one scale, or scales of shape [${channels}]`,
    });
  const offset = bias === undefined ? [] : [asTensor(bias, "int32")];
  if (offset.some(({ dtype }) => dtype !== "int32"))
    throw new DTypeError("qLinearConv/bias", `the bias is ${offset[0].dtype}, expected int32`, {
      operands: { bias: offset[0] },
      fix: "quantize it with the scale x.scale · weight.scale",
    });
  if (offset.some(({ shape }) => `${shape}` !== `${channels}`))
    throw new ShapeError("qLinearConv/bias", `a bias of [${offset[0].shape}] for ${channels} output channels`, {
      operands: { weight: kernel, bias: offset[0] },
      fix: `give it the shape [${channels}]`,
    });
  const zero = channelZero("qLinearConv", weight.zeroPoint, kernel);
  // The runtime has no kernel for signed by unsigned codes.
  const signed = input.dtype === "int8" && kernel.dtype === "uint8";
  return applyOne(
    qLinearConvOperation,
    [
      input,
      reshape(asTensor(x.scale), []),
      asZeroPoint("qLinearConv", x.zeroPoint ?? 0, [], input.dtype),
      signed ? withSign(kernel) : kernel,
      given.size === 1 ? reshape(given, []) : given,
      signed ? withSign(zero) : zero,
      reshape(asTensor(result.scale), []),
      asZeroPoint("qLinearConv", result.zeroPoint ?? 0, [], input.dtype),
      ...offset,
    ],
    attributes,
  );
}
