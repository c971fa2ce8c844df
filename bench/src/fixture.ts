import { adamW, type Workload } from "./workloads.ts";

/** Initial parameters or data, row-major. Linear weights are [in, out], convolution kernels [out, in, height, width]. */
export interface FixtureTensor {
  shape: number[];
  data: Float32Array | Int32Array;
}

/** Everything a contestant needs, so that all of them train the same model from the same start on the same data. */
export interface Fixture {
  workload: Workload;
  adamW: typeof adamW;
  /** Trained parameters, in a fixed order; `blocks.0.qkv.weight` and the like. */
  params: Record<string, FixtureTensor>;
  /** Batches stacked along axis 0: step i uses batch i modulo the count. */
  batches: Record<string, FixtureTensor>;
}

const batchCount = 8;

type Random = { uniform: () => number; normal: () => number };

/** mulberry32 and Box–Muller: enough for initial weights, and the same on every machine. */
function random(seed: number): Random {
  let state = seed;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let z = Math.imul(state ^ (state >>> 15), 1 | state);
    z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z;
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
  return { uniform, normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()) };
}

export const sizeOf = (shape: number[]) => shape.reduce((a, b) => a * b, 1);

function floats(shape: number[], value: () => number): FixtureTensor {
  return { shape, data: Float32Array.from({ length: sizeOf(shape) }, value) };
}

function integers(shape: number[], value: () => number): FixtureTensor {
  return { shape, data: Int32Array.from({ length: sizeOf(shape) }, value) };
}

/** Fixture of a workload; the same seed gives the same numbers everywhere. */
export function makeFixture(workload: Workload, seed = 1): Fixture {
  const { uniform, normal } = random(seed);
  const params: Fixture["params"] = {};
  const gaussian = (shape: number[], deviation: number) => floats(shape, () => deviation * normal());
  const linear = (name: string, inner: number, outer: number, deviation: number) => {
    params[`${name}.weight`] = gaussian([inner, outer], deviation);
    params[`${name}.bias`] = floats([outer], () => 0);
  };
  const fixture = (batches: Fixture["batches"]): Fixture => ({ workload, adamW, params, batches });
  switch (workload.kind) {
    case "gpt": {
      const { layers, width, time, batch, vocab } = workload;
      const norm = (name: string) => {
        params[`${name}.gain`] = floats([width], () => 1);
        params[`${name}.bias`] = floats([width], () => 0);
      };
      params["tokens.weight"] = gaussian([vocab, width], 0.02);
      params["positions.weight"] = gaussian([time, width], 0.02);
      for (let i = 0; i < layers; i++) {
        norm(`blocks.${i}.norm1`);
        linear(`blocks.${i}.qkv`, width, 3 * width, 0.02);
        linear(`blocks.${i}.attentionOut`, width, width, 0.02);
        norm(`blocks.${i}.norm2`);
        linear(`blocks.${i}.up`, width, 4 * width, 0.02);
        linear(`blocks.${i}.down`, 4 * width, width, 0.02);
      }
      norm("norm");
      params["head.weight"] = gaussian([width, vocab], 0.02);
      const inputs = integers([batchCount, batch, time], () => 0);
      const targets = integers([batchCount, batch, time], () => 0);
      let token = 0;
      for (let i = 0; i < inputs.data.length; i++) {
        inputs.data[i] = token;
        // Mostly predictable, so that a wrong gradient shows in the loss.
        token = uniform() < 0.9 ? (5 * token + 17) % vocab : Math.floor(uniform() * vocab);
        targets.data[i] = token;
      }
      return fixture({ inputs, targets });
    }
    case "cnn": {
      const { batch, size, channels, kernel, hidden, classes } = workload;
      const area = (size / 4) ** 2;
      let inner = 1;
      channels.forEach((outer, i) => {
        params[`conv${i}.weight`] = gaussian([outer, inner, kernel, kernel], Math.sqrt(2 / (inner * kernel * kernel)));
        params[`conv${i}.bias`] = floats([outer], () => 0);
        inner = outer;
      });
      linear("hidden", inner * area, hidden, Math.sqrt(2 / (inner * area)));
      linear("out", hidden, classes, Math.sqrt(1 / hidden));
      return fixture(prototypes([1, size, size], batch, classes, { uniform, normal }));
    }
    case "mlp": {
      const { batch, widths } = workload;
      for (let i = 0; i + 1 < widths.length; i++)
        linear(`layers.${i}`, widths[i], widths[i + 1], Math.sqrt(2 / widths[i]));
      return fixture(prototypes([widths[0]], batch, widths.at(-1)!, { uniform, normal }));
    }
    case "call":
      return fixture({});
    case "scan": {
      const { time, batch, width } = workload;
      params["input.weight"] = gaussian([width, width], Math.sqrt(1 / width));
      params["state.weight"] = gaussian([width, width], Math.sqrt(1 / width));
      params.bias = floats([width], () => 0);
      return fixture({ inputs: gaussian([batchCount, time, batch, width], 1) });
    }
    case "int8": {
      const { rows, widths } = workload;
      for (let i = 0; i + 1 < widths.length; i++)
        linear(`layers.${i}`, widths[i], widths[i + 1], Math.sqrt(2 / widths[i]));
      return fixture({ inputs: gaussian([batchCount, rows, widths[0]], 1) });
    }
  }
}

/** Labelled data with one noisy prototype a class: learnable within a few steps. */
function prototypes(shape: number[], batch: number, classes: number, { uniform, normal }: Random): Fixture["batches"] {
  const size = sizeOf(shape);
  const centres = Float32Array.from({ length: classes * size }, () => uniform());
  const targets = integers([batchCount, batch], () => Math.floor(uniform() * classes));
  const inputs = floats([batchCount, batch, ...shape], () => 0.3 * normal());
  for (let row = 0; row < batchCount * batch; row++)
    for (let i = 0; i < size; i++) inputs.data[row * size + i] += centres[targets.data[row] * size + i];
  return { inputs, targets };
}

/** A fixture from the two files' contents, wherever they were fetched from. */
export function decodeFixture(manifest: any, buffer: ArrayBuffer): Fixture {
  const decode = (entries: Record<string, { shape: number[]; dtype: string; offset: number }>) =>
    Object.fromEntries(
      Object.entries(entries).map(([name, { shape, dtype, offset }]) => {
        const data = new (dtype === "float32" ? Float32Array : Int32Array)(buffer, offset, sizeOf(shape));
        return [name, { shape, data }];
      }),
    );
  return { ...manifest, params: decode(manifest.params), batches: decode(manifest.batches) };
}

/** Row `index` (modulo the count) of data stacked along axis 0, as a view. */
export function batchAt({ shape, data }: FixtureTensor, index: number): FixtureTensor {
  const size = data.length / shape[0];
  const start = (index % shape[0]) * size;
  return { shape: shape.slice(1), data: data.subarray(start, start + size) };
}
