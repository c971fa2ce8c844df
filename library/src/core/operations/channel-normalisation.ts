import { DTypeError, ShapeError } from "../errors.ts";
import { sizeOf } from "../shape.ts";
import { asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { add, div, mul, square, sub } from "./arithmetic.ts";
import { broadcastTo } from "./broadcast.ts";
import { expectFloat } from "./define.ts";
import { ones, zeros } from "./range.ts";
import { sum } from "./reduce.ts";
import { reshape } from "./reshape.ts";

/**
 * Batch and group normalisation see [batch, channels, ...space] as [batch, groups, channels of a group, space]. The
 * elements that share a mean and a variance lie along the space and along one axis more: the batch (batch normalisation,
 * where a group is one channel) or the channels of a group. Scale and bias belong to channels.
 */
interface ChannelView {
  readonly groups: number;
  /** The axis besides the space: 0 for batch normalisation, 2 for group normalisation. */
  readonly shared: 0 | 2;
}

const viewOf = ({ shape: [batch, channels, ...space] }: Tensor, { groups }: ChannelView): number[] => [
  batch,
  groups,
  channels / groups,
  sizeOf(space),
];

/** Scale and bias as tensors of one number a channel; ones and zeros where there are none. */
export function channelAffine(
  operation: string,
  x: Tensor,
  scale: TensorLike | undefined,
  bias: TensorLike | undefined,
): [scale: Tensor, bias: Tensor] {
  const { dtype } = x;
  return [
    scale === undefined ? ones([x.shape[1]], { dtype }) : perChannel(operation, "scale", x, scale),
    bias === undefined ? zeros([x.shape[1]], { dtype }) : perChannel(operation, "bias", x, bias),
  ];
}

/** A tensor with one number a channel of `x`. @throws ShapeError `…/<role>`; DTypeError `…/dtype` */
export function perChannel(operation: string, role: string, x: Tensor, given: TensorLike): Tensor {
  const one = asTensor(given, x.dtype);
  if (one.rank !== 1 || one.shape[0] !== x.shape[1])
    throw new ShapeError(`${operation}/${role}`, `the ${role} has shape [${one.shape}] for ${x.shape[1]} channels`, {
      operands: { input: x, [role]: one },
      fix: `give it the shape [${x.shape[1]}]; channels are axis 1`,
    });
  if (one.dtype !== x.dtype)
    throw new DTypeError(`${operation}/dtype`, `the input is ${x.dtype}, the ${role} ${one.dtype}`, {
      operands: { input: x, [role]: one },
      fix: `cast the ${role}: cast(${role}, "${x.dtype}")`,
    });
  return one;
}

/** Checks that there are channels, and elements to take statistics of. */
export function expectChannelled(operation: string, x: Tensor): void {
  expectFloat(operation, x);
  if (x.rank < 2)
    throw new ShapeError(`${operation}/rank`, "the input needs the axes [batch, channels, ...space]", {
      operands: { input: x },
    });
}

/** (x − mean) · inverse · scale + bias in 64 bits, with the mean and the population's variance of each set of elements. */
export function normaliseChannels(
  [x, scale, bias]: readonly Float64Array[],
  input: Tensor,
  view: ChannelView,
  epsilon: number,
): { y: Float64Array; mean: Float64Array; variance: Float64Array } {
  const [batch, groups, width, space] = viewOf(input, view);
  const sets = view.shared === 0 ? groups : batch * groups;
  const [mean, variance] = [new Float64Array(sets), new Float64Array(sets)];
  const setOf = Int32Array.from(x, (_, i) => {
    const row = Math.floor(i / (width * space));
    return view.shared === 0 ? row % groups : row;
  });
  const count = x.length / sets;
  const average = (totals: Float64Array, term: (element: number, set: number) => number): void => {
    x.forEach((element, i) => {
      totals[setOf[i]] += term(element, setOf[i]);
    });
    totals.forEach((total, set) => {
      totals[set] = total / count;
    });
  };
  average(mean, (element) => element);
  average(variance, (element, set) => (element - mean[set]) ** 2);
  const y = x.map((element, i) => {
    const [set, channel] = [setOf[i], Math.floor(i / space) % (groups * width)];
    return ((element - mean[set]) / Math.sqrt(variance[set] + epsilon)) * scale[channel] + bias[channel];
  });
  return { y, mean, variance };
}

interface ChannelGradient extends ChannelView {
  readonly inputs: readonly Tensor[];
  readonly needs: readonly boolean[];
  readonly mean: Tensor;
  /** 1 / √(variance + ε). */
  readonly inverse: Tensor;
  /** Cotangents of the output, the mean and the variance. */
  readonly dy: Tensor | null;
  readonly dmean: Tensor | null;
  readonly dvariance: Tensor | null;
}

/**
 * Gradients to x, scale and bias. With c = x − mean, r = inverse, s = scale, and sums over the n elements that share them:
 *
 *     dx = dy · r s + c · (2 dvariance − r³ Σ s dy c) / n + (dmean − r Σ s dy) / n
 *
 * Sums are taken over the space first, so that everything between the two passes over all elements is small.
 *
 * @source own derivation; checked against central differences
 */
export function channelGradient(given: ChannelGradient): (Tensor | null)[] {
  const {
    inputs: [x, scale, bias],
    needs,
    shared,
  } = given;
  const view = viewOf(x, given);
  const [batch, groups, width, space] = view;
  const n = space * (shared === 0 ? batch : width);
  const sets = shared === 0 ? [1, groups, 1, 1] : [batch, groups, 1, 1];
  const [mean, r] = [reshape(given.mean, sets), reshape(given.inverse, sets)];
  const centred = sub(reshape(x, view), mean);
  const overSet = (rows: Tensor): Tensor => sum(rows, { axis: shared, keepDims: true });
  const direct: Tensor[] = [];
  // Factors of `centred`, and what is added to all elements of a set.
  const slopes = given.dvariance === null ? [] : [div(mul(reshape(given.dvariance, sets), 2), n)];
  const shifts = given.dmean === null ? [] : [div(reshape(given.dmean, sets), n)];
  let [dscale, dbias]: (Tensor | null)[] = [null, null];
  if (given.dy !== null) {
    const dy = reshape(given.dy, view);
    const s = reshape(scale, [1, groups, width, 1]);
    const sums = sum(dy, { axis: 3, keepDims: true });
    const products = sum(mul(dy, centred), { axis: 3, keepDims: true });
    if (needs[1]) dscale = reshape(sum(mul(products, r), { axis: 0 }), scale.shape);
    if (needs[2]) dbias = reshape(sum(sums, { axis: 0 }), bias.shape);
    direct.push(mul(dy, mul(r, s)));
    slopes.push(mul(mul(square(r), r), div(overSet(mul(products, s)), -n)));
    shifts.push(mul(r, div(overSet(mul(sums, s)), -n)));
  }
  const plus = (terms: readonly Tensor[]): Tensor => terms.reduce((a, b) => add(a, b));
  const along = slopes.length > 0 ? [mul(centred, plus(slopes))] : [];
  const level = shifts.length > 0 ? [plus(shifts)] : [];
  const dx = needs[0] ? reshape(broadcastTo(plus([...direct, ...along, ...level]), view), x.shape) : null;
  return [dx, dscale, dbias];
}
