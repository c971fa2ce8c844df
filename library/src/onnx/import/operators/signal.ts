import {
  add,
  gather,
  matmul,
  moveAxis,
  mul,
  pad,
  reshape,
  sliceAxis,
  stack,
  sub,
  type Tensor,
} from "../../../core/index.ts";
import type { Converters, NodeContext } from "../context.ts";
import { Unsupported } from "../faults.ts";
import { normalAxis } from "./axes.ts";
import { checkedShape, constantOf, mostGenerated, typeOf } from "./types.ts";

/** Largest transform written as a product with a matrix of sines and cosines. */
const longest = 4096;

/** Cosines or sines of −2π·row·column/length, as a matrix. */
function waves(rows: number, columns: number, length: number, wave: (angle: number) => number, x: Tensor): Tensor {
  const numbers = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      // The product is taken modulo the length first, so that large angles keep their digits.
      numbers[row * columns + column] = wave((-2 * Math.PI * ((row * column) % length)) / length);
  return constantOf(numbers, [rows, columns], x.dtype);
}

/** Real and imaginary part of numbers whose last axis holds one or both. */
const partsOf = (x: Tensor): [Tensor, Tensor | undefined] => {
  const part = (i: number) => reshape(sliceAxis(x, -1, i, i + 1), x.shape.slice(0, -1));
  return [part(0), x.shape.at(-1) === 2 ? part(1) : undefined];
};

/**
 * The discrete Fourier transform over the last axis, as two products with constant matrices: real and imaginary part of
 * the first `count` frequencies.
 */
export function fourier(
  real: Tensor,
  imaginary: Tensor | undefined,
  count: number,
  inverse: boolean,
): [Tensor, Tensor] {
  const length = real.shape.at(-1)!;
  if (length > longest) throw new Unsupported(`it transforms ${length} numbers at once; at most ${longest} are`);
  const cosine = waves(length, count, length, Math.cos, real);
  const sine = waves(length, count, length, inverse ? (angle) => -Math.sin(angle) : Math.sin, real);
  const scale = (x: Tensor): Tensor => (inverse ? mul(x, 1 / length) : x);
  if (!imaginary) return [scale(matmul(real, cosine)), scale(matmul(real, sine))];
  return [
    scale(sub(matmul(real, cosine), matmul(imaginary, sine))),
    scale(add(matmul(real, sine), matmul(imaginary, cosine))),
  ];
}

function dft(node: NodeContext): Tensor {
  const x = node.tensor(0);
  const given = node.version >= 20 ? (node.number(2) ?? -2) : node.attributes.int("axis", 1);
  const axis = normalAxis(given, x.rank);
  const inverse = node.attributes.int("inverse", 0) === 1;
  const length = node.number(1) ?? x.shape[axis];
  const current = x.shape[axis];
  const fitted =
    length <= current
      ? sliceAxis(x, axis, 0, length)
      : pad(
          x,
          x.shape.map((_, i): [number, number] => (i === axis ? [0, length - current] : [0, 0])),
        );
  const count = node.attributes.int("onesided", 0) === 1 ? Math.floor(length / 2) + 1 : length;
  // With the axis moved before that of real and imaginary parts, each part has it last.
  const [real, imaginary] = partsOf(moveAxis(fitted, axis, -2));
  const both = stack(fourier(real, imaginary, count, inverse), { axis: -1 });
  return moveAxis(both, -2, axis);
}

function stft(node: NodeContext): Tensor {
  const signal = node.tensor(0);
  const step = node.number(1)!;
  const window = node.optional(2);
  const length = node.number(3) ?? window?.size;
  if (!length || !step) throw new Unsupported("it has neither window nor frame length");
  const frames = 1 + Math.floor((signal.shape[1] - length) / step);
  checkedShape([frames, length], mostGenerated);
  const places = Float64Array.from({ length: frames * length }, (_, i) => Math.floor(i / length) * step + (i % length));
  const parts = partsOf(signal).map(
    (part) => part && gather(part, constantOf(places, [frames, length], "int64"), { axis: 1 }),
  );
  const [real, imaginary] = parts.map((part) => (part && window ? mul(part, window) : part)) as [Tensor, Tensor?];
  const count = node.attributes.int("onesided", 1) === 1 ? Math.floor(length / 2) + 1 : length;
  return stack(fourier(real, imaginary, count, false), { axis: -1 });
}

/** A window of cosines: Σ aₖ cos(2πki/N). */
const window =
  (...factors: readonly number[]) =>
  (node: NodeContext): Tensor => {
    const [size] = checkedShape([node.number(0)!], mostGenerated);
    const period = node.attributes.int("periodic", 1) === 1 ? size : size - 1;
    const numbers = Float64Array.from({ length: size }, (_, i) =>
      factors.reduce((total, factor, k) => total + factor * Math.cos((2 * Math.PI * k * i) / period), 0),
    );
    return constantOf(numbers, [size], typeOf(node, "output_datatype", "float32"));
  };

function melWeights(node: NodeContext): Tensor {
  const [bands, length, rate, low, high] = [0, 1, 2, 3, 4].map((i) => node.number(i)!);
  const bins = Math.floor(length / 2) + 1;
  checkedShape([bins, bands], mostGenerated);
  const mel = (hertz: number) => 2595 * Math.log10(1 + hertz / 700);
  const step = (mel(high) - mel(low)) / (bands + 2);
  const edges = Array.from({ length: bands + 2 }, (_, i) => {
    const hertz = 700 * (10 ** ((mel(low) + i * step) / 2595) - 1);
    return Math.floor(((length + 1) * hertz) / rate);
  });
  const weights = new Float64Array(bins * bands);
  for (let band = 0; band < bands; band++) {
    const [left, centre, right] = edges.slice(band, band + 3);
    if (left === centre) weights[centre * bands + band] = 1;
    else for (let bin = left; bin <= centre; bin++) weights[bin * bands + band] = (bin - left) / (centre - left);
    for (let bin = centre; bin < right; bin++) weights[bin * bands + band] = (right - bin) / (right - centre);
  }
  return constantOf(weights, [bins, bands], typeOf(node, "output_datatype", "float32"));
}

export const signalOperators: Converters = {
  BlackmanWindow: window(0.42, -0.5, 0.08),
  DFT: dft,
  HammingWindow: window(25 / 46, -21 / 46),
  HannWindow: window(0.5, -0.5),
  MelWeightMatrix: melWeights,
  STFT: stft,
};
