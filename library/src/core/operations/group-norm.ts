import { dtypes } from "../dtype.ts";
import { SettingError, ShapeError } from "../errors.ts";
import type { Operation } from "../operation.ts";
import { type Shape, sizeOf } from "../shape.ts";
import { apply, asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { convert, Value } from "../value.ts";
import { add, mul, square } from "./arithmetic.ts";
import { channelAffine, channelGradient, expectChannelled, normaliseChannels } from "./channel-normalisation.ts";
import { leaveSeat, takeSeat } from "./convolution-terms.ts";
import { ensureBatched } from "./define.ts";
import { writeNormalisation } from "./normalisation.ts";
import { ones, zeros } from "./range.ts";
import { reshape } from "./reshape.ts";

interface GroupNormAttributes {
  readonly groups: number;
  /** Added to the variance, so that a constant group does not divide by zero. */
  readonly epsilon: number;
}

// Inputs: x, scale, bias. Outputs: y, and mean and 1/√(variance + ε) of each group, [batch, groups].
const groupNormOperation: Operation<GroupNormAttributes> = {
  name: "groupNorm",
  infer: ([x], { groups }) => {
    const statistic = { shape: [x.shape[0], groups], dtype: x.dtype };
    return [{ shape: x.shape, dtype: x.dtype }, statistic, statistic];
  },
  // Layer normalisation over groups, then batch normalisation that only scales and shifts channels: one pass each.
  emit: (graph, names, { inputs: [{ shape, dtype }], attributes: { groups, epsilon } }) =>
    writeNormalisation(graph, names, [shape[1]], dtype, ([x, scale, bias], via) => {
      const [batch, channels, space] = [shape[0], shape[1], sizeOf(shape.slice(2))];
      const shaped = (name: string, to: Shape) =>
        graph.node("Reshape", [name, graph.integers(to)], { allowzero: to.includes(0) ? 1 : undefined });
      const full = (number: number, size: number) =>
        graph.constant(new Value(convert(new Array<number>(size).fill(number), via), [size], via));
      const width = (channels / groups) * space;
      const [normalised, ...statistics] = graph.nodes(
        "LayerNormalization",
        [shaped(x, [batch * groups, width]), full(1, width)],
        { outputs: 3, attributes: { axis: 1, epsilon: { float: epsilon } } },
      );
      const channelwise = [
        shaped(normalised, [batch, channels, space]),
        scale,
        bias,
        full(0, channels),
        full(1, channels),
      ];
      const y = graph.node("BatchNormalization", channelwise, { epsilon: { float: 0 } });
      // The operator's statistics are 32-bit, whatever it normalises.
      const wide = (name: string) => (via === "float64" ? graph.node("Cast", [name], { to: dtypes[via].onnx }) : name);
      return [shaped(y, shape), ...statistics.map((one) => shaped(wide(one), [batch, groups]))];
    }),
  reference: (data, { inputs: [x], attributes: { groups, epsilon } }) => {
    const { y, mean, variance } = normaliseChannels(data, x, { groups, shared: 2 }, epsilon);
    return [y, mean, variance.map((one) => 1 / Math.sqrt(one + epsilon))];
  },
  gradient: ([dy, dmean, dinverse], { inputs, outputs: [, mean, inverse], attributes: { groups } }, { needs }) => {
    const dvariance = dinverse && mul(dinverse, mul(mul(square(inverse), inverse), -0.5));
    return channelGradient({ inputs, needs, groups, shared: 2, mean, inverse, dy, dmean, dvariance });
  },
  batch: ([x, scale, bias], batched, attributes, size) => {
    // Examples join the batch; a scale or bias of their own is applied outside.
    const own = batched[1] || batched[2];
    const channels = x.shape[batched[0] ? 2 : 1];
    const { dtype } = x;
    const affine = own ? [ones([channels], { dtype }), zeros([channels], { dtype })] : [scale, bias];
    const merged = takeSeat(ensureBatched(x, batched[0], size), [0], 1);
    const [y, ...statistics] = apply(groupNormOperation, [merged, ...affine], attributes).map((one) =>
      leaveSeat(one, [0], size, 1),
    );
    const space = new Array<number>(y.rank - 3).fill(1);
    const beside = (one: Tensor, i: number) => reshape(one, [...(batched[i] ? [size, 1] : []), channels, ...space]);
    return [own ? add(mul(y, beside(scale, 1)), beside(bias, 2)) : y, ...statistics];
  },
  flops: ({ inputs: [x] }) => 10 * x.size,
};

/**
 * Group normalisation: the channels of each example fall into groups, and each group gets mean 0 and variance 1 over its
 * channels and the space; then each channel gets a scale and a bias. It does not depend on the batch.
 *
 *     y = (x − mean) / √(variance + ε) · scale + bias
 *
 * @param x        float[batch, channels, ...space]
 * @param groups   how many; divides the channels. 1 is layer normalisation over channels and space
 * @param scale    float[channels]. Default: none, as if 1
 * @param bias     float[channels]. Default: none, as if 0
 * @param epsilon  added to the variance (the population's). Default 1e-5
 * @returns        shape and dtype of `x`
 * @throws         ShapeError `groupNorm/rank`, `groupNorm/scale`, `groupNorm/bias`, `groupNorm/empty`; SettingError
 *                 `groupNorm/groups`; DTypeError `groupNorm/dtype`
 * @source         Wu & He 2018, arXiv:1803.08494
 * @example
 * groupNorm(x, 8, scale, bias)   // float32[16,64,32,32] with 8 channels a group
 */
export const groupNorm = (
  x: TensorLike,
  groups: number,
  scale?: TensorLike,
  bias?: TensorLike,
  options: { epsilon?: number } = {},
): Tensor => normaliseGroups("groupNorm", asTensor(x), groups, scale, bias, options);

/**
 * Instance normalisation: each channel of each example by itself; `groupNorm` with as many groups as channels.
 *
 * @param x        float[batch, channels, ...space]
 * @param scale    float[channels]. Default: none, as if 1
 * @param bias     float[channels]. Default: none, as if 0
 * @param epsilon  added to the variance (the population's). Default 1e-5
 * @throws         as `groupNorm`, with codes `instanceNorm/…`
 * @source         Ulyanov, Vedaldi & Lempitsky 2016, arXiv:1607.08022
 * @example
 * instanceNorm(x, scale, bias)   // float32[16,64,32,32]
 */
export function instanceNorm(
  x: TensorLike,
  scale?: TensorLike,
  bias?: TensorLike,
  options: { epsilon?: number } = {},
): Tensor {
  const tensor = asTensor(x);
  return normaliseGroups("instanceNorm", tensor, Math.max(1, tensor.shape[1] ?? 1), scale, bias, options);
}

function normaliseGroups(
  name: string,
  x: Tensor,
  groups: number,
  scale: TensorLike | undefined,
  bias: TensorLike | undefined,
  { epsilon = 1e-5 }: { epsilon?: number },
): Tensor {
  expectChannelled(name, x);
  const [, channels, ...space] = x.shape;
  if (!Number.isInteger(groups) || groups < 1 || channels % groups !== 0)
    throw new SettingError(`${name}/groups`, `${channels} channels do not fall into ${groups} equal groups`, {
      operands: { input: x },
      given: groups,
      fix: `give a divisor of ${channels}`,
    });
  if (channels * sizeOf(space) === 0)
    throw new ShapeError(`${name}/empty`, "a group without elements has no mean", { operands: { input: x } });
  return apply(groupNormOperation, [x, ...channelAffine(name, x, scale, bias)], { groups, epsilon })[0];
}
