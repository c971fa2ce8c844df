import { lower } from "../../lower.ts";
import type { Operation } from "../../operation.ts";
import { sizeOf } from "../../shape.ts";
import { applyOne, asTensor, scalar, type Tensor, type TensorLike } from "../../tensor.ts";
import { convert } from "../../value.ts";
import { add, mul, sub } from "../arithmetic.ts";
import { cast } from "../cast.ts";
import { type ConvolutionOptions, convolutionSeats, expectChannels } from "../convolution.ts";
import { batchConvolution, type ConvolutionAttributes, convolutionFlops, forEachTerm } from "../convolution-terms.ts";
import { ones, zeros } from "../range.ts";
import { reshape } from "../reshape.ts";
import { windowAttributes, windowsOver } from "../window.ts";
import { asZeroPoint, batchComposed, expectCodes } from "./codes.ts";

// Inputs: x, weight, and perhaps both zero points: of `x` a scalar, of the weight a scalar or one an output channel.
const convIntegerOperation: Operation<ConvolutionAttributes> = {
  name: "convInteger",
  infer: ([x, weight], { output }) => [{ shape: [x.shape[0], weight.shape[0], ...output], dtype: "int32" }],
  emit: (graph, names, node) => {
    const { inputs, attributes } = node;
    if (inputs.length > 2 && inputs[3].rank > 0)
      return lower(graph, names, node, (...given) => [corrected(given, attributes)]);
    return [graph.node("ConvInteger", names, { ...windowAttributes(attributes), group: attributes.groups })];
  },
  reference: ([x, w, [xZero] = [0], wZeros = [0]], { inputs: [input, weight], outputs: [y], attributes }) => {
    const [channels, positions] = [weight.shape[0], sizeOf(attributes.output)];
    const result = new Float64Array(y.size);
    const sizes = { inner: weight.shape[1], outer: channels / attributes.groups };
    forEachTerm(attributes, { batch: input.shape[0], ...sizes }, (i, j, k) => {
      const wZero = wZeros[wZeros.length === 1 ? 0 : Math.floor(k / positions) % channels];
      result[k] += (x[i] - xZero) * (w[j] - wZero);
    });
    return [Float64Array.from(convert(result, "int32") as Int32Array)];
  },
  gradient:
    "convInteger gives integers, which have no gradient (fakeQuantize and convolution give floats that have one)",
  batch: (inputs, batched, attributes, size) => {
    const plain = inputs.length === 2 || !(batched[1] || batched[2] || batched[3]);
    if (plain) return [batchConvolution(convIntegerOperation, inputs, batched, attributes, size, convolutionSeats)];
    return [batchComposed((...given) => corrected(given, attributes), inputs, batched)];
  },
  simplifications: {
    "empty-sum": ({ inputs: [x, weight], outputs: [y] }) =>
      x.size > 0 && weight.size > 0 ? undefined : [zeros(y.shape, { dtype: "int32" })],
  },
  flops: ({ inputs: [, weight], outputs: [y] }) => convolutionFlops(weight, y),
};

/**
 * The convolution without zero points, and what they take away: for zero points that the runtime's kernel does not take.
 * What lies outside counts as the zero point of `x`, so it drops out of every term.
 */
function corrected([x, weight, xZero, wZero]: readonly Tensor[], attributes: ConvolutionAttributes): Tensor {
  const run = (a: Tensor, b: Tensor): Tensor => applyOne(convIntegerOperation, [a, b], attributes);
  const flat = ones([1, ...x.shape.slice(1)], { dtype: x.dtype });
  const same = ones(weight.shape, { dtype: weight.dtype });
  const left = cast(xZero, "int32");
  const right = perChannel(cast(wZero, "int32"), x.rank);
  const both = mul(mul(left, right), run(flat, same));
  return add(sub(sub(run(x, weight), mul(left, run(flat, weight))), mul(right, run(x, same))), both);
}

/** A number for each channel in a shape that broadcasts against [batch, channels, ...space]. */
export const perChannel = (x: Tensor, rank: number): Tensor =>
  x.rank === 0 ? x : reshape(x, [x.size, ...new Array<number>(rank - 2).fill(1)]);

/** The zero point of a weight: a scalar, or one for each output channel. */
export function channelZero(operation: string, zero: TensorLike | undefined, weight: Tensor): Tensor {
  if (zero === undefined) return scalar(0, weight.dtype);
  const given = asTensor(zero, weight.dtype);
  return asZeroPoint(operation, given, given.size === 1 && given.rank <= 1 ? [] : [weight.shape[0]], weight.dtype);
}

/** Checks codes, channels and options of a convolution of codes. */
export function codesWindows(
  operation: string,
  x: Tensor,
  weight: Tensor,
  { groups = 1, ...options }: ConvolutionOptions,
): ConvolutionAttributes {
  expectCodes(operation, "input", x, ["uint8", "int8"]);
  expectCodes(operation, "weight", weight, ["uint8", "int8"]);
  expectChannels(operation, [x, weight], groups, { from: 1, to: 0 });
  const operands = { input: x, weight };
  return { ...windowsOver(operation, x.shape.slice(2), weight.shape.slice(2), options, operands), groups };
}

/**
 * Convolution of 8-bit codes in 32 bits: Σ (x − xZero)(weight − weightZero), wrapping where 32 bits end. Padding counts as
 * `xZero`, and so as nothing.
 *
 * @param x           uint8 or int8 [batch, channels, ...space]
 * @param weight      uint8 or int8 [channelsOut, channels / groups, ...kernel]
 * @param xZero       zero point of `x`, a scalar. Default 0
 * @param weightZero  zero point of the weight: a scalar, or one for each output channel. Default 0
 * @returns           int32[batch, channelsOut, ...space']
 * @throws            as `convolution`, and DTypeError `convInteger/codes`, `…/zero-point`; ShapeError `…/zero-point`
 * @source            ONNX operator set 10, ConvInteger
 * @example
 * const codes = (numbers: number[]) => value([[numbers]], { dtype: "uint8" });
 * convInteger(codes([2, 3, 4]), codes([1, 2]), 1)   // int32 [[[5, 8]]]
 */
export function convInteger(
  x: TensorLike,
  weight: TensorLike,
  xZero?: TensorLike,
  weightZero?: TensorLike,
  options: ConvolutionOptions = {},
): Tensor {
  const [input, kernel] = [asTensor(x), asTensor(weight)];
  const attributes = codesWindows("convInteger", input, kernel, options);
  if (xZero === undefined && weightZero === undefined)
    return applyOne(convIntegerOperation, [input, kernel], attributes);
  const zero = asZeroPoint("convInteger", xZero ?? 0, [], input.dtype);
  return applyOne(
    convIntegerOperation,
    [input, kernel, zero, channelZero("convInteger", weightZero, kernel)],
    attributes,
  );
}
