import { categorical, compile, crossEntropy, evaluate, key, randomIntegers, slice, type Tensor, Value } from "sluice";
import { adamW, cosineSchedule, type Gpt, type GptConfig, gpt, initGpt, train, warmUp } from "sluice/nn";
import { exportOnnx } from "sluice/onnx";
import type { NormalizerId } from "../../playground/normalizer-list.ts";
import { normalizerOf } from "../normalizers.ts";
import type { TaskContext } from "../protocol.ts";
import { describeProvider, type PageProvider, runtimeReady } from "../runtime.ts";

export interface TextInput {
  readonly text: string;
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  /** Characters that the model sees, and learns from, at once. */
  readonly context: number;
  readonly batch: number;
  readonly steps: number;
  readonly lr: number;
  readonly normalizer: NormalizerId;
  readonly provider: PageProvider;
}

export interface TrainProgress {
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  /** Steps a second since the first, which compiles. */
  readonly speed: number;
  /** What the model writes now. */
  readonly sample?: string;
}

export interface TextResult {
  readonly losses: readonly number[];
  readonly sample: string;
  /** Nats a character on the last tenth of the text, which was not trained on. */
  readonly unseen: number;
  readonly parameters: number;
  readonly provider: string;
}

interface Trained {
  readonly params: Gpt<Value>;
  readonly config: GptConfig;
  readonly alphabet: readonly string[];
  readonly normalizer: NormalizerId;
}

let trained: Trained | undefined;
const settings = { alpha: 1.5, temperature: 1 };

/** Trains a GPT on the characters of a text. Cancelled, it ends with what it has. */
export async function trainText(input: TextInput, { signal, report, pause }: TaskContext): Promise<TextResult> {
  const { text, context, batch: rows, steps, lr, normalizer: id, provider } = input;
  const alphabet = [...new Set(text)].sort();
  const tokens = Int32Array.from([...text], (character) => alphabet.indexOf(character));
  const seen = Math.floor(0.9 * tokens.length);
  if (tokens.length - seen < context + 2)
    throw new Error(
      `The text has ${tokens.length} characters; a context of ${context} needs at least ${10 * (context + 3)}.`,
    );
  await runtimeReady();
  const config: GptConfig = { ...input, vocabulary: alphabet.length, positions: "rotary" };
  const normalizer = id === "softmax" ? undefined : normalizerOf(id, settings);
  const logits = (params: Gpt, x: Tensor) => gpt(params, x, config, { normalizer });
  const loss = (params: Gpt, [x, y]: Tensor[]) => crossEntropy(logits(params, x), y);
  const matrix = (list: ArrayLike<number>) => new Value(Int32Array.from(list), [list.length / context, context]);
  const batch = async (seed: number, from: number, to: number): Promise<Value[]> => {
    const places = await evaluate(randomIntegers(key(seed), [rows], from, to - context - 1), { executor: "reference" });
    const starts = [...places.toFloat64()];
    return [0, 1].map((shift) =>
      matrix(starts.flatMap((at) => [...tokens.subarray(at + shift, at + shift + context)])),
    );
  };

  const next = compile(
    (params: Gpt, x: Tensor, random: Tensor) => categorical(random, slice(logits(params, x), [0, -1])),
    { provider },
  );
  const write = async (params: Gpt<Value>, length: number): Promise<string> => {
    const written = [...tokens.subarray(seen, seen + context)];
    for (let i = 0; i < length && !signal.aborted; i++) {
      written.push((await next(params, matrix(written.slice(-context)), key(i))).item());
      await pause();
    }
    return written
      .slice(context)
      .map((token) => alphabet[token])
      .join("");
  };

  const params = await evaluate(initGpt(key(1), config), { executor: "reference" });
  let first = 0;
  const result = await train({
    params,
    loss,
    optimizer: adamW({ lr: warmUp(Math.min(50, steps / 5), cosineSchedule(lr, steps)), beta2: 0.99, weightDecay: 0.1 }),
    batches: async (step) => {
      await pause();
      return batch(step, 0, seen);
    },
    steps,
    clip: 1,
    signal,
    compile: { provider },
    onStep: ({ step, loss: now, seconds }) => {
      if (step === 1) first = seconds;
      report({ step, steps, loss: now, speed: step > 1 ? (step - 1) / (seconds - first) : 0 } satisfies TrainProgress);
    },
  });
  trained = { params: result.params as Gpt<Value>, config, alphabet, normalizer: id };
  const unseen = (await compile(loss, { provider })(trained.params, await batch(steps, seen, tokens.length))).item();
  return {
    losses: result.losses,
    sample: await write(trained.params, 240),
    unseen,
    parameters: countOf(trained.params),
    provider: describeProvider(provider),
  };
}

/** The trained GPT as an ONNX file: tokens int32[1, context] in, scores of the next character out. */
export async function exportText(): Promise<Uint8Array<ArrayBuffer>> {
  if (trained === undefined) throw new Error("Nothing is trained yet.");
  const { params, config, alphabet, normalizer } = trained;
  const program = compile(
    (tokens: Tensor) => ({ logits: gpt(params, tokens, config, { normalizer: normalizerOf(normalizer, settings) }) }),
    { names: ["tokens"] },
  );
  const example = new Value(new Int32Array(config.context), [1, config.context]);
  return exportOnnx(program, [example], { metadata: { alphabet: JSON.stringify(alphabet) } });
}

const countOf = (tree: unknown): number =>
  tree instanceof Value
    ? tree.size
    : Object.values(tree as object).reduce((total: number, branch) => total + countOf(branch), 0);
