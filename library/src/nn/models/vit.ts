import { ShapeError } from "../../core/errors.ts";
import {
  broadcastTo,
  concat,
  reshape,
  slice,
  split,
  type Tensor,
  type TensorLike,
  transpose,
} from "../../core/index.ts";
import { asTensor } from "../../core/tensor.ts";
import type { AttentionSettings } from "../attention.ts";
import { dropout } from "../dropout.ts";
import type { Embedding } from "../embedding.ts";
import { truncatedNormalOf, zeros } from "../initialisers.ts";
import { initLinear, type Linear, linear } from "../linear.ts";
import type { LayerNorm } from "../norms.ts";
import { addPositions, initPositions } from "../positions.ts";
import { type Block, block, initBlock, initNorm, norm } from "../transformer.ts";

/** Sizes of a vision transformer. */
export interface VitConfig {
  /** Height and width of an image, in pixels. */
  readonly image: readonly [height: number, width: number];
  /** Side of a square patch, in pixels; divides height and width. */
  readonly patch: number;
  /** Colours of a pixel. */
  readonly channels: number;
  readonly classes: number;
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  /** Width inside the feed-forward layers. Default 4 · width. */
  readonly hidden?: number;
  /** Probability of every dropout in training. Default 0. */
  readonly dropout?: number;
}

/** Parameters of a vision transformer. */
export interface Vit<T = Tensor> {
  readonly patches: Linear<T>;
  /** [1, 1, width]: the extra token whose last state is classified. */
  readonly classToken: T;
  readonly positions: Embedding<T>;
  readonly blocks: readonly Block<T>[];
  readonly norm: LayerNorm<T>;
  readonly head: Linear<T>;
}

/** First parameters of a vision transformer: truncated normal of deviation 0.02, zeros for biases and the last layer. */
export function initVit(key: TensorLike, config: VitConfig): Vit {
  const { image, patch, channels, classes, layers, width, hidden = 4 * width } = config;
  const initialiser = truncatedNormalOf(0.02);
  const [patchKey, tokenKey, positionKey, headKey, ...blockKeys] = split(key, 4 + layers);
  const count = (image[0] / patch) * (image[1] / patch);
  return {
    patches: initLinear(patchKey, { in: channels * patch ** 2, out: width, initialiser, biasInitialiser: zeros }),
    classToken: initialiser(tokenKey, [1, 1, width], { in: width, out: width }),
    positions: initPositions(positionKey, { context: 1 + count, width, initialiser }),
    blocks: blockKeys.map((one) => initBlock(one, { width, hidden, initialiser })),
    norm: initNorm("layer", { width }),
    head: initLinear(headKey, { in: width, out: classes, initialiser: zeros, biasInitialiser: zeros }),
  };
}

/**
 * Images cut into square patches, row by row.
 *
 * @param images  float[batch, channels, height, width]
 * @returns       float[batch, patches, channels · patch²]
 * @throws        ShapeError `patches/size`
 */
export function cutIntoPatches(images: TensorLike, patch: number): Tensor {
  const tensor = asTensor(images);
  const [batch, channels, height, width] = tensor.shape;
  if (tensor.rank !== 4 || height % patch !== 0 || width % patch !== 0)
    throw new ShapeError("patches/size", `[${tensor.shape}] does not divide into patches of ${patch} by ${patch}`, {
      operands: { images: tensor },
      fix: "give [batch, channels, height, width], both sides multiples of the patch",
    });
  const [rows, columns] = [height / patch, width / patch];
  const grid = reshape(tensor, [batch, channels, rows, patch, columns, patch]);
  return reshape(transpose(grid, [0, 2, 4, 1, 3, 5]), [batch, rows * columns, channels * patch ** 2]);
}

/**
 * A vision transformer: scores of the classes of images.
 *
 * @param images    float[batch, channels, height, width]
 * @param settings  attention's settings; a `key` makes it training (with dropout)
 * @returns         float[batch, classes]
 * @source          Dosovitskiy et al. 2020, arXiv:2010.11929
 */
export function vit(
  params: Vit<TensorLike>,
  images: TensorLike,
  config: VitConfig,
  settings: Partial<Pick<AttentionSettings, "key" | "mixer" | "normalizer">> = {},
): Tensor {
  const { heads, width, patch, dropout: rate = 0 } = config;
  const [inputKey, ...blockKeys] = settings.key === undefined ? [] : split(settings.key, 1 + params.blocks.length);
  const patches = linear(params.patches, cutIntoPatches(images, patch));
  const token = broadcastTo(params.classToken, [patches.shape[0], 1, width]);
  let x = dropout(inputKey, addPositions(params.positions, concat([token, patches], { axis: 1 })), rate);
  params.blocks.forEach((one, i) => {
    x = block(one, x, { ...settings, key: blockKeys[i], heads, dropout: rate, residualDropout: rate });
  });
  return linear(params.head, norm("layer", params.norm, slice(x, [null, 0])));
}
