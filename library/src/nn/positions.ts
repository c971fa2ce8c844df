import { ShapeError } from "../core/errors.ts";
import { add, rotate, sliceAxis, type Tensor, type TensorLike } from "../core/index.ts";
import { generated } from "../core/operations/generated.ts";
import { asTensor } from "../core/tensor.ts";
import { type Embedding, initEmbedding } from "./embedding.ts";
import { type Initialiser, normalOf } from "./initialisers.ts";

/** First parameters of learned positions: a vector for each place of a context. Default normal of deviation 0.02. */
export const initPositions = (
  key: TensorLike,
  { context, width, initialiser = normalOf(0.02) }: { context: number; width: number; initialiser?: Initialiser },
): Embedding => initEmbedding(key, { entries: context, width, initialiser });

/**
 * x plus the learned vector of each time.
 *
 * @param x  float[..., time, width]; time at most the context
 * @throws   ShapeError `positions/context`
 */
export function addPositions({ weight }: Embedding<TensorLike>, x: TensorLike): Tensor {
  const [tensor, table] = [asTensor(x), asTensor(weight)];
  const time = tensor.shape.at(-2)!;
  if (time > table.shape[0])
    throw new ShapeError("positions/context", `${time} positions, but only ${table.shape[0]} learned ones`, {
      operands: { input: tensor, positions: table },
      fix: "shorten the input, or learn a longer context",
    });
  return add(tensor, sliceAxis(table, 0, 0, time));
}

/** Angle of time t and pair i: t / base^(i / pairs). */
const angle = (base: number, pairs: number, offset: number) => (index: number) =>
  (offset + Math.floor(index / pairs)) / base ** ((index % pairs) / pairs);

/**
 * Fixed positions: sines of growing wavelengths in the first half of the width, cosines in the second.
 *
 * @param width  even
 * @returns      float32[time, width]
 * @source       Vaswani et al. 2017, arXiv:1706.03762, section 3.5 (there sines and cosines alternate; the order of
 *               coordinates makes no difference to a network that learns its weights)
 */
export function sinusoidalPositions(time: number, width: number, { base = 10_000 } = {}): Tensor {
  expectEven("sinusoidalPositions", width);
  const at = angle(base, width / 2, 0);
  return generated(`sinusoidal ${base}`, [time, width], "float32", (index) => {
    const [row, column] = [Math.floor(index / width), index % width];
    const half = width / 2;
    return column < half ? Math.sin(at(row * half + column)) : Math.cos(at(row * half + column - half));
  });
}

/**
 * Rotary positions: turns each pair of coordinates by an angle that grows with time, so that query·key depends on the
 * distance of the two and not on their places. For queries and keys, never values.
 *
 * @param x       float[..., time, width], width even
 * @param base    ratio of the longest to the shortest wavelength. Default 10,000
 * @param offset  the time of the first row, when earlier ones are in a cache. Default 0
 * @source        Su et al. 2021, arXiv:2104.09864; pairs are i and i + width/2, as in most published models
 */
export function rotary(x: TensorLike, { base = 10_000, offset = 0 } = {}): Tensor {
  const tensor = asTensor(x);
  const [time, width] = tensor.shape.slice(-2);
  expectEven("rotary", width);
  const table = (name: string, of: (angle: number) => number) => {
    const at = angle(base, width / 2, offset);
    return generated(`${name} ${base} ${offset}`, [time, width / 2], tensor.dtype, (index) => of(at(index)));
  };
  return rotate(tensor, table("rotary cos", Math.cos), table("rotary sin", Math.sin));
}

/**
 * Attention with linear biases: scores fall with distance, in each head at its own rate.
 *
 * @returns float32[heads, queries, keys], to be added to the scores; 0 at a query's own place
 * @source  Press, Smith & Lewis 2021, arXiv:2108.12409; for a number of heads that is no power of two, as there
 */
export function alibi(heads: number, queries: number, { keys = queries } = {}): Tensor {
  const slopes = alibiSlopes(heads);
  return generated(`alibi`, [heads, queries, keys], "float32", (index) => {
    const key = index % keys;
    const query = (Math.floor(index / keys) % queries) + keys - queries;
    return -slopes[Math.floor(index / (keys * queries))] * Math.abs(query - key);
  });
}

/** 2^(−8/n), 2^(−16/n), … for n heads; in between, those of the next power of two, every second one. */
export function alibiSlopes(heads: number): number[] {
  const whole = 2 ** Math.floor(Math.log2(heads));
  const geometric = (count: number) => Array.from({ length: count }, (_, i) => 2 ** ((-8 * (i + 1)) / count));
  return [...geometric(whole), ...geometric(2 * whole).filter((_, i) => i % 2 === 0)].slice(0, heads);
}

function expectEven(operation: string, width: number): void {
  if (width % 2 !== 0)
    throw new ShapeError(`${operation}/width`, `the width ${width} does not divide into pairs`, {
      fix: "give an even width (of each head, not of all together)",
    });
}
