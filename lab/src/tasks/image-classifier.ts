import { type Concrete, compile, crossEntropy, maxPool, relu, reshape, split, type Tensor, type Value } from "sluice";
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
import { type Column, rowCount, slice, toFloats } from "../data/column.ts";
import type { LabelledImages } from "../data/image-classes.ts";
import type { Lab } from "../run/lab.ts";
import { train } from "./train.ts";
import { asValue } from "./values.ts";

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
export function cnn({ convolutions, hidden, out }: Cnn, x: Tensor): Tensor {
  let h = x;
  convolutions.forEach((layer, i) => {
    h = relu(convolution(layer, h, { padding: "same" }));
    if (i < convolutions.length - 1) h = maxPool(h, 2);
  });
  return linear(out, relu(linear(hidden, reshape(h, [h.shape[0], -1]))));
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
  const count = rowCount({ images });
  const parts: Value[] = [];
  for (let start = 0; start < count; start += batch) {
    const part = slice({ images }, start, Math.min(count, start + batch)).images;
    parts.push(await run(params as never, asValue(toFloats(part))));
  }
  return Float32Array.from(parts.flatMap((part) => [...part.toFloat64()]));
}

/** The share of images whose highest score is that of their label. */
export function accuracy(logits: Float32Array, labels: ArrayLike<number>): number {
  const classes = logits.length / labels.length;
  const right = Array.from({ length: labels.length }, (_, i) => {
    const scores = logits.subarray(i * classes, (i + 1) * classes);
    return scores.indexOf(Math.max(...scores)) === labels[i];
  });
  return right.filter(Boolean).length / labels.length;
}
