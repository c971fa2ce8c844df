import { ShapeError } from "../errors.ts";
import { lower } from "../lower.ts";
import type { Operation } from "../operation.ts";
import { applyOne, asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { mul } from "./arithmetic.ts";
import { expectFloat, normaliseAxis } from "./define.ts";
import { transformPairs, transformReal, transformToReal } from "./fourier.ts";
import { generated } from "./generated.ts";
import { moveAxis } from "./transpose.ts";

/** The usual count for a fast transform of n pairs: 5 n log₂ n. */
const transformFlops = (n: number, rows: number): number => 5 * rows * n * Math.log2(Math.max(2, n));

/** Σⱼ xⱼ e^(sign·2πi·jk/n) for k below `count`, term by term. Rows of pairs, or of real numbers, follow each other. */
function sumOfWaves(x: Float64Array, n: number, count: number, sign: number, isReal: boolean): Float64Array {
  const width = isReal ? n : 2 * n;
  const rows = n === 0 ? 0 : x.length / width;
  const result = new Float64Array(2 * rows * count);
  const cosine = Float64Array.from({ length: n }, (_, i) => Math.cos((2 * Math.PI * i) / n));
  const sine = Float64Array.from({ length: n }, (_, i) => sign * Math.sin((2 * Math.PI * i) / n));
  for (let row = 0; row < rows; row++)
    for (let k = 0; k < count; k++) {
      let [real, imaginary] = [0, 0];
      for (let j = 0; j < n; j++) {
        const a = isReal ? x[row * width + j] : x[row * width + 2 * j];
        const b = isReal ? 0 : x[row * width + 2 * j + 1];
        const turn = (j * k) % n;
        real += a * cosine[turn] - b * sine[turn];
        imaginary += a * sine[turn] + b * cosine[turn];
      }
      result.set([real, imaginary], 2 * (row * count + k));
    }
  return result;
}

const fftOperation: Operation<{ inverse: boolean }> = {
  name: "fft",
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  emit: (graph, inputs, node) =>
    lower(graph, inputs, node, (x) => [
      node.attributes.inverse ? transformPairs(x, 1, 1 / x.shape.at(-2)!) : transformPairs(x, -1),
    ]),
  reference: ([x], { inputs: [input], attributes: { inverse } }) => {
    const n = input.shape.at(-2)!;
    const waves = sumOfWaves(x, n, n, inverse ? 1 : -1, false);
    return [inverse ? waves.map((part) => part / n) : waves];
  },
  // The transform is n times a rotation: its transpose is n times its inverse.
  gradient: ([dy], { inputs: [x], attributes: { inverse } }) => {
    const n = x.shape.at(-2)!;
    return [mul(applyOne(fftOperation, [dy!], { inverse: !inverse }), inverse ? 1 / n : n)];
  },
  batch: ([x], _, attributes) => [applyOne(fftOperation, [x], attributes)],
  linear: "jointly",
  flops: ({ inputs: [x] }) => transformFlops(x.shape.at(-2)!, x.size / (2 * x.shape.at(-2)!)),
};

const rfftOperation: Operation<Record<never, never>> = {
  name: "rfft",
  infer: ([x]) => [{ shape: [...x.shape.slice(0, -1), Math.floor(x.shape.at(-1)! / 2) + 1, 2], dtype: x.dtype }],
  emit: (graph, inputs, node) => lower(graph, inputs, node, (x) => [transformReal(x)]),
  reference: ([x], { inputs: [input], outputs: [y] }) => [
    sumOfWaves(x, input.shape.at(-1)!, y.shape.at(-2)!, -1, true),
  ],
  gradient: ([dy], { inputs: [x] }) => {
    const n = x.shape.at(-1)!;
    return [mul(irfft(mul(dy!, mirrorWeights(n, 0.5, dy!)), { length: n }), n)];
  },
  batch: ([x]) => [applyOne(rfftOperation, [x], {})],
  linear: "jointly",
  flops: ({ inputs: [x] }) => transformFlops(x.shape.at(-1)!, x.size / x.shape.at(-1)!) / 2,
};

const irfftOperation: Operation<{ length: number }> = {
  name: "irfft",
  infer: ([x], { length }) => [{ shape: [...x.shape.slice(0, -2), length], dtype: x.dtype }],
  emit: (graph, inputs, node) => lower(graph, inputs, node, (x) => [transformToReal(x, node.attributes.length)]),
  reference: ([x], { inputs: [input], attributes: { length } }) => {
    const half = input.shape.at(-2)!;
    const rows = x.length / (2 * half);
    const all = new Float64Array(2 * rows * length);
    for (let row = 0; row < rows; row++)
      for (let k = 0; k < length; k++) {
        const [from, sign] = k < half ? [k, 1] : [length - k, -1];
        const at = 2 * (row * half + from);
        all.set([x[at], sign * x[at + 1]], 2 * (row * length + k));
      }
    const waves = sumOfWaves(all, length, length, 1, false);
    return [Float64Array.from({ length: rows * length }, (_, i) => waves[2 * i] / length)];
  },
  gradient: ([dy], { inputs: [x], attributes: { length } }) => [
    mul(mul(rfft(dy!), mirrorWeights(length, 2, x)), 1 / length),
  ],
  batch: ([x], _, attributes) => [applyOne(irfftOperation, [x], attributes)],
  linear: "jointly",
  flops: ({ outputs: [y], attributes: { length } }) => transformFlops(length, y.size / length) / 2,
};

/** 1 for frequencies that stand for themselves, `weight` for those that also stand for their mirror image: [n/2 + 1, 1]. */
const mirrorWeights = (n: number, weight: number, like: Tensor): Tensor =>
  generated(`mirror weights ${n} ${weight}`, [Math.floor(n / 2) + 1, 1], like.dtype, (k) =>
    k === 0 || 2 * k === n ? 1 : weight,
  );

/** Which axis is transformed. */
export interface FourierOptions {
  /** Axis of the signal; the axis of pairs does not count. Default −1. */
  readonly axis?: number;
}

/** Moves the signal's axis behind the others, and back. */
function alongLast(
  operation: string,
  source: TensorLike,
  { axis = -1 }: FourierOptions,
  { pairsIn, pairsOut }: { pairsIn: boolean; pairsOut: boolean },
  transform: (x: Tensor) => Tensor,
): Tensor {
  const x = asTensor(source);
  expectFloat(operation, x);
  if (pairsIn && (x.rank < 2 || x.shape.at(-1) !== 2))
    throw new ShapeError(`${operation}/pairs`, `complex numbers are pairs [..., n, 2], this is [${x.shape}]`, {
      operands: { input: x },
      fix: "stack([real, imaginary], { axis: -1 }); or rfft for real numbers",
    });
  const rank = x.rank - (pairsIn ? 1 : 0);
  const position = normaliseAxis(operation, x, axis, rank);
  const y = transform(moveAxis(x, position, rank - 1));
  return moveAxis(y, y.rank - (pairsOut ? 2 : 1), position);
}

function expectElements(operation: string, x: Tensor, n: number): void {
  if (n < 1)
    throw new ShapeError(`${operation}/empty`, "a transform of no elements is undefined", { operands: { input: x } });
}

const complexTransform =
  (operation: string, inverse: boolean) =>
  (x: TensorLike, options: FourierOptions = {}): Tensor =>
    alongLast(operation, x, options, { pairsIn: true, pairsOut: true }, (signal) => {
      expectElements(operation, signal, signal.shape.at(-2)!);
      return applyOne(fftOperation, [signal], { inverse });
    });

/**
 * The discrete Fourier transform of complex numbers, which are pairs (real, imaginary) along the last axis.
 *
 *     yₖ = Σⱼ xⱼ e^(−2πi·jk/n)
 *
 * Any size works; products of small factors are fastest. Differentiable.
 *
 * @param x  float[..., n, 2]
 * @returns  float[..., n, 2]
 * @throws   ShapeError `fft/pairs`, `fft/empty`, `fft/axis-out-of-range`; DTypeError `fft/dtype`
 * @example
 * fft(value([[1, 0], [0, 0]]))   // [[1, 0], [1, 0]]
 */
export const fft = complexTransform("fft", false);

/** The inverse of `fft`: xⱼ = (1/n) Σₖ yₖ e^(2πi·jk/n). Codes `ifft/…`. */
export const ifft = complexTransform("ifft", true);

/**
 * The Fourier transform of real numbers: frequencies 0 to n/2; the others mirror them.
 *
 * @param x  float[..., n]
 * @returns  float[..., ⌊n/2⌋ + 1, 2], pairs (real, imaginary)
 * @throws   ShapeError `rfft/empty`, `rfft/axis-out-of-range`; DTypeError `rfft/dtype`
 * @example
 * rfft(value([1, 2, 3, 4]))   // [[10, 0], [-2, 2], [-2, 0]]
 */
export const rfft = (x: TensorLike, options: FourierOptions = {}): Tensor =>
  alongLast("rfft", x, options, { pairsIn: false, pairsOut: true }, (signal) => {
    expectElements("rfft", signal, signal.shape.at(-1)!);
    return applyOne(rfftOperation, [signal], {});
  });

/**
 * The inverse of `rfft`: real numbers from the frequencies 0 to n/2. The imaginary parts of frequency 0, and of n/2 for an
 * even n, count as 0.
 *
 * @param x       float[..., ⌊n/2⌋ + 1, 2]
 * @param length  n, which the number of frequencies leaves open. Default: the even one
 * @returns       float[..., n]
 * @throws        ShapeError `irfft/length`, `irfft/pairs`, `irfft/axis-out-of-range`; DTypeError `irfft/dtype`
 */
export const irfft = (x: TensorLike, { length, ...options }: FourierOptions & { length?: number } = {}): Tensor =>
  alongLast("irfft", x, options, { pairsIn: true, pairsOut: false }, (signal) => {
    const half = signal.shape.at(-2)!;
    const n = length ?? 2 * (half - 1);
    if (n < 1 || Math.floor(n / 2) + 1 !== half)
      throw new ShapeError("irfft/length", `${n} real numbers have ${Math.floor(n / 2) + 1} frequencies, not ${half}`, {
        operands: { input: signal },
        fix: `give { length: ${2 * half - 1} } or { length: ${2 * (half - 1)} }`,
      });
    return applyOne(irfftOperation, [signal], { length: n });
  });
