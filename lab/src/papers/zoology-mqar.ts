// Arora et al. 2023, arXiv:2312.04927
import {
  add,
  argMax,
  type Concrete,
  compile,
  crossEntropy,
  gather,
  matmul,
  ones,
  reshape,
  split,
  type Tensor,
} from "sluice";
import { type BaseConv, baseConv, initBaseConv } from "sluice/methods/attention/base-conv";
import { repeatedTokenMask, selectedAttention } from "sluice/methods/attention/selected";
import {
  adamW,
  addPositions,
  cosineSchedule,
  type Embedding,
  embedding,
  initEmbedding,
  initialisers,
  initLayerNorm,
  initLinear,
  type LayerNorm,
  type Linear,
  layerNorm,
  linear,
  warmUp,
} from "sluice/nn";
import type { Column } from "../data/column.ts";
import { Random } from "../data/random.ts";
import { mqar } from "../data/recall.ts";
import { atLeast, atMost, type Lab, minus, paired, paper } from "../paper.ts";
import { bars } from "../plots/bars.ts";
import { train } from "../tasks/train.ts";
import { asValue } from "../tasks/values.ts";

const width = 64;

export default paper({
  id: "zoology-mqar",
  row: 121,
  family: "attention",
  title: "Zoology: Measuring and Improving Recall in Efficient Language Models",
  year: 2023,
  arxiv: "2312.04927",
  code: "github.com/HazyResearch/zoology",
  idea: "Language models of gated convolutions lose to attention almost only at associative recall: saying what followed an earlier occurrence of the present token. Filters that do not depend on the input can look back only by fixed distances, and attention at just those places where a token is repeated closes the gap.",
  minutes: 4,
  settings: {
    full: {
      mixers: "",
      fixed: false,
      vocab: 256,
      length: 64,
      pairs: 8,
      /** Attention finds out at about step 700, all at once: the rate must not have gone down by then. */
      steps: 1600,
      warmUp: 100,
      batch: 64,
      tests: 512,
    },
    smoke: { vocab: 64, length: 32, pairs: 4, steps: 60, warmUp: 10, tests: 128 },
  },
  variants: {
    attention: { mixers: "attention attention" },
    BaseConv: { mixers: "short long" },
    hybrid: { mixers: "short selected" },
    "BaseConv, fixed offsets": { mixers: "short long", fixed: true },
  },
  claims: {
    recall: {
      paper:
        "attention solves recall at every length with width 64; gated convolutions need a width that grows with it",
      holds: "test accuracy of attention ≥ 0.95, of BaseConv ≤ 0.50",
      measures: { accuracy: "test accuracy" },
      judge: ({ accuracy }) => [atLeast(accuracy.of("attention"), 0.95), atMost(accuracy.of("BaseConv"), 0.5)],
    },
    hybrid: {
      paper: "input-dependent sparse attention closes 97.4 % of the gap",
      holds: "(hybrid − BaseConv) / (attention − BaseConv) ≥ 0.90",
      measures: { accuracy: "test accuracy" },
      judge: ({ accuracy }) => [
        atLeast(
          paired(
            "share of the gap that the hybrid closes",
            minus(accuracy.of("hybrid"), accuracy.of("BaseConv")),
            minus(accuracy.of("attention"), accuracy.of("BaseConv")),
            (gained, gap) => gained / gap,
          ),
          0.9,
        ),
      ],
    },
    distance: {
      paper: "the limit is distance that depends on the input, not recall as such",
      holds: "with queries at a fixed distance BaseConv ≥ 0.90, and at least 0.4 above its accuracy without",
      measures: { accuracy: "test accuracy" },
      judge: ({ accuracy }) => [
        atLeast(accuracy.of("BaseConv, fixed offsets"), 0.9),
        atLeast(minus(accuracy.of("BaseConv, fixed offsets"), accuracy.of("BaseConv")), 0.4),
      ],
    },
  },
  plots: {
    pairs: {
      title: "Accuracy by number of pairs",
      caption:
        "How many of the values asked for each model says, on sequences with fewer and more pairs than it was trained on.",
      draw: ({ rows }) =>
        bars({
          rows,
          y: { field: "accuracy", title: "accuracy" },
          groups: { field: "pairs", title: "pairs to remember" },
          series: { field: "variant", title: "" },
          width: 520,
        }),
    },
  },
  async run(lab) {
    const { mixers, vocab, length, pairs, steps, batch, tests, fixed } = lab.settings;
    const draw = (random: Random, count: number, some = pairs) =>
      questions(mqar({ vocab, length, pairs: some, batch: count, fixedOffset: fixed }, random));
    const random = new Random(lab.seed);
    const params = await train<Recaller, "x" | "places" | "y">(lab, "train", {
      init: (key) => initRecaller(key, lab.settings),
      loss: (params, { x, places, y }) => crossEntropy(recall(params, x, places, mixers), y),
      optimizer: adamW({
        lr: warmUp(lab.settings.warmUp, cosineSchedule(2e-3, steps - lab.settings.warmUp)),
        weightDecay: 0.1,
      }),
      clip: 1,
      steps,
      *batches(start) {
        for (let step = start; step < steps; step++) yield draw(random.split("train").split(step), batch);
      },
    });
    const accuracyWith = (some: number) =>
      accuracyOf(params, draw(random.split("test").split(some), tests, some), mixers);
    const accuracy = await accuracyWith(pairs);
    for (const claim of ["recall", "hybrid", "distance"] as const) lab.claim(claim, { accuracy });
    const measured: { pairs: number; accuracy: number }[] = [];
    for (const some of [2, 4, 8, 16])
      if (4 * some <= length) measured.push({ pairs: some, accuracy: await accuracyWith(some) });
    lab.plot("pairs", measured);
  },
});

type Settings = Lab<{ readonly mixers: string; readonly vocab: number; readonly length: number }>["settings"];

/** Maps of an attention of one head. */
interface Attend<T = Tensor> {
  readonly query: Linear<T>;
  readonly key: Linear<T>;
  readonly value: Linear<T>;
  readonly out: Linear<T>;
}

/** Blocks of a normalisation and a mixer; no feed-forward layers, as in the authors' configuration. */
interface Recaller<T = Tensor> {
  readonly tokens: Embedding<T>;
  readonly positions?: Embedding<T>;
  readonly blocks: readonly { readonly norm: LayerNorm<T>; readonly conv?: BaseConv<T>; readonly attend?: Attend<T> }[];
  readonly norm: LayerNorm<T>;
  readonly head: Linear<T>;
}

function initRecaller(key: Tensor, { mixers, vocab, length }: Settings): Recaller {
  const kinds = mixers.split(" ");
  const [tokens, positions, head, ...keys] = split(key, 3 + kinds.length);
  const initialiser = initialisers.normalOf(0.02);
  const map = (from: Tensor) => initLinear(from, { in: width, out: width });
  const mixer = (kind: string, from: Tensor) => {
    if (kind === "short" || kind === "long")
      return { conv: initBaseConv(from, { width, taps: kind === "short" ? 3 : length }) };
    const [query, keyMap, value, out] = split(from, 4);
    return { attend: { query: map(query), key: map(keyMap), value: map(value), out: map(out) } };
  };
  return {
    tokens: initEmbedding(tokens, { entries: vocab, width, initialiser }),
    // Convolutions know places by themselves.
    ...(kinds[0] === "attention"
      ? { positions: initEmbedding(positions, { entries: length, width, initialiser }) }
      : {}),
    blocks: kinds.map((kind, i) => ({ norm: initLayerNorm({ width }), ...mixer(kind, keys[i]) })),
    norm: initLayerNorm({ width }),
    head: initLinear(head, { in: width, out: vocab, bias: false }),
  };
}

/**
 * Scores of the tokens at the places where something is asked: other places need no last product, the dearest of all.
 *
 * @param places  int32[questions], row · length + place of each
 */
function recall(
  { tokens, positions, blocks, norm, head }: Recaller,
  x: Tensor,
  places: Tensor,
  mixers: string,
): Tensor {
  const kinds = mixers.split(" ");
  let h = embedding(tokens, x);
  if (positions) h = addPositions(positions, h);
  for (const [i, { norm, conv, attend }] of blocks.entries()) {
    const u = layerNorm(norm, h);
    h = add(
      h,
      conv ? baseConv(conv, u) : attended(attend!, u, kinds[i] === "selected" ? repeatedTokenMask(x) : ones(x.shape)),
    );
  }
  return matmul(layerNorm(norm, gather(reshape(h, [x.size, width]), places)), head.weight);
}

function attended({ query, key, value, out }: Attend, u: Tensor, select: Tensor): Tensor {
  return linear(out, selectedAttention(linear(query, u), linear(key, u), linear(value, u), select));
}

/** Sequences with the places of their questions, row · length + place, and the answers, int32[questions] each. */
function questions({ x, y }: ReturnType<typeof mqar>): Record<"x" | "places" | "y", Column<Int32Array>> {
  const places = Int32Array.from(y.data.keys()).filter((place) => y.data[place] >= 0);
  const shape = [places.length];
  return { x, places: { data: places, shape }, y: { data: places.map((place) => y.data[place]), shape } };
}

/** The share of the values asked for that are said. */
async function accuracyOf(
  params: Concrete<Recaller>,
  { x, places, y }: ReturnType<typeof questions>,
  mixers: string,
): Promise<number> {
  const answers = compile((params: Recaller, x: Tensor, places: Tensor) =>
    argMax(recall(params, x, places, mixers), { axis: -1 }),
  );
  const said = (await answers(params as never, asValue(x) as never, asValue(places) as never)).toFloat64();
  return said.filter((token, question) => token === y.data[question]).length / said.length;
}
