// Gowal et al. 2018, arXiv:1810.12715
import {
  type Concrete,
  cast,
  compile,
  crossEntropy,
  key,
  mul,
  relu,
  reshape,
  split,
  stopGradient,
  type Tensor,
  Value,
} from "sluice";
import { pgd } from "sluice/methods/robustness/attacks";
import {
  type Box,
  boxConvolution,
  boxLinear,
  boxMonotone,
  boxMoved,
  ibpLoss,
  inputBox,
  isVerified,
  rampSchedule,
  worstMargins,
} from "sluice/methods/robustness/ibp";
import {
  adam,
  type Convolution,
  convolution,
  initConvolution,
  initLinear,
  type Linear,
  linear,
  piecewiseSchedule,
} from "sluice/nn";
import { batches } from "../data/batches.ts";
import { slice } from "../data/column.ts";
import type { LabelledImages } from "../data/image-classes.ts";
import { loadMnist } from "../data/mnist.ts";
import { atLeast, atMost, equals, type Lab, paper } from "../paper.ts";
import { curves } from "../plots/curves.ts";
import { panels } from "../plots/panels.ts";
import { correct } from "../tasks/image-classifier.ts";
import { inBatches } from "../tasks/in-batches.ts";
import { train } from "../tasks/train.ts";

/** Radius that the claims are about. */
const tested = 0.1;

export default paper({
  id: "ibp-training",
  row: 73,
  family: "robustness",
  title: "On the Effectiveness of Interval Bound Propagation for Training Verifiably Robust Models",
  year: 2018,
  arxiv: "1810.12715",
  code: "github.com/deepmind/interval-bound-propagation",
  idea: "The whole box of inputs around an image is pushed through the network, one lower and one upper bound for every unit. What comes out bounds the loss of every image in the box. For ordinary networks that bound says nothing, but it is cheap and smooth: used as the loss and phased in slowly, it makes the network learn weights for which it is nearly exact.",
  minutes: 5,
  settings: {
    full: {
      /** The bounds are nearly exact by then; a step with them costs three ordinary ones, an attacked one six. */
      steps: 2000,
      warmUp: 100,
      ramp: 800,
      /** Larger than the radius tested, as in the paper (0.2 for 0.1 there, with 30 times the steps). */
      radius: 0.15,
      /** Of training attacks; evaluation takes 40. */
      attackSteps: 5,
      images: 2000,
      /** Images for other radii than the one tested, which only the picture shows. */
      shownImages: 500,
    },
    smoke: { steps: 40, warmUp: 10, ramp: 20, radius: 0.05, images: 100, shownImages: 50 },
  },
  variants: {
    nominal: { loss: "nominal", share: 0.5 },
    pgd: { loss: "pgd", share: 0.4 },
    ibp: { loss: "ibp", share: 1 },
    "ibp-noramp": { loss: "ibp-noramp", share: 0.2 },
  },
  includes: ({ variant, seed, budget }) =>
    budget === "full" ? variant !== "ibp-noramp" || seed === 1 : variant === "pgd" || variant === "ibp",
  claims: {
    verified: {
      paper: "MNIST at ε = 0.1: verified error 2.23 % (best before: 3.67 %), clean error 1.06 %, large net, 100 epochs",
      holds: "verified error at ε = 0.1 at most 25 % on average, clean error at most 8 %",
      measures: { verified: "verified error, %", clean: "clean error, %" },
      judge: ({ verified, clean }) => [atMost(verified.of("ibp"), 25), atMost(clean.of("ibp"), 8)],
    },
    adapts: {
      paper: "the bound is weak for ordinary networks, and tight for those trained with it",
      holds:
        "verified error at ε = 0.1 at least 99 % for ordinary training and 80 % for adversarial training, whose error under attack is at most 15 %",
      measures: { verified: "verified error, %", attacked: "error under attack, %" },
      judge: ({ verified, attacked }) => [
        atLeast(verified.of("nominal"), 99),
        atLeast(verified.of("pgd"), 80),
        atMost(attacked.of("pgd"), 15),
      ],
    },
    gap: {
      paper: "MNIST at ε = 0.1: error under attack 2.11 %, verified error 2.23 %",
      holds:
        "verified error at most 12 points above the error under attack, and no image of any network verified and attacked with success",
      budgets: ["smoke", "full"],
      measures: {
        gap: "verified error − error under attack, points",
        contradictions: "images verified that an attack changes",
      },
      judge: ({ gap, contradictions }, { budget }) => [
        equals(contradictions, 0),
        ...(budget === "full" ? [atMost(gap.of("ibp"), 12)] : []),
      ],
    },
  },
  plots: {
    bounds: {
      title: "Error proven and error found",
      caption:
        "Against the radius of the perturbation: the error that bounds cannot exclude, and the error that an attack finds. The true error lies between them. Only training with the bounds closes the gap.",
      draw: ({ rows }) =>
        panels(
          ["nominal", "pgd", "ibp"].map((arm) =>
            curves({
              title: arm,
              rows: rows.filter(({ variant }) => variant === arm),
              x: { field: "radius", title: "radius ε" },
              y: { field: "error", title: "error, %", domain: [0, 100] },
              series: { field: "kind", title: "" },
              width: 220,
              height: 220,
            }),
          ),
        ),
    },
  },
  async run(lab) {
    const { images, shownImages } = lab.settings;
    const mnist = await loadMnist();
    const net = await trainNet(lab, mnist.train);
    const found = await errors(net, mnist.test, tested, images, 2);
    lab.claim("verified", { verified: found.verified, clean: found.clean });
    lab.claim("adapts", { verified: found.verified, attacked: found.attacked });
    lab.claim("gap", { gap: found.verified - found.attacked, contradictions: found.contradictions });
    const radii = [0.02, 0.05, 0.15];
    const shown = new Map([[tested, found]]);
    for (const radius of radii) shown.set(radius, await errors(net, mnist.test, radius, shownImages, 1));
    lab.plot(
      "bounds",
      [...shown]
        .sort(([a], [b]) => a - b)
        .flatMap(([radius, { verified, attacked }]) => [
          { radius, kind: "not verified", error: verified },
          { radius, kind: "attacked", error: attacked },
        ]),
    );
  },
});

/** The paper's small net. */
interface Net<T = Tensor> {
  readonly convolutions: readonly Convolution<T>[];
  readonly hidden: Linear<T>;
  readonly out: Linear<T>;
}

/** Of the convolutions, both 4×4 without padding. */
const strides = [2, 1];

function initNet(random: Tensor): Net {
  const keys = split(random, 4);
  return {
    convolutions: [
      initConvolution(keys[0], { in: 1, out: 16, kernel: [4, 4] }),
      initConvolution(keys[1], { in: 16, out: 32, kernel: [4, 4] }),
    ],
    hidden: initLinear(keys[2], { in: 3200, out: 100 }),
    out: initLinear(keys[3], { in: 100, out: 10 }),
  };
}

function logitsOf({ convolutions, hidden, out }: Net, x: Tensor): Tensor {
  const maps = convolutions.reduce((h, layer, i) => relu(convolution(layer, h, { stride: strides[i] })), x);
  return linear(out, relu(linear(hidden, reshape(maps, [x.shape[0], -1]))));
}

/** How far any input within the radius can raise another class above the true one, float[batch, classes]. */
function marginsOf({ convolutions, hidden, out }: Net, x: Tensor, y: Tensor, radius: Tensor): Tensor {
  const maps = convolutions.reduce<Box>(
    (box, layer, i) => boxMonotone(boxConvolution(layer, box, { stride: strides[i] }), relu),
    inputBox(x, { radius }),
  );
  const flat = boxMoved(maps, (h) => reshape(h, [x.shape[0], -1]));
  return worstMargins(out, boxMonotone(boxLinear(hidden, flat), relu), y);
}

type Trial = Lab<{
  readonly loss: string;
  readonly share: number;
  readonly steps: number;
  readonly warmUp: number;
  readonly ramp: number;
  readonly radius: number;
  readonly attackSteps: number;
}>;

interface Batch {
  readonly x: Tensor;
  readonly y: Tensor;
  readonly radius: Tensor;
  readonly natural: Tensor;
}

const bounded = (net: Net, { x, y, radius, natural }: Batch): Tensor =>
  ibpLoss({ logits: logitsOf(net, x), margins: marginsOf(net, x, y, radius), labels: y, natural });

/** What each arm minimises. */
const losses: Record<string, (net: Net, batch: Batch, random: Tensor, attackSteps: number) => Tensor> = {
  nominal: (net, { x, y }) => crossEntropy(logitsOf(net, x), y),
  pgd: (net, { x, y, radius }, random, steps) => {
    const loss = (at: Tensor) => crossEntropy(logitsOf(net, at), y, { reduction: "sum" });
    // Steps of half the radius reach any corner of the box from a random start within 5.
    const attacked = pgd(loss, x, { radius, steps, stepSize: mul(radius, 2.5 / steps), key: random });
    return crossEntropy(logitsOf(net, stopGradient(attacked)), y);
  },
  ibp: bounded,
  "ibp-noramp": bounded,
};

function trainNet(lab: Trial, images: LabelledImages): Promise<Concrete<Net>> {
  const { loss, share, warmUp, ramp, radius, attackSteps } = lab.settings;
  const steps = Math.round(share * lab.settings.steps);
  const scalar = (number: number) => ({ data: Float32Array.of(number), shape: [] });
  const at = (step: number) =>
    loss === "ibp" ? rampSchedule(step, { warmUp, ramp, radius }) : { radius, natural: 0.5 };
  return train<Net, keyof Batch>(lab, "train", {
    init: initNet,
    loss: (net, batch, random) => losses[loss](net, batch, random, attackSteps),
    optimizer: adam({ lr: piecewiseSchedule([1e-3, 1e-4], [Math.round(0.75 * steps)]) }),
    steps,
    *batches(start) {
      let step = start;
      for (const { x, y } of batches(images, { batch: 100, seed: lab.seed, start, steps })) {
        const { radius, natural } = at(step++);
        yield { x, y, radius: scalar(radius), natural: scalar(natural) };
      }
    },
  });
}

const answer = compile((net: Net, x: Tensor, y: Tensor, radius: Tensor) => ({
  logits: logitsOf(net, x),
  verified: cast(isVerified(marginsOf(net, x, y, radius)), "int32"),
}));

const attack = compile((net: Net, x: Tensor, y: Tensor, radius: Tensor, random: Tensor) => {
  const loss = (at: Tensor) => crossEntropy(logitsOf(net, at), y, { reduction: "sum" });
  return logitsOf(net, pgd(loss, x, { radius, steps: 40, key: random }));
});

/** Errors of the first `count` images in percent: clean, under the strongest of some attacks, and not verified. */
async function errors(net: Concrete<Net>, images: LabelledImages, radius: number, count: number, restarts: number) {
  const test = slice(images, 0, count);
  const labels = test.y.data;
  let done = 0;
  const results = await inBatches(test.x, 100, async (x) => {
    const y = new Value(labels.slice(done, done + x.shape[0]), [x.shape[0]]);
    done += x.shape[0];
    const given = [net as never, x, y, new Value(Float32Array.of(radius), [])] as const;
    const clean = await answer(...given);
    const attacked: Value[] = [];
    for (let i = 0; i < restarts; i++) attacked.push(await attack(...given, key(1000 * i + done)));
    return { ...clean, attacked };
  });
  const right = (logits: Value) => correct(logits.data as Float32Array, labels);
  const clean = right(results.logits);
  const survived = results.attacked.map(right).reduce((all, one) => all.map((each, i) => each && one[i]), clean);
  const verified = [...results.verified.toFloat64()].map((each) => each === 1);
  const error = (good: readonly boolean[]) => 100 * (1 - good.filter(Boolean).length / count);
  return {
    clean: error(clean),
    attacked: error(survived),
    verified: error(verified),
    contradictions: verified.filter((each, i) => each && !survived[i]).length,
  };
}
