// Martins & Astudillo 2016, arXiv:1602.02068
import {
  add,
  causalMask,
  compile,
  crossEntropy,
  matmul,
  mean,
  mul,
  slice,
  softmax,
  square,
  stack,
  sub,
  sum,
  type Tensor,
  type Value,
  valueAndGrad,
  zeros,
} from "sluice";
import { attentionSparsity } from "sluice/methods/attention/probes";
import { jensenShannon } from "sluice/methods/losses/jensen-shannon";
import { sparsemaxLoss } from "sluice/methods/losses/sparsemax-loss";
import { sparsemax } from "sluice/methods/normalizers/sparsemax";
import { adam, globalNorm, linearSchedule, type Normalizer } from "sluice/nn";
import { slice as rows } from "../data/column.ts";
import { labelMix } from "../data/label-mix.ts";
import { Random } from "../data/random.ts";
import { mqar } from "../data/recall.ts";
import { above, atLeast, atMost, equals, type Lab, minus, paper, ratio } from "../paper.ts";
import { bars } from "../plots/bars.ts";
import { curves } from "../plots/curves.ts";
import { panels } from "../plots/panels.ts";
import { type LanguageModel, predict, readAttention, trainLanguageModel } from "../tasks/language-model.ts";
import { asValues } from "../tasks/values.ts";

/** Scores to probabilities, with the loss and the attention that belong to each way. */
const ways = {
  softmax: { predict: softmax, loss: crossEntropy, normalizer: undefined },
  sparsemax: {
    predict: sparsemax,
    loss: sparsemaxLoss,
    normalizer: ((scores, mask) => sparsemax(scores, { mask })) as Normalizer,
  },
} as const;
type Way = keyof typeof ways;

export default paper({
  id: "sparsemax",
  row: 28,
  family: "normalizers",
  title: "From Softmax to Sparsemax: A Sparse Model of Attention and Multi-Label Classification",
  year: 2016,
  arxiv: "1602.02068",
  code: "github.com/deep-spin/entmax",
  idea: "Softmax gives every class some probability. Sparsemax projects the scores onto the simplex of probabilities instead, and the projection often lands on a face, so that low scores get exactly zero. It has a closed form, a cheap Jacobian, and a convex loss with a margin that belongs to it.",
  minutes: 4,
  settings: {
    full: {
      /** Words of a document; the claims are about 400 and 2,000. */
      lengths: [200, 400, 800, 2000],
      fitSteps: 600,
      /** Too small a rate would leave softmax behind and flatter sparsemax: the gradient's norm at the end is logged. */
      fitRate: 0.3,
      /** Weights of the squared parameters, of which the best on validation is taken. */
      decays: [1e-6, 1e-5, 1e-4, 1e-3],
      recallSteps: 1500,
      tests: 512,
    },
    smoke: { lengths: [400], decays: [1e-5], recallSteps: 100, tests: 64 },
  },
  variants: {
    "proportions, softmax": { task: "proportions", way: "softmax" },
    "proportions, sparsemax": { task: "proportions", way: "sparsemax" },
    "recall, softmax": { task: "recall", way: "softmax" },
    "recall, sparsemax": { task: "recall", way: "sparsemax" },
  },
  claims: {
    proportions: {
      paper: "the sparsemax loss is better once documents exceed about 400 words, for uniform and for random mixtures",
      holds: "the divergence of sparsemax is ≤ 0.5 times that of softmax at 400 and at 2,000 words, for both mixtures",
      measures: {
        uniform400: "divergence, uniform mixtures of 400 words, nats",
        random400: "divergence, random mixtures of 400 words, nats",
        uniform2000: "divergence, uniform mixtures of 2,000 words, nats",
        random2000: "divergence, random mixtures of 2,000 words, nats",
      },
      budgets: ["smoke", "full"],
      judge: ({ uniform400, random400, uniform2000, random2000 }, { budget }) =>
        [uniform400, random400, ...(budget === "full" ? [uniform2000, random2000] : [])].map((divergence) =>
          atMost(ratio(divergence.of("proportions, sparsemax"), divergence.of("proportions, softmax")), 0.5),
        ),
    },
    support: {
      paper: "with a stronger signal the right labels are found exactly",
      holds:
        "at 2,000 words, uniform mixtures, sparsemax finds the exact set of labels in ≥ 0.8 of the documents, and in more than softmax",
      measures: { exact: "share of documents whose labels {p > 0.02} are exactly the right ones" },
      judge: ({ exact }) => [
        atLeast(exact.of("proportions, sparsemax"), 0.8),
        above(minus(exact.of("proportions, sparsemax"), exact.of("proportions, softmax")), 0),
      ],
    },
    attention: {
      paper: "SNLI test accuracy 82.20 % with sparse against 82.08 % with soft attention, with a compact focus",
      holds:
        "accuracy of recall at most 0.02 below softmax, with ≤ 0.4 of the visible weights above zero (softmax: all)",
      measures: { accuracy: "share of values recalled", support: "share of visible weights above zero" },
      judge: ({ accuracy, support }) => [
        atLeast(minus(accuracy.of("recall, sparsemax"), accuracy.of("recall, softmax")), -0.02),
        atMost(support.of("recall, sparsemax"), 0.4),
        equals(support.of("recall, softmax"), 1),
      ],
    },
  },
  plots: {
    proportions: {
      title: "Divergence against length",
      caption:
        "Jensen–Shannon divergence of predicted and true label proportions on test documents: softmax levels off, sparsemax goes on falling with the length of the documents.",
      draw: ({ rows }) =>
        curves({
          rows: rows.map((row) => ({ ...row, series: `${row.way}, ${row.mixture} mixtures` })),
          x: { field: "length", title: "words in a document", scale: "log" },
          y: { field: "divergence", title: "divergence", unit: "nats", scale: "log" },
          series: { field: "series", title: "" },
        }),
    },
    row: {
      title: "One row of attention",
      caption:
        "Weights of one query of the last layer on the keys before it: softmax leaves some on each, sparsemax on few.",
      draw: ({ rows }) =>
        panels(
          ["recall, softmax", "recall, sparsemax"].map((variant) =>
            bars({
              title: variant,
              rows: rows.filter((row) => row.variant === variant),
              groups: { field: "key", title: "key" },
              y: { field: "weight", title: "weight", domain: [0, 1] },
            }),
          ),
        ),
    },
  },
  run: (lab) => (lab.settings.task === "proportions" ? estimateProportions(lab) : recall(lab)),
});

type Trial = Lab<{
  readonly lengths: readonly number[];
  readonly fitSteps: number;
  readonly fitRate: number;
  readonly decays: readonly number[];
  readonly recallSteps: number;
  readonly tests: number;
  readonly way: Way;
}>;

interface Linear<T = Tensor> {
  readonly weight: T;
  readonly bias: T;
}

interface Fit {
  readonly divergence: number;
  readonly squaredError: number;
  readonly exact: number;
  readonly gradient: number;
}

/** Documents of words that point to labels: how many of each label? One linear layer, all documents at once. */
async function estimateProportions(lab: Trial): Promise<void> {
  const { lengths, fitSteps, decays, way } = lab.settings;
  const fitter = linearFitter(lab.settings);
  const found: { length: number; mixture: string; way: string; divergence: number }[] = [];
  for (const length of lengths) {
    for (const mixture of ["uniform", "random"] as const) {
      const best = await lab.stage(`${mixture} ${length}`, async () => {
        const all = labelMix({ labels: 10, docs: 1200, length, mixture, seed: lab.seed });
        const [train, validation, test] = [
          [0, 800],
          [800, 1000],
          [1000, 1200],
        ].map(([start, end]) => asValues(rows({ ...all }, start, end)));
        let chosen: { params: Linear<Value>; gradient: number; validated: number } | undefined;
        for (const decay of decays) {
          const { params, gradient } = await fitter.fit(train, decay);
          const { divergence: validated } = await fitter.measure(params, validation);
          if (!chosen || validated < chosen.validated) chosen = { params, gradient, validated };
        }
        return { ...(await fitter.measure(chosen!.params, test)), gradient: chosen!.gradient } satisfies Fit;
      });
      found.push({ length, mixture, way, divergence: best.divergence });
      const { divergence, squaredError, exact, gradient } = best;
      const name = `${mixture} mixtures of ${length} words`;
      lab.log(fitSteps, { [`squared error, ${name}`]: squaredError, [`gradient norm at the end, ${name}`]: gradient });
      if (length === 400 || length === 2000) {
        lab.claim("proportions", { [`${mixture}${length}`]: divergence });
      }
      if (length === 2000 && mixture === "uniform") lab.claim("support", { exact });
    }
  }
  lab.plot("proportions", found);
}

function linearFitter({ fitSteps, fitRate, way }: Trial["settings"]) {
  const { predict, loss } = ways[way as Way];
  const optimizer = adam({ lr: linearSchedule(fitRate, 0, fitSteps) });
  const scores = ({ weight, bias }: Linear, x: Tensor) => add(matmul(x, weight), bias);
  const begin = compile(() => {
    const params: Linear = { weight: zeros([10, 10]), bias: zeros([10]) };
    return { params, state: optimizer.init(params) };
  });
  const step = compile(
    (carried: { params: Linear; state: never }, x: Tensor, q: Tensor, decay: Tensor) => {
      const [, gradient] = valueAndGrad((params: Linear) =>
        add(loss(scores(params, x), q), mul(decay, sum(square(params.weight)))),
      )(carried.params);
      return {
        carried: optimizer.update(carried.params, gradient as Linear, carried.state),
        norm: globalNorm(gradient),
      };
    },
    { donate: [0] },
  );
  const measure = compile((params: Linear, x: Tensor, q: Tensor) => {
    const p = predict(scores(params, x));
    return { p, divergence: mean(jensenShannon(p, q)), squaredError: mean(sum(square(sub(p, q)), { axis: -1 })) };
  });
  return {
    async fit({ x, q }: Record<"x" | "q", Value>, decay: number) {
      let carried = (await begin()) as { params: Linear<Value>; state: never };
      let gradient = Number.NaN;
      for (let i = 0; i < fitSteps; i++) {
        const result = await step(carried as never, x, q, decay);
        carried = result.carried as never;
        if (i === fitSteps - 1) gradient = result.norm.item();
      }
      return { params: carried.params, gradient };
    },
    async measure(params: Linear<Value>, { x, q }: Record<"x" | "q", Value>): Promise<Omit<Fit, "gradient">> {
      const { p, divergence, squaredError } = await measure(params as never, x, q);
      const [predicted, wanted] = [p.toFloat64(), q.toFloat64()];
      const right = Array.from({ length: p.shape[0] }, (_, doc) =>
        Array.from({ length: 10 }, (_, label) => doc * 10 + label).every(
          (at) => predicted[at] > 0.02 === wanted[at] > 0,
        ),
      );
      return {
        divergence: divergence.item(),
        squaredError: squaredError.item(),
        exact: right.filter(Boolean).length / right.length,
      };
    },
  };
}

/** Key–value pairs, then keys whose values are asked for: attention must find one place of many. */
async function recall(lab: Trial): Promise<void> {
  const { recallSteps: steps, tests, way } = lab.settings;
  const random = new Random(lab.seed);
  const draw = (name: string, batch: number) => mqar({ vocab: 32, length: 32, pairs: 8, batch }, random.split(name));
  const model: LanguageModel = {
    config: { vocabulary: 32, context: 32, layers: 2, heads: 2, width: 64 },
    normalizer: ways[way].normalizer,
  };
  const params = await trainLanguageModel(lab, "train", model, {
    steps,
    lr: 2e-3,
    *batches(start) {
      for (let step = start; step < steps; step++) yield draw(`train ${step}`, 64);
    },
  });

  const { x, y } = draw("test", tests);
  const scores = await predict(model, params, x);
  const [table, vocabulary] = [scores.data as Float32Array, 32];
  const asked = [...y.data.keys()].filter((place) => y.data[place] >= 0);
  const right = asked.filter((place) => {
    const row = table.subarray(place * vocabulary, (place + 1) * vocabulary);
    return row.indexOf(Math.max(...row)) === y.data[place];
  });
  const { zeros, last } = await readAttention(model, params, x, (layers) => ({
    zeros: mean(stack(layers.map(({ weights }) => attentionSparsity(weights, causalMask(32))))),
    last: slice(layers.at(-1)!.weights, [0, 0, 31]),
  }));
  lab.claim("attention", { accuracy: right.length / asked.length, support: 1 - zeros.item() });
  if (lab.seed === lab.seeds[0])
    lab.plot(
      "row",
      Array.from(last.toFloat64(), (weight, key) => ({ key, weight })),
    );
}
