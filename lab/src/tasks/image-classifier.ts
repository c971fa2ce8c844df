import { type Concrete, compile, crossEntropy, maxPool, relu, reshape, split, type Tensor } from "sluice";
import {
  adam,
  type Convolution,
  convolution,
  cosineSchedule,
  initConvolution,
  initialisers,
  initLinear,
  type Linear,
  linear,
} from "sluice/nn";
import { batches } from "../data/batches.ts";
import type { Column } from "../data/column.ts";
import type { LabelledImages } from "../data/image-classes.ts";
import type { Lab } from "../run/lab.ts";
import { inBatches } from "./in-batches.ts";
import { train } from "./train.ts";

/** Parameters of a small convolutional net. */
export interface Cnn<T = Tensor> {
  readonly convolutions: readonly Convolution<T>[];
  readonly hidden: Linear<T>;
  readonly out: Linear<T>;
}

export interface CnnConfig {
  /** Channels of the input. */
  readonly channels: number;
  /** Height and width of the input; halved by each pooling. */
  readonly size: number;
  /** Channels after each convolution; a pooling stands after all but the last. */
  readonly widths: readonly number[];
  readonly hidden: number;
  readonly classes: number;
}

/** 28×28 grey images in ten classes: about 90 % of `fashion` and 99 % of `mnist` after 1,000 steps. */
export const greyCnn: CnnConfig = { channels: 1, size: 28, widths: [32, 64, 64], hidden: 128, classes: 10 };

/** First parameters: Kaiming-normal, for rectifiers. */
export function initCnn(key: Tensor, { channels, size, widths, hidden, classes }: CnnConfig): Cnn {
  const initialiser = initialisers.kaimingNormal();
  const [hiddenKey, outKey, ...keys] = split(key, 2 + widths.length);
  const side = size >> (widths.length - 1);
  return {
    convolutions: widths.map((out, i) =>
      initConvolution(keys[i], {
        in: widths[i - 1] ?? channels,
        out,
        kernel: [3, 3],
        initialiser,
        biasInitialiser: initialisers.zeros,
      }),
    ),
    hidden: initLinear(hiddenKey, {
      in: widths.at(-1)! * side * side,
      out: hidden,
      initialiser,
      biasInitialiser: initialisers.zeros,
    }),
    out: initLinear(outKey, { in: hidden, out: classes }),
  };
}

/**
 * Scores of the classes: 3×3 convolutions with rectifiers, 2×2 poolings between them, a hidden layer.
 *
 * @param x  float32[batch, channels, size, size]
 * @returns  float32[batch, classes]
 */
export const cnn = (net: Cnn, x: Tensor): Tensor => cnnLayers(net, x).logits;

/**
 * Scores of the classes, with what the layers made of the input on the way.
 *
 * @returns logits; maps, float32[batch, width, size, size] behind each convolution and its rectifier, before pooling;
 *          hidden, float32[batch, hidden] behind the rectifier
 */
export function cnnLayers(
  { convolutions, hidden, out }: Cnn,
  x: Tensor,
): { logits: Tensor; maps: readonly Tensor[]; hidden: Tensor } {
  const maps: Tensor[] = [];
  for (const layer of convolutions) {
    const previous = maps.at(-1);
    maps.push(relu(convolution(layer, previous ? maxPool(previous, 2) : x, { padding: "same" })));
  }
  const last = relu(linear(hidden, reshape(maps.at(-1)!, [x.shape[0], -1])));
  return { logits: linear(out, last), maps, hidden: last };
}

/** Trains a net with Adam and a cosine from `lr` down to 0. */
export const trainCnn = (
  lab: Lab,
  name: string,
  config: CnnConfig,
  images: LabelledImages,
  { steps, lr, batch }: { readonly steps: number; readonly lr: number; readonly batch: number },
): Promise<Concrete<Cnn>> =>
  train(lab, name, {
    init: (random) => initCnn(random, config),
    loss: (params, { x, y }) => crossEntropy(cnn(params, x), y),
    optimizer: adam({ lr: cosineSchedule(lr, steps) }),
    steps,
    batches: (start) => batches(images, { batch, seed: lab.seed, start, steps }),
  });

const run = compile((params: Cnn, x: Tensor) => cnn(params, x));

/** Scores of the classes for many images, `batch` at a time. */
export async function logitsOf(params: Concrete<Cnn>, images: Column, batch = 250): Promise<Float32Array> {
  const logits = await inBatches(images, batch, (x) => run(params as never, x));
  return logits.data as Float32Array;
}

/** Whether the highest score of each image is that of its label. */
export function correct(logits: Float32Array, labels: ArrayLike<number>): boolean[] {
  const classes = logits.length / labels.length;
  return Array.from({ length: labels.length }, (_, i) => {
    const scores = logits.subarray(i * classes, (i + 1) * classes);
    return scores.indexOf(Math.max(...scores)) === labels[i];
  });
}

/** The share of images whose highest score is that of their label. */
export const accuracy = (logits: Float32Array, labels: ArrayLike<number>): number =>
  correct(logits, labels).filter(Boolean).length / labels.length;
