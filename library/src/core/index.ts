export type { DType, TypedArray } from "./dtype.ts";
export * from "./errors.ts";
export * from "./operations/index.ts";
export * from "./random/index.ts";
export type { Shape } from "./shape.ts";
export { constant, Tensor, type TensorLike } from "./tensor.ts";
export * from "./transforms/index.ts";
export { type Argument, type Concrete, leavesOf, mapTree, type Tree, zipTrees } from "./tree.ts";
export { type NestedArray, Value, value } from "./value.ts";
