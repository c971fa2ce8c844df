// Yang et al. 2023, arXiv:2312.06635
import { add, attention, type Concrete, compile, crossEntropy, matmul, split, type Tensor, Value } from "sluice";
import { type GatedLinearOptions, gatedLinearAttention } from "sluice/methods/attention/gated-linear";
import {
  type Forgetting,
  type GatedLinear,
  gatedLinear,
  initGatedLinear,
} from "sluice/methods/attention/gated-linear-layer";
import {
  adamW,
  cosineSchedule,
  type Embedding,
  embedding,
  type FeedForward,
  feedForward,
  initEmbedding,
  initFeedForward,
  initialisers,
  initLayerNorm,
  initSelfAttention,
  type LayerNorm,
  layerNorm,
  type SelfAttention,
  selfAttention,
  warmUp,
} from "sluice/nn";
import { loadMoby } from "../data/moby.ts";
import { Random } from "../data/random.ts";
import { characterVocabulary } from "../data/vocabulary.ts";
import { evenWindows, windows } from "../data/windows.ts";
import { atLeast, atMost, below, type Lab, minus, paper } from "../paper.ts";
import { curves } from "../plots/curves.ts";
import type { TokenBatch } from "../tasks/language-model.ts";
import { train } from "../tasks/train.ts";
import { asValues } from "../tasks/values.ts";

const [width, heads, layers] = [128, 4, 2];

export default paper({
  id: "gated-linear-attention",
  row: 49,
  family: "attention",
  title: "Gated Linear Attention Transformers with Hardware-Efficient Training",
  year: 2023,
  arxiv: "2312.06635",
  code: "github.com/fla-org/flash-linear-attention",
  idea: "Linear attention is a recurrent net with a matrix for its state that only ever adds. Gated linear attention lets each row of the state forget at a rate that follows from the input, and computes it chunk by chunk: products of matrices between chunks, exponentials of differences within small blocks, so that training is parallel, stable and linear in time.",
  minutes: 4,
  settings: {
    full: {
      mixer: "",
      steps: 350,
      warmUp: 50,
      /** Batches of held-out text on which losses are measured, the same for all arms. */
      heldOutBatches: 40,
      /** Times of the comparison with 64 bits. */
      times: 256,
      /** The shortest of four sequences on which time is taken; each is twice as long as the one before. */
      shortest: 512,
      rounds: 9,
    },
    smoke: { steps: 20, warmUp: 5, heldOutBatches: 4, times: 64, shortest: 64, rounds: 3 },
  },
  variants: {
    "no gate": { mixer: "none" },
    "fixed decay": { mixer: "fixed" },
    "scalar gate": { mixer: "scalar" },
    "vector gate": { mixer: "vector" },
    softmax: { mixer: "softmax" },
    forms: { mixer: "forms" },
  },
  includes: ({ variant, budget }) => budget === "full" || ["no gate", "vector gate", "forms"].includes(variant),
  claims: {
    ablation: {
      paper: "training perplexity at 340M: no gate 23.21, fixed decay 16.55, scalar gate 15.56, vector gate 14.77",
      holds: "held-out loss: no gate ≥ 0.2 nats above the vector gate, fixed decay ≥ 0.1 nats",
      measures: { loss: "held-out loss, nats a character" },
      judge: ({ loss }) => [
        atLeast(minus(loss.of("no gate"), loss.of("vector gate")), 0.2),
        atLeast(minus(loss.of("fixed decay"), loss.of("vector gate")), 0.1),
      ],
    },
    stability: {
      paper: "chunks with exponents of differences are stable where the factorised form is not",
      holds:
        "against 64 bits chunks and the recurrence err ≤ 1e-4 of the largest output at log α = −2 and for mild gates; the factorised form ≤ 1e-3 for mild ones, and overflows at −2",
      budgets: ["smoke", "full"],
      measures: {
        chunk: "largest error, chunks",
        recurrent: "largest error, recurrence",
        factorised: "largest error, factorised, mild gates",
        finite: "share of finite outputs, factorised, log α = −2",
      },
      judge: ({ chunk, recurrent, factorised, finite }) => [
        atMost(chunk.of("forms"), 1e-4, "every seed"),
        atMost(recurrent.of("forms"), 1e-4, "every seed"),
        atMost(factorised.of("forms"), 1e-3, "every seed"),
        below(finite.of("forms"), 1, "every seed"),
      ],
    },
    cost: {
      paper: "linear in time; faster than the softmax kernel beyond 4,096 tokens",
      holds: "time at 4,096 tokens over that at 1,024: chunks ≤ 5.5, softmax ≥ 10",
      measures: {
        chunk: "time at 4,096 over 1,024 tokens, chunks",
        softmax: "time at 4,096 over 1,024 tokens, softmax",
      },
      judge: ({ chunk, softmax }) => [atMost(chunk.of("forms"), 5.5), atLeast(softmax.of("forms"), 10)],
    },
    parity: {
      paper: "competitive with a Transformer of the LLaMA kind: WikiText perplexity 28.65 against 28.39 at 340M",
      holds: "held-out loss of the vector gate at most 0.05 nats above that of softmax",
      measures: { loss: "held-out loss, nats a character" },
      judge: ({ loss }) => [atMost(minus(loss.of("vector gate"), loss.of("softmax")), 0.05)],
    },
  },
  plots: {
    time: {
      title: "Time by length",
      caption:
        "Milliseconds of a forward pass of four heads against the number of tokens, on logarithmic axes: softmax attention rises twice as steeply as gated linear attention in chunks.",
      draw: ({ rows }) =>
        curves({
          rows,
          x: { field: "tokens", title: "tokens", scale: "log" },
          y: { field: "time", title: "time", unit: "ms", scale: "log" },
          series: { field: "kind", title: "" },
          width: 420,
        }),
    },
  },
  async run(lab) {
    if (lab.settings.mixer !== "forms") return write(lab);
    await compareForms(lab);
    await takeTime(lab);
  },
});

type Trial = Lab<{
  readonly mixer: string;
  readonly steps: number;
  readonly warmUp: number;
  readonly heldOutBatches: number;
  readonly times: number;
  readonly shortest: number;
  readonly rounds: number;
}>;

/** A language model of the LLaMA kind whose mixer is softmax attention or forgets in one of the ways. */
interface Model<T = Tensor> {
  readonly tokens: Embedding<T>;
  readonly blocks: readonly {
    readonly norm1: LayerNorm<T>;
    readonly softmax?: SelfAttention<T>;
    readonly linear?: GatedLinear<T>;
    readonly norm2: LayerNorm<T>;
    readonly feedForward: FeedForward<T>;
  }[];
  readonly norm: LayerNorm<T>;
}

function initModel(key: Tensor, vocabulary: number, mixer: string): Model {
  const [tokenKey, ...blockKeys] = split(key, 1 + layers);
  return {
    tokens: initEmbedding(tokenKey, { entries: vocabulary, width, initialiser: initialisers.normalOf(0.02) }),
    blocks: blockKeys.map((one) => {
      const [mixerKey, feedForwardKey] = split(one);
      return {
        norm1: initLayerNorm({ width }),
        ...(mixer === "softmax"
          ? { softmax: initSelfAttention(mixerKey, { width, bias: false }) }
          : { linear: initGatedLinear(mixerKey, { width, heads, forgetting: mixer as Forgetting }) }),
        norm2: initLayerNorm({ width }),
        // 8/3 of the width, in multiples of 8: with a gate it has as many parameters as one of 4 times the width without.
        feedForward: initFeedForward(feedForwardKey, { width, hidden: 344, gated: true, bias: false }),
      };
    }),
    norm: initLayerNorm({ width }),
  };
}

/** Scores of the next character at every place. Only softmax attention has positions: the others need none. */
function predict({ tokens, blocks, norm }: Model, x: Tensor, mixer: string): Tensor {
  let h = embedding(tokens, x);
  for (const block of blocks) {
    const u = layerNorm(block.norm1, h);
    const mixed = block.softmax
      ? selfAttention(block.softmax, u, { heads, causal: true, rotary: true })
      : // Shorter chunks and blocks than the default: faster for so short a context.
        gatedLinear(block.linear!, u, { heads, forgetting: mixer as Forgetting, chunk: 32, block: 8 });
    h = add(h, mixed);
    h = add(h, feedForward(block.feedForward, layerNorm(block.norm2, h), { activation: "silu" }));
  }
  return matmul(layerNorm(norm, h), tokens.weight, { transposeB: true });
}

/** Running text, in characters. */
async function write(lab: Trial): Promise<void> {
  const { mixer, steps, heldOutBatches } = lab.settings;
  const { text, train: known, heldOut } = await loadMoby();
  const vocabulary = characterVocabulary(text);
  const [training, unseen] = [vocabulary.encode(known), vocabulary.encode(heldOut)];
  const sizes = { batch: 16, context: 128 };
  const lossOf = (params: Model, { x, y }: Record<"x" | "y", Tensor>) => crossEntropy(predict(params, x, mixer), y);
  const program = compile(lossOf);
  const lossOn = async (params: Concrete<Model>, batches: readonly TokenBatch[]) => {
    let total = 0;
    for (const batch of batches) total += (await program(params as never, asValues(batch) as never)).item();
    return total / batches.length;
  };
  const some = [...evenWindows(unseen, { ...sizes, count: Math.min(8, heldOutBatches) })];
  const params = await train<Model, "x" | "y">(lab, "train", {
    init: (key) => initModel(key, vocabulary.size, mixer),
    loss: lossOf,
    optimizer: adamW({ lr: warmUp(lab.settings.warmUp, cosineSchedule(2e-3, steps - lab.settings.warmUp)) }),
    clip: 1,
    steps,
    batches: (start) => windows(training, { ...sizes, seed: lab.seed, start, steps }),
    watch: {
      every: 25,
      measure: async (params) => ({ "held-out loss on some batches/nats": await lossOn(params, some) }),
    },
  });
  const loss = await lossOn(params, [...evenWindows(unseen, { ...sizes, count: heldOutBatches })]);
  lab.claim("ablation", { loss });
  lab.claim("parity", { loss });
}

/** Sequences of normal numbers, as queries, keys and values of some heads. */
const sequences = (random: Random, shape: readonly number[]): Value[] =>
  ["query", "key", "value"].map((name) => {
    const stream = random.split(name);
    const size = shape.reduce((product, axis) => product * axis, 1);
    return new Value(
      Float32Array.from({ length: size }, () => stream.normal()),
      [...shape],
    );
  });

/** Each form in 32 bits against the recurrence in 64. */
async function compareForms(lab: Trial): Promise<void> {
  const { times, steps } = lab.settings;
  const size = 16;
  const random = new Random(lab.seed).split("forms");
  const [q, k, v] = sequences(random, [1, 1, times, size]);
  const mildly = random.split("decay");
  const cases = { fast: () => -2, mild: () => -mildly.uniform(0, 0.1) };
  const worst: Record<string, number> = {};
  for (const [name, draw] of Object.entries(cases)) {
    const decay = new Value(Float32Array.from({ length: times * size }, draw), [1, 1, times, size]);
    const exact = recurrence([q, k, v, decay], times, size);
    const largest = exact.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
    for (const form of ["chunk", "recurrent", "parallel", "factorised"] as const) {
      const out = (await outOf(form)(q, k, v, decay)).toFloat64();
      const finite = out.filter(Number.isFinite).length / out.length;
      if (form === "factorised" && name === "fast") {
        lab.claim("stability", { finite });
        continue;
      }
      const error = out.reduce((most, each, i) => Math.max(most, Math.abs(each - exact[i])), 0) / largest;
      lab.log(steps, { [`largest error, ${form}, ${name} decay`]: error });
      worst[form] = Math.max(worst[form] ?? 0, error);
    }
  }
  const { chunk, recurrent, factorised } = worst;
  lab.claim("stability", { chunk, recurrent, factorised });
}

const outOf = (form: GatedLinearOptions["form"]) =>
  compile((q: Tensor, k: Tensor, v: Tensor, decay: Tensor) => gatedLinearAttention(q, k, v, decay, { form }).out);

/** S ← diag(α) S + kᵀ v and q S / √size, one number after the other in 64 bits. */
function recurrence(inputs: readonly Value[], times: number, size: number): Float64Array {
  const [q, k, v, decay] = inputs.map((input) => input.toFloat64());
  const state = new Float64Array(size * size);
  const out = new Float64Array(times * size);
  for (let time = 0; time < times; time++)
    for (let row = 0; row < size; row++) {
      const at = time * size + row;
      for (let column = 0; column < size; column++) {
        const place = row * size + column;
        state[place] = Math.exp(decay[at]) * state[place] + k[at] * v[time * size + column];
        out[time * size + column] += (q[at] * state[place]) / Math.sqrt(size);
      }
    }
  return out;
}

/** Forward passes over longer and longer sequences, in turn. */
async function takeTime(lab: Trial): Promise<void> {
  const { shortest, rounds, steps } = lab.settings;
  const kinds = {
    "gated linear, in chunks": (q: Tensor, k: Tensor, v: Tensor, decay: Tensor) =>
      gatedLinearAttention(q, k, v, decay).out,
    softmax: (q: Tensor, k: Tensor, v: Tensor) => attention(q, k, v, undefined, { causal: true }),
  };
  const random = new Random(lab.seed).split("time");
  const runs = [1, 2, 4, 8].flatMap((factor) => {
    const tokens = shortest * factor;
    const [q, k, v] = sequences(random.split(tokens), [1, 4, tokens, 32]);
    // The size of a time's decay does not change its cost, but a constant one would be worked out beforehand.
    const decay = new Value(
      Float32Array.from(k.toFloat64(), (each) => -Math.abs(each) / 16),
      k.shape,
    );
    const inputs = [q, k, v, decay] as [Value, Value, Value, Value];
    return Object.entries(kinds).map(([kind, fn]) => ({ tokens, kind, inputs, program: compile(fn), time: Infinity }));
  });
  for (const { program, inputs } of runs) await program(...inputs);
  for (let round = 0; round < rounds; round++)
    for (const run of runs) {
      const start = performance.now();
      await run.program(...run.inputs);
      // The shortest of all rounds: what else the machine does only adds.
      run.time = Math.min(run.time, performance.now() - start);
    }
  lab.plot(
    "time",
    runs.map(({ tokens, kind, time }) => ({ tokens, kind, time })),
  );
  for (const { tokens, kind, time, program, inputs } of runs)
    lab.log(steps, {
      [`${kind}, ${tokens} tokens/ms`]: time,
      [`${kind}, ${tokens} tokens/GFLOP`]: program.cost(...inputs).flops / 1e9,
    });
  const rise = (kind: keyof typeof kinds) => {
    const at = (factor: number) => runs.find((run) => run.kind === kind && run.tokens === shortest * factor)!.time;
    return at(8) / at(2);
  };
  lab.claim("cost", { chunk: rise("gated linear, in chunks"), softmax: rise("softmax") });
}
