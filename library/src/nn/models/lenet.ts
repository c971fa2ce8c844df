import { flatten, maxPool, relu, split, type Tensor, type TensorLike } from "../../core/index.ts";
import { type Convolution, convolution, initConvolution } from "../convolution.ts";
import { kaimingUniform, zeros } from "../initialisers.ts";
import { initMlp, type Mlp, mlp } from "../mlp.ts";

/** Sizes of a small convolutional network. */
export interface LenetConfig {
  /** Height and width of an image, in pixels. */
  readonly image: readonly [height: number, width: number];
  /** Colours of a pixel. Default 1. */
  readonly channels?: number;
  /** Channels after each convolution. Default [6, 16]. */
  readonly filters?: readonly number[];
  /** Side of each kernel, odd. Default 5. */
  readonly kernel?: number;
  /** Widths of the hidden linear layers. Default [120, 84]. */
  readonly hidden?: readonly number[];
  readonly classes: number;
}

/** Parameters of a small convolutional network. */
export interface Lenet<T = Tensor> {
  readonly convolutions: readonly Convolution<T>[];
  readonly classifier: Mlp<T>;
}

/** First parameters of a small convolutional network; biases start at 0. */
export function initLenet(key: TensorLike, config: LenetConfig): Lenet {
  const { image, channels = 1, filters = [6, 16], kernel = 5, hidden = [120, 84], classes } = config;
  const [classifierKey, ...keys] = split(key, 1 + filters.length);
  const space = image.map((size) => filters.reduce((left) => Math.floor(left / 2), size));
  return {
    convolutions: filters.map((out, i) =>
      initConvolution(keys[i], {
        in: i === 0 ? channels : filters[i - 1],
        out,
        kernel: [kernel, kernel],
        initialiser: kaimingUniform(),
        biasInitialiser: zeros,
      }),
    ),
    classifier: initMlp(classifierKey, { sizes: [filters.at(-1)! * space[0] * space[1], ...hidden, classes] }),
  };
}

/**
 * Convolutions that keep the size, each with ReLU and a pooling that halves it, then linear layers: LeNet-5 in today's
 * form.
 *
 * @param images  float[batch, channels, height, width]
 * @returns       scores, float[batch, classes]
 * @source        LeCun, Bottou, Bengio & Haffner 1998, "Gradient-based learning applied to document recognition"; with
 *                ReLU and maxima in place of tanh and means
 */
export function lenet({ convolutions, classifier }: Lenet<TensorLike>, images: TensorLike): Tensor {
  const features = convolutions.reduce<TensorLike>(
    (x, params) => relu(maxPool(convolution(params, x, { padding: "same" }), 2)),
    images,
  );
  return mlp(classifier, flatten(features, 1));
}
