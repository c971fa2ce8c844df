import type { DType } from "../dtype.ts";
import { evaluateReference } from "../oracle.ts";
import { constant, type Tensor } from "../tensor.ts";
import { zerosLike } from "../transforms/vjp.ts";
import { value } from "../value.ts";
import { add, mul, sub } from "./arithmetic.ts";
import { concat } from "./concat.ts";
import { generated } from "./generated.ts";
import { matmul } from "./matmul.ts";
import { pad } from "./pad.ts";
import { expandDims, reshape } from "./reshape.ts";
import { sliceAxis } from "./slice.ts";
import { swapAxes } from "./transpose.ts";

/** −1 transforms forwards, 1 backwards (without dividing by the size). */
export type Sign = -1 | 1;

/**
 * Up to this size a transform is one matrix product; beyond it, two or more with a rotation between. ONNX's own DFT is no
 * help: 64 rows of 1,024 take ONNX Runtime 4 ms, the products 0.5 ms, and for sizes that are no power of two it loses
 * three digits.
 */
const directSize = 128;

/** The two parts of e^(sign·2πi·turns/n). Turns are reduced first, so that many of them cost no digits. */
function unit(turns: number, n: number, sign: Sign): readonly [real: number, imaginary: number] {
  const angle = (2 * Math.PI * (turns % n)) / n;
  return [Math.cos(angle), sign * Math.sin(angle)];
}

/**
 * The matrix that transforms rows of n pairs (real, imaginary) written one after the other: [2n, 2n]; or [2n, 4n], when
 * the result is wanted a second time, multiplied by i.
 */
const transformMatrix = (n: number, sign: Sign, scale: number, twice: boolean, dtype: DType): Tensor => {
  const columns = twice ? 4 * n : 2 * n;
  return generated(`fourier ${sign} ${scale}`, [2 * n, columns], dtype, (at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    const parts = unit((row >> 1) * ((column % (2 * n)) >> 1), n, sign);
    const entry = (from: number, to: number): number => (from === to ? parts[0] : from < to ? parts[1] : -parts[1]);
    const [from, to] = [row % 2, column % 2];
    return scale * (column < 2 * n ? entry(from, to) : to === 0 ? -entry(from, 1) : entry(from, 0));
  });
};

/**
 * The discrete Fourier transform of pairs, times `scale`.
 *
 * A size n = p·q is done in two stages of products with small matrices, with a rotation between them; a large prime as a
 * convolution of a size that is a power of two.
 *
 * @param x  [..., n, 2]
 * @source   Cooley & Tukey 1965; Bluestein 1970
 */
export function transformPairs(x: Tensor, sign: Sign, scale = 1): Tensor {
  const n = x.shape.at(-2)!;
  const { dtype } = x;
  if (n <= directSize) {
    const rows = reshape(x, [-1, 2 * n]);
    return reshape(matmul(rows, transformMatrix(n, sign, scale, false, dtype)), x.shape);
  }
  const p = largestFactor(n);
  if (p === 1) return transformPrime(x, sign, scale);
  const q = n / p;
  // Element j = j₁q + j₂ goes to k = k₁ + pk₂: transform over j₁, rotate by j₂k₁, transform over j₂.
  const first = reshape(swapAxes(reshape(x, [-1, p, q, 2]), 1, 2), [-1, 2 * p]);
  const both = reshape(matmul(first, transformMatrix(p, sign, 1, true, dtype)), [-1, q, 2, p, 2]);
  const [plain, turned] = [0, 1].map((i) => reshape(sliceAxis(both, 2, i, i + 1), [-1, q, p, 2]));
  const rotation = [0, 1].map((part) =>
    generated(`rotation ${sign} ${scale} ${part}`, [q, p, 2], dtype, (at) => {
      const [j, k] = [Math.floor(at / (2 * p)), (at >> 1) % p];
      return scale * unit(j * k, n, sign)[part];
    }),
  );
  const rotated = add(mul(plain, rotation[0]), mul(turned, rotation[1]));
  return reshape(swapAxes(transformPairs(swapAxes(rotated, 1, 2), sign), 1, 2), x.shape);
}

/** The largest factor of n up to its square root and the direct size: the stages are then few and alike. */
function largestFactor(n: number): number {
  let p = Math.min(directSize, Math.floor(Math.sqrt(n)));
  while (n % p !== 0) p--;
  return p;
}

/** jk = (j² + k² − (k − j)²)/2 makes a transform of any size a convolution with a chirp, which may be padded. */
function transformPrime(x: Tensor, sign: Sign, scale: number): Tensor {
  const n = x.shape.at(-2)!;
  const size = 2 ** Math.ceil(Math.log2(2 * n - 1));
  const { dtype } = x;
  const chirp = (factor: number) =>
    [0, 1].map((part) =>
      generated(`chirp ${sign} ${factor} ${part}`, [n, 1], dtype, (j) => factor * unit(j * j, 2 * n, sign)[part]),
    );
  const spectrum = [0, 1].map((part) => {
    let pairs: Float64Array | undefined;
    return generated(`chirp spectrum ${sign} ${n} ${part}`, [size, 1], dtype, (k) => {
      pairs ??= chirpSpectrum(n, size, -sign as Sign);
      return pairs[2 * k + part];
    });
  });
  const spread = pad(multiply(x, chirp(1)), [...new Array<null>(x.rank - 2).fill(null), [0, size - n], null]);
  const convolved = transformPairs(multiply(transformPairs(spread, -1), spectrum), 1, 1 / size);
  return multiply(sliceAxis(convolved, -2, 0, n), chirp(scale));
}

/** The transform of e^(sign·πi·j²/n) for |j| < n, laid around 0: a constant of the program, computed while tracing. */
function chirpSpectrum(n: number, size: number, sign: Sign): Float64Array {
  const pairs = new Float64Array(2 * size);
  for (let j = 0; j < n; j++) {
    const parts = unit(j * j, 2 * n, sign);
    pairs.set(parts, 2 * j);
    if (j > 0) pairs.set(parts, 2 * (size - j));
  }
  return evaluateReference([transformPairs(constant(value(pairs, { shape: [size, 2] })), -1)])[0];
}

/** Pairs times complex constants, given as their two parts. */
function multiply(x: Tensor, [real, imaginary]: readonly Tensor[]): Tensor {
  const [a, b] = [sliceAxis(x, -1, 0, 1), sliceAxis(x, -1, 1, 2)];
  return concat([sub(mul(a, real), mul(b, imaginary)), add(mul(a, imaginary), mul(b, real))], { axis: -1 });
}

/** The product with the matrix that takes n real numbers to the first n/2 + 1 frequencies: [..., n] to [..., n/2 + 1, 2]. */
export function transformReal(x: Tensor): Tensor {
  const n = x.shape.at(-1)!;
  const half = Math.floor(n / 2) + 1;
  if (n > directSize) {
    const pairs = concat([expandDims(x, -1), zerosLike(expandDims(x, -1))], { axis: -1 });
    return sliceAxis(transformPairs(pairs, -1), -2, 0, half);
  }
  const matrix = generated("real fourier", [n, 2 * half], x.dtype, (at) => {
    const [j, column] = [Math.floor(at / (2 * half)), at % (2 * half)];
    return unit(j * (column >> 1), n, -1)[column % 2];
  });
  return reshape(matmul(x, matrix), [...x.shape.slice(0, -1), half, 2]);
}

/** Back from the first n/2 + 1 frequencies to n real numbers: [..., n/2 + 1, 2] to [..., n]. */
export function transformToReal(x: Tensor, n: number): Tensor {
  const half = x.shape.at(-2)!;
  const batch = x.shape.slice(0, -2);
  if (n > directSize) {
    // Real numbers have the other frequencies mirrored, with imaginary parts of the other sign.
    const mirrored = sliceAxis(x, -2, n - half, 0, -1);
    const conjugate = mul(
      mirrored,
      generated("conjugate", [2], x.dtype, (i) => 1 - 2 * i),
    );
    const all = transformPairs(concat([x, conjugate], { axis: -2 }), 1, 1 / n);
    return reshape(sliceAxis(all, -1, 0, 1), [...batch, n]);
  }
  const matrix = generated("fourier to real", [2 * half, n], x.dtype, (at) => {
    const [row, j] = [Math.floor(at / n), at % n];
    const k = row >> 1;
    const [real, imaginary] = unit(j * k, n, 1);
    const weight = (k === 0 || 2 * k === n ? 1 : 2) / n;
    return weight * (row % 2 === 0 ? real : -imaginary);
  });
  return matmul(reshape(x, [...batch, 2 * half]), matrix);
}
