/** Sizes of a GPT: pre-norm blocks, learned positions, tanh GELU, untied head without bias. */
export interface GptWorkload {
  kind: "gpt";
  layers: number;
  width: number;
  heads: number;
  time: number;
  batch: number;
  vocab: number;
}

/** 5×5 convolution, 2×2 max pooling, twice (`same` padding), then a hidden and an output layer. */
export interface CnnWorkload {
  kind: "cnn";
  batch: number;
  size: number;
  channels: [number, number];
  kernel: number;
  hidden: number;
  classes: number;
}

/** Linear layers with ReLU between them; `widths` runs from the input to the classes. */
export interface MlpWorkload {
  kind: "mlp";
  batch: number;
  widths: number[];
}

/** A program that adds 1 to a scalar: host number in, host number out. */
export interface CallWorkload {
  kind: "call";
}

/** hₜ = tanh(xₜ·Wₓ + hₜ₋₁·Wₕ + b); loss = mean h² over all steps; one step of plain gradient descent. */
export interface ScanWorkload {
  kind: "scan";
  time: number;
  batch: number;
  width: number;
  lr: number;
}

/**
 * Trained linear layers with ReLU between them, forward only: float32 in, the mean square of the outputs out. Contestants
 * differ in the bits of weights and activations inside.
 */
export interface Int8Workload {
  kind: "int8";
  rows: number;
  widths: number[];
}

export type Workload = GptWorkload | CnnWorkload | MlpWorkload | CallWorkload | ScanWorkload | Int8Workload;

/** What is timed under one name of `npm run bench`. */
export interface Benchmark {
  workload: Workload;
  /** Steps inside one measurement, which is their mean: enough for a tenth of a second or more. */
  stepsPerRun: number;
  /** Steps before the first measurement. */
  warmUpSteps: number;
  /** `fresh`: every measurement is the first step of a new process (compilation included). */
  process: "kept" | "fresh";
  /** Where the contestants run. */
  host: "node" | "browser";
}

const vocab = 96;
const gpt: GptWorkload = { kind: "gpt", layers: 4, width: 128, heads: 4, time: 128, batch: 16, vocab };
/** The layers of two feed-forward parts of a transformer of width 1024: 16.8 million weights. */
const feedForward = [1024, 4096, 1024, 4096, 1024];
const kept = { process: "kept", host: "node" } as const;

export const benchmarks: Record<string, Benchmark> = {
  "gpt-small": {
    ...kept,
    workload: { kind: "gpt", layers: 2, width: 64, heads: 4, time: 64, batch: 16, vocab },
    stepsPerRun: 10,
    warmUpSteps: 4,
  },
  gpt: { ...kept, workload: gpt, stepsPerRun: 1, warmUpSteps: 3 },
  "gpt-wide": {
    ...kept,
    workload: { kind: "gpt", layers: 4, width: 256, heads: 4, time: 256, batch: 8, vocab },
    stepsPerRun: 1,
    warmUpSteps: 2,
  },
  cnn: {
    ...kept,
    workload: { kind: "cnn", batch: 64, size: 28, channels: [32, 64], kernel: 5, hidden: 512, classes: 10 },
    stepsPerRun: 1,
    warmUpSteps: 3,
  },
  mlp: {
    ...kept,
    workload: { kind: "mlp", batch: 128, widths: [784, 512, 512, 10] },
    stepsPerRun: 20,
    warmUpSteps: 8,
  },
  call: { ...kept, workload: { kind: "call" }, stepsPerRun: 10_000, warmUpSteps: 10_000 },
  compile: { host: "node", process: "fresh", workload: gpt, stepsPerRun: 1, warmUpSteps: 0 },
  scan: {
    ...kept,
    workload: { kind: "scan", time: 256, batch: 16, width: 64, lr: 0.1 },
    stepsPerRun: 5,
    warmUpSteps: 3,
  },
  int8: {
    ...kept,
    workload: { kind: "int8", rows: 128, widths: feedForward },
    stepsPerRun: 10,
    warmUpSteps: 8,
  },
  "int8-row": {
    ...kept,
    workload: { kind: "int8", rows: 1, widths: feedForward },
    stepsPerRun: 50,
    warmUpSteps: 24,
  },
  browser: { process: "kept", host: "browser", workload: gpt, stepsPerRun: 1, warmUpSteps: 3 },
};

/** Settings of AdamW, the same for every contestant; weight decay applies to every parameter, as PyTorch's default does. */
export const adamW = { lr: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 };

/**
 * Floating-point operations of one training step of a GPT: 2 per multiply-add of every matrix product in the forward
 * pass, times 3 for forward and backward. Normalization, softmax, GELU and AdamW are not counted.
 */
export function gptStepFlops({ layers, width, time, batch, vocab }: GptWorkload): number {
  const tokens = batch * time;
  const projections = layers * 12 * width * width + width * vocab;
  const attention = layers * 2 * time * width;
  return 3 * 2 * tokens * (projections + attention);
}
