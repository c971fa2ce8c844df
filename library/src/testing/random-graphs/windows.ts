import * as operations from "../../core/operations/index.ts";
import { range } from "../../core/shape.ts";
import type { Tensor } from "../../core/tensor.ts";
import { distinct, type GrowingGraph, type Grown, type Maker } from "./growing.ts";

/** Sizes of one or two spatial axes and of windows on them. */
function window({ dice }: GrowingGraph) {
  const rank = dice.between(1, 2);
  return { space: range(rank).map(() => dice.between(3, 4)), kernel: range(rank).map(() => dice.between(1, 2)) };
}

const convolution: Maker = (graph) => {
  const { dice } = graph;
  const { space, kernel } = window(graph);
  const groups = dice.between(1, 2);
  const options = { groups, stride: dice.between(1, 2), padding: dice.pick(["valid", "same", 1] as const) };
  return {
    of: [graph.like([1, groups, ...space]), graph.like([2 * groups, 1, ...kernel]), graph.like([2 * groups])],
    make: (x, weight, bias) => operations.convolution(x, weight, bias, options),
    settings: options,
  };
};

const transposedConvolution: Maker = (graph) => {
  const { space, kernel } = window(graph);
  const groups = graph.dice.between(1, 2);
  const options = { groups, stride: graph.dice.between(1, 2) };
  return {
    of: [graph.like([1, groups, ...space.map((size) => size - 1)]), graph.like([groups, 1, ...kernel])],
    make: (x, weight) => operations.transposedConvolution(x, weight, undefined, options),
    settings: options,
  };
};

interface Pooling {
  readonly size: readonly number[];
  readonly options: operations.WindowOptions;
  readonly shape: readonly number[];
}

/** Something made of the windows of an image or a signal of two channels. */
const pooling =
  (make: (x: Tensor, given: Pooling) => Tensor | readonly Tensor[], safe: (x: Grown) => boolean = () => true): Maker =>
  (graph) => {
    const { space, kernel: size } = window(graph);
    const shape = [1, 2, ...space];
    const options = { stride: graph.dice.between(1, 2) };
    const x = graph.like(shape);
    const settings = { size, options };
    return safe(x) ? { of: [x], make: (t) => make(t, { ...settings, shape }), settings } : undefined;
  };

const different = ({ data }: Grown): boolean => distinct(data);

/** Steps over windows of spatial axes. */
export const windowSteps: Record<string, Maker> = {
  convolution,
  transposedConvolution,
  maxPool: pooling((x, { size, options }) => operations.maxPool(x, size, options), different),
  maxPoolWithIndices: pooling(
    (x, { size, options }) => Object.values(operations.maxPoolWithIndices(x, size, options)),
    different,
  ),
  maxUnpool: pooling((x, { size, options, shape }) => {
    const { values, indices } = operations.maxPoolWithIndices(x, size, options);
    return operations.maxUnpool(values, indices, shape);
  }, different),
  globalMaxPool: pooling((x) => operations.globalMaxPool(x), different),
  averagePool: pooling((x, { size, options }) => operations.averagePool(x, size, options)),
  globalAveragePool: pooling((x) => operations.globalAveragePool(x, { keepDims: true })),
  unfold: pooling((x, { size, options }) => operations.unfold(x, size, options)),
  fold: pooling((x, { size, options, shape }) =>
    operations.fold(operations.unfold(x, size, options), shape.slice(2), size, options),
  ),
  resize: (graph) => {
    const { space } = window(graph);
    const sizes = space.map(() => graph.dice.between(1, 5));
    const options = {
      mode: graph.dice.pick(["linear", "nearest"] as const),
      coordinates: graph.dice.pick(["half-pixel", "align-corners", "asymmetric"] as const),
    };
    const x = graph.like([1, 2, ...space]);
    return { of: [x], make: (t) => operations.resize(t, sizes, options), settings: { sizes, ...options } };
  },
};
