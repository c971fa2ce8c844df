// Journé et al. 2022, arXiv:2209.11883
import {
  argMax,
  batchNorm,
  type Concrete,
  compile,
  convolution,
  crossEntropy,
  key,
  maxPool,
  oneHot,
  pad,
  relu,
  reshape,
  split,
  type Tensor,
  type Value,
} from "sluice";
import {
  channelNorms,
  type HebbConfig,
  type HebbLayer,
  hebbLayer,
  initHebbLayer,
  learnHebbLayer,
  winners,
  withUnitWeights,
} from "sluice/methods/neuro/soft-hebb";
import { predictRidge, type Ridge, ridge } from "sluice/methods/other/ridge";
import { adam, cosineSchedule, initConvolution, initialisers, initLinear, type Linear, linear } from "sluice/nn";
import { batches } from "../data/batches.ts";
import { type Column, slice, toFloats } from "../data/column.ts";
import { loadFashion } from "../data/fashion.ts";
import type { LabelledImages } from "../data/image-classes.ts";
import { loadMnist } from "../data/mnist.ts";
import { atLeast, atMost, below, type Lab, minus, paper, within } from "../paper.ts";
import { curves } from "../plots/curves.ts";
import { images } from "../plots/images.ts";
import { panels } from "../plots/panels.ts";
import { inBatches } from "../tasks/in-batches.ts";
import { train } from "../tasks/train.ts";
import { asValue } from "../tasks/values.ts";

/** Images of one step of learning, as in the paper. */
const batch = 10;
/** Strengths of the readout's decay, of which each arm gets the best on held-out images. */
const decays = [1e2, 1e3, 1e4] as const;
/** The paper's settings of the first two layers. */
const layerConfigs: readonly HebbConfig[] = [
  { inverseTemperature: 1, lr: 0.08, power: 0.7, pool: "max" },
  { inverseTemperature: 0.65, lr: 0.005, power: 1.4, pool: "max" },
];

/** How the arms differ from SoftHebb: in the competition, or in not learning at all. */
const arms: Readonly<Record<string, { readonly config?: Partial<HebbConfig>; readonly unit?: boolean }>> = {
  soft: {},
  hard: { config: { hard: true } },
  unsigned: { config: { antiHebbian: false } },
  "random, length 1": { config: { lr: 0 }, unit: true },
  "random, length 25": { config: { lr: 0 } },
};

export default paper({
  id: "softhebb",
  row: 41,
  family: "neuro",
  title: "Hebbian Deep Learning Without Feedback",
  year: 2023,
  arxiv: "2209.11883",
  code: "github.com/NeuromorphicComputing/SoftHebb",
  idea: "Convolutional layers learn one after the other without labels, error signals or backpropagation. At every place the channels compete softly: the winner moves towards its input and losers a little away, and the rule itself drives every weight vector to length 1. Only a linear readout on top sees labels.",
  minutes: 5,
  settings: {
    full: {
      /** Channels of both layers: a third of the paper's smallest, four times as many in the second as there. */
      first: 32,
      second: 128,
      /** Seen once by each layer, without labels. */
      images: 30_000,
      /** Images that the readout is fitted to. */
      labelled: 10_000,
      heldOut: 2000,
      tested: 10_000,
    },
    smoke: { first: 8, second: 8, images: 400, labelled: 300, heldOut: 100, tested: 300 },
  },
  variants: { fashion: { data: "fashion" }, mnist: { data: "mnist" } },
  includes: ({ variant, budget, seed }) =>
    budget === "smoke" ? variant === "mnist" : variant === "fashion" || seed < 3,
  claims: {
    radius: {
      paper: "weights converge to the unit sphere without being normalised",
      holds:
        "median length of the first layer's weights at most 1.35 and falling, of about 25 at the start; with hard competition within 0.02 of 1",
      measures: {
        median: "median length",
        halfway: "median length after half of the steps",
        hard: "median length, hard",
      },
      judge: ({ median, halfway, hard }) => [
        atMost(median, 1.35),
        below(minus(median, halfway), 0),
        within(hard, 0.98, 1.02),
      ],
    },
    features: {
      paper: "99.4 % on MNIST: features learned without labels carry a linear classifier",
      holds:
        "mnist at least 98 %; fashion at least 2 points above pixels, and 0.3 above random filters of either length",
      measures: {
        soft: "test accuracy, two layers, %",
        pixels: "test accuracy on pixels, %",
        unit: "test accuracy, random filters of length 1, %",
        long: "test accuracy, random filters of length 25, %",
      },
      judge: ({ soft, pixels, unit, long }) => [
        atLeast(soft.of("mnist"), 98),
        atLeast(minus(soft.of("fashion"), pixels.of("fashion")), 2),
        atLeast(minus(soft.of("fashion"), unit.of("fashion")), 0.3),
        atLeast(minus(soft.of("fashion"), long.of("fashion")), 0.3),
      ],
    },
    depth: {
      paper: "deeper is better",
      holds: "two layers at least as good as one, on both data sets",
      measures: { gain: "test accuracy, two layers − one, points" },
      judge: ({ gain }) => [atLeast(gain.of("fashion"), 0), atLeast(gain.of("mnist"), 0)],
    },
    soft: {
      paper: "soft competition is better than hard",
      holds: "at least 0.3 points better on fashion",
      measures: { gain: "test accuracy, soft − hard, points" },
      judge: ({ gain }) => [atLeast(gain.of("fashion"), 0.3)],
    },
  },
  plots: {
    filters: {
      title: "Filters of the first layer, and the lengths of their weights",
      caption:
        "Random at the start, edges and strokes at the end, learned without labels. The lengths of the weights fall from 25 to 1 by the rule alone.",
      draw: ({ rows, metrics }) =>
        panels(
          [
            images({
              title: "filters of the first layer",
              pictures: rows
                .filter(({ variant, seed }) => variant === rows[0].variant && seed === rows[0].seed)
                .map(({ row, column, pixels }) => ({
                  row: String(row),
                  column: String(column),
                  pixels: Array.from(String(pixels), (level) => Number.parseInt(level, 16) / 15),
                  shape: [1, 5, 5],
                })),
              size: 28,
            }),
            curves({
              title: "lengths",
              rows: metrics
                .filter(({ name }) => name.startsWith("median length, "))
                .map(({ name, step, value, variant, seed }) => ({
                  step,
                  value,
                  seed,
                  arm: `${name.slice("median length, ".length)}, ${variant}`,
                })),
              x: { field: "step", title: "step" },
              y: { field: "value", title: "median length", scale: "log" },
              series: { field: "arm", title: "" },
              width: 360,
              height: 200,
            }),
          ],
          { columns: 1 },
        ),
    },
  },
  async run(lab) {
    const { data, images: seen, labelled, heldOut, tested } = lab.settings;
    const { train: all, test: whole } = await (data === "mnist" ? loadMnist() : loadFashion());
    const known = slice(all, 0, seen);
    const parts: Parts = {
      fitted: slice(all, 0, labelled),
      heldOut: slice(all, 60_000 - heldOut, 60_000),
      test: slice(whole, 0, tested),
    };
    const steps = Math.floor(seen / batch);
    // What the others are for is asked about fashion alone.
    const wanted = Object.keys(arms).filter((arm) => data === "fashion" || arm === "soft" || arm === "hard");
    const scores: Record<string, number> = { pixels: await lab.stage("read pixels", () => readOut([], parts)) };
    const medians: Record<string, readonly number[]> = {};
    for (const arm of wanted) {
      const { layers, lengths } = await learn(lab, arm, known);
      medians[arm] = lengths;
      scores[arm] = await lab.stage(`read ${arm}`, () => readOut(layers, parts));
      const winning = await lab.stage(`winners ${arm}`, () => shareOfWinners(layers[0], slice(whole, 0, 200).x));
      lab.log(steps, {
        [`accuracy, ${arm}/percent`]: scores[arm],
        [`channels that win at least a tenth of their share, ${arm}/percent`]: 100 * winning,
      });
      if (arm !== "soft") continue;
      scores["one layer"] = await lab.stage("read one layer", () => readOut(layers.slice(0, 1), parts));
      const first = (await begin(lab, arm, 0)).weight;
      lab.plot("filters", [...filterRows("start", first), ...filterRows("end", layers[0].weight)]);
    }
    lab.log(steps, {
      "accuracy, pixels/percent": scores.pixels,
      "accuracy, one layer/percent": scores["one layer"],
    });
    const [median, halfway] = [medians.soft.at(-1)!, medians.soft[Math.floor(medians.soft.length / 2) - 1]];
    lab.claim("radius", { median, halfway, hard: medians.hard.at(-1)! });
    lab.claim("features", { soft: scores.soft, pixels: scores.pixels });
    if (data === "fashion")
      lab.claim("features", { unit: scores["random, length 1"], long: scores["random, length 25"] });
    lab.claim("depth", { gain: scores.soft - scores["one layer"] });
    lab.claim("soft", { gain: scores.soft - scores.hard });
    if (lab.seed === lab.seeds[0])
      lab.log(steps, {
        "accuracy, trained by backpropagation/percent": await trainedBackwards(lab, known, parts.test),
      });
  },
});

interface Settings {
  readonly first: number;
  readonly second: number;
  readonly images: number;
}
type Layers<T = Tensor> = readonly HebbLayer<T>[];
interface Parts {
  readonly fitted: LabelledImages;
  readonly heldOut: LabelledImages;
  readonly test: LabelledImages;
}

const median = (numbers: ArrayLike<number>): number => {
  const sorted = Float64Array.from(numbers).sort();
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
};

/** A layer before it has learned; all arms begin with the same directions. */
async function begin({ seed, settings }: Lab<Settings>, arm: string, index: number): Promise<HebbLayer<Value>> {
  const { first, second } = settings;
  const sizes = index === 0 ? { in: 1, out: first, side: 5 } : { in: first, out: second, side: 3 };
  const make = compile((random: Tensor) => {
    const layer = initHebbLayer(random, sizes);
    return arms[arm].unit ? withUnitWeights(layer) : layer;
  });
  return (await make(key(10 * seed + index))) as HebbLayer<Value>;
}

/** Trains the layers one after the other, each on what the ones below make of the images. */
async function learn(
  lab: Lab<Settings>,
  arm: string,
  known: LabelledImages,
): Promise<{ layers: Layers<Value>; lengths: readonly number[] }> {
  const layers: HebbLayer<Value>[] = [];
  let lengths: readonly number[] = [];
  const steps = Math.floor(lab.settings.images / batch);
  const often = Math.max(1, Math.floor(steps / 20));
  for (const [index, common] of layerConfigs.entries()) {
    const config = { ...common, ...arms[arm].config };
    const step = compile(
      (layer: HebbLayer, below: Layers, x: Tensor) => {
        const next = learnHebbLayer(layer, through(below, x), config);
        return { layer: next, lengths: channelNorms(next.weight) };
      },
      { donate: [0] },
    ) as unknown as (
      layer: HebbLayer<Value>,
      below: Layers<Value>,
      x: Value,
    ) => Promise<{ layer: HebbLayer<Value>; lengths: Value }>;
    // Labels stay behind: nothing before the readout gets to see them.
    let stream: Iterator<{ readonly x: Column }> | undefined;
    const done = await lab.loop<{ layer: HebbLayer<Value>; lengths: number[] }>(`${arm}, layer ${index + 1}`, {
      steps,
      start: async () => ({ layer: await begin(lab, arm, index), lengths: [] }),
      async step(state, at) {
        stream ??= batches({ x: known.x }, { batch, seed: lab.seed, start: at, steps })[Symbol.iterator]();
        const result = await step(state.layer, layers, asValue(stream.next().value!.x));
        if ((at + 1) % often !== 0 || index > 0) return { ...state, layer: result.layer };
        const length = median(result.lengths.toFloat64());
        lab.log(at + 1, { [`median length, ${arm}`]: length });
        return { layer: result.layer, lengths: [...state.lengths, length] };
      },
    });
    layers.push(done.layer);
    if (index === 0) lengths = done.lengths;
  }
  return { layers, lengths };
}

/** Images after all layers, each with the settings of its place. */
const through = (layers: Layers, x: Tensor): Tensor =>
  layers.reduce((h, layer, i) => hebbLayer(layer, h, layerConfigs[i]), x);

const featuresOf = compile((layers: Layers, x: Tensor) => reshape(through(layers, x), [x.shape[0], -1]));
const fit = compile((features: Tensor, labels: Tensor) =>
  decays.map((decay) => ridge(features, oneHot(labels, 10), { decay, steps: 50 })),
);
const classesOf = compile((layers: Layers, readouts: readonly Ridge[], x: Tensor) => {
  const features = reshape(through(layers, x), [x.shape[0], -1]);
  return readouts.map((readout) => argMax(predictRidge(readout, features), { axis: -1 }));
});

/** Test accuracy in percent of a linear readout of the layers' features, its decay chosen on held-out images. */
async function readOut(layers: Layers<Value>, { fitted, heldOut, test }: Parts): Promise<number> {
  const features = await inBatches(fitted.x, 250, (x) => featuresOf(layers as never, x));
  const readouts = (await fit(features, asValue(fitted.y))) as readonly Concrete<Ridge>[];
  const accuracies = async (images: LabelledImages, of: readonly Concrete<Ridge>[]) => {
    const found = await inBatches(images.x, 250, (x) => classesOf(layers as never, of as never, x));
    return (found as readonly Value[]).map((classes) => {
      const right = [...classes.toFloat64()].filter((each, i) => each === images.y.data[i]).length;
      return (100 * right) / images.y.data.length;
    });
  };
  const trial = await accuracies(heldOut, readouts);
  return (await accuracies(test, [readouts[trial.indexOf(Math.max(...trial))]]))[0];
}

const winnersOf = compile((layer: HebbLayer, x: Tensor) => winners(layer, x));

/** The share of channels that win at least a tenth of the places that would be theirs if all won alike. */
async function shareOfWinners(layer: HebbLayer<Value>, x: LabelledImages["x"]): Promise<number> {
  const channels = layer.weight.shape[0];
  const found = await winnersOf(layer as never, asValue(toFloats(x)));
  const counts = new Float64Array(channels);
  for (const channel of found.toFloat64()) counts[channel]++;
  return counts.filter((count) => count >= (0.1 * found.size) / channels).length / channels;
}

/** Filters as pictures, grey where a weight is 0, 16 in a row. */
const filterRows = (when: string, weight: Value) =>
  (weight.toArray() as number[][][][]).map(([kernel], channel) => {
    const pixels = kernel.flat();
    const most = Math.max(...pixels.map(Math.abs));
    return {
      row: `${when}, from ${16 * Math.floor(channel / 16) + 1}`,
      column: String((channel % 16) + 1),
      pixels: pixels.map((each) => Math.round(7.5 + (7.5 * each) / most).toString(16)).join(""),
    };
  });

/** The same sizes with rectifiers in place of triangles, for backpropagation. */
interface Backwards<T = Tensor> {
  readonly weights: readonly T[];
  readonly head: Linear<T>;
}

/** Scores of the classes; images are standardised by their batch in evaluation too. */
function forwards({ weights, head }: Backwards, x: Tensor): Tensor {
  const maps = weights.reduce((h, weight) => {
    const side = weight.shape[2];
    const { output } = batchNorm(h);
    const border = (side - 1) / 2;
    const patches = pad(output, [null, null, border, border], { mode: "reflect" });
    return maxPool(relu(convolution(patches, weight)), 4, { stride: 2, padding: 1 });
  }, x);
  return linear(head, reshape(maps, [x.shape[0], -1]));
}

/** Test accuracy in percent of the same network trained with labels, for as many images as both layers saw. */
async function trainedBackwards(lab: Lab<Settings>, known: LabelledImages, test: LabelledImages): Promise<number> {
  const { first, second, images: seen } = lab.settings;
  const steps = 2 * Math.floor(seen / batch);
  const initialiser = initialisers.kaimingNormal();
  const net = await train<Backwards, "x" | "y">(lab, "backpropagation", {
    init: (random) => {
      const keys = split(random, 3);
      const kernel = (at: number, sizes: { in: number; out: number }, side: number) =>
        initConvolution(keys[at], { ...sizes, kernel: [side, side], bias: false, initialiser }).weight;
      return {
        weights: [kernel(0, { in: 1, out: first }, 5), kernel(1, { in: first, out: second }, 3)],
        head: initLinear(keys[2], { in: 49 * second, out: 10 }),
      };
    },
    loss: (params, { x, y }) => crossEntropy(forwards(params, x), y),
    optimizer: adam({ lr: cosineSchedule(1e-3, steps) }),
    steps,
    batches: (start) => batches(known, { batch, seed: lab.seed, start, steps }),
  });
  const answer = compile((params: Backwards, x: Tensor) => argMax(forwards(params, x), { axis: -1 }));
  const found = await inBatches(test.x, 250, (x) => answer(net as never, x));
  const right = [...found.toFloat64()].filter((each, i) => each === test.y.data[i]).length;
  return (100 * right) / test.y.data.length;
}
