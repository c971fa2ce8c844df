// Liu et al. 2020, arXiv:2010.03759
import { add, type Concrete, compile, crossEntropy, log, mul, type Tensor, Value } from "sluice";
import { energyHinge, outlierExposure } from "sluice/methods/ood/energy-loss";
import { aupr, auroc, fprAtTpr } from "sluice/methods/ood/metrics";
import { energy, maxLogit, maxSoftmax } from "sluice/methods/ood/scores";
import { adam, cosineSchedule } from "sluice/nn";
import { batches } from "../data/batches.ts";
import { loadFashion } from "../data/fashion.ts";
import { loadMnist } from "../data/mnist.ts";
import { Random } from "../data/random.ts";
import { atLeast, atMost, average, figure, type Lab, minus, paper } from "../paper.ts";
import { histogram } from "../plots/histogram.ts";
import { panels } from "../plots/panels.ts";
import { accuracy, type Cnn, cnn, greyCnn, logitsOf, trainCnn } from "../tasks/image-classifier.ts";
import {
  emojiHalves,
  firstOf,
  type GreyImages,
  joined,
  mixtures,
  noise,
  permuted,
  rotated,
  someInverted,
} from "../tasks/outliers.ts";
import { train } from "../tasks/train.ts";

/** The sets that a detector must not know. */
const outlierSets = ["mnist", "permuted", "noise", "rotated", "emoji"] as const;
type OutlierSet = (typeof outlierSets)[number];

/** A measure for each set of outliers. */
const bySet = (label: (set: OutlierSet) => string) =>
  Object.fromEntries(outlierSets.map((set) => [set, label(set)])) as Record<OutlierSet, string>;

export default paper({
  id: "energy-ood",
  row: 109,
  family: "ood",
  title: "Energy-based Out-of-distribution Detection",
  year: 2020,
  arxiv: "2010.03759",
  code: "github.com/wetliu/energy_ood",
  idea: "A softmax probability cancels the overall size of the logits, although this size says how much evidence there is for any class at all. The free energy, −logsumexp of the logits, keeps it: it is lower for inputs like the training data. It can be read off any classifier, or shaped further by fine-tuning that pushes known inputs below a level and outliers above another.",
  minutes: 4.5,
  settings: {
    full: {
      /** About 90 % test accuracy. */
      steps: 1000,
      tuneSteps: 250,
      /** Known images that scores are compared on, and outliers of each kind. */
      images: 2000,
      /** Outliers to learn from; half of them emoji, half mixtures of known images. */
      auxiliary: 8000,
      /** The paper's λ. */
      hingeWeight: 0.1,
    },
    smoke: { steps: 60, tuneSteps: 20, images: 300, auxiliary: 600 },
  },
  claims: {
    inference: {
      paper: "CIFAR-10, average over six sets: FPR95 51.04 → 33.01 % (18.03 points lower), AUROC 90.90 → 91.88 %",
      holds:
        "average FPR95 over five sets ≥ 8 points below that of the softmax score, and below it on at least 4 of the 5",
      measures: bySet((set) => `FPR95 on ${set}, softmax score − energy, points`),
      judge: (gains) => {
        const all = outlierSets.map((set) => gains[set]);
        return [
          atLeast(average("FPR95, softmax score − energy, average over five sets, points", ...all), 8),
          atLeast(figure("sets on which energy is better", all.filter((gain) => gain.mean > 0).length), 4),
        ];
      },
    },
    finetune: {
      paper: "fine-tuned energy: FPR95 3.32 %, AUROC 98.92 % (outlier exposure 8.53 %, 98.30 %)",
      holds: "average FPR95 ≥ 10 points below that of plain energy, or ≤ 5 %; test accuracy at most 1.5 points lower",
      measures: {
        plain: "average FPR95 of energy, %",
        tuned: "average FPR95 of fine-tuned energy, %",
        accuracyLost: "test accuracy lost by fine-tuning, points",
      },
      judge: ({ plain, tuned, accuracyLost }) => [
        tuned.mean <= 5 ? atMost(tuned, 5) : atLeast(minus(plain, tuned), 10),
        atMost(accuracyLost, 1.5),
      ],
    },
    identity: {
      paper: "the logarithm of the softmax score is energy plus the largest logit",
      holds: "to 1e-4 on every known image",
      budgets: ["smoke", "full"],
      measures: { difference: "largest |ln softmax score − (energy + largest logit)|" },
      judge: ({ difference }) => [atMost(difference, 1e-4, "every seed")],
    },
  },
  plots: {
    scores: {
      title: "Scores of known images and of digits",
      caption:
        "How softmax score, energy and fine-tuned energy (both turned round, so that the familiar lies right) are distributed over clothes, which the net knows, and digits, which it does not.",
      draw: ({ rows }) =>
        panels(
          ["softmax score", "−energy", "−energy, fine-tuned"].map((score) =>
            histogram({
              title: score,
              rows: rows.filter((row) => row.score === score),
              x: { field: "value", title: score },
              series: { field: "set", title: "" },
              width: 260,
              height: 220,
            }),
          ),
        ),
    },
  },
  run: detect,
});

type Trial = Lab<{
  readonly steps: number;
  readonly tuneSteps: number;
  readonly images: number;
  readonly auxiliary: number;
  readonly hingeWeight: number;
}>;

async function detect(lab: Trial): Promise<void> {
  const { steps, tuneSteps, images, auxiliary, hingeWeight } = lab.settings;
  const random = new Random(lab.seed);
  const fashion = await loadFashion();
  const emoji = await emojiHalves();
  const known = firstOf(fashion.test.x, images);
  const outliers: Record<OutlierSet, GreyImages> = {
    mnist: firstOf((await loadMnist()).test.x, images),
    permuted: permuted(known, random.split("permuted")),
    noise: noise(images, random.split("noise")),
    rotated: rotated(known),
    emoji: firstOf(emoji.test, images),
  };
  const unknown = joined(
    someInverted(emoji.auxiliary, auxiliary / 2, random.split("emoji")),
    mixtures(fashion.train.x, auxiliary / 2, random.split("mixtures")),
  );

  const net = await trainCnn(lab, "train", greyCnn, fashion.train, { steps, lr: 1e-3, batch: 128 });

  // The paper's margins fit its own net; these follow from the energies of this one.
  const margins = {
    inside: quantile((await scoresOf(net, firstOf(fashion.train.x, 5 * images))).energy, 0.2),
    outside: quantile((await scoresOf(net, unknown)).energy, 0.8),
  };
  if (!(margins.inside < margins.outside))
    throw new RangeError(`margins ${JSON.stringify(margins)} are the wrong way round`);
  /** A quarter as many steps again, on known images and outliers. */
  const tune = (name: string, penalty: (inside: Tensor, outside: Tensor) => Tensor): Promise<Concrete<Cnn>> =>
    train<Cnn, "x" | "y" | "outliers">(lab, name, {
      init: () => {
        throw new Error("fine-tuning begins with the trained net");
      },
      from: net,
      loss: (params, { x, y, outliers }) => {
        const inside = cnn(params, x);
        return add(crossEntropy(inside, y), penalty(inside, cnn(params, outliers)));
      },
      optimizer: adam({ lr: cosineSchedule(2e-4, tuneSteps) }),
      steps: tuneSteps,
      *batches(start) {
        const seed = lab.seed;
        const inside = batches(fashion.train, { batch: 64, seed, start, steps: tuneSteps });
        const outside = batches({ x: unknown }, { batch: 128, seed: seed + 1, start, steps: tuneSteps });
        for (const { x, y } of inside) yield { x, y, outliers: outside.next().value!.x };
      },
    });
  const tuned = await tune("tune energy", (inside, outside) => mul(energyHinge(inside, outside, margins), hingeWeight));
  const exposed = await tune("expose to outliers", (_, outside) => mul(outlierExposure(outside), 0.5));

  lab.say("comparing scores");
  const arms = await Promise.all([net, tuned, exposed].map((params) => scoresOf(params, known)));
  const false95: Record<string, number[]> = {};
  const gains: Partial<Record<OutlierSet, number>> = {};
  for (const set of outlierSets) {
    const [plain, fine, exposure] = await Promise.all(
      [net, tuned, exposed].map((params) => scoresOf(params, outliers[set])),
    );
    const compare = (arm: string, inside: Float64Array, outside: Float64Array) => {
      (false95[arm] ??= []).push(100 * fprAtTpr(inside, outside));
      lab.log(steps, {
        [`FPR95 on ${set}, ${arm}/percent`]: 100 * fprAtTpr(inside, outside),
        [`AUROC on ${set}, ${arm}/percent`]: 100 * auroc(inside, outside),
        [`AUPR on ${set}, ${arm}/percent`]: 100 * aupr(inside, outside),
      });
    };
    const [before, after, shown] = arms;
    compare("softmax score", before.softmax, plain.softmax);
    compare("largest logit", before.logit, plain.logit);
    compare("energy", negated(before.energy), negated(plain.energy));
    compare("energy at T = 10", negated(before.warmEnergy), negated(plain.warmEnergy));
    compare("fine-tuned energy", negated(after.energy), negated(fine.energy));
    compare("outlier exposure", shown.softmax, exposure.softmax);
    gains[set] = false95["softmax score"].at(-1)! - false95.energy.at(-1)!;
    if (set === "mnist" && lab.seed === lab.seeds[0]) {
      lab.plot("scores", [
        ...sampleRows("softmax score", before.softmax, plain.softmax),
        ...sampleRows("−energy", negated(before.energy), negated(plain.energy)),
        ...sampleRows("−energy, fine-tuned", negated(after.energy), negated(fine.energy)),
      ]);
    }
  }
  const average = (arm: string) => false95[arm].reduce((sum, rate) => sum + rate, 0) / outlierSets.length;
  const accuracyOf = async (params: Concrete<Cnn>) =>
    100 * accuracy(await logitsOf(params, fashion.test.x), fashion.test.y.data);
  const accuracies = [await accuracyOf(net), await accuracyOf(tuned)];
  lab.log(steps, { "test accuracy/percent": accuracies[0], "test accuracy, fine-tuned/percent": accuracies[1] });
  lab.claim("inference", gains);
  lab.claim("finetune", {
    plain: average("energy"),
    tuned: average("fine-tuned energy"),
    accuracyLost: accuracies[0] - accuracies[1],
  });
  lab.claim("identity", { difference: arms[0].difference });
}

interface Scores {
  readonly softmax: Float64Array;
  readonly logit: Float64Array;
  readonly energy: Float64Array;
  readonly warmEnergy: Float64Array;
  /** Largest distance between both sides of the paper's identity. */
  readonly difference: number;
}

const readScores = compile((logits: Tensor) => {
  const [probability, logit, free] = [maxSoftmax(logits), maxLogit(logits), energy(logits)];
  return {
    softmax: probability,
    logit,
    energy: free,
    warmEnergy: energy(logits, { temperature: 10 }),
    left: log(probability),
    right: add(free, logit),
  };
});

async function scoresOf(params: Concrete<Cnn>, images: GreyImages): Promise<Scores> {
  const logits = await logitsOf(params, images);
  const { left, right, ...scores } = await readScores(new Value(logits, [logits.length / 10, 10]));
  const [one, other] = [left.toFloat64(), right.toFloat64()];
  return {
    softmax: scores.softmax.toFloat64(),
    logit: scores.logit.toFloat64(),
    energy: scores.energy.toFloat64(),
    warmEnergy: scores.warmEnergy.toFloat64(),
    difference: Math.max(...one.map((value, i) => Math.abs(value - other[i]))),
  };
}

const negated = (scores: Float64Array) => scores.map((score) => -score);

function quantile(scores: Float64Array, p: number): number {
  return scores.slice().sort()[Math.floor(p * (scores.length - 1))];
}

/** Enough of both sets to see how they are distributed. */
function sampleRows(score: string, known: Float64Array, unknown: Float64Array) {
  const rows = (set: string, values: Float64Array) =>
    Array.from(values.subarray(0, 500), (value) => ({ score, set, value }));
  return [...rows("clothes (known)", known), ...rows("digits (unknown)", unknown)];
}
