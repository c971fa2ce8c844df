export * from "./control-flow/index.ts";
export type { DType, TypedArray } from "./dtype.ts";
export * from "./errors.ts";
export * from "./linear-algebra/index.ts";
export * from "./operations/index.ts";
export type { CodeType, Quantized, QuantizedAs, ScaleOptions } from "./operations/quantized/codes.ts";
export {
  type PackedBits,
  type PackedWeight,
  type PackOptions,
  packWeight,
} from "./operations/quantized/pack-weight.ts";
export * from "./random/index.ts";
export type { Shape } from "./shape.ts";
export { constant, Tensor, type TensorLike } from "./tensor.ts";
export * from "./transforms/index.ts";
export { type Argument, type Concrete, leavesOf, mapTree, type Symbolic, type Tree, zipTrees } from "./tree.ts";
export { type NestedArray, Value, value } from "./value.ts";
