import {
  type ConvolutionOptions,
  convolution as convolve,
  transposedConvolution as convolveTransposed,
  split,
  type Tensor,
  type TensorLike,
  type TransposedConvolutionOptions,
} from "../core/index.ts";
import { sizeOf } from "../core/shape.ts";
import { fanInUniform, type Initialiser } from "./initialisers.ts";

/** Parameters of a convolution. */
export interface Convolution<T = Tensor> {
  /** [out, in / groups, ...kernel]; for a transposed one [in, out / groups, ...kernel] */
  readonly weight: T;
  /** [out] */
  readonly bias?: T;
}

export interface InitConvolutionOptions {
  /** Channels of the input. */
  readonly in: number;
  /** Channels of the output. */
  readonly out: number;
  /** Size of the kernel along each spatial axis: [5, 5]. */
  readonly kernel: readonly number[];
  /** Default 1. */
  readonly groups?: number;
  /** Default true. */
  readonly bias?: boolean;
  /** For the weight. Default uniform in ±1/√fan.in. */
  readonly initialiser?: Initialiser;
  /** For the bias. Default: as the default of the weight. */
  readonly biasInitialiser?: Initialiser;
}

function initKernel(key: TensorLike, options: InitConvolutionOptions, sides: [number, number]): Convolution {
  const { kernel, groups = 1, bias = true, initialiser = fanInUniform, biasInitialiser = fanInUniform } = options;
  const [weightKey, biasKey] = split(key);
  const fan = { in: (options.in / groups) * sizeOf(kernel), out: (options.out / groups) * sizeOf(kernel) };
  const weight = initialiser(weightKey, [sides[0], sides[1] / groups, ...kernel], fan);
  return bias ? { weight, bias: biasInitialiser(biasKey, [options.out], fan) } : { weight };
}

/** First parameters of a convolution over as many axes as the kernel has. */
export const initConvolution = (key: TensorLike, options: InitConvolutionOptions): Convolution =>
  initKernel(key, options, [options.out, options.in]);

/** First parameters of a transposed convolution over as many axes as the kernel has. */
export const initTransposedConvolution = (key: TensorLike, options: InitConvolutionOptions): Convolution =>
  initKernel(key, options, [options.in, options.out]);

/** `convolution` of the core with these parameters: float[batch, in, ...space] to float[batch, out, ...space']. */
export const convolution = (
  { weight, bias }: Convolution<TensorLike>,
  x: TensorLike,
  options?: ConvolutionOptions,
): Tensor => convolve(x, weight, bias, options);

/** `transposedConvolution` of the core with these parameters. */
export const transposedConvolution = (
  { weight, bias }: Convolution<TensorLike>,
  x: TensorLike,
  options?: TransposedConvolutionOptions,
): Tensor => convolveTransposed(x, weight, bias, options);
