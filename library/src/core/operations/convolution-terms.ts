import type { Operation } from "../operation.ts";
import { sizeOf } from "../shape.ts";
import { applyOne, type Tensor } from "../tensor.ts";
import { add } from "./arithmetic.ts";
import { zeros } from "./range.ts";
import { sum } from "./reduce.ts";
import { reshape } from "./reshape.ts";
import { moveAxis } from "./transpose.ts";
import { forEachTap, type Windows } from "./window.ts";

/**
 * A convolution's input x, weight w and output y meet in one sum of products,
 *
 *     Σ x[n, g·I + i, o·stride + k·dilation − before] · w[g·O + o', i, k] · y[n, g·O + o', o]
 *
 * over batch n, groups g, channels i (I in a group's input) and o' (O in its output), windows o and taps k. What
 * multiplies one of the three in it is an operation of the other two: convolution gives y, transposed convolution x and
 * the weight gradient w. So the three are each other's gradients, with the same attributes.
 */
export interface ConvolutionAttributes extends Windows {
  readonly groups: number;
}

/** Calls `visit` with the flat places in x, w and y of every product of the sum. */
export function forEachTerm(
  attributes: ConvolutionAttributes,
  { batch, inner, outer }: { batch: number; inner: number; outer: number },
  visit: (x: number, w: number, y: number) => void,
): void {
  const { groups } = attributes;
  const [places, taps, positions] = [attributes.input, attributes.kernel, attributes.output].map(sizeOf);
  forEachTap(attributes, (place, tap, position) => {
    for (let n = 0; n < batch; n++)
      for (let g = 0; g < groups; g++)
        for (let o = 0; o < outer; o++)
          for (let i = 0; i < inner; i++)
            visit(
              ((n * groups + g) * inner + i) * places + place,
              ((g * outer + o) * inner + i) * taps + tap,
              ((n * groups + g) * outer + o) * positions + position,
            );
  });
}

/** A sum of no products is 0; the runtime may search for them forever. */
export const emptySum: Operation["simplifications"] = {
  "empty-sum": ({ inputs: [a, b, bias], outputs: [result] }) => {
    if (a.size > 0 && b.size > 0) return undefined;
    const nothing = zeros(result.shape, { dtype: result.dtype });
    return [bias === undefined ? nothing : addChannelBias(nothing, bias, false, result.rank - 2)];
  },
};

/** Floating-point operations: a product and a sum for each tap of each window, inside the input or not. */
export const convolutionFlops = (w: Tensor, y: Tensor): number => (2 * y.size * w.size) / Math.max(1, w.shape[0]);

/** The axis of a tensor that takes the batch axis in, in front of what is there, or of each group of it. */
type Seat = readonly [axis: number, inEachGroup?: "grouped"];

/** Where an operation of two tensors puts a batch axis, and where the result then has it. */
export interface BatchSeats {
  /** Only the first, or only the second tensor has it: its seat, and the result's. */
  readonly alone: readonly [first: readonly [Seat, Seat], second: readonly [Seat, Seat]];
  /** Both have it: the examples are groups of one large convolution. */
  readonly both: readonly [first: Seat, second: Seat, result: Seat];
}

/**
 * Applies one of the three operations to two tensors of which some have a batch axis, without a loop or a copy of
 * either. A bias or anything else that follows them must have none, and only the first may have one then.
 */
export function batchConvolution(
  operation: Operation<ConvolutionAttributes>,
  [a, b, ...rest]: readonly Tensor[],
  [aBatched, bBatched]: readonly boolean[],
  attributes: ConvolutionAttributes,
  size: number,
  { alone, both }: BatchSeats,
): Tensor {
  const { groups } = attributes;
  const run = (inputs: Tensor[], result: Seat, settings = attributes): Tensor =>
    leaveSeat(applyOne(operation, inputs, settings), result, size, groups);
  if (!bBatched) return run([takeSeat(a, alone[0][0], groups), b, ...rest], alone[0][1]);
  if (!aBatched) return run([a, takeSeat(b, alone[1][0], groups)], alone[1][1]);
  const inputs = [takeSeat(a, both[0], groups), takeSeat(b, both[1], groups)];
  return run(inputs, both[2], { ...attributes, groups: groups * size });
}

/** Moves the leading axis into the one at the seat. */
export function takeSeat(x: Tensor, [axis, grouped]: Seat, groups: number): Tensor {
  const [size, ...shape] = x.shape;
  const parts = grouped ? groups : 1;
  const [front, back] = [shape.slice(0, axis), shape.slice(axis + 1)];
  const split = reshape(x, [size, ...front, parts, shape[axis] / parts, ...back]);
  return reshape(moveAxis(split, 0, axis + 1), [...front, size * shape[axis], ...back]);
}

/** Moves the axis that took its seat out again, to the front. */
export function leaveSeat(x: Tensor, [axis, grouped]: Seat, size: number, groups: number): Tensor {
  const parts = grouped ? groups : 1;
  const [front, back] = [x.shape.slice(0, axis), x.shape.slice(axis + 1)];
  const own = x.shape[axis] / size;
  const split = reshape(x, [...front, parts, size, own / parts, ...back]);
  return reshape(moveAxis(split, axis + 1, 0), [size, ...front, own, ...back]);
}

/** What all elements of a channel add up to: the gradient of a bias. One axis a time is faster than all at once. */
export function sumPerChannel(x: Tensor): Tensor {
  const [batch, channels, ...space] = x.shape;
  return sum(sum(reshape(x, [batch, channels, sizeOf(space)]), { axis: 2 }), { axis: 0 });
}

/** `y` plus a bias for each channel, of which either may have a leading batch axis. */
export function addChannelBias(y: Tensor, bias: Tensor, biasBatched: boolean, spatialRank: number): Tensor {
  const channels = [bias.shape.at(-1)!, ...new Array<number>(spatialRank).fill(1)];
  return add(y, reshape(bias, biasBatched ? [bias.shape[0], 1, ...channels] : channels));
}
