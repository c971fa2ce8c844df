import { requireOption } from "./errors.ts";
import { Random } from "./random.ts";
import { sampled } from "./sampled.ts";
import type { Testbed } from "./testbed.ts";

/** How a mixture weighs its experts: softmax of (act(slopes·x) + bias)/temperature over the experts kept. */
export interface MixtureGate {
  /** slopes[i] has one entry for each coordinate of x. */
  readonly slopes: readonly (readonly number[])[];
  readonly biases: readonly number[];
  /** Default 1 */
  readonly temperature?: number;
  /** Applied to slopes·x before the bias is added. Default: none */
  readonly activation?: (score: number) => number;
  /** Experts kept: those with the largest slopes·x; the bias does not take part in the choice. Default: all */
  readonly topK?: number;
}

/** An expert of a regression: N(slope·x + bias, variance). */
export interface GaussianExpert {
  readonly slope: readonly number[];
  readonly bias: number;
  readonly variance: number;
}

/** An expert of a classification: softmax over classes of slopes[class]·x + biases[class]. */
export interface MultinomialExpert {
  readonly slopes: readonly (readonly number[])[];
  readonly biases: readonly number[];
}

export interface Mixture<Expert> {
  readonly gate: MixtureGate;
  readonly experts: readonly Expert[];
  /** Every coordinate of x is drawn evenly from here. */
  readonly range: readonly [low: number, high: number];
}

/** Draws from a mixture, with what was hidden. */
export interface MixtureSample<Y extends Float64Array | Int32Array> {
  /** float64[n·d] */
  readonly x: Float64Array;
  /** One for each row: a value, or a class. */
  readonly y: Y;
  /** int32[n], the expert that each came from */
  readonly expert: Int32Array;
}

export const testbed: Testbed = {
  name: "mixture",
  summary: "samples from mixtures of Gaussian or multinomial experts whose parameters are known",
  source: "generated (lab/src/data/mixture.ts)",
  licence: "MIT, as the lab",
  sizes: "without end",
  split: "by stream: draw training and test samples from different splits of a seed",
  parts: [],
  sample: sampled("e72e98a53ab1013f70d369cd67af83b4239368addafc8ea308e782896f545fe9", () => {
    const { x, y } = sampleGaussian(topKMixture, 8, new Random(0));
    return { x: { data: x, shape: [8, 1] }, y: { data: y, shape: [8] } };
  }),
};

const scoreOf = (slope: readonly number[], x: ArrayLike<number>) =>
  slope.reduce((sum, value, i) => sum + value * x[i], 0);

function softmax(scores: readonly number[]): number[] {
  const largest = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - largest));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** The weights of the experts at x; they sum to 1, and are 0 for experts that are not kept. */
export function gateWeights(gate: MixtureGate, x: ArrayLike<number>): number[] {
  const { slopes, biases, temperature = 1, activation = (score) => score, topK = slopes.length } = gate;
  const raw = slopes.map((slope) => scoreOf(slope, x));
  const kept = new Set([...raw.keys()].sort((a, b) => raw[b] - raw[a] || a - b).slice(0, topK));
  return softmax(
    raw.map((score, i) => (kept.has(i) ? (activation(score) + biases[i]) / temperature : Number.NEGATIVE_INFINITY)),
  );
}

/** The density of y at x. */
export function gaussianDensity({ gate, experts }: Mixture<GaussianExpert>, x: ArrayLike<number>, y: number): number {
  const weights = gateWeights(gate, x);
  return experts.reduce((sum, { slope, bias, variance }, i) => {
    const distance = y - scoreOf(slope, x) - bias;
    return sum + (weights[i] * Math.exp(-(distance ** 2) / (2 * variance))) / Math.sqrt(2 * Math.PI * variance);
  }, 0);
}

/** The probabilities of the classes at x. */
export function classProbabilities({ gate, experts }: Mixture<MultinomialExpert>, x: ArrayLike<number>): number[] {
  const weights = gateWeights(gate, x);
  const each = experts.map(({ slopes, biases }) => softmax(slopes.map((slope, s) => scoreOf(slope, x) + biases[s])));
  return each[0].map((_, s) => each.reduce((sum, probabilities, i) => sum + weights[i] * probabilities[s], 0));
}

/** Draws from a mixture of Gaussian experts. */
export function sampleGaussian(
  mixture: Mixture<GaussianExpert>,
  n: number,
  random: Random,
): MixtureSample<Float64Array> {
  const y = new Float64Array(n);
  return draw(mixture, n, random, y, ({ slope, bias, variance }, x) =>
    random.normal(scoreOf(slope, x) + bias, Math.sqrt(variance)),
  );
}

/** Draws from a mixture of multinomial experts. */
export function sampleMultinomial(
  mixture: Mixture<MultinomialExpert>,
  n: number,
  random: Random,
): MixtureSample<Int32Array> {
  const y = new Int32Array(n);
  return draw(mixture, n, random, y, ({ slopes, biases }, x) =>
    random.weighted(softmax(slopes.map((slope, s) => scoreOf(slope, x) + biases[s]))),
  );
}

function draw<Expert, Y extends Float64Array | Int32Array>(
  { gate, experts, range }: Mixture<Expert>,
  n: number,
  random: Random,
  y: Y,
  answer: (expert: Expert, x: Float64Array) => number,
): MixtureSample<Y> {
  requireOption(
    gate.slopes.length === experts.length && gate.biases.length === experts.length,
    "gate",
    `${experts.length} experts need as many slopes and biases`,
  );
  const d = gate.slopes[0].length;
  const x = Float64Array.from({ length: n * d }, () => random.uniform(...range));
  const expert = new Int32Array(n);
  for (let row = 0; row < n; row++) {
    const at = x.subarray(row * d, (row + 1) * d);
    expert[row] = random.weighted(gateWeights(gate, at));
    y[row] = answer(experts[expert[row]], at);
  }
  return { x, y, expert };
}

const crossing: readonly GaussianExpert[] = [
  { slope: [1], bias: 0.5, variance: 0.5 },
  { slope: [-1], bias: -0.5, variance: 0.4 },
];

/** Two crossing lines under a softmax gate that keeps both. */
export const topKMixture: Mixture<GaussianExpert> = {
  gate: { slopes: [[1.2], [0]], biases: [0.3, 0], topK: 2 },
  experts: crossing,
  range: [-2, 2],
};

/** The same lines under a gate with temperature, linear or with an activation. */
export const temperedMixture = (
  temperature: number,
  activation?: (score: number) => number,
): Mixture<GaussianExpert> => ({
  gate: { slopes: [[1.2], [0]], biases: [0.3, 0], temperature, ...(activation ? { activation } : {}) },
  experts: crossing,
  range: [-2, 2],
});

/**
 * Two classes of two experts in the plane; class 0 has the logit 0.
 *
 * @param regime  1: every expert depends on x; 2: the first does not
 */
export const multinomialMixture = (regime: 1 | 2): Mixture<MultinomialExpert> => ({
  gate: {
    slopes: [
      [2, 0.5],
      [0, 0],
    ],
    biases: [0.3, 0],
  },
  experts: [
    regime === 1
      ? {
          slopes: [
            [0, 0],
            [-0.5, 2],
          ],
          biases: [0, -0.5],
        }
      : {
          slopes: [
            [0, 0],
            [0, 0],
          ],
          biases: [0, -0.8],
        },
    {
      slopes: [
        [0, 0],
        [0.5, -2],
      ],
      biases: [0, 0.5],
    },
  ],
  range: [-3, 3],
});

/** Two experts in p dimensions of which six slopes are not 0, standard deviation 0.5; ‖slopes‖₁ = 9. */
export function sparseMixture(p: number): Mixture<GaussianExpert> {
  requireOption(p >= 3, "p", `at least 3 dimensions are needed, given ${p}`);
  const padded = (...slopes: number[]) => [...slopes, ...new Array<number>(p - slopes.length).fill(0)];
  return {
    gate: { slopes: [padded(2, -2), padded()], biases: [0, 0] },
    experts: [
      { slope: padded(1.5, 0, -1), bias: 1, variance: 0.25 },
      { slope: padded(-1.5, 1), bias: -1, variance: 0.25 },
    ],
    range: [-1, 1],
  };
}
