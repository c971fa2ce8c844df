import type { Operation } from "../operation.ts";
import { sizeOf } from "../shape.ts";
import { apply, asTensor, scalar, type Tensor, type TensorLike } from "../tensor.ts";
import { broadcastTo } from "./broadcast.ts";
import { ensureBatched, normaliseAxis } from "./define.ts";
import {
  inferNormalisation,
  type NormalisationAttributes,
  normalisationGradient,
  normaliseReference,
  scaleAndShift,
  writeNormalisation,
} from "./normalisation.ts";

// Inputs: x, and then scale, or scale and bias. Outputs: y, and mean and 1/√(variance + ε) for the gradient.
const layerNormOperation: Operation<NormalisationAttributes> = {
  name: "layerNorm",
  infer: (inputs, attributes) => inferNormalisation("layerNorm", inputs, attributes, 2),
  emit: (graph, names, { inputs: [{ shape, dtype }], attributes: { axis, epsilon } }) =>
    writeNormalisation(graph, names, shape.slice(axis), dtype, (inputs) =>
      graph.nodes("LayerNormalization", inputs, {
        outputs: 3,
        attributes: { axis, epsilon: { float: epsilon } },
      }),
    ),
  reference: (inputs, { inputs: [{ shape }], attributes: { axis, epsilon } }) => {
    const { y, centre, inverse } = normaliseReference(inputs, sizeOf(shape.slice(axis)), (group) => {
      const mean = group.reduce((a, b) => a + b, 0) / group.length;
      const variance = group.reduce((total, x) => total + (x - mean) ** 2, 0) / group.length;
      return { centre: mean, inverse: 1 / Math.sqrt(variance + epsilon) };
    });
    return [y, centre, inverse];
  },
  gradient: ([dy, dcentre, dinverse], { inputs, outputs: [, centre, inverse], attributes: { axis } }, { needs }) =>
    normalisationGradient({ inputs, axis, needs, centre, inverse, dy, dcentre, dinverse }),
  batch: (inputs, batched, { axis, epsilon }, size) => {
    const fused = !batched[1] && !batched[2];
    const [y, ...statistics] = apply(layerNormOperation, fused ? inputs : inputs.slice(0, 1), {
      axis: batched[0] ? axis + 1 : axis,
      epsilon,
    });
    return [
      fused ? y : scaleAndShift([y, ...inputs.slice(1)], batched),
      ...statistics.map((one) => ensureBatched(one, batched[0], size)),
    ];
  },
  flops: ({ inputs: [x] }) => 8 * x.size,
};

/**
 * Layer normalisation: each group of elements (all of the last axes, from `axis` on) gets mean 0 and variance 1, then an
 * optional scale and bias of its own for each element of a group.
 *
 *     y = (x − mean) / √(variance + ε) · scale + bias
 *
 * @param x        float[...]
 * @param scale    the shape of the normalised axes. Default: none, as if 1
 * @param bias     the shape of the normalised axes. Default: none, as if 0
 * @param axis     first of the normalised axes. Default −1: only the last
 * @param epsilon  added to the variance (the population's). Default 1e-5
 * @returns        shape and dtype of `x`
 * @throws         ShapeError `layerNorm/scale`, `layerNorm/bias`, `layerNorm/empty`, `layerNorm/axis-out-of-range`;
 *                 DTypeError `layerNorm/dtype`
 * @source         Ba, Kiros & Hinton 2016, arXiv:1607.06450
 * @example
 * layerNorm(value([1, 3]), undefined, undefined, { epsilon: 0 })   // [-1, 1]
 */
export function layerNorm(
  x: TensorLike,
  scale?: TensorLike,
  bias?: TensorLike,
  { axis = -1, epsilon = 1e-5 }: { axis?: number; epsilon?: number } = {},
): Tensor {
  const tensor = asTensor(x);
  const first = normaliseAxis("layerNorm", tensor, axis);
  const affine = [scale, bias].map((one) => (one === undefined ? undefined : asTensor(one, tensor.dtype)));
  if (affine[1] !== undefined) affine[0] ??= broadcastTo(scalar(1, tensor.dtype), affine[1].shape);
  const inputs = [tensor, ...affine].filter((one) => one !== undefined);
  return apply(layerNormOperation, inputs, { axis: first, epsilon })[0];
}
