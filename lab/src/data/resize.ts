import { requireOption } from "./errors.ts";

/** One output place: where its inputs begin and what each counts; the weights sum to 1. */
interface Tap {
  readonly start: number;
  readonly weights: readonly number[];
}

/** Every output is the mean of the inputs that it covers. */
function areaTaps(from: number, to: number): Tap[] {
  return Array.from({ length: to }, (_, place) => {
    const low = (place * from) / to;
    const high = ((place + 1) * from) / to;
    const start = Math.floor(low);
    const weights: number[] = [];
    for (let i = start; i < high - 1e-9; i++) weights.push(((Math.min(i + 1, high) - Math.max(i, low)) * to) / from);
    return { start, weights };
  });
}

/** Every output lies between the two inputs beside its centre; edges are repeated. */
function linearTaps(from: number, to: number): Tap[] {
  return Array.from({ length: to }, (_, place) => {
    const centre = Math.min(from - 1, Math.max(0, ((place + 0.5) * from) / to - 0.5));
    const start = Math.min(Math.floor(centre), Math.max(0, from - 2));
    return { start, weights: from === 1 ? [1] : [1 - (centre - start), centre - start] };
  });
}

/**
 * Resizes planes of pixels: by area means where an axis shrinks, linearly where it grows.
 *
 * @param pixels  [planes, height, width], any number of planes
 * @param from    height and width, pixels
 * @param to      height and width wanted, pixels
 * @returns       float32[planes, to height, to width], in the units of `pixels`
 */
export function resize(
  pixels: ArrayLike<number>,
  from: readonly [height: number, width: number],
  to: readonly [height: number, width: number],
): Float32Array<ArrayBuffer> {
  const [height, width] = from;
  const [newHeight, newWidth] = to;
  requireOption(
    [...from, ...to].every((size) => Number.isInteger(size) && size > 0) && pixels.length % (height * width) === 0,
    "resize",
    `${pixels.length} pixels cannot go from ${height}×${width} to ${newHeight}×${newWidth}`,
  );
  const vertical = tapsOf(height, newHeight);
  const horizontal = tapsOf(width, newWidth);
  const planes = pixels.length / (height * width);
  const result = new Float32Array(planes * newHeight * newWidth);
  const row = new Float64Array(width);
  for (let plane = 0; plane < planes; plane++)
    for (let y = 0; y < newHeight; y++) {
      const { start: top, weights: down } = vertical[y];
      row.fill(0);
      for (let i = 0; i < down.length; i++) {
        const base = (plane * height + top + i) * width;
        for (let x = 0; x < width; x++) row[x] += down[i] * pixels[base + x];
      }
      const place = (plane * newHeight + y) * newWidth;
      for (let x = 0; x < newWidth; x++) {
        const { start: left, weights: across } = horizontal[x];
        let sum = 0;
        for (let i = 0; i < across.length; i++) sum += across[i] * row[left + i];
        result[place + x] = sum;
      }
    }
  return result;
}

const tapsOf = (from: number, to: number) => (to < from ? areaTaps(from, to) : linearTaps(from, to));
