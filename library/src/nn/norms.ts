import {
  layerNorm as normaliseLayer,
  rmsNorm as normaliseRms,
  type Shape,
  type Tensor,
  type TensorLike,
} from "../core/index.ts";
import { ones, zeros } from "../core/operations/range.ts";

/** Parameters of a layer normalisation; a bias may be absent. */
export interface LayerNorm<T = Tensor> {
  readonly scale: T;
  readonly bias?: T;
}

/** Parameters of a root-mean-square normalisation. */
export interface RmsNorm<T = Tensor> {
  readonly scale: T;
}

/** Sizes of the normalised axes, or the size of the last one. */
const sizes = (width: number | Shape): Shape => (typeof width === "number" ? [width] : width);

/** First parameters: scale 1 and bias 0, over the last axis or axes of the given sizes. */
export const initLayerNorm = ({ width, bias = true }: { width: number | Shape; bias?: boolean }): LayerNorm =>
  bias ? { scale: ones(sizes(width)), bias: zeros(sizes(width)) } : { scale: ones(sizes(width)) };

/** First parameters: scale 1, over the last axis or axes of the given sizes. */
export const initRmsNorm = ({ width }: { width: number | Shape }): RmsNorm => ({ scale: ones(sizes(width)) });

const rankOf = (scale: TensorLike): number => (typeof scale === "object" ? scale.shape.length : 1);

/** `layerNorm` of the core over the axes that the scale has. */
export const layerNorm = (
  { scale, bias }: LayerNorm<TensorLike>,
  x: TensorLike,
  { epsilon }: { epsilon?: number } = {},
): Tensor => normaliseLayer(x, scale, bias, { axis: -rankOf(scale), epsilon });

/** `rmsNorm` of the core over the axes that the scale has. */
export const rmsNorm = (
  { scale }: RmsNorm<TensorLike>,
  x: TensorLike,
  { epsilon }: { epsilon?: number } = {},
): Tensor => normaliseRms(x, scale, { axis: -rankOf(scale), epsilon });
