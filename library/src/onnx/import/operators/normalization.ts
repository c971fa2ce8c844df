import {
  abs,
  add,
  argMax,
  cast,
  div,
  equal,
  layerNorm,
  less,
  logSoftmax,
  matmul,
  mean,
  mul,
  pow,
  reciprocal,
  reshape,
  rmsNorm,
  softmax,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  variance,
  where,
} from "../../../core/index.ts";
import { sameShape, sizeOf } from "../../../core/shape.ts";
import type { Converter, Converters } from "../context.ts";
import { maskedBelow, type NormalizerMethod } from "../methods.ts";
import { normalAxis } from "./axes.ts";
import { checkedShape, constantOf, mostGenerated } from "./types.ts";

/** A normalizer in the place of softmax: masked scores are −∞, whatever number the exporter wrote for it. */
export const replaced =
  (method: NormalizerMethod): NormalizerMethod =>
  (scores, options) =>
    method(where(less(scores, maskedBelow), Number.NEGATIVE_INFINITY, scores), options);

/** Before operator set 13, these worked on the tensor flattened at `axis`, as a matrix. */
const overAxis =
  (given: (x: Tensor, options: { axis: number }) => Tensor): Converter =>
  (node) => {
    const x = node.tensor(0);
    const operation = node.method ? replaced(node.method as NormalizerMethod) : given;
    if (node.version >= 13) return operation(x, { axis: normalAxis(node.attributes.int("axis", -1), x.rank) });
    const axis = normalAxis(node.attributes.int("axis", 1), Math.max(x.rank, 2));
    const matrix = reshape(x, [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))]);
    return reshape(operation(matrix, { axis: 1 }), x.shape);
  };

/** One number for each channel (axis 1), as a shape that broadcasts against the input. */
export const perChannel = (values: Tensor, x: Tensor, axis = 1): Tensor =>
  reshape(
    values,
    x.shape.map((size, i) => (i === axis ? size : 1)),
  );

const axesFrom = (first: number, rank: number): number[] =>
  Array.from({ length: Math.max(0, rank - first) }, (_, i) => first + i);

const normalise = (x: Tensor, axis: number[], epsilon: number): { y: Tensor; average: Tensor; inverse: Tensor } => {
  const average = mean(x, { axis, keepDims: true });
  const centred = sub(x, average);
  const inverse = reciprocal(sqrt(add(mean(square(centred), { axis, keepDims: true }), epsilon)));
  return { y: mul(centred, inverse), average, inverse };
};

export const normalizationOperators: Converters = {
  BatchNormalization: (node) => {
    const [x, scale, shift, average, spread] = node.tensors();
    const epsilon = node.attributes.float("epsilon", 1e-5);
    const apply = (mu: Tensor, sigma: Tensor): Tensor => {
      // The statistics may have another float type than the input.
      const factor = cast(div(scale, sqrt(add(cast(sigma, scale.dtype), epsilon))), x.dtype);
      return add(
        mul(sub(x, perChannel(cast(mu, x.dtype), x)), perChannel(factor, x)),
        perChannel(cast(shift, x.dtype), x),
      );
    };
    if (node.attributes.int("training_mode", 0) === 0) return apply(average, spread);
    const axis = x.shape.map((_, i) => i).filter((i) => i !== 1);
    const momentum = node.attributes.float("momentum", 0.9);
    const [batchMean, batchVariance] = [mean(x, { axis }), variance(x, { axis })].map((one) =>
      cast(one, average.dtype),
    );
    const blend = (old: Tensor, now: Tensor) => add(mul(old, momentum), mul(now, 1 - momentum));
    return [apply(batchMean, batchVariance), blend(average, batchMean), blend(spread, batchVariance)];
  },
  GroupNormalization: (node) => {
    const [x, scale, shift] = node.tensors();
    const groups = node.attributes.int("num_groups", 1);
    const [batch, channels, ...rest] = x.shape;
    const grouped = reshape(x, [batch, groups, channels / groups, ...rest]);
    const { y } = normalise(grouped, axesFrom(2, grouped.rank), node.attributes.float("epsilon", 1e-5));
    // Operator set 18 had one scale for each group, later ones have one for each channel.
    if (scale.size === groups && groups !== channels)
      return reshape(add(mul(y, perChannel(scale, grouped)), perChannel(shift, grouped)), x.shape);
    const flat = reshape(y, x.shape);
    return add(mul(flat, perChannel(scale, x)), perChannel(shift, x));
  },
  Hardmax: overAxis((x, { axis }) => {
    // The first largest element is 1: the one whose place is that of the maximum.
    const places = constantOf(
      Array.from({ length: x.shape[axis] }, (_, i) => i),
      x.shape.map((size, i) => (i === axis ? size : 1)),
      "int64",
    );
    return cast(equal(places, argMax(x, { axis, keepDims: true })), x.dtype);
  }),
  InstanceNormalization: (node) => {
    const [x, scale, shift] = node.tensors();
    const { y } = normalise(x, axesFrom(2, x.rank), node.attributes.float("epsilon", 1e-5));
    return add(mul(y, perChannel(scale, x)), perChannel(shift, x));
  },
  LayerNormalization: (node) => {
    const [x, scale, shift] = [node.tensor(0), node.tensor(1), node.optional(2)];
    const axis = normalAxis(node.attributes.int("axis", -1), x.rank);
    const epsilon = node.attributes.float("epsilon", 1e-5);
    const whole = sameShape(scale.shape, x.shape.slice(axis)) && (!shift || sameShape(shift.shape, scale.shape));
    if (whole && !node.wants(1) && !node.wants(2)) return layerNorm(x, scale, shift, { axis, epsilon });
    const { y, average, inverse } = normalise(x, axesFrom(axis, x.rank), epsilon);
    const scaled = mul(y, scale);
    return [shift ? add(scaled, shift) : scaled, average, inverse];
  },
  LogSoftmax: overAxis(logSoftmax),
  LpNormalization: (node) => {
    const x = node.tensor(0);
    const axis = normalAxis(node.attributes.int("axis", -1), x.rank);
    const absolute = node.attributes.int("p", 2) === 1;
    const length = absolute ? sum(abs(x), { axis, keepDims: true }) : sqrt(sum(square(x), { axis, keepDims: true }));
    return div(x, length);
  },
  LRN: (node) => {
    const x = node.tensor(0);
    const { attributes } = node;
    const size = attributes.int("size", 1);
    const [batch, channels, ...rest] = x.shape;
    checkedShape([channels, channels], mostGenerated);
    // The sum over neighbouring channels is a product with a band of ones.
    const before = Math.floor((size - 1) / 2);
    const band = Array.from({ length: channels * channels }, (_, i) => {
      const offset = (i % channels) - Math.floor(i / channels);
      return Number(offset >= -before && offset <= size - 1 - before);
    });
    const squares = reshape(square(x), [batch, channels, sizeOf(rest)]);
    const sums = reshape(matmul(constantOf(band, [channels, channels], x.dtype), squares), x.shape);
    const scale = add(mul(sums, attributes.float("alpha", 1e-4) / size), attributes.float("bias", 1));
    return div(x, pow(scale, attributes.float("beta", 0.75)));
  },
  MeanVarianceNormalization: (node) => {
    const x = node.tensor(0);
    const axis = node.attributes.ints("axes", [0, 2, 3]).map((one) => normalAxis(one, x.rank));
    const centred = sub(x, mean(x, { axis, keepDims: true }));
    return div(centred, add(sqrt(mean(square(centred), { axis, keepDims: true })), 1e-9));
  },
  RMSNormalization: (node) => {
    const [x, scale] = [node.tensor(0), node.tensor(1)];
    const axis = normalAxis(node.attributes.int("axis", -1), x.rank);
    const epsilon = node.attributes.float("epsilon", 1e-5);
    if (sameShape(scale.shape, x.shape.slice(axis))) return rmsNorm(x, scale, { axis, epsilon });
    const power = mean(square(x), { axis: axesFrom(axis, x.rank), keepDims: true });
    return mul(div(x, sqrt(add(power, epsilon))), scale);
  },
  Softmax: overAxis(softmax),
};
