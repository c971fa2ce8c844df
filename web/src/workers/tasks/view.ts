import {
  abs,
  compile,
  crossEntropy,
  div,
  gather,
  max,
  mul,
  type Program,
  reshape,
  slice,
  sliceAxis,
  softmax,
  stack,
  sum,
  type Tensor,
  Value,
} from "sluice";
import { attentionToFirst } from "sluice/methods/attention/probes";
import type { Gpt } from "sluice/nn";
import modelUrl from "../../assets/viewer-model.safetensors?url";
import type { NormalizerId } from "../../playground/normalizer-list.ts";
import { type NormalizerSettings, normalizerOf } from "../normalizers.ts";
import { runtimeReady } from "../runtime.ts";
import { readViewerModel, runViewerModel, startToken, type ViewerModel, viewerConfig } from "../viewer-model.ts";

export interface ViewInput extends NormalizerSettings {
  readonly text: string;
  readonly normalizer: NormalizerId;
}

export interface View {
  /** What each place holds: the start, then characters. */
  readonly characters: readonly string[];
  readonly layers: number;
  readonly heads: number;
  /** Of each layer and head, a matrix queries × keys of `characters.length`². */
  readonly weights: readonly Float32Array[];
  /** Mean weight on the start, of each layer and head. */
  readonly toFirst: readonly number[];
  /** The largest |activation| of the residual stream: after the embedding and each layer (rows), at each place (columns). */
  readonly largest: Float32Array;
  /** Nats a character on this text; undefined for less than two characters. */
  readonly loss: number | undefined;
  /** The most probable next characters. */
  readonly next: readonly { readonly character: string; readonly probability: number }[];
}

const { context, layers, heads } = viewerConfig;
let loaded: Promise<ViewerModel> | undefined;

/** The character model, fetched once. */
export function viewerModel(): Promise<ViewerModel> {
  loaded ??= (async () => {
    const response = await fetch(modelUrl);
    if (!response.ok) throw new Error(`The model cannot be fetched: ${response.status} ${response.statusText}`);
    return readViewerModel(new Uint8Array(await response.arrayBuffer()));
  })();
  return loaded;
}

/** What the page shows of a text of `context` tokens, of which the first `count` are real. */
export function inspect(
  params: Gpt<Tensor>,
  tokens: Tensor,
  isReal: Tensor,
  count: Tensor,
  input: Omit<ViewInput, "text">,
) {
  const { logits, weights, residuals } = runViewerModel(params, tokens, normalizerOf(input.normalizer, input));
  const losses = crossEntropy(sliceAxis(logits, 1, 0, context - 1), sliceAxis(tokens, 1, 1, context), {
    reduction: "none",
  });
  const counted = slice(isReal, [null, [1]]);
  return {
    weights: stack(weights.map((one) => reshape(one, one.shape.slice(1)))),
    toFirst: stack(weights.map((one) => attentionToFirst(one, { queries: isReal }))),
    largest: stack(residuals.map((one) => reshape(max(abs(one), { axis: -1 }), [context]))),
    loss: div(sum(mul(losses, counted)), sum(counted)),
    next: softmax(reshape(gather(logits, count, { axis: 1 }), [-1])),
  };
}

const programs = new Map<string, Program<any[], any>>();

/** Runs the model on a text with any normalizer in place of the softmax that it was trained with. */
export async function view({ text, ...input }: ViewInput): Promise<View> {
  await runtimeReady();
  const { params, alphabet } = await viewerModel();
  const tokenOf = new Map(alphabet.map((character, token) => [character, token]));
  const characters = [...text].slice(0, context - 1);
  const tokens = [startToken, ...characters.map((character) => tokenOf.get(character) ?? 1)];
  const length = tokens.length;
  const padded = Int32Array.from({ length: context }, (_, i) => tokens[i] ?? 1);
  const real = Float32Array.from({ length: context }, (_, i) => Number(i < length));
  const key = JSON.stringify(input);
  let program = programs.get(key);
  if (program === undefined) {
    // Sessions of settings that a slider only passed are not kept.
    if (programs.size >= 8) {
      const [oldest] = programs.keys();
      await programs.get(oldest)!.release();
      programs.delete(oldest);
    }
    program = compile((...args: any[]) => inspect(args[0], args[1], args[2], args[3], input)) as Program<any[], any>;
    programs.set(key, program);
  }
  const result = await program(
    params,
    new Value(padded, [1, context]),
    new Value(real, [1, context]),
    new Value(Int32Array.of(length - 1), []),
  );
  const all = result.weights.data as Float32Array;
  const crop = (matrix: number): Float32Array =>
    Float32Array.from({ length: length * length }, (_, i) => {
      const [row, column] = [Math.floor(i / length), i % length];
      return all[(matrix * context + row) * context + column];
    });
  const probabilities = [...(result.next.data as Float32Array)];
  return {
    characters: ["⊢", ...characters],
    layers,
    heads,
    weights: Array.from({ length: layers * heads }, (_, i) => crop(i)),
    toFirst: [...(result.toFirst.data as Float32Array)],
    largest: Float32Array.from({ length: (layers + 1) * length }, (_, i) => {
      const [row, column] = [Math.floor(i / length), i % length];
      return (result.largest.data as Float32Array)[row * context + column];
    }),
    loss: length < 2 ? undefined : result.loss.item(),
    next: probabilities
      .map((probability, token) => ({ character: alphabet[token], probability }))
      .sort((a, b) => b.probability - a.probability)
      .slice(0, 5),
  };
}
