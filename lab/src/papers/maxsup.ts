// Zhou et al. 2025, "MaxSup: Overcoming Representation Collapse in Label Smoothing"
import {
  add,
  type Concrete,
  compile,
  crossEntropy,
  mean,
  mul,
  oneHot,
  relu,
  reshape,
  softmax,
  type Tensor,
  Value,
} from "sluice";
import { labelSmoothingLoss, maxSupLoss, smoothingTerms } from "sluice/methods/losses/maxsup";
import { calibrationError, classGeometry } from "sluice/methods/other/feature-metrics";
import { predictRidge, ridge } from "sluice/methods/other/ridge";
import { adam, cosineSchedule, initMlp, linear, type Mlp, mlp } from "sluice/nn";
import { batches } from "../data/batches.ts";
import { type Column, slice } from "../data/column.ts";
import { loadFashion } from "../data/fashion.ts";
import type { LabelledImages } from "../data/image-classes.ts";
import { loadMnist } from "../data/mnist.ts";
import { Random } from "../data/random.ts";
import { above, atLeast, atMost, type Lab, minus, paper, ratio, within } from "../paper.ts";
import { histogram } from "../plots/histogram.ts";
import { panels } from "../plots/panels.ts";
import { scatter } from "../plots/scatter.ts";
import { accuracy } from "../tasks/image-classifier.ts";
import { inBatches } from "../tasks/in-batches.ts";
import { withRandomLabels } from "../tasks/labels.ts";
import { train } from "../tasks/train.ts";

/** Strength of the penalties: the paper's for label smoothing, and the start of its schedule for MaxSup. */
const strength = 0.1;

/** What is minimised in each arm. `alpha` is MaxSup's own strength at this step. */
const losses: Record<string, (logits: Tensor, labels: Tensor, alpha: Tensor) => Tensor> = {
  ce: (logits, labels) => crossEntropy(logits, labels),
  ls: (logits, labels) => labelSmoothingLoss(logits, labels, { alpha: strength }),
  maxsup: (logits, labels, alpha) => maxSupLoss(logits, labels, { alpha }),
  "maxsup-const": (logits, labels) => maxSupLoss(logits, labels, { alpha: strength }),
  "ls-regularisation-only": (logits, labels) =>
    add(crossEntropy(logits, labels), mul(mean(smoothingTerms(logits, labels).regularisation), strength)),
  "ls-error-only": (logits, labels) =>
    add(crossEntropy(logits, labels), mul(mean(smoothingTerms(logits, labels).errorEnhancement), strength)),
};

/** Classes whose features the picture shows: T-shirt, pullover and shirt are easily mistaken for each other. */
const shown = [0, 2, 6] as const;

export default paper({
  id: "maxsup",
  row: 58,
  family: "losses",
  title: "MaxSup: Overcoming Representation Collapse in Label Smoothing",
  year: 2025,
  code: "github.com/ZhouYuxuanYX/Maximum-Suppression-Regularization",
  idea: "Label smoothing is cross-entropy plus a penalty on how far the true logit is above the mean. Where the prediction is right that lowers the largest logit, as intended; where it is wrong it lowers the true one and rewards the error. MaxSup penalises the largest logit instead, so that it acts alike on right and wrong predictions and features collapse less.",
  minutes: 4.5,
  seeds: { full: 5 },
  settings: {
    full: {
      steps: 1000,
      /** Images that the linear probe is trained and tested on, each. */
      probed: 3000,
      tested: 10_000,
    },
    smoke: { steps: 60, probed: 500, tested: 1000 },
  },
  variants: {
    ce: { loss: "ce" },
    ls: { loss: "ls" },
    maxsup: { loss: "maxsup" },
    "maxsup-const": { loss: "maxsup-const" },
    "ls-regularisation-only": { loss: "ls-regularisation-only" },
    "ls-error-only": { loss: "ls-error-only" },
  },
  includes: ({ variant, budget }) => budget === "full" || ["ce", "ls", "maxsup"].includes(variant),
  claims: {
    "overconfident-errors": {
      paper: "label smoothing reinforces wrong predictions",
      holds:
        "mean top probability on misclassified images at least 4 points lower with MaxSup than with label smoothing, and lower at constant strength too, at accuracies within 0.7 points",
      measures: { confidence: "mean top probability on errors, points", accuracy: "test accuracy, %" },
      judge: ({ confidence, accuracy }) => [
        atLeast(minus(confidence.of("ls"), confidence.of("maxsup")), 4),
        above(minus(confidence.of("ls"), confidence.of("maxsup-const")), 0),
        within(minus(accuracy.of("maxsup"), accuracy.of("ls")), -0.7, 0.7),
        within(minus(accuracy.of("maxsup-const"), accuracy.of("ls")), -0.7, 0.7),
      ],
    },
    variance: {
      paper: "intra-class variation (ImageNet, ResNet-50, training set): label smoothing 0.2632, MaxSup 0.2926",
      holds: "mean cosine distance within classes on test features, MaxSup / label smoothing ≥ 1.02",
      measures: { within: "cosine distance within classes" },
      judge: ({ within }) => [atLeast(ratio(within.of("maxsup"), within.of("ls")), 1.02)],
    },
    transfer: {
      paper: "linear transfer to CIFAR-10: label smoothing 74.58 %, MaxSup 81.02 %, cross-entropy 81.43 %",
      holds: "linear probe on mnist at least 0.3 points better with MaxSup than with label smoothing",
      measures: { probe: "accuracy of a linear probe on mnist, %" },
      judge: ({ probe }) => [atLeast(minus(probe.of("maxsup"), probe.of("ls")), 0.3)],
    },
    calibration: {
      paper: "CIFAR-10-C: calibration error 0.1741 with label smoothing, 0.1479 with MaxSup, at equal error",
      holds: "trained on noisy labels, calibration error on noisy images of MaxSup at most that of label smoothing",
      measures: { error: "expected calibration error" },
      judge: ({ error }) => [atMost(minus(error.of("maxsup"), error.of("ls")), 0)],
    },
  },
  plots: {
    features: {
      title: "Features of three classes, and confidence of errors",
      caption:
        "Above, penultimate features of three similar garments on the plane through their weight vectors: label smoothing pulls each class together more than MaxSup does. Below, the top probability of wrong predictions, which MaxSup keeps low.",
      draw: ({ rows }) => {
        const arms = ["ce", "ls", "maxsup"];
        const of = (kind: string, variant: string) =>
          rows.filter((row) => row.kind === kind && row.variant === variant);
        return panels(
          [
            ...arms.map((arm) =>
              scatter({
                title: arm,
                rows: of("feature", arm),
                x: { field: "x", title: "first direction" },
                y: { field: "y", title: "second direction" },
                series: { field: "class", title: "class" },
                width: 240,
                height: 240,
              }),
            ),
            ...arms.map((arm) =>
              histogram({
                title: arm,
                rows: of("error", arm),
                x: { field: "confidence", title: "top probability of errors", domain: [0, 1] },
                bins: 25,
                width: 240,
                height: 140,
              }),
            ),
          ],
          { columns: arms.length },
        );
      },
    },
  },
  async run(lab) {
    const { steps, probed, tested } = lab.settings;
    const random = new Random(lab.seed);
    const { train: clean, test: whole, classes } = await loadFashion();
    const test = slice(whole, 0, tested);

    const net = await trainOn(lab, "train", clean);
    const { logits, probabilities, features } = await answers(net, test.x);
    const wrong = errors(probabilities, test.y.data);
    const right = 100 * accuracy(logits.data as Float32Array, test.y.data);
    const geometry = classGeometry(features.data as Float32Array, test.y.data, features.shape[1]);
    lab.claim("overconfident-errors", {
      confidence: (100 * wrong.reduce((total, each) => total + each, 0)) / wrong.length,
      accuracy: right,
    });
    lab.claim("variance", { within: geometry.within });
    lab.log(steps, { "class separability R²": geometry.separability });

    const mnist = await loadMnist();
    const [known, asked] = [slice(mnist.train, 0, probed), slice(mnist.test, 0, probed)];
    const [from, to] = [await answers(net, known.x), await answers(net, asked.x)];
    const guesses = await probe(from.features, new Value(known.y.data, [probed]), to.features);
    lab.claim("transfer", { probe: 100 * accuracy(guesses.data as Float32Array, asked.y.data) });

    const noisy = await trainOn(lab, "train on noisy labels", withRandomLabels(clean, 0.3, 10, random.split("labels")));
    const corrupted = withGaussianNoise(test.x, 0.15, random.split("noise"));
    const shaken = await answers(noisy, corrupted);
    lab.claim("calibration", { error: calibrationError(shaken.probabilities.toFloat64(), test.y.data) });
    lab.log(steps, {
      "accuracy on noisy images, noisy labels/percent": 100 * accuracy(shaken.logits.data as Float32Array, test.y.data),
    });
    if (lab.seed !== lab.seeds[0]) return;
    lab.plot("features", [
      ...onWeightPlane(net, features, test.y.data, 100).map((row) => ({
        ...row,
        kind: "feature",
        class: classes[row.label],
      })),
      ...wrong.map((confidence) => ({ kind: "error", confidence })),
    ]);
  },
});

type Trial = Lab<{ readonly loss: string; readonly steps: number }>;

/** Features behind the last hidden layer's rectifier, and the scores of the classes. */
function forward({ layers }: Mlp, x: Tensor): { features: Tensor; logits: Tensor } {
  const features = relu(mlp({ layers: layers.slice(0, -1) }, reshape(x, [x.shape[0], -1])));
  return { features, logits: linear(layers.at(-1)!, features) };
}

const trainOn = (lab: Trial, name: string, images: LabelledImages): Promise<Concrete<Mlp>> =>
  train<Mlp, "x" | "y" | "alpha">(lab, name, {
    init: (key) => initMlp(key, { sizes: [784, 256, 128, 10] }),
    loss: (params, { x, y, alpha }) => losses[lab.settings.loss](forward(params, x).logits, y, alpha),
    optimizer: adam({ lr: cosineSchedule(1e-3, lab.settings.steps) }),
    steps: lab.settings.steps,
    *batches(start) {
      const { steps } = lab.settings;
      let step = start;
      for (const { x, y } of batches(images, { batch: 128, seed: lab.seed, start, steps })) {
        // The authors' schedule: from 0.1 to 0.2 over the training.
        const alpha = strength * (1 + step++ / steps);
        yield { x, y, alpha: { data: Float32Array.of(alpha), shape: [] } };
      }
    },
  });

const answer = compile((params: Mlp, x: Tensor) => {
  const { features, logits } = forward(params, x);
  return { features, logits, probabilities: softmax(logits) };
});

const answers = (params: Concrete<Mlp>, images: Column) => inBatches(images, 500, (x) => answer(params as never, x));

/** Scores of the classes for `asked`, of a linear map fitted to `known` features. */
const probe = compile((known: Tensor, labels: Tensor, asked: Tensor) =>
  predictRidge(ridge(known, oneHot(labels, 10), { decay: 10 }), asked),
);

/** The top probability of every wrong prediction. */
function errors(probabilities: Value, labels: Int32Array): number[] {
  const rows = probabilities.toArray() as number[][];
  return rows.flatMap((row, i) => {
    const top = Math.max(...row);
    return row.indexOf(top) === labels[i] ? [] : [top];
  });
}

/** Images with normal noise on every pixel, kept within 0 … 1. */
function withGaussianNoise(images: Column & { readonly scale: number }, deviation: number, random: Random): Column {
  const data = Float32Array.from(images.data, (level) =>
    Math.min(1, Math.max(0, level * images.scale + random.normal(0, deviation))),
  );
  return { data, shape: images.shape };
}

/** Features of the classes shown, on the plane through their weight vectors, at most `count` of each. */
function onWeightPlane({ layers }: Concrete<Mlp>, features: Value, labels: Int32Array, count: number) {
  const weight = layers.at(-1)!.weight.toArray() as number[][];
  const vectors = shown.map((label) => weight.map((row) => row[label]));
  const dot = (a: readonly number[], b: readonly number[]) => a.reduce((total, each, k) => total + each * b[k], 0);
  const unit = (a: readonly number[]) => a.map((each) => each / Math.sqrt(dot(a, a)));
  const minusVector = (a: readonly number[], b: readonly number[], times = 1) =>
    a.map((each, k) => each - times * b[k]);
  const first = unit(minusVector(vectors[1], vectors[0]));
  const second = minusVector(vectors[2], vectors[0]);
  const across = unit(minusVector(second, first, dot(second, first)));
  const seen = new Map<number, number>();
  return (features.toArray() as number[][]).flatMap((feature, i) => {
    const label = labels[i];
    const before = seen.get(label) ?? 0;
    if (!shown.includes(label as 0) || before >= count) return [];
    seen.set(label, before + 1);
    return [{ label, x: dot(feature, first), y: dot(feature, across) }];
  });
}
