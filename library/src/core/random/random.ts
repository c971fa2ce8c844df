import { allocate, type DType, isFloat, type TypedArray } from "../dtype.ts";
import { DTypeError, ShapeError } from "../errors.ts";
import type { Operation } from "../operation.ts";
import { add, mul } from "../operations/arithmetic.ts";
import { less } from "../operations/comparison.ts";
import { erfReference } from "../operations/error-function.ts";
import { argMax } from "../operations/reduce.ts";
import { type Shape, sizeOf } from "../shape.ts";
import { apply, applyOne, asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { Value } from "../value.ts";
import { fillWords, threefry } from "./threefry.ts";

/**
 * A key for random numbers from a seed: uint32[2]. The same key gives the same numbers on every machine and executor;
 * use each key once, and make more with `split`.
 *
 * @param seed  an integer, |seed| < 2⁵³
 */
export function key(seed: number): Value {
  const low = seed >>> 0;
  const high = Math.floor(seed / 2 ** 32) >>> 0;
  return new Value(Uint32Array.of(high, low), [2]);
}

const noGradient = "random numbers have no gradient with respect to their key";

function expectKey(operation: string, x: Tensor): void {
  if (x.dtype !== "uint32" || x.shape.at(-1) !== 2)
    throw new DTypeError(`${operation}/key`, `expected a key, uint32[2], got ${x}`, {
      operands: { key: x },
      fix: "make one with key(seed), or split(key)",
    });
}

/** Words 2i, 2i+1 of each key in a stack of keys, one after the other: `each` gets a key's words and place. */
function perKey(keys: Value, each: (key0: number, key1: number, index: number) => void): void {
  const words = keys.data as Uint32Array;
  for (let i = 0; i * 2 < words.length; i++) each(words[2 * i], words[2 * i + 1], i);
}

const fromHost = (values: readonly Value[]): Float64Array[] => values.map((value) => value.toFloat64());
const toKeys = (data: readonly Float64Array[], inputs: readonly Tensor[]): Value[] =>
  data.map((words, i) => new Value(Uint32Array.from(words), inputs[i].shape));

const splitOperation: Operation<{ count: number; stacked: boolean }> = {
  name: "split",
  infer: ([x], { count, stacked }) => {
    expectKey("split", x);
    const batch = x.shape.slice(0, -1);
    return stacked
      ? [{ shape: [...batch, count, 2], dtype: "uint32" }]
      : Array.from({ length: count }, () => ({ shape: x.shape, dtype: "uint32" as const }));
  },
  emit: () => {
    throw new Error("keys are split on the host");
  },
  host: ([keys], { attributes: { count, stacked }, outputs }) => {
    const words = new Uint32Array(2 * count);
    const results = outputs.map((output) => new Uint32Array(sizeOf(output.shape)));
    perKey(keys, (key0, key1, index) => {
      // Counters for splitting have their own half of the counter space, so that no key's numbers are another's keys.
      for (let i = 0; i < count; i++) words.set(threefry(key0, key1, i, 1), 2 * i);
      if (stacked) results[0].set(words, index * words.length);
      else for (let i = 0; i < count; i++) results[i].set(words.subarray(2 * i, 2 * i + 2), 2 * index);
    });
    return results.map((data, i) => new Value(data, outputs[i].shape));
  },
  reference: (data, node) => fromHost(splitOperation.host!(toKeys(data, node.inputs), node)),
  gradient: noGradient,
  batch: ([x], _, attributes) => apply(splitOperation, [x], attributes),
};

/**
 * Independent new keys from a key, as an array to take apart.
 *
 * @example
 * const [forDropout, forNoise] = split(key);
 */
export const split = (from: TensorLike, count = 2): Tensor[] =>
  apply(splitOperation, [asTensor(from)], { count, stacked: false });

/** Independent new keys from a key, stacked: uint32[count, 2]. For `vmap` and `scan`, which take one each. */
export const splitStacked = (from: TensorLike, count: number): Tensor =>
  applyOne(splitOperation, [asTensor(from)], { count, stacked: true });

const foldInOperation: Operation<{ data: number }> = {
  name: "foldIn",
  infer: ([x]) => {
    expectKey("foldIn", x);
    return [{ shape: x.shape, dtype: "uint32" }];
  },
  emit: () => {
    throw new Error("keys are folded on the host");
  },
  host: ([keys], { attributes: { data }, outputs: [y] }) => {
    const result = new Uint32Array(y.size);
    perKey(keys, (key0, key1, index) => {
      result.set(threefry(key0, key1, data, 2), 2 * index);
    });
    return [new Value(result, y.shape)];
  },
  reference: (data, node) => fromHost(foldInOperation.host!(toKeys(data, node.inputs), node)),
  gradient: noGradient,
  batch: ([x], _, attributes) => [applyOne(foldInOperation, [x], attributes)],
};

/** A new key from a key and an integer known when tracing (a layer's number, say), 0 ≤ data < 2³². */
export const foldIn = (from: TensorLike, data: number): Tensor => applyOne(foldInOperation, [asTensor(from)], { data });

type Fill = (words: Uint32Array, out: TypedArray, offset: number, parameters: readonly number[]) => void;

const twoTo32 = 2 ** 32;

/** How 32 random bits become one number of each distribution. */
const fills: Readonly<Record<string, Fill>> = {
  bits: (words, out, offset) => {
    for (let i = 0; i < words.length; i++) out[offset + i] = words[i];
  },
  // 24 bits: every value is a float32, and 1 is never reached.
  uniform: (words, out, offset, [low, high]) => {
    const step = (high - low) / 2 ** 24;
    for (let i = 0; i < words.length; i++) out[offset + i] = low + (words[i] >>> 8) * step;
  },
  normal: (words, out, offset) => {
    for (let i = 0; i < words.length; i++) out[offset + i] = normalQuantile((words[i] + 0.5) / twoTo32);
  },
  truncatedNormal: (words, out, offset, [low, high]) => {
    const [below, above] = [normalProbability(low), normalProbability(high)];
    for (let i = 0; i < words.length; i++) {
      const x = normalQuantile(below + ((words[i] + 0.5) / twoTo32) * (above - below));
      out[offset + i] = Math.min(Math.max(x, low), high);
    }
  },
  gumbel: (words, out, offset) => {
    for (let i = 0; i < words.length; i++) out[offset + i] = -Math.log(-Math.log((words[i] + 0.5) / twoTo32));
  },
  exponential: (words, out, offset) => {
    for (let i = 0; i < words.length; i++) out[offset + i] = -Math.log((words[i] + 0.5) / twoTo32);
  },
  integers: (words, out, offset, [low, high]) => {
    // The high part of words · range: biased by at most range / 2³².
    for (let i = 0; i < words.length; i++) out[offset + i] = low + Math.floor((words[i] / twoTo32) * (high - low));
  },
  permutation: (words, out, offset, [length]) => {
    for (let i = 0; i < length; i++) out[offset + i] = i;
    for (let i = length - 1; i > 0; i--) {
      const j = Math.floor((words[i] / twoTo32) * (i + 1));
      [out[offset + i], out[offset + j]] = [out[offset + j], out[offset + i]];
    }
  },
};

interface RandomAttributes {
  readonly distribution: keyof typeof fills;
  readonly shape: Shape;
  readonly parameters: readonly number[];
  readonly dtype: DType;
}

const randomOperation: Operation<RandomAttributes> = {
  name: "random",
  infer: ([x], { distribution, shape, dtype }) => {
    expectKey(String(distribution), x);
    return [{ shape: [...x.shape.slice(0, -1), ...shape], dtype }];
  },
  emit: () => {
    throw new Error("random numbers are made on the host");
  },
  host: ([keys], { attributes: { distribution, shape, parameters, dtype }, outputs: [y] }) => {
    const out = allocate(dtype, y.size);
    const words = new Uint32Array(sizeOf(shape));
    perKey(keys, (key0, key1, index) => {
      fillWords(words, key0, key1);
      fills[distribution](words, out, index * words.length, parameters);
    });
    return [new Value(out, y.shape, dtype)];
  },
  reference: (data, node) => fromHost(randomOperation.host!(toKeys(data, node.inputs), node)),
  gradient: noGradient,
  batch: ([x], _, attributes) => [applyOne(randomOperation, [x], attributes)],
};

const draw = (
  distribution: string,
  from: TensorLike,
  shape: Shape,
  parameters: readonly number[],
  dtype: DType,
): Tensor => applyOne(randomOperation, [asTensor(from)], { distribution, shape: [...shape], parameters, dtype });

function expectFloatDType(operation: string, dtype: DType): DType {
  if (!isFloat(dtype))
    throw new DTypeError(`${operation}/dtype`, `${operation} gives floats, not ${dtype}`, { fix: "cast the result" });
  return dtype;
}

/** Random words: uint32 of `shape`. */
export const bits = (from: TensorLike, shape: Shape): Tensor => draw("bits", from, shape, [], "uint32");

/** Uniform numbers in [low, high). Default [0, 1), float32. */
export const uniform = (
  from: TensorLike,
  shape: Shape = [],
  { low = 0, high = 1, dtype = "float32" }: { low?: number; high?: number; dtype?: DType } = {},
): Tensor => draw("uniform", from, shape, [low, high], expectFloatDType("uniform", dtype));

/** Standard normal numbers, or of another mean and standard deviation. */
export function normal(
  from: TensorLike,
  shape: Shape = [],
  {
    mean = 0,
    standardDeviation = 1,
    dtype = "float32",
  }: { mean?: number; standardDeviation?: number; dtype?: DType } = {},
): Tensor {
  const standard = draw("normal", from, shape, [], expectFloatDType("normal", dtype));
  const scaled = standardDeviation === 1 ? standard : mul(standard, standardDeviation);
  return mean === 0 ? scaled : add(scaled, mean);
}

/** Standard normal numbers given that they lie in [low, high]. Default [−2, 2]. */
export const truncatedNormal = (
  from: TensorLike,
  shape: Shape = [],
  { low = -2, high = 2, dtype = "float32" }: { low?: number; high?: number; dtype?: DType } = {},
): Tensor => draw("truncatedNormal", from, shape, [low, high], expectFloatDType("truncatedNormal", dtype));

/** True with a probability (a number or a tensor that broadcasts to `shape`, each in [0, 1]). bool of `shape`. */
export function bernoulli(from: TensorLike, probability: TensorLike = 0.5, shape?: Shape): Tensor {
  const p = asTensor(probability);
  return less(uniform(from, shape ?? p.shape), p);
}

/** Standard Gumbel numbers −ln(−ln u). */
export const gumbel = (from: TensorLike, shape: Shape = [], { dtype = "float32" }: { dtype?: DType } = {}): Tensor =>
  draw("gumbel", from, shape, [], expectFloatDType("gumbel", dtype));

/** Exponential numbers of rate 1. */
export const exponential = (
  from: TensorLike,
  shape: Shape = [],
  { dtype = "float32" }: { dtype?: DType } = {},
): Tensor => draw("exponential", from, shape, [], expectFloatDType("exponential", dtype));

/** Integers with low ≤ i < high, int32. */
export function randomIntegers(from: TensorLike, shape: Shape, low: number, high: number): Tensor {
  if (!Number.isInteger(low) || !Number.isInteger(high) || high <= low)
    throw new ShapeError("randomIntegers/range", `no integer i has ${low} ≤ i < ${high}`, { given: { low, high } });
  return draw("integers", from, shape, [low, high], "int32");
}

/** The integers 0 … length − 1 in random order, int32[length]. */
export const permutation = (from: TensorLike, length: number): Tensor =>
  draw("permutation", from, [length], [length], "int32");

/**
 * Class indices (int64) drawn with the probabilities softmax(logits) along `axis`.
 *
 * @param logits  [..., classes, ...] unnormalised log-probabilities; −Infinity is never drawn
 * @param shape   leading sizes of independent draws from the same logits. Default none
 * @source        the Gumbel-max trick
 */
export function categorical(
  from: TensorLike,
  logits: TensorLike,
  { axis = -1, shape = [] }: { axis?: number; shape?: Shape } = {},
): Tensor {
  const scores = asTensor(logits);
  const noise = gumbel(from, [...shape, ...scores.shape], { dtype: scores.dtype });
  return argMax(add(scores, noise), { axis: axis < 0 ? axis : axis + shape.length });
}

/** Φ(x), the probability of a standard normal number below x. */
function normalProbability(x: number): number {
  if (x === -Infinity) return 0;
  if (x === Infinity) return 1;
  return 0.5 * (1 + erfReference(x / Math.SQRT2));
}

const horner = (x: number, ...coefficients: number[]): number =>
  coefficients.reduceRight((total, c) => total * x + c, 0);

/** The inverse of Φ to about 7 digits. @source Wichura 1988, algorithm AS 241, PPND7 */
export function normalQuantile(p: number): number {
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q;
    return (
      (q * (((59.10937472 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179)) /
      (((67.1875636 * r + 78.757757664) * r + 17.895169469) * r + 1)
    );
  }
  const r = Math.sqrt(-Math.log(q < 0 ? p : 1 - p));
  const tail =
    r <= 5
      ? horner(r - 1.6, 1.4234372777, 2.75681539, 1.3067284816, 0.17023821103) /
        horner(r - 1.6, 1, 0.7370016425, 0.12021132975)
      : horner(r - 5, 6.657905115, 3.081226386, 0.42868294337, 0.017337203997) /
        horner(r - 5, 1, 0.24197894225, 0.012258202635);
  return q < 0 ? -tail : tail;
}
