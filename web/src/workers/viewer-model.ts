import { matmul, type Tensor, type TensorLike, Value } from "sluice";
import { addPositions, block, decodeSafetensors, embedding, type Gpt, type Normalizer, norm } from "sluice/nn";

/** Sizes of the character model that the attention viewer looks into. */
export const viewerConfig = {
  layers: 4,
  heads: 4,
  width: 96,
  context: 96,
  hidden: 384,
  positions: "learned",
} as const;

/** The token that every sequence begins with: it carries no character, so heads may rest on it. */
export const startToken = 0;
/** Stands for characters that the training text does not have. */
export const unknownCharacter = "\uFFFD";

export interface ViewerModel {
  readonly params: Gpt<Value>;
  /** Characters by token; token 0 is the start. */
  readonly alphabet: readonly string[];
  /** Nats a character on text that was not trained on, when it was made. */
  readonly loss: number;
}

/** A viewer's model from its file: 16-bit floats are widened, the tree is rebuilt from the names. */
export function readViewerModel(bytes: Uint8Array): ViewerModel {
  const { tensors, metadata = {} } = decodeSafetensors(bytes);
  const tree: Record<string, any> = {};
  for (const [name, { data, shape }] of Object.entries(tensors)) {
    const path = name.split(".");
    const last = path.pop()!;
    let place = tree;
    for (const part of path) place = place[part] ??= {};
    place[last] = new Value(Float32Array.from(data as Float32Array), shape);
  }
  const blocks = Array.from({ length: viewerConfig.layers }, (_, i) => tree.blocks[i]);
  return {
    params: { ...tree, blocks } as unknown as Gpt<Value>,
    alphabet: JSON.parse(metadata.alphabet),
    loss: Number(metadata.loss),
  };
}

/** What flows through the model: scores of the next character, and what the viewer shows of the way there. */
export interface ViewerTrace {
  /** float[batch, time, vocabulary] */
  readonly logits: Tensor;
  /** Attention weights of each layer, float[batch, heads, queries, keys]. */
  readonly weights: readonly Tensor[];
  /** The residual stream after the embedding and after each layer, float[batch, time, width]. */
  readonly residuals: readonly Tensor[];
}

/** The model on tokens int[batch, time] with any normalizer, and its inside. */
export function runViewerModel(params: Gpt<TensorLike>, tokens: TensorLike, normalizer: Normalizer): ViewerTrace {
  const weights: Tensor[] = [];
  const kept: Normalizer = (scores, mask) => {
    const made = normalizer(scores, mask);
    weights.push(made);
    return made;
  };
  let x = addPositions(params.positions!, embedding(params.tokens, tokens));
  const residuals = [x];
  for (const one of params.blocks) {
    x = block(one, x, { heads: viewerConfig.heads, causal: true, normalizer: kept });
    residuals.push(x);
  }
  const logits = matmul(norm("layer", params.norm, x), params.tokens.weight, { transposeB: true });
  return { logits, weights, residuals };
}
