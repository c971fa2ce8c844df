// Prieto et al. 2025, arXiv:2501.04697
import {
  argMax,
  type Concrete,
  cast,
  compile,
  concat,
  crossEntropy,
  equal,
  key,
  mean,
  oneHot,
  slice,
  split,
  type Tensor,
  type Value,
  valueAndGrad,
} from "sluice";
import { stablemaxCrossEntropy } from "sluice/methods/losses/stablemax-loss";
import {
  scalingCosine,
  softmaxCollapse,
  withPerpendicularGradient,
} from "sluice/methods/training/perpendicular-gradient";
import { adamW, initLinear, type Mlp, mlp } from "sluice/nn";
import { modular } from "../data/modular.ts";
import { sparseParity } from "../data/parity.ts";
import { atLeast, atMost, below, equals, type Lab, paper } from "../paper.ts";
import { curves } from "../plots/curves.ts";
import { panels } from "../plots/panels.ts";
import { asValue } from "../tasks/values.ts";

export default paper({
  id: "grokking-stability",
  row: 24,
  family: "training",
  title: "Grokking at the Edge of Numerical Stability",
  year: 2025,
  arxiv: "2501.04697",
  code: "github.com/LucasPrietoAl/grokking-at-the-edge-of-numerical-stability",
  idea: "A net that has memorised its training set can lower its loss by scaling its weights up, without changing a prediction. Logits grow until a 32-bit softmax rounds to exactly 1, the gradient is gone, and generalisation never comes. A softer exponential, or a gradient without its part along the weights, lets the net go on to generalise without weight decay.",
  minutes: 4,
  settings: {
    full: {
      task: "addition",
      loss: "softmax",
      perpendicular: false,
      additionModulus: 113,
      additionWidth: 200,
      additionEpochs: 300,
      parityEpochs: 2000,
      /** Until nearly all examples have collapsed. */
      collapseEpochs: 4000,
      watchEvery: 50,
    },
    smoke: { additionModulus: 59, additionWidth: 128, additionEpochs: 150, parityEpochs: 300, collapseEpochs: 100 },
  },
  variants: {
    "addition, AdamW": {},
    "addition, ⊥AdamW": { perpendicular: true },
    "parity, softmax": { task: "parity" },
    "parity, StableMax": { task: "parity", loss: "StableMax" },
    "parity, ⊥AdamW": { task: "parity", perpendicular: true },
    collapse: { task: "collapse" },
  },
  includes: ({ variant, budget }) => budget === "full" || (variant !== "addition, AdamW" && variant !== "collapse"),
  claims: {
    perpendicular: {
      paper: "⊥AdamW groks addition mod 113 within a few hundred epochs without weight decay; AdamW does not",
      holds: "test accuracy after 300 epochs ≥ 0.98 with ⊥AdamW and ≤ 0.05 with AdamW, every seed",
      measures: { accuracy: "test accuracy" },
      judge: ({ accuracy }) => [
        atLeast(accuracy.of("addition, ⊥AdamW"), 0.98, "every seed"),
        atMost(accuracy.of("addition, AdamW"), 0.05, "every seed"),
      ],
    },
    stablemax: {
      paper: "StableMax reaches full test accuracy without regularisation and does not collapse; softmax stays",
      holds: "on parity StableMax ≥ 0.95 with no collapse; softmax ≤ 0.85 with ≥ 0.2 of the examples collapsed",
      measures: { accuracy: "test accuracy", collapsed: "share of training examples with a loss of exactly 0" },
      judge: ({ accuracy, collapsed }) => [
        atLeast(accuracy.of("parity, StableMax"), 0.95),
        equals(collapsed.of("parity, StableMax"), 0),
        atMost(accuracy.of("parity, softmax"), 0.85),
        atLeast(collapsed.of("parity, softmax"), 0.2),
      ],
    },
    halt: {
      paper: "the collapsed share rises towards 1 while test accuracy stays at chance",
      holds: "≥ 0.8 collapsed at the end and test accuracy ≤ 0.05 throughout",
      measures: { collapsed: "share of training examples with a loss of exactly 0", best: "largest test accuracy" },
      judge: ({ collapsed, best }) => [atLeast(collapsed.of("collapse"), 0.8), atMost(best.of("collapse"), 0.05)],
    },
    alignment: {
      paper: "after memorising, the gradient points strongly along the weights",
      holds: "mean cosine over epochs 300 to 1,000 ≥ 0.5, against less than 0.1 before training",
      measures: { late: "cosine of −gradient and weights, epochs 300 to 1,000", first: "the same before training" },
      judge: ({ late, first }) => [atLeast(late.of("collapse"), 0.5), below(first.of("collapse"), 0.1)],
    },
  },
  plots: {
    course: {
      title: "What collapses, and what generalises",
      caption:
        "Test accuracy and collapsed share on parity by epoch: softmax collapses and stays, the two remedies generalise. Right: how far descent only scales the weights while addition collapses.",
      draw: ({ metrics }) =>
        panels(
          [
            { metric: "test accuracy", of: "parity" },
            { metric: "collapsed share", of: "parity" },
            { metric: "scaling cosine", of: "collapse" },
          ].map(({ metric, of }) =>
            curves({
              title: metric,
              rows: metrics
                .filter(({ name, variant }) => name === metric && variant.startsWith(of))
                .map((point) => ({ ...point })),
              x: { field: "step", title: "epoch" },
              y: { field: "value", title: metric },
              series: { field: "variant", title: "" },
              width: 280,
            }),
          ),
        ),
    },
  },
  async run(lab) {
    const { final, first, cosines, best } = await memorise(lab);
    const { accuracy, collapsed } = final;
    lab.claim("perpendicular", { accuracy });
    lab.claim("stablemax", { accuracy, collapsed });
    if (lab.variant !== "collapse") return;
    lab.claim("halt", { collapsed, best });
    const late = cosines.filter(({ epoch }) => epoch >= 300 && epoch <= 1000).map(({ cosine }) => cosine);
    lab.claim("alignment", { late: late.reduce((sum, one) => sum + one, 0) / late.length, first: first.cosine });
  },
});

type Trial = Lab<{
  readonly task: string;
  readonly loss: string;
  readonly perpendicular: boolean;
  readonly additionModulus: number;
  readonly additionWidth: number;
  readonly additionEpochs: number;
  readonly parityEpochs: number;
  readonly collapseEpochs: number;
  readonly watchEvery: number;
}>;

/** The tasks with the settings of the authors' code. */
function problemOf({ seed, settings }: Trial) {
  if (settings.task === "parity") {
    const data = sparseParity({ relevant: 3, noise: 27, samples: 2000, fraction: 0.5, seed });
    const adam = { beta2: 0.999, epsilon: 1e-18 };
    return {
      data,
      sizes: [30, 200, 200, 2],
      bias: true,
      epochs: settings.parityEpochs,
      adam,
      encode: (x: Tensor) => x,
    };
  }
  const small = settings.task === "collapse";
  const p = small ? 59 : settings.additionModulus;
  const width = small ? 128 : settings.additionWidth;
  const encode = (x: Tensor) =>
    concat(
      [0, 1].map((i) => oneHot(slice(x, [null, i]), p)),
      { axis: -1 },
    );
  const epochs = small ? settings.collapseEpochs : settings.additionEpochs;
  // With the usual 1e-8 late gradients would vanish against it, and learning would halt for another reason.
  const adam = { beta2: 0.99, epsilon: 1e-25 };
  return { data: modular("add", p, 0.4, seed), sizes: [2 * p, width, width, p], bias: false, epochs, adam, encode };
}

interface Measured {
  readonly accuracy: number;
  readonly collapsed: number;
  readonly cosine: number;
}

/** Trains on all examples at once, long after they are known by heart. */
async function memorise(lab: Trial) {
  const { data, sizes, bias, epochs, adam, encode } = problemOf(lab);
  const { loss, perpendicular, watchEvery } = lab.settings;
  const plain = adamW({ lr: 0.01, weightDecay: 0, ...adam });
  const optimizer = perpendicular ? withPerpendicularGradient(plain) : plain;
  const lossesOf = (params: Mlp, x: Tensor, y: Tensor) => {
    const logits = mlp(params, encode(x));
    return loss === "StableMax" ? stablemaxCrossEntropy(logits, y) : crossEntropy(logits, y, { reduction: "none" });
  };
  const lossAndGradient = (params: Mlp, x: Tensor, y: Tensor) =>
    valueAndGrad((params: Mlp) => mean(lossesOf(params, x, y)))(params);
  const begin = compile((random: Tensor) => {
    const keys = split(random, sizes.length - 1);
    const layers = keys.map((one, i) => initLinear(one, { in: sizes[i], out: sizes[i + 1], bias }));
    return { params: { layers } as Mlp, state: optimizer.init({ layers } as Mlp) };
  });
  const update = compile((carried: { params: Mlp; state: any }, x: Tensor, y: Tensor) => {
    const [value, gradient] = lossAndGradient(carried.params, x, y);
    return { carried: optimizer.update(carried.params, gradient, carried.state), loss: value };
  });
  const inspect = compile((params: Mlp, x: Tensor, y: Tensor, testX: Tensor, testY: Tensor) => ({
    collapsed: softmaxCollapse(lossesOf(params, x, y)),
    cosine: scalingCosine(params, lossAndGradient(params, x, y)[1]),
    accuracy: mean(cast(equal(argMax(mlp(params, encode(testX)), { axis: -1 }), cast(testY, "int64")), "float32")),
  }));
  const [x, y, testX, testY] = [data.train.x, data.train.y, data.test.x, data.test.y].map(asValue);
  const measure = async (params: unknown): Promise<Measured> => {
    const { accuracy, collapsed, cosine } = (await inspect(
      ...([params, x, y, testX, testY] as unknown as Parameters<typeof inspect>),
    )) as unknown as Record<keyof Measured, Value>;
    return { accuracy: accuracy.item(), collapsed: collapsed.item(), cosine: cosine.item() };
  };

  const initial = (await begin(key(lab.seed) as never)) as Concrete<{ params: Mlp; state: unknown }>;
  const first = await measure(initial.params);
  type Carried = { carried: typeof initial; cosines: { epoch: number; cosine: number }[]; best: number };
  const end = await lab.loop<Carried>("train", {
    steps: epochs,
    start: () => ({ carried: initial, cosines: [], best: first.accuracy }),
    async step({ carried, cosines, best }, epoch) {
      const next = (await update(carried as never, x as never, y as never)) as unknown as {
        carried: typeof initial;
        loss: Value;
      };
      const done = epoch + 1;
      if (done % watchEvery !== 0) return { carried: next.carried, cosines, best };
      const { accuracy, collapsed, cosine } = await measure(next.carried.params);
      lab.log(done, {
        "train loss/nats": next.loss.item(),
        "test accuracy": accuracy,
        "collapsed share": collapsed,
        "scaling cosine": cosine,
      });
      return { carried: next.carried, cosines: [...cosines, { epoch: done, cosine }], best: Math.max(best, accuracy) };
    },
  });
  return { final: await measure(end.carried.params), first, cosines: end.cosines, best: end.best };
}
