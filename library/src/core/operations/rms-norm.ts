import type { DType } from "../dtype.ts";
import type { GraphBuilder, Operation } from "../operation.ts";
import { range, sizeOf } from "../shape.ts";
import { apply, asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { ensureBatched, normaliseAxis } from "./define.ts";
import {
  inferNormalisation,
  type NormalisationAttributes,
  normalisationGradient,
  normaliseReference,
  scaleAndShift,
  writeNormalisation,
} from "./normalisation.ts";
import { writeReduction } from "./write-reduction.ts";

// Inputs: x, and possibly scale. Outputs: y, and 1/√(mean square + ε) for the gradient.
const rmsNormOperation: Operation<NormalisationAttributes> = {
  name: "rmsNorm",
  infer: (inputs, attributes) => inferNormalisation("rmsNorm", inputs, attributes, 1),
  emit: (graph, names, { inputs: [{ shape, dtype }], attributes: { axis, epsilon } }) =>
    writeNormalisation(graph, names, shape.slice(axis), dtype, (inputs, kernel) =>
      // ONNX Runtime's own operator also gives the statistic, which the standard's RMSNormalization does not; over
      // several axes it expects another shape of the statistic than it gives.
      graph.contributed && axis === shape.length - 1
        ? graph.nodes("SimplifiedLayerNormalization", inputs, {
            outputs: 2,
            attributes: { axis, epsilon: { float: epsilon } },
          })
        : writeComposed(graph, inputs, kernel, range(shape.length).slice(axis), epsilon),
    ),
  reference: (inputs, { inputs: [{ shape }], attributes: { axis, epsilon } }) => {
    const { y, inverse } = normaliseReference(inputs, sizeOf(shape.slice(axis)), (group) => {
      const meanSquare = group.reduce((total, x) => total + x * x, 0) / group.length;
      return { centre: 0, inverse: 1 / Math.sqrt(meanSquare + epsilon) };
    });
    return [y, inverse];
  },
  gradient: ([dy, dinverse], { inputs, outputs: [, inverse], attributes: { axis } }, { needs }) =>
    normalisationGradient({ inputs, axis, needs, inverse, dy, dinverse }),
  batch: (inputs, batched, { axis, epsilon }, size) => {
    const [y, inverse] = apply(rmsNormOperation, batched[1] ? inputs.slice(0, 1) : inputs, {
      axis: batched[0] ? axis + 1 : axis,
      epsilon,
    });
    return [batched[1] ? scaleAndShift([y, inputs[1]], batched) : y, ensureBatched(inverse, batched[0], size)];
  },
  flops: ({ inputs: [x] }) => 5 * x.size,
};

function writeComposed(
  graph: GraphBuilder,
  [x, scale]: readonly string[],
  dtype: DType,
  axes: readonly number[],
  epsilon: number,
): string[] {
  const meanSquare = writeReduction(graph, "ReduceMean", graph.node("Mul", [x, x]), axes, true);
  const root = graph.node("Sqrt", [graph.node("Add", [meanSquare, graph.scalar(epsilon, dtype)])]);
  const inverse = graph.node("Reciprocal", [root]);
  return [graph.node("Mul", [graph.node("Mul", [x, inverse]), scale]), inverse];
}

/**
 * Root-mean-square normalisation: each group of elements (all of the last axes, from `axis` on) is divided by the root
 * of its mean square. Layer normalisation without taking out the mean.
 *
 *     y = x / √(mean(x²) + ε) · scale
 *
 * @param x        float[...]
 * @param scale    the shape of the normalised axes. Default: none, as if 1
 * @param axis     first of the normalised axes. Default −1: only the last
 * @param epsilon  added to the mean square. Default 1e-5
 * @returns        shape and dtype of `x`
 * @throws         ShapeError `rmsNorm/scale`, `rmsNorm/empty`, `rmsNorm/axis-out-of-range`; DTypeError `rmsNorm/dtype`
 * @source         Zhang & Sennrich 2019, arXiv:1910.07467
 * @example
 * rmsNorm(value([3, 4]), undefined, { epsilon: 0 })   // [0.8485, 1.1314]
 */
export function rmsNorm(
  x: TensorLike,
  scale?: TensorLike,
  { axis = -1, epsilon = 1e-5 }: { axis?: number; epsilon?: number } = {},
): Tensor {
  const tensor = asTensor(x);
  const inputs = scale === undefined ? [tensor] : [tensor, asTensor(scale, tensor.dtype)];
  return apply(rmsNormOperation, inputs, { axis: normaliseAxis("rmsNorm", tensor, axis), epsilon })[0];
}
