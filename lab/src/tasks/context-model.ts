import { add, type Concrete, compile, crossEntropy, reshape, split, type Tensor, tanh } from "sluice";
import {
  adam,
  type Embedding,
  embedding,
  initEmbedding,
  initLayerNorm,
  initLinear,
  type LayerNorm,
  type Linear,
  layerNorm,
  linear,
  linearSchedule,
  warmUp,
} from "sluice/nn";
import type { Column } from "../data/column.ts";
import { loadMoby } from "../data/moby.ts";
import { characterVocabulary } from "../data/vocabulary.ts";
import { evenWindows, type Window, windows } from "../data/windows.ts";
import type { Lab } from "../run/lab.ts";
import { train } from "./train.ts";
import { asValues } from "./values.ts";

/** What stands in the middle of a context model: a layer of experts, or what it is compared with. */
export interface Mixture<P> {
  init(key: Tensor): P;
  /**
   * @param z    float32[batch, 128], normalised
   * @param key  in training: another one at every step
   * @returns    y like z; what is added to the loss, a scalar; anything worth looking at
   */
  apply(params: P, z: Tensor, key?: Tensor): { y: Tensor; penalty?: Tensor; routing?: Routing };
}

/** How a batch was routed. */
export interface Routing<T = Tensor> {
  /** float[batch, experts] */
  readonly gates: T;
}

/** Parameters of a context model. */
export interface ContextModel<P, T = Tensor> {
  readonly characters: Embedding<T>;
  readonly hidden: Linear<T>;
  readonly norm: LayerNorm<T>;
  readonly mixture: P;
  readonly out: Linear<T>;
}

/** Characters that are seen, and the width between the layers. */
export const [contextLength, contextWidth] = [8, 128];

/** Contexts and the character after each. */
export type ContextBatch = Readonly<Record<"x" | "y", Column<Int32Array>>>;

const initContextModel = <P>(key: Tensor, vocabulary: number, mixture: Mixture<P>): ContextModel<P> => {
  const [characters, hidden, middle, out] = split(key, 4);
  return {
    characters: initEmbedding(characters, { entries: vocabulary, width: 16 }),
    hidden: initLinear(hidden, { in: 16 * contextLength, out: contextWidth }),
    norm: initLayerNorm({ width: contextWidth }),
    mixture: mixture.init(middle),
    out: initLinear(out, { in: contextWidth, out: vocabulary }),
  };
};

/** Scores of the next character: embeddings side by side, a tanh layer, and the mixture added to it. */
function applyContextModel<P>(model: ContextModel<P>, x: Tensor, mixture: Mixture<P>, key?: Tensor) {
  const h = tanh(linear(model.hidden, reshape(embedding(model.characters, x), [x.shape[0], -1])));
  const { y, penalty, routing } = mixture.apply(model.mixture, layerNorm(model.norm, h), key);
  return { logits: linear(model.out, add(h, y)), penalty, routing };
}

/** The novel as contexts. */
export interface Contexts {
  readonly vocabulary: number;
  readonly known: Int32Array;
  /** Batches of held-out contexts, always the same. */
  readonly heldOut: readonly ContextBatch[];
}

const lastOf = ({ x, y }: Window): ContextBatch => {
  const count = x.shape[0];
  return {
    x,
    y: { data: Int32Array.from({ length: count }, (_, i) => y.data[(i + 1) * contextLength - 1]), shape: [count] },
  };
};

/** The novel's first 90 % to train on, and 20 × 512 contexts (or fewer batches) spread over the rest. */
export async function loadContexts(batches = 20): Promise<Contexts> {
  const { text, train, heldOut } = await loadMoby();
  const vocabulary = characterVocabulary(text);
  const held = evenWindows(vocabulary.encode(heldOut), { batch: 512, context: contextLength, count: batches });
  return { vocabulary: vocabulary.size, known: vocabulary.encode(train), heldOut: [...held].map(lastOf) };
}

export interface ContextTraining {
  readonly steps: number;
  /** Held-out loss is logged after every so many steps. */
  readonly watchEvery: number;
}

/** Trains with Adam at 3e-3: 50 steps of warming up, then a line down to a tenth. Batches of 256 contexts. */
export function trainContextModel<P>(
  lab: Lab,
  name: string,
  mixture: Mixture<P>,
  contexts: Contexts,
  { steps, watchEvery }: ContextTraining,
): Promise<Concrete<ContextModel<P>>> {
  const measure = measuring(mixture);
  return train<ContextModel<P>, "x" | "y">(lab, name, {
    init: (key) => initContextModel(key, contexts.vocabulary, mixture),
    loss(params, { x, y }, key) {
      const { logits, penalty } = applyContextModel(params, x, mixture, key);
      const loss = crossEntropy(logits, y);
      return penalty === undefined ? loss : add(loss, penalty);
    },
    optimizer: adam({ lr: warmUp(50, linearSchedule(3e-3, 3e-4, steps - 50)) }),
    steps,
    *batches(start) {
      const options = { batch: 256, context: contextLength, seed: lab.seed, start, steps };
      for (const window of windows(contexts.known, options)) yield lastOf(window);
    },
    watch: {
      every: watchEvery,
      measure: async (params) => ({ "held-out loss/nats": (await measure(params, contexts.heldOut.slice(0, 4))).loss }),
    },
  });
}

/** What a model does on held-out contexts, without noise. */
export interface Measured {
  /** Nats a character. */
  readonly loss: number;
  /** Total gate of each expert, and how many contexts each was given a share of. Empty without routing. */
  readonly importance: number[];
  readonly load: number[];
}

/** Measures a trained model on held-out batches. */
export const measureContextModel = <P>(
  mixture: Mixture<P>,
  params: Concrete<ContextModel<P>>,
  contexts: Contexts,
): Promise<Measured> => measuring(mixture)(params, contexts.heldOut);

function measuring<P>(mixture: Mixture<P>) {
  const program = compile((params: ContextModel<P>, { x, y }: Record<"x" | "y", Tensor>) => {
    const { logits, routing } = applyContextModel(params, x, mixture);
    return { loss: crossEntropy(logits, y), gates: routing === undefined ? [] : [routing.gates] };
  });
  return async (params: Concrete<ContextModel<P>>, batches: readonly ContextBatch[]): Promise<Measured> => {
    const [importance, load]: number[][] = [[], []];
    let total = 0;
    for (const batch of batches) {
      const { loss, gates } = await program(params as never, asValues(batch) as never);
      total += loss.item();
      for (const rows of gates.flatMap((one) => one.toArray() as number[][]))
        rows.forEach((gate, expert) => {
          importance[expert] = (importance[expert] ?? 0) + gate;
          load[expert] = (load[expert] ?? 0) + (gate > 0 ? 1 : 0);
        });
    }
    return { loss: total / batches.length, importance, load };
  };
}
