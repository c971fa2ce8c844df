import { matmul, split, type Tensor, type TensorLike } from "../../core/index.ts";
import { asTensor } from "../../core/tensor.ts";
import type { AttentionSettings } from "../attention.ts";
import { dropout } from "../dropout.ts";
import { type Embedding, embedding, initEmbedding } from "../embedding.ts";
import { normalOf } from "../initialisers.ts";
import { initLinear, type Linear, linear } from "../linear.ts";
import type { LayerNorm } from "../norms.ts";
import { addPositions, alibi, initPositions, sinusoidalPositions } from "../positions.ts";
import { type Activation, type Block, block, initBlock, initNorm, type NormKind, norm } from "../transformer.ts";

/** Sizes and kinds of a GPT. */
export interface GptConfig {
  /** Number of different tokens. */
  readonly vocabulary: number;
  /** Longest input, in tokens (a limit for learned positions only). */
  readonly context: number;
  readonly layers: number;
  readonly heads: number;
  /** Size of the vector of each token; a multiple of `heads`. */
  readonly width: number;
  /** Width inside the feed-forward layers. Default 4 · width. */
  readonly hidden?: number;
  /** Default "learned". */
  readonly positions?: "learned" | "sinusoidal" | "rotary" | "alibi" | "none";
  /** Default "layer". */
  readonly norm?: NormKind;
  /** Default "gelu". */
  readonly activation?: Activation;
  /** Whether feed-forward layers are gated (with "silu": SwiGLU). Default false. */
  readonly gated?: boolean;
  /** Whether linear layers and norms have biases. Default true. */
  readonly bias?: boolean;
  /** Whether the output layer is the transposed embedding. Default true. */
  readonly tied?: boolean;
  /** Probability of every dropout in training. Default 0. */
  readonly dropout?: number;
}

/** Parameters of a GPT. */
export interface Gpt<T = Tensor> {
  readonly tokens: Embedding<T>;
  readonly positions?: Embedding<T>;
  readonly blocks: readonly Block<T>[];
  readonly norm: LayerNorm<T>;
  /** Absent when tied. */
  readonly head?: Linear<T>;
}

/**
 * First parameters of a GPT: normal of deviation 0.02, and 0.02/√(2·layers) for what adds to the residual stream.
 *
 * @source Radford et al. 2019, "Language models are unsupervised multitask learners", section 2.3
 */
export function initGpt(key: TensorLike, config: GptConfig): Gpt {
  const { vocabulary, context, layers, width, hidden = 4 * width, positions = "learned", tied = true } = config;
  const initialiser = normalOf(0.02);
  const outInitialiser = normalOf(0.02 / Math.sqrt(2 * layers));
  const [tokenKey, positionKey, headKey, ...blockKeys] = split(key, 3 + layers);
  return {
    tokens: initEmbedding(tokenKey, { entries: vocabulary, width, initialiser }),
    ...(positions === "learned" ? { positions: initPositions(positionKey, { context, width }) } : {}),
    blocks: blockKeys.map((one) => initBlock(one, { ...config, hidden, initialiser, outInitialiser })),
    norm: initNorm(config.norm ?? "layer", config),
    ...(tied ? {} : { head: initLinear(headKey, { in: width, out: vocabulary, bias: false, initialiser }) }),
  };
}

/** What changes from call to call: attention's settings, and the key that makes it training (with dropout). */
export type GptSettings = Partial<Pick<AttentionSettings, "key" | "mask" | "mixer" | "normalizer">>;

/**
 * A causal language model: for each time, scores of the next token.
 *
 * @param tokens  int32 or int64 [batch, time]
 * @returns       float32[batch, time, vocabulary]
 * @source        Radford et al. 2019
 * @example
 * const loss = (params: Gpt, x: Tensor, y: Tensor) => crossEntropy(gpt(params, x, config), y);
 */
export function gpt(
  params: Gpt<TensorLike>,
  tokens: TensorLike,
  config: GptConfig,
  settings: GptSettings = {},
): Tensor {
  const { heads, width, positions = "learned", norm: kind = "layer", activation, dropout: rate = 0 } = config;
  const ids = asTensor(tokens);
  const time = ids.shape.at(-1)!;
  const [embeddingKey, ...blockKeys] = settings.key === undefined ? [] : split(settings.key, 1 + params.blocks.length);
  let x = embedding(params.tokens, ids);
  if (params.positions !== undefined) x = addPositions(params.positions, x);
  if (positions === "sinusoidal") x = addPositions({ weight: sinusoidalPositions(time, width) }, x);
  x = dropout(embeddingKey, x, rate);
  params.blocks.forEach((one, i) => {
    x = block(one, x, {
      ...settings,
      key: blockKeys[i],
      heads,
      causal: true,
      rotary: positions === "rotary",
      bias: positions === "alibi" ? alibi(heads, time) : undefined,
      norm: kind,
      activation,
      dropout: rate,
      residualDropout: rate,
    });
  });
  x = norm(kind, params.norm, x);
  return params.head ? linear(params.head, x) : matmul(x, params.tokens.weight, { transposeB: true });
}
