import { type Concrete, compile, crossEntropy, split, type Tensor, type Value } from "sluice";
import { attentionWith } from "sluice/methods/attention/functional";
import {
  adamW,
  type Gpt,
  type GptConfig,
  type GptSettings,
  gpt,
  initBlock,
  initEmbedding,
  initGpt,
  initLinear,
  initNorm,
  type Normalizer,
  type Rate,
} from "sluice/nn";
import type { Column } from "../data/column.ts";
import type { Lab } from "../run/lab.ts";
import { train } from "./train.ts";
import { asValue, asValues } from "./values.ts";

/** Tokens, and for each of them the token that is to be predicted there; −1 where nothing is asked. */
export type TokenBatch = Readonly<Record<"x" | "y", Column<Int32Array>>>;

/** A language model: its sizes, and what makes it differ from an ordinary GPT. */
export interface LanguageModel {
  readonly config: GptConfig;
  /** What makes attention weights of scores. Default: softmax. */
  readonly normalizer?: Normalizer;
  /** First parameters. Default: those of GPT-2, small throughout; `initByLayer` is the other custom. */
  readonly init?: (key: Tensor, config: GptConfig) => Gpt;
}

/**
 * First parameters of a GPT as each of its layers would have them by itself: matrices uniform in ±1/√(inputs), embeddings
 * normal of deviation 1, an output layer of its own. Attention then starts with scores of the order of 1.
 */
export function initByLayer(key: Tensor, config: GptConfig): Gpt {
  const { vocabulary, context, layers, width, hidden = 4 * width } = config;
  const [tokenKey, positionKey, headKey, ...blockKeys] = split(key, 3 + layers);
  return {
    tokens: initEmbedding(tokenKey, { entries: vocabulary, width }),
    positions: initEmbedding(positionKey, { entries: context, width }),
    blocks: blockKeys.map((one) => initBlock(one, { ...config, hidden })),
    norm: initNorm(config.norm ?? "layer", config),
    head: initLinear(headKey, { in: width, out: vocabulary, bias: false }),
  };
}

export interface LanguageModelTraining {
  readonly steps: number;
  readonly batches: (start: number) => Iterable<TokenBatch>;
  readonly lr: Rate;
  /** Default 0.01. */
  readonly weightDecay?: number;
  /** Largest global norm of the gradient. Default: any. */
  readonly clip?: number;
}

/** The cross-entropy of the predictions that are asked for, nats a token. */
const lossOf = (model: LanguageModel, params: Gpt, { x, y }: Readonly<Record<"x" | "y", Tensor>>): Tensor =>
  crossEntropy(gpt(params, x, model.config, settingsOf(model)), y, { ignore: -1 });

const settingsOf = ({ normalizer }: LanguageModel): GptSettings => (normalizer ? { normalizer } : {});

/** Trains a language model with AdamW. */
export const trainLanguageModel = (
  lab: Lab,
  name: string,
  model: LanguageModel,
  { steps, batches, lr, weightDecay, clip }: LanguageModelTraining,
): Promise<Concrete<Gpt>> =>
  train(lab, name, {
    init: (random) => (model.init ?? initGpt)(random, model.config),
    loss: (params, batch) => lossOf(model, params, batch),
    optimizer: adamW({ lr, weightDecay }),
    ...{ steps, batches, clip },
  });

/** The mean loss over batches of one size, nats a token. */
export async function languageModelLoss(
  model: LanguageModel,
  params: Concrete<Gpt>,
  batches: Iterable<TokenBatch>,
): Promise<number> {
  const program = compile((given: Gpt, batch: Record<"x" | "y", Tensor>) => lossOf(model, given, batch));
  let [total, count] = [0, 0];
  for (const batch of batches) {
    total += (await program(params, asValues(batch))).item();
    count++;
  }
  return total / count;
}

/** The scores of the next token at every place of `x`, float32[batch, time, vocabulary]. */
export function predict(model: LanguageModel, params: Concrete<Gpt>, x: Column<Int32Array>): Promise<Value> {
  return compile((given: Gpt, tokens: Tensor) => gpt(given, tokens, model.config, settingsOf(model)))(
    params,
    asValue(x),
  );
}

/** What attention does in one layer. */
export interface AttentionTap<T = Tensor> {
  /** float[batch, heads, time, time] */
  readonly weights: T;
  /** float[batch, heads, time, width of a head] */
  readonly values: T;
}

/**
 * Runs a language model, and looks at its attention: `read` gets the weights and values of every layer, inside the program.
 *
 * @param x  tokens
 */
export async function readAttention<Y>(
  model: LanguageModel,
  params: Concrete<Gpt>,
  x: Column<Int32Array>,
  read: (layers: readonly AttentionTap[]) => Y,
): Promise<Concrete<Y>> {
  const program = compile((given: Gpt, tokens: Tensor) => {
    const layers: AttentionTap[] = [];
    gpt(given, tokens, model.config, {
      mixer(query, key, values) {
        const { out, weights } = attentionWith(query, key, values, model.normalizer, { causal: true });
        layers.push({ weights, values });
        return out;
      },
    });
    return read(layers);
  });
  return program(params, asValue(x)) as Promise<Concrete<Y>>;
}

/** Sequences as inputs and, one place on, what is to be predicted. */
export function nextTokens({ data, shape: [count, length] }: Column<Int32Array>): TokenBatch {
  const shape = [count, length - 1];
  const x = new Int32Array(count * (length - 1));
  const y = new Int32Array(x.length);
  for (let row = 0; row < count; row++) {
    const sequence = data.subarray(row * length, (row + 1) * length);
    x.set(sequence.subarray(0, -1), row * (length - 1));
    y.set(sequence.subarray(1), row * (length - 1));
  }
  return { x: { data: x, shape }, y: { data: y, shape } };
}
