// Zuhri et al. 2025, arXiv:2504.20966
import {
  type Concrete,
  causalMask,
  compile,
  concat,
  mapTree,
  mean,
  norm,
  slice,
  stack,
  type Tensor,
  Value,
} from "sluice";
import { attentionSparsity, attentionToFirst } from "sluice/methods/attention/probes";
import { roundToNearest } from "sluice/methods/compression/round-to-nearest";
import { softpick } from "sluice/methods/normalizers/softpick";
import { cosineSchedule, type Gpt, type Normalizer } from "sluice/nn";
import { backcopy } from "../data/backcopy.ts";
import { batches } from "../data/batches.ts";
import { loadMoby } from "../data/moby.ts";
import { Random } from "../data/random.ts";
import { characterVocabulary } from "../data/vocabulary.ts";
import { evenWindows, windows } from "../data/windows.ts";
import { atLeast, atMost, equals, type Lab, minus, paper } from "../paper.ts";
import { heatmap } from "../plots/heatmap.ts";
import { panels } from "../plots/panels.ts";
import {
  initByLayer,
  type LanguageModel,
  languageModelLoss,
  nextTokens,
  readAttention,
  trainLanguageModel,
} from "../tasks/language-model.ts";

const normalizers: Record<string, Normalizer | undefined> = {
  softmax: undefined,
  softpick: (scores, mask) => softpick(scores, { mask }),
};

export default paper({
  id: "softpick",
  row: 22,
  family: "normalizers",
  title: "Softpick: No Attention Sink, No Massive Activations with Rectified Softmax",
  year: 2025,
  arxiv: "2504.20966",
  code: "github.com/zaydzuhri/softpick-attention",
  idea: "A softmax row must sum to one, so a head with nothing to say leaves its weight on some harmless token, usually the first: the attention sink. Softpick rectifies the exponentials. Scores of at most 0 weigh exactly nothing, a row may be silent altogether, and the absolute value in the denominator keeps a gradient for negative scores.",
  minutes: 4,
  settings: {
    full: {
      /** Steps of the two tasks: where both normalizers have levelled off. */
      backcopySteps: 1200,
      mobySteps: 1500,
      /** Batches of held-out text on which losses are measured. */
      heldOutBatches: 20,
    },
    smoke: { backcopySteps: 300, mobySteps: 60, heldOutBatches: 4 },
  },
  variants: {
    "backcopy, softmax": { task: "backcopy", normalizer: "softmax" },
    "backcopy, softpick": { task: "backcopy", normalizer: "softpick" },
    "moby, softmax": { task: "moby", normalizer: "softmax" },
    "moby, softpick": { task: "moby", normalizer: "softpick" },
  },
  claims: {
    sinks: {
      paper: "sink rate 0 %, against a large one for softmax (340M parameters)",
      holds:
        "softmax's strongest head looks at the first token with ≥ 0.6 of its weight; softpick's with ≤ 0.15, and its sink rate is 0",
      measures: {
        strongest: "attention to the first token where nothing is to be copied, strongest head",
        rate: "share of heads that sink",
      },
      judge: ({ strongest, rate }) => [
        atLeast(strongest.of("backcopy, softmax"), 0.6),
        atMost(strongest.of("backcopy, softpick"), 0.15),
        equals(rate.of("backcopy, softpick"), 0),
      ],
    },
    sparsity: {
      paper: "46.97 % of the attention weights are exactly zero",
      holds: "softpick ≥ 0.40 and softmax 0, on held-out text",
      budgets: ["smoke", "full"],
      measures: { zeros: "share of exact zeros among visible weights" },
      judge: ({ zeros }) => [atLeast(zeros.of("moby, softpick"), 0.4), equals(zeros.of("moby, softmax"), 0)],
    },
    parity: {
      paper: "on par with softmax on standard benchmarks",
      holds: "loss on held-out text at most 0.03 nats above that of softmax",
      measures: { loss: "held-out loss, nats a character" },
      judge: ({ loss }) => [atMost(minus(loss.of("moby, softpick"), loss.of("moby, softmax")), 0.03)],
    },
    drain: {
      paper: "sinks go with drained values and outliers in softmax; softpick has neither",
      holds:
        "in the head that sinks, the first value is ≤ 0.4 times as long as later ones with softmax, ≥ 0.5 times with softpick",
      measures: {
        ratio: "length of the first value over the mean length of later ones, in the head that looks at it most",
      },
      judge: ({ ratio }) => [atMost(ratio.of("backcopy, softmax"), 0.4), atLeast(ratio.of("backcopy, softpick"), 0.5)],
    },
  },
  plots: {
    maps: {
      title: "Where the last layer looks",
      caption:
        "Attention weights of the last layer for one sequence: with softmax the first column is bright wherever nothing is to be copied, with softpick only single cells one step back from triggers are.",
      draw: ({ rows }) =>
        panels(
          ["backcopy, softmax", "backcopy, softpick"].map((variant) =>
            heatmap({
              title: variant,
              rows: rows.filter((row) => row.variant === variant),
              x: { field: "key", title: "key" },
              y: { field: "query", title: "query" },
              value: { field: "weight", title: "weight", domain: [0, 1] },
              labels: false,
              width: 320,
              height: 320,
            }),
          ),
        ),
    },
  },
  run: (lab) => (lab.settings.task === "backcopy" ? copyBack(lab) : writeOn(lab)),
});

type Trial = Lab<{
  readonly backcopySteps: number;
  readonly mobySteps: number;
  readonly heldOutBatches: number;
  readonly normalizer: string;
}>;

/** A language in which a head has something to do at triggers alone: elsewhere softmax needs a sink. */
async function copyBack(lab: Trial): Promise<void> {
  const { backcopySteps: steps, normalizer } = lab.settings;
  const language = backcopy({ seed: lab.seed });
  const random = new Random(lab.seed);
  const training = nextTokens(language.sample(4096, random.split("train")));
  const { x } = nextTokens(language.sample(256, random.split("test")));
  const model: LanguageModel = {
    config: { vocabulary: 32, context: 63, layers: 2, heads: 1, width: 64 },
    // Both arms reach a lower loss from here than from GPT-2's small weights.
    init: initByLayer,
    normalizer: normalizers[normalizer],
  };
  const params = await trainLanguageModel(lab, "train", model, {
    steps,
    lr: 1e-3,
    batches: (start) => batches(training, { batch: 32, seed: lab.seed, start, steps }),
  });

  const idle = new Value(
    Uint8Array.from(x.data, (token) => (language.isTrigger(token) ? 0 : 1)),
    x.shape,
    "bool",
  );
  const { toFirst, lengths, map } = await readAttention(model, params, x, (layers) => ({
    toFirst: concat(layers.map(({ weights }) => attentionToFirst(weights, { queries: idle }))),
    lengths: stack(layers.map(({ values }) => mean(norm(values, { axis: -1 }), { axis: [0, 1] }))),
    map: slice(layers.at(-1)!.weights, [0, 0]),
  }));
  const heads = [...toFirst.toFloat64()];
  lab.claim("sinks", {
    strongest: Math.max(...heads),
    rate: heads.filter((weight) => weight > 0.3).length / heads.length,
  });
  // Each layer has one head. Which of them sinks is not given: it differs from seed to seed.
  const ratios = (lengths.toArray() as number[][]).map(
    ([first, , ...later]) => first / (later.reduce((sum, length) => sum + length, 0) / later.length),
  );
  lab.claim("drain", { ratio: ratios[heads.indexOf(Math.max(...heads))] });
  lab.log(steps, { "length of the first value over later ones, last layer": ratios.at(-1)! });
  if (lab.seed !== lab.seeds[0]) return;
  const weights = map.toArray() as number[][];
  lab.plot(
    "maps",
    weights.flatMap((row, query) => row.slice(0, query + 1).map((weight, key) => ({ query, key, weight }))),
  );
}

/** Running text, in characters. */
async function writeOn(lab: Trial): Promise<void> {
  const { mobySteps: steps, heldOutBatches, normalizer } = lab.settings;
  const { text, train, heldOut } = await loadMoby();
  const vocabulary = characterVocabulary(text);
  const [known, unseen] = [vocabulary.encode(train), vocabulary.encode(heldOut)];
  const model: LanguageModel = {
    // Rotary positions, as in the paper's models.
    config: { vocabulary: vocabulary.size, context: 64, layers: 4, heads: 4, width: 64, positions: "rotary" },
    normalizer: normalizers[normalizer],
  };
  const params = await trainLanguageModel(lab, "train", model, {
    steps,
    lr: cosineSchedule(2e-3, steps),
    weightDecay: 0.1,
    clip: 1,
    batches: (start) => windows(known, { batch: 16, context: 64, seed: lab.seed, start, steps }),
  });

  const measured = [...evenWindows(unseen, { batch: 64, context: 64, count: heldOutBatches })];
  const loss = await languageModelLoss(model, params, measured);
  lab.claim("parity", { loss });
  const zeros = await readAttention(model, params, measured[0].x, (layers) =>
    mean(stack(layers.map(({ weights }) => attentionSparsity(weights, causalMask(64))))),
  );
  lab.claim("sparsity", { zeros: zeros.item() });
  for (const bits of [8, 4, 3]) {
    const increase = (await languageModelLoss(model, await rounded(params, bits), measured)) - loss;
    lab.log(steps, { [`loss increase at ${bits} bits/nats`]: increase });
  }
}

/** All matrices rounded to a number of bits; what has one axis keeps its precision. */
function rounded(params: Concrete<Gpt>, bits: number): Promise<Concrete<Gpt>> {
  return compile((given: Gpt) =>
    mapTree(given, (leaf: Tensor) => (leaf.rank < 2 ? leaf : roundToNearest(leaf, { bits }))),
  )(params) as Promise<Concrete<Gpt>>;
}
