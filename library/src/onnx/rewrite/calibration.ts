import type { Value } from "../../core/index.ts";
import type { ModelProto } from "../../runtime/onnx/protobuf/index.ts";
import { importModel, type ModelInputs } from "../import/import-onnx.ts";

/** Inputs of a model, as many as there are examples. */
export type Calibration = readonly ModelInputs<Value | number>[];

/** What 8 bits make of a tensor. */
export interface Grid {
  scale: number;
  zero: number;
  /** Smallest and largest code. */
  codes: [low: number, high: number];
}

/** How well a grid holds a tensor's numbers. */
export interface Fit {
  low: number;
  high: number;
  /** Mean square of the numbers over that of the rounding errors, in decibels. */
  snr: number;
  /** Share of numbers that lie outside of the grid. */
  saturated: number;
}

/** The range of each value over all examples. */
export async function rangesOf(
  model: ModelProto,
  names: readonly string[],
  calibration: Calibration,
): Promise<Map<string, [number, number]>> {
  const ranges = new Map(names.map((name) => [name, [0, 0] as [number, number]]));
  await forEachExample(model, names, calibration, (name, data) => {
    const range = ranges.get(name)!;
    for (let i = 0; i < data.length; i++) {
      if (data[i] < range[0]) range[0] = data[i];
      if (data[i] > range[1]) range[1] = data[i];
    }
  });
  return ranges;
}

/** Runs a model on every example and hands out the numbers of some of its values. */
export async function forEachExample(
  model: ModelProto,
  names: readonly string[],
  calibration: Calibration,
  visit: (name: string, data: Float32Array) => void,
): Promise<void> {
  const imported = importModel(model, { outputs: names });
  for (const inputs of calibration) {
    const values = await imported.run(inputs);
    for (const name of names) visit(name, values[name].data as Float32Array);
  }
}

/** The grid of unsigned codes from 0 to 2^bits − 1 over a range that holds 0. */
export function asymmetricGrid([low, high]: readonly [number, number], bits = 8): Grid {
  const most = 2 ** bits - 1;
  const scale = (Math.max(high, 0) - Math.min(low, 0)) / most || 1;
  return {
    scale: Math.fround(scale),
    zero: Math.min(most, Math.max(0, Math.round(-Math.min(low, 0) / scale))),
    codes: [0, most],
  };
}

/** The grid of signed codes around 0, the smallest left out so that both sides are alike. */
export function symmetricGrid(largest: number, bits = 8): Grid {
  const most = 2 ** (bits - 1) - 1;
  return { scale: Math.fround(largest / most) || 1, zero: 0, codes: [-most, most] };
}

/** Rounds to the nearest, halves to the even one, as QuantizeLinear does. */
export function codeOf(x: number, { scale, zero, codes: [low, high] }: Grid): number {
  const ratio = x / scale;
  const below = Math.floor(ratio);
  const fraction = ratio - below;
  const whole = fraction > 0.5 || (fraction === 0.5 && below % 2 !== 0) ? below + 1 : below;
  return Math.min(high, Math.max(low, whole + zero));
}

/** Gathers how well numbers fit their grids. */
export class FitMeter {
  #low = Number.POSITIVE_INFINITY;
  #high = Number.NEGATIVE_INFINITY;
  #power = 0;
  #error = 0;
  #outside = 0;
  #count = 0;

  add(x: number, grid: Grid): void {
    const { scale, zero, codes } = grid;
    this.#low = Math.min(this.#low, x);
    this.#high = Math.max(this.#high, x);
    this.#power += x * x;
    this.#error += (x - (codeOf(x, grid) - zero) * scale) ** 2;
    const ratio = x / scale + zero;
    if (ratio < codes[0] - 0.5 || ratio > codes[1] + 0.5) this.#outside++;
    this.#count++;
  }

  get fit(): Fit {
    return {
      low: this.#low,
      high: this.#high,
      snr: this.#error === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(this.#power / this.#error),
      saturated: this.#count === 0 ? 0 : this.#outside / this.#count,
    };
  }
}
