// Jang et al. 2016, arXiv:1611.01144
import { linearRegression } from "simple-statistics";
import {
  add,
  bernoulli,
  type Concrete,
  cast,
  compile,
  grad,
  key,
  logSoftmax,
  mean,
  mul,
  reshape,
  sigmoid,
  split,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
  Value,
  value,
  valueAndGrad,
} from "sluice";
import {
  type CategoricalVae,
  categoricalKl,
  decodeCategorical,
  encodeCategorical,
  initCategoricalVae,
  reconstructionCost,
} from "sluice/methods/generative/categorical-vae";
import { gumbelSoftmax, straightThrough, temperatureSchedule } from "sluice/methods/generative/gumbel";
import { type Baseline, initBaseline, scoreFunction } from "sluice/methods/generative/score-function";
import {
  initSemiSupervisedVae,
  type SemiSupervisedVae,
  unlabelledCost,
} from "sluice/methods/generative/semi-supervised-vae";
import { adam } from "sluice/nn";
import { batches } from "../data/batches.ts";
import { loadMnist } from "../data/mnist.ts";
import { Random } from "../data/random.ts";
import { atLeast, atMost, type Lab, minus, paper, within } from "../paper.ts";
import { curves } from "../plots/curves.ts";
import { images } from "../plots/images.ts";
import { panels } from "../plots/panels.ts";
import { scatter } from "../plots/scatter.ts";
import { medianTimes } from "../statistics/median-times.ts";
import { asValue } from "../tasks/values.ts";

/** The paper's autoencoder: 20 variables of 10 classes. */
const config = { inputs: 784, variables: 20, classes: 10, hidden: 256 };
const batch = 100;
const shownTemperatures = [0.1, 0.5, 1, 5];

export default paper({
  id: "gumbel-softmax",
  row: 60,
  family: "generative",
  title: "Categorical Reparameterization with Gumbel-Softmax",
  year: 2016,
  arxiv: "1611.01144",
  idea: "The largest of logits plus Gumbel noise is a sample of their categorical distribution. With a softmax at some temperature in place of the largest, the sample becomes a differentiable function of the logits, and nearly discrete as the temperature falls. One backward pass then takes the place of score-function estimators with their large variance.",
  minutes: 4,
  settings: {
    full: {
      part: "autoencoder",
      estimator: "",
      /** Half of what would level off: as many as three seeds of four arms have time for. */
      steps: 2500,
      watchEvery: 250,
      /** Binarised once, so that all arms are measured on the same pixels. */
      testImages: 2000,
      /** Where all arms learn without diverging; the paper's autoencoder uses momentum with a rate of its own. */
      lr: 1e-3,
      draws: 200_000,
      timings: 15,
      manyClasses: 100,
    },
    smoke: { steps: 150, watchEvery: 50, testImages: 500, draws: 20_000, timings: 3, manyClasses: 10 },
  },
  variants: {
    gumbel: { estimator: "gumbel" },
    "st-gumbel": { estimator: "st-gumbel" },
    st: { estimator: "st" },
    score: { estimator: "score" },
    toy: { part: "toy" },
    speed: { part: "speed" },
  },
  includes: ({ variant, budget }) => budget === "full" || (variant !== "st-gumbel" && variant !== "score"),
  claims: {
    bound: {
      paper: "−ELBO of a categorical autoencoder: Gumbel 101.5, straight-through 110.9, score function 110.6 nats",
      holds:
        "with discrete samples, Gumbel at least 1.5 nats below the straight-through and the score function estimator",
      measures: { cost: "−ELBO on test images, nats" },
      judge: ({ cost }) => [
        atMost(minus(cost.of("gumbel"), cost.of("st")), -1.5),
        atMost(minus(cost.of("gumbel"), cost.of("score")), -1.5),
      ],
    },
    ordering: {
      paper: "straight-through Gumbel lies between them, at 107.8 nats",
      holds: "at least Gumbel − 0.5 and at most straight-through + 1.0 nats",
      measures: { cost: "−ELBO on test images, nats" },
      judge: ({ cost }) => [
        atLeast(minus(cost.of("st-gumbel"), cost.of("gumbel")), -0.5),
        atMost(minus(cost.of("st-gumbel"), cost.of("st")), 1),
      ],
    },
    bias: {
      paper: "a low temperature has little bias and much variance",
      holds:
        "ln bias rises with ln temperature by 0.7 to 1.2, ln variance by −1.5 to −0.8; the score function's bias lies within 4 standard errors of 0",
      measures: {
        bias: "slope of ln bias over ln temperature",
        variance: "slope of ln variance over ln temperature",
        score: "largest |bias| of the score function, standard errors",
      },
      judge: ({ bias, variance, score }) => [
        within(bias.of("toy"), 0.7, 1.2),
        within(variance.of("toy"), -1.5, -0.8),
        atMost(score.of("toy"), 4, "every seed"),
      ],
    },
    speed: {
      paper: "one sample instead of all classes: 2 times as fast with 10 classes, 9.9 times with 100",
      holds: "≥ 1.5 times with 10 classes and ≥ 5 times with 100",
      measures: { few: "time over all classes / of one sample, 10 classes", many: "the same, 100 classes" },
      judge: ({ few, many }) => [atLeast(few.of("speed"), 1.5), atLeast(many.of("speed"), 5)],
    },
  },
  plots: {
    samples: {
      title: "Samples by temperature, and what the estimators reach",
      caption:
        "Gumbel-softmax samples of three classes on the simplex: near the corners when cold, in the middle when hot. Beside them the bound on test images while training.",
      draw: ({ rows, metrics }) =>
        panels(
          [
            ...shownTemperatures.map((temperature) =>
              scatter({
                title: `temperature ${temperature}`,
                rows: rows.filter((row) => row.temperature === temperature),
                x: { field: "x", title: "class 1 to class 2", domain: [0, 1] },
                y: { field: "y", title: "to class 3", domain: [0, 0.9] },
                width: 150,
                height: 130,
              }),
            ),
            curves({
              title: "−ELBO on test images",
              rows: metrics.filter(({ name }) => name === "test −ELBO/nats").map((point) => ({ ...point })),
              x: { field: "step", title: "step" },
              y: { field: "value", title: "nats" },
              series: { field: "variant", title: "" },
              width: 360,
            }),
          ],
          { columns: 5 },
        ),
    },
    digits: {
      title: "Digits and what their codes say",
      caption: "Test digits above, below them the mean of the pixels that their sampled codes stand for, by estimator.",
      draw: ({ rows }) =>
        images({
          pictures: rows.map(({ row, column, pixels }) => ({
            row: String(row),
            column: String(column),
            pixels: Array.from(String(pixels), (level) => Number.parseInt(level, 16) / 15),
            shape: [1, 28, 28],
          })),
          size: 48,
        }),
    },
  },
  run: (lab) =>
    lab.settings.part === "toy"
      ? compareOnToy(lab)
      : lab.settings.part === "speed"
        ? compareSpeed(lab)
        : autoencode(lab),
});

type Trial = Lab<{
  readonly estimator: string;
  readonly steps: number;
  readonly watchEvery: number;
  readonly testImages: number;
  readonly lr: number;
  readonly draws: number;
  readonly timings: number;
  readonly manyClasses: number;
}>;

/** How each estimator draws codes in training. */
const estimators: Readonly<Record<string, (logits: Tensor, key: Tensor, temperature: Tensor) => Tensor>> = {
  gumbel: (logits, key, temperature) => gumbelSoftmax(logits, key, { temperature }),
  "st-gumbel": (logits, key, temperature) => gumbelSoftmax(logits, key, { temperature, hard: true }),
  st: (logits, key) => straightThrough(logits, key),
  score: (logits, key) => stopGradient(straightThrough(logits, key)),
};

/** The categorical autoencoder on binarised digits. */
async function autoencode(lab: Trial): Promise<void> {
  const { estimator, steps, watchEvery, testImages } = lab.settings;
  const { train, test } = await loadMnist();
  const optimizer = adam({ lr: lab.settings.lr });
  const temperature = temperatureSchedule({ rate: 3e-4, every: 500 });
  const begin = compile((random: Tensor) => {
    const params = initCategoricalVae(random, config);
    return { params, state: optimizer.init(params), baseline: initBaseline() };
  });
  const update = compile(
    (carried: { params: CategoricalVae; state: any; baseline: Baseline }, x: Tensor, random: Tensor, tau: Tensor) => {
      const [forPixels, forCodes] = split(random);
      const pixels = cast(bernoulli(forPixels, reshape(x, [batch, config.inputs])), "float32");
      const cost = (params: CategoricalVae): [Tensor, Baseline] => {
        const logits = encodeCategorical(params, pixels, config);
        const z = estimators[estimator](logits, forCodes, tau);
        const reconstruction = reconstructionCost(decodeCategorical(params, z), pixels);
        const bound = mean(add(reconstruction, categoricalKl(logits)));
        const logQ = sum(mul(logSoftmax(logits), stopGradient(z)), { axis: [1, 2] });
        const { loss, baseline } = scoreFunction(logQ, reconstruction, carried.baseline);
        // What the score function adds has a gradient and no value of its own.
        const surrogate = estimator === "score" ? sub(loss, stopGradient(loss)) : 0;
        return [add(bound, surrogate), baseline];
      };
      const [[loss, baseline], gradient] = valueAndGrad(cost, { auxiliary: true })(carried.params);
      return { carried: { ...optimizer.update(carried.params, gradient, carried.state), baseline }, loss };
    },
  );
  const measure = boundOn(binarised(test.x.data, testImages));

  type Carried = Concrete<{ params: CategoricalVae; state: unknown; baseline: Baseline }>;
  let stream: ReturnType<typeof batches<{ x: typeof train.x }>> | undefined;
  const { params } = await lab.loop<Carried>("train", {
    steps,
    start: async () => (await begin(key(lab.seed) as never)) as never,
    async step(carried, step) {
      stream ??= batches({ x: train.x }, { batch, seed: lab.seed, start: step, steps });
      const { carried: next, loss } = (await update(
        carried as never,
        asValue(stream.next().value!.x) as never,
        key(lab.seed * 2 ** 24 + step) as never,
        value(temperature(step)) as never,
      )) as unknown as { carried: Carried; loss: Value };
      lab.log(step, { "train loss/nats": loss.item() });
      if ((step + 1) % watchEvery === 0) lab.log(step + 1, { "test −ELBO/nats": await measure(next.params, 1) });
      return next;
    },
  });
  const cost = await measure(params, 5);
  for (const claim of ["bound", "ordering"] as const) lab.claim(claim, { cost });
  if (lab.seed === lab.seeds[0])
    lab.plot("digits", await reconstructions(params, binarised(test.x.data, 8), lab.variant));
}

/** The first images as pixels of 0 and 1, drawn once for all arms and seeds. */
function binarised(pixels: Uint8Array, count: number): Float32Array {
  const random = new Random(0).split("binarised");
  return Float32Array.from(pixels.subarray(0, count * config.inputs), (level) =>
    random.uniform() < level / 255 ? 1 : 0,
  );
}

/** −ELBO with discrete codes, whatever was trained with: the relaxed one is no bound. */
function boundOn(pixels: Float32Array) {
  const rows = 500;
  const program = compile((params: CategoricalVae, x: Tensor, random: Tensor) => {
    const logits = encodeCategorical(params, x, config);
    const z = straightThrough(logits, random);
    return mean(add(reconstructionCost(decodeCategorical(params, z), x), categoricalKl(logits)));
  });
  return async (params: Concrete<CategoricalVae>, samples: number): Promise<number> => {
    const costs: number[] = [];
    for (let start = 0; start < pixels.length; start += rows * config.inputs)
      for (let sample = 0; sample < samples; sample++) {
        const x = new Value(pixels.slice(start, start + rows * config.inputs), [rows, config.inputs]);
        costs.push((await program(params as never, x as never, key(sample) as never)).item());
      }
    return costs.reduce((total, cost) => total + cost, 0) / costs.length;
  };
}

async function reconstructions(params: Concrete<CategoricalVae>, pixels: Float32Array, variant: string) {
  const count = pixels.length / config.inputs;
  const decoded = await compile((params: CategoricalVae, x: Tensor) =>
    sigmoid(decodeCategorical(params, straightThrough(encodeCategorical(params, x, config), key(0)))),
  )(params as never, new Value(pixels, [count, config.inputs]) as never);
  const text = (from: ArrayLike<number>, at: number) =>
    Array.from({ length: config.inputs }, (_, i) => Math.round(15 * from[at * config.inputs + i]).toString(16)).join(
      "",
    );
  const rowsOf = (row: string, from: ArrayLike<number>) =>
    Array.from({ length: count }, (_, at) => ({ row, column: String(at + 1), pixels: text(from, at) }));
  return [...(variant === "gumbel" ? rowsOf("digits", pixels) : []), ...rowsOf(variant, decoded.toFloat64())];
}

/** Estimators of the gradient of E[(w·z − 0.3)²], whose exact value is known. */
async function compareOnToy(lab: Trial): Promise<void> {
  const { draws } = lab.settings;
  const logits = [0.5, 0, -0.5, 0.2];
  const weights = [1, 0, 0.5, -0.7];
  const total = logits.reduce((all, logit) => all + Math.exp(logit), 0);
  const chances = logits.map((logit) => Math.exp(logit) / total);
  const costs = weights.map((weight) => (weight - 0.3) ** 2);
  const expected = costs.reduce((all, cost, i) => all + chances[i] * cost, 0);
  const exact = chances.map((chance, i) => chance * (costs[i] - expected));

  const cost = (z: Tensor) => square(sub(sum(mul(z, value(weights)), { axis: 1 }), 0.3));
  const many = new Value(
    Float32Array.from({ length: draws * 4 }, (_, i) => logits[i % 4]),
    [draws, 4],
  );
  /** Mean error and variance of a gradient, class by class. */
  const errorsOf = async (sample: (logits: Tensor, key: Tensor) => Tensor) => {
    const gradient = compile((l: Tensor, k: Tensor) => grad((l: Tensor) => sum(sample(l, k)))(l));
    const all = (await gradient(many as never, key(lab.seed) as never)).toFloat64();
    return exact.map((truth, i) => {
      const own = all.filter((_, at) => at % 4 === i);
      const average = own.reduce((sum, one) => sum + one, 0) / draws;
      return { error: average - truth, variance: own.reduce((sum, one) => sum + (one - average) ** 2, 0) / draws };
    });
  };
  type Errors = Awaited<ReturnType<typeof errorsOf>>;
  const biasOf = (errors: Errors) => Math.hypot(...errors.map(({ error }) => error)) / Math.hypot(...exact);
  const varianceOf = (errors: Errors) => errors.reduce((all, { variance }) => all + variance, 0);

  const score = await errorsOf((l, k) => {
    const z = stopGradient(straightThrough(l, k));
    return mul(sum(mul(logSoftmax(l), z), { axis: 1 }), cost(z));
  });
  const straight = await errorsOf((l, k) => cost(straightThrough(l, k)));
  lab.log(0, {
    "score function, variance": varianceOf(score),
    "straight-through, relative bias": biasOf(straight),
    "straight-through, variance": varianceOf(straight),
  });
  const points: { temperature: number; bias: number; variance: number }[] = [];
  for (const temperature of [1, 0.5, 0.2, 0.1, 0.05]) {
    const soft = await errorsOf((l, k) => cost(gumbelSoftmax(l, k, { temperature })));
    const hard = await errorsOf((l, k) => cost(gumbelSoftmax(l, k, { temperature, hard: true })));
    points.push({ temperature, bias: biasOf(soft), variance: varianceOf(soft) });
    lab.log(0, {
      [`Gumbel at ${temperature}, relative bias`]: biasOf(soft),
      [`Gumbel at ${temperature}, variance`]: varianceOf(soft),
      [`straight-through Gumbel at ${temperature}, relative bias`]: biasOf(hard),
      [`straight-through Gumbel at ${temperature}, variance`]: varianceOf(hard),
    });
  }
  const cold = points.filter(({ temperature }) => temperature <= 0.5);
  const slope = (name: "bias" | "variance") =>
    linearRegression(cold.map((point) => [Math.log(point.temperature), Math.log(point[name])])).m;
  lab.claim("bias", {
    bias: slope("bias"),
    variance: slope("variance"),
    score: Math.max(...score.map(({ error, variance }) => Math.abs(error) / Math.sqrt(variance / draws))),
  });
  if (lab.seed === lab.seeds[0]) lab.plot("samples", await simplexSamples());
}

async function simplexSamples() {
  const even = new Value(new Float32Array(300 * 3), [300, 3]);
  const rows: { temperature: number; x: number; y: number }[] = [];
  for (const temperature of shownTemperatures) {
    const samples = await compile((l: Tensor) => gumbelSoftmax(l, key(1), { temperature }))(even as never);
    for (const [, second, third] of samples.toArray() as number[][])
      rows.push({ temperature, x: second + third / 2, y: (third * Math.sqrt(3)) / 2 });
  }
  return rows;
}

/** The time of a training step of a semi-supervised autoencoder on examples without labels. */
async function compareSpeed(lab: Trial): Promise<void> {
  const { timings, manyClasses } = lab.settings;
  const ratioWith = async (classes: number) => {
    const x = new Value(
      new Random(lab.seed).normals(batch * config.inputs).map((n) => (n > 0 ? 1 : 0)),
      [batch, config.inputs],
    );
    const params = await compile((k: Tensor) => initSemiSupervisedVae(k, { inputs: config.inputs, classes }))(
      key(1) as never,
    );
    const steps = (["marginal", "gumbel"] as const).map((mode) => {
      const step = compile((params: SemiSupervisedVae, x: Tensor, random: Tensor) =>
        grad((params: SemiSupervisedVae) => unlabelledCost(params, x, { mode, key: random }))(params),
      );
      return (round: number) => step(params as never, x as never, key(round) as never);
    });
    const [all, one] = await medianTimes(steps, { rounds: timings });
    lab.log(0, { [`all of ${classes} classes/ms`]: all, [`one sample of ${classes} classes/ms`]: one });
    return all / one;
  };
  lab.claim("speed", { few: await ratioWith(10), many: await ratioWith(manyClasses) });
}
