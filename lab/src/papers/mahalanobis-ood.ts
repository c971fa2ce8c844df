// Lee et al. 2018, arXiv:1807.03888
import { argMax, type Concrete, compile, crossEntropy, mean, type Tensor, Value } from "sluice";
import { fitLogistic, type Logistic } from "sluice/methods/ood/logistic";
import {
  addClass,
  asArguments,
  type ClassGaussians,
  fitGaussians,
  type GaussianTensors,
  mahalanobisScore,
  mahalanobisScores,
  towardScore,
} from "sluice/methods/ood/mahalanobis";
import { auroc, fprAtTpr } from "sluice/methods/ood/metrics";
import { odin } from "sluice/methods/ood/odin";
import { maxSoftmax } from "sluice/methods/ood/scores";
import { fgsm, pgd } from "sluice/methods/robustness/attacks";
import { type Column, firstOfEach, select, slice, toFloats } from "../data/column.ts";
import { loadFashion } from "../data/fashion.ts";
import type { LabelledImages } from "../data/image-classes.ts";
import { loadMnist } from "../data/mnist.ts";
import { Random } from "../data/random.ts";
import { atLeast, average, type Lab, minus, paper } from "../paper.ts";
import { bars } from "../plots/bars.ts";
import { type Cnn, cnn, cnnLayers, greyCnn, trainCnn } from "../tasks/image-classifier.ts";
import { inBatches } from "../tasks/in-batches.ts";
import { withRandomLabels } from "../tasks/labels.ts";
import { firstOf, type GreyImages, noise, permuted, rotated } from "../tasks/outliers.ts";

/** The sets that a detector must not know. */
const outlierSets = ["mnist", "permuted", "noise", "rotated"] as const;
/** Sizes of the step towards the score that are tried, in units of the pixel range. */
const stepSizes = [0, 2e-3, 1e-2] as const;
/** Radius of the attacks: what the paper calls strength. */
const radius = 0.05;

const bySet = (label: (set: string) => string) =>
  Object.fromEntries(outlierSets.map((set) => [set, label(set)])) as Record<(typeof outlierSets)[number], string>;

export default paper({
  id: "mahalanobis-ood",
  row: 55,
  family: "ood",
  title: "A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial Attacks",
  year: 2018,
  arxiv: "1807.03888",
  code: "github.com/pokaxpoka/deep_Mahalanobis_detector",
  idea: "The features of a trained classifier look as if each class had a normal distribution around its mean, with one covariance for all. The Mahalanobis distance to the nearest mean is then a score of being familiar, in any layer, without any training. A small step of the input that raises the score and a weighted sum over the layers sharpen it; attacks are found by the same means.",
  minutes: 4.5,
  seeds: { full: 2 },
  settings: {
    full: {
      /** About 90 % test accuracy. */
      steps: 1000,
      /** With 30 % of the labels drawn at random. */
      noisySteps: 600,
      /** Classes 0 to 7 alone, for the class-incremental use. */
      partialSteps: 300,
      /** Training images that the distributions are fitted to. */
      fitted: 20_000,
      /** Known images that scores are compared on, outliers of each kind, and images for validation. */
      images: 2000,
    },
    smoke: { steps: 80, noisySteps: 30, partialSteps: 30, fitted: 2000, images: 200 },
  },
  claims: {
    ood: {
      paper: "ResNet, CIFAR-10 against SVHN: TNR at TPR 95 % 32.47 (softmax) → 96.42, AUROC 89.88 → 99.14",
      holds: "AUROC on mnist ≥ 0.97 and ≥ 0.10 above the softmax score; average over the four sets ≥ 0.95",
      measures: {
        softmax: "AUROC on mnist, softmax score",
        ...bySet((set) => `AUROC on ${set}, all layers`),
      },
      judge: ({ softmax, mnist, permuted, noise, rotated }) => [
        atLeast(mnist, 0.97),
        atLeast(minus(mnist, softmax), 0.1),
        atLeast(average("AUROC, all layers, average over four sets", mnist, permuted, noise, rotated), 0.95),
      ],
    },
    ablation: {
      paper: "AUROC: last layer alone 93.92, all layers 98.30, with pre-processing 99.14",
      holds: "the average over the four sets does not fall by more than 0.3 points from one to the next",
      measures: {
        last: "average AUROC of the last layer, %",
        all: "average AUROC of all layers, %",
        moved: "average AUROC of all layers with pre-processing, %",
      },
      judge: ({ last, all, moved }) => [atLeast(minus(all, last), -0.3), atLeast(minus(moved, all), -0.3)],
    },
    adversarial: {
      paper: "beats earlier detectors on FGSM, BIM, DeepFool and CW, also on attacks that it has not seen",
      holds: "AUROC for PGD with weights from FGSM ≥ 0.85 and ≥ 0.10 above the softmax score",
      measures: { softmax: "AUROC for PGD, softmax score", mahalanobis: "AUROC for PGD, all layers" },
      judge: ({ softmax, mahalanobis }) => [atLeast(mahalanobis, 0.85), atLeast(minus(mahalanobis, softmax), 0.1)],
    },
    "noisy-labels": {
      paper: "more robust than the softmax score when training labels are noisy",
      holds: "AUROC on mnist of a net trained with 30 % random labels ≥ 0.95, the softmax score ≥ 0.15 below",
      measures: { softmax: "AUROC on mnist, softmax score", mahalanobis: "AUROC on mnist, all layers" },
      judge: ({ softmax, mahalanobis }) => [atLeast(mahalanobis, 0.95), atLeast(minus(mahalanobis, softmax), 0.15)],
    },
  },
  plots: {
    layers: {
      title: "How well each layer tells clothes from what they are not",
      caption:
        "AUROC of the Mahalanobis score of each layer, of all together and of the softmax score, for four kinds of outliers and one attack. Low layers see noise and attacks, the last one other objects.",
      draw: ({ rows }) =>
        bars({
          rows,
          groups: { field: "set", title: "" },
          series: { field: "score", title: "score" },
          y: { field: "auroc", title: "AUROC" },
          references: [{ value: 0.5, label: "chance" }],
          width: 720,
        }),
    },
  },
  run: detect,
});

type Trial = Lab<{
  readonly steps: number;
  readonly noisySteps: number;
  readonly partialSteps: number;
  readonly fitted: number;
  readonly images: number;
}>;

async function detect(lab: Trial): Promise<void> {
  const { steps, noisySteps, partialSteps, fitted, images } = lab.settings;
  const random = new Random(lab.seed);
  const fashion = await loadFashion();
  const known = firstOf(fashion.test.x, images);
  const validation = slice(fashion.test, images, 2 * images);
  const mnist = (await loadMnist()).test;
  const kinds = (images: GreyImages, others: GreyImages, stream: string): Record<string, Column> => ({
    mnist: others,
    permuted: permuted(images, random.split("permuted")),
    noise: noise(images.shape[0], random.split(stream)),
    rotated: rotated(images),
  });
  const outliers = kinds(known, firstOf(mnist.x, images), "noise");
  const toFit = slice(fashion.train, 0, fitted);

  const net = await trainCnn(lab, "train", greyCnn, fashion.train, { steps, lr: 1e-3, batch: 128 });
  const detector = await fitDetector(net, toFit, validation);
  lab.log(steps, { "chosen size of the step": detector.stepSize });
  for (const [layer, weight] of detector.combine[0].standardised.entries())
    lab.log(steps, { [`weight of layer ${layer + 1} learned from attacks, standardised`]: weight });

  lab.say("comparing scores");
  const sets = { ...outliers, PGD: await fooled(net, slice(fashion.test, 0, images), "pgd") };
  const { scores: inside, layers: insideLayers } = await scoresOf(detector, known);
  const layersOf: Record<string, readonly Value[]> = {};
  const measured: Record<string, Record<string, number>> = {};
  const rows = [];
  for (const [set, examples] of Object.entries(sets)) {
    const { scores: outside, layers } = await scoresOf(detector, examples);
    layersOf[set] = layers;
    measured[set] = Object.fromEntries(
      Object.keys(inside).map((score) => [score, auroc(inside[score], outside[score])]),
    );
    for (const [score, area] of Object.entries(measured[set])) {
      rows.push({ set, score, auroc: area });
      lab.log(steps, { [`AUROC on ${set}, ${score}/percent`]: 100 * area });
    }
    for (const score of ["softmax score", "all layers"])
      lab.log(steps, { [`FPR95 on ${set}, ${score}/percent`]: 100 * fprAtTpr(inside[score], outside[score]) });
  }
  lab.plot("layers", rows);
  // The protocol of the paper's main table: the layers weighted on outliers of the kind that is to be found.
  const seen = kinds(validation.x, slice(mnist, images, 2 * images).x, "noise to learn from");
  const familiar = await layerScores(net, detector.fitted, validation.x);
  for (const [set, examples] of Object.entries(seen)) {
    const weighted = weighLayers(familiar.layers[0], (await layerScores(net, detector.fitted, examples)).layers[0]);
    const area = auroc(combined(weighted, insideLayers), combined(weighted, layersOf[set]));
    lab.log(steps, { [`AUROC on ${set}, layers weighted on such outliers, no step/percent`]: 100 * area });
  }
  const averaged = (score: string) =>
    (100 * outlierSets.reduce((total, set) => total + measured[set][score], 0)) / outlierSets.length;
  lab.claim("ood", {
    softmax: measured.mnist["softmax score"],
    ...Object.fromEntries(outlierSets.map((set) => [set, measured[set]["all layers"]])),
  });
  lab.claim("ablation", {
    last: averaged("layer 4"),
    all: averaged("all layers, no step"),
    moved: averaged("all layers"),
  });
  lab.claim("adversarial", {
    softmax: measured.PGD["softmax score"],
    mahalanobis: measured.PGD["all layers"],
  });

  const mislabelled = withRandomLabels(fashion.train, 0.3, 10, random.split("labels"));
  const noisy = await trainCnn(lab, "train on noisy labels", greyCnn, mislabelled, {
    steps: noisySteps,
    lr: 1e-3,
    batch: 128,
  });
  const noisyDetector = await fitDetector(noisy, slice(mislabelled, 0, fitted), validation);
  const { scores: noisyKnown } = await scoresOf(noisyDetector, known);
  const { scores: noisyMnist } = await scoresOf(noisyDetector, outliers.mnist);
  lab.claim("noisy-labels", {
    softmax: auroc(noisyKnown["softmax score"], noisyMnist["softmax score"]),
    mahalanobis: auroc(noisyKnown["all layers"], noisyMnist["all layers"]),
  });
  await learnNewClasses(lab, fashion, partialSteps, images);
}

/** What layers make of inputs, one row an example: means of the maps over their places, and the hidden layer. */
function featuresOf(net: Cnn, x: Tensor): readonly Tensor[] {
  const { maps, hidden } = cnnLayers(net, x);
  return [...maps.map((map) => mean(map, { axis: [2, 3] })), hidden];
}

const readFeatures = compile((net: Cnn, x: Tensor) => featuresOf(net, x));

/** Of every layer for every size of the step, and of the plain classifier. */
const readScores = compile((net: Cnn, fitted: readonly GaussianTensors[], x: Tensor) => {
  const scoreAt = (layer: number) => (at: Tensor) => mahalanobisScore(featuresOf(net, at)[layer], fitted[layer]);
  return {
    softmax: maxSoftmax(cnn(net, x)),
    odin: odin((at) => cnn(net, at), x),
    layers: stepSizes.map((size) =>
      fitted.map((_, layer) => scoreAt(layer)(size === 0 ? x : towardScore(scoreAt(layer), x, size))),
    ),
  };
});

interface Detector {
  readonly net: Concrete<Cnn>;
  readonly fitted: readonly ClassGaussians[];
  /** Of the layers' scores, for each size of the step. */
  readonly combine: readonly Weighted[];
  /** Of the layers' scores at no step, each divided by its deviation over known images. */
  readonly equal: Logistic;
  /** The size of the step that told the validation images from attacked ones best. */
  readonly stepSize: number;
}

/** Distributions from training images; weights of the layers and the size of the step from attacked images alone. */
async function fitDetector(
  net: Concrete<Cnn>,
  training: LabelledImages,
  validation: LabelledImages,
): Promise<Detector> {
  const features = await inBatches(training.x, 250, (x) => readFeatures(net as never, x));
  const fitted = features.map((layer) => fitGaussians(layer, training.y.data, 10));
  const attacked = await fooled(net, validation, "fgsm");
  const [inside, outside] = [await layerScores(net, fitted, validation.x), await layerScores(net, fitted, attacked)];
  const combine = stepSizes.map((_, size) => weighLayers(inside.layers[size], outside.layers[size]));
  const areas = combine.map((one, size) =>
    auroc(combined(one, inside.layers[size]), combined(one, outside.layers[size])),
  );
  const equal = { weights: moments(rowsOf(inside.layers[0])).deviations.map((each) => 1 / each), bias: 0 };
  return { net, fitted, combine, equal, stepSize: stepSizes[areas.indexOf(Math.max(...areas))] };
}

const layerScores = (net: Concrete<Cnn>, fitted: readonly ClassGaussians[], examples: Column) =>
  inBatches(examples, 250, (x) => readScores(net as never, fitted.map(asArguments) as never, x));

const rowsOf = (layers: readonly Value[]): Float64Array[] => {
  const columns = layers.map((layer) => layer.toFloat64());
  return Array.from(columns[0], (_, i) => Float64Array.from(columns, (column) => column[i]));
};

const moments = (rows: readonly Float64Array[]) => {
  const means = rows[0].map((_, k) => rows.reduce((total, row) => total + row[k], 0) / rows.length);
  const variance = (k: number) => rows.reduce((total, row) => total + (row[k] - means[k]) ** 2, 0) / rows.length;
  return { means, deviations: means.map((_, k) => Math.sqrt(variance(k))) };
};

/** A weighting of features as they are, and its weights for features of deviation 1, to be compared. */
interface Weighted extends Logistic {
  readonly standardised: Float64Array;
}

/** A logistic regression of the known against others on the scores of the layers, whose sizes differ by orders. */
function weighLayers(known: readonly Value[], others: readonly Value[]): Weighted {
  const rows = [...rowsOf(known), ...rowsOf(others)];
  const { means, deviations } = moments(rows);
  const { weights: standardised, bias } = fitLogistic(
    rows.map((row) => row.map((value, k) => (value - means[k]) / deviations[k])),
    rows.map((_, i) => (i < known[0].size ? 1 : 0)),
  );
  const weights = standardised.map((weight, k) => weight / deviations[k]);
  return { weights, bias: bias - weights.reduce((total, weight, k) => total + weight * means[k], 0), standardised };
}

const combined = ({ weights, bias }: Logistic, layers: readonly Value[]): Float64Array =>
  Float64Array.from(rowsOf(layers), (row) => row.reduce((total, value, k) => total + value * weights[k], bias));

/** All scores of examples by name, higher is more familiar; and those of the layers at no step. */
async function scoresOf({ net, fitted, combine, equal, stepSize }: Detector, examples: Column) {
  const { softmax, odin, layers } = await layerScores(net, fitted, examples);
  const size = stepSizes.indexOf(stepSize as 0);
  const scores: Record<string, Float64Array> = { "softmax score": softmax.toFloat64(), ODIN: odin.toFloat64() };
  layers[0].forEach((layer, i) => {
    scores[`layer ${i + 1}`] = layer.toFloat64();
  });
  scores["all layers, equal weights, no step"] = combined(equal, layers[0]);
  scores["all layers, no step"] = combined(combine[0], layers[0]);
  scores["all layers"] = combined(combine[size], layers[size]);
  return { scores, layers: layers[0] };
}

const attack = {
  fgsm: compile((net: Cnn, x: Tensor, y: Tensor) => fooling(net, x, y, (loss) => fgsm(loss, x, { radius }))),
  pgd: compile((net: Cnn, x: Tensor, y: Tensor) => fooling(net, x, y, (loss) => pgd(loss, x, { radius, steps: 10 }))),
};

function fooling(net: Cnn, x: Tensor, y: Tensor, attackOn: (loss: (at: Tensor) => Tensor) => Tensor) {
  const attacked = attackOn((at) => crossEntropy(cnn(net, at), y, { reduction: "sum" }));
  return { attacked, before: argMax(cnn(net, x), { axis: -1 }), after: argMax(cnn(net, attacked), { axis: -1 }) };
}

/** Attacked images: those that the net knew before and takes for something else now. */
async function fooled(net: Concrete<Cnn>, images: LabelledImages, kind: keyof typeof attack): Promise<Column> {
  let start = 0;
  const { attacked, before, after } = await inBatches(images.x, 250, (x) => {
    const labels = images.y.data.subarray(start, (start += x.shape[0]));
    return attack[kind](net as never, x, new Value(labels, [labels.length]));
  });
  const [right, now] = [before.toFloat64(), after.toFloat64()];
  const successful = [...images.y.data.keys()].filter(
    (i) => right[i] === images.y.data[i] && now[i] !== images.y.data[i],
  );
  return select({ x: { data: attacked.data as Float32Array, shape: attacked.shape } }, successful).x;
}

const nearest = compile((features: Tensor, fitted: GaussianTensors) =>
  argMax(mahalanobisScores(features, fitted), { axis: -1 }),
);

/** A net that knows eight kinds of clothes learns two more from a hundred images each, without training. */
async function learnNewClasses(
  lab: Trial,
  { train, test }: { train: LabelledImages; test: LabelledImages },
  steps: number,
  images: number,
): Promise<void> {
  const old = select(
    train,
    [...train.y.data.keys()].filter((i) => train.y.data[i] < 8),
  );
  const net = await trainCnn(lab, "train on eight classes", greyCnn, old, { steps, lr: 1e-3, batch: 128 });
  const hidden = async (x: Column) => (await inBatches(x, 250, (part) => readFeatures(net as never, part)))[3];
  const some = slice(old, 0, 5000);
  let fitted = fitGaussians(await hidden(some.x), some.y.data, 8);
  for (const label of [8, 9]) {
    const indices = firstOfEach(train.y.data, 100).filter((i) => train.y.data[i] === label);
    fitted = addClass(fitted, await hidden(select(train, indices).x));
  }
  const tested = slice(test, 0, images);
  const features = await hidden({ ...toFloats(tested.x) });
  const width = features.shape[1];
  const unit = Float32Array.from({ length: width * width }, (_, i) => (i % (width + 1) === 0 ? 1 : 0));
  const { means, whitening } = asArguments(fitted);
  for (const [metric, factor] of [
    ["Mahalanobis", whitening],
    ["Euclidean", new Value(unit, [width, width])],
  ] as const) {
    const predicted = (await nearest(features, { means, whitening: factor } as never)).toFloat64();
    const right = predicted.filter((label, i) => label === tested.y.data[i]).length / predicted.length;
    lab.log(steps, { [`accuracy with two classes added, ${metric} distance/percent`]: 100 * right });
  }
}
