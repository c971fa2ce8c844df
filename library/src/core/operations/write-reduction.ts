import type { GraphBuilder } from "../operation.ts";

/** A Reduce… node; with no axes it is written as "do nothing", which ONNX would otherwise read as "all". */
export const writeReduction = (
  graph: GraphBuilder,
  type: string,
  x: string,
  axes: readonly number[],
  keepDims: boolean,
): string =>
  graph.node(type, [x, graph.integers(axes)], {
    keepdims: keepDims ? 1 : 0,
    noop_with_empty_axes: axes.length ? undefined : 1,
  });
