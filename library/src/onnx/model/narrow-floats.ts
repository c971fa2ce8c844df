import type { DataTypeName } from "../../runtime/onnx/protobuf/index.ts";

/** The floating-point types of at most 8 bits, each given by the numbers that its codes stand for. */
export type NarrowFloat =
  | "float8e4m3fn"
  | "float8e4m3fnuz"
  | "float8e5m2"
  | "float8e5m2fnuz"
  | "float8e8m0"
  | "float4e2m1";

interface Format {
  /** The number of every code; NaN where it stands for none. */
  values: Float32Array;
  /** The codes from 0 to this one are the non-negative finite numbers in ascending order. */
  largest: number;
  /** The bit that negates a number; 0 in a format without sign. */
  sign: number;
  /** The code written for NaN, if there is one. */
  nan: number | undefined;
  /** The code of +∞, if there is one. */
  infinity: number | undefined;
}

function format(exponentBits: number, mantissaBits: number, bias: number, special: "fn" | "fnuz" | "ieee" | "finite") {
  const sign = 1 << (exponentBits + mantissaBits);
  const values = new Float32Array(2 * sign);
  const topExponent = (1 << exponentBits) - 1;
  for (let code = 0; code < values.length; code++) {
    const exponent = (code & (sign - 1)) >> mantissaBits;
    const mantissa = (code & ((1 << mantissaBits) - 1)) / (1 << mantissaBits);
    const magnitude = exponent === 0 ? mantissa * 2 ** (1 - bias) : (1 + mantissa) * 2 ** (exponent - bias);
    const top = special === "ieee" && exponent === topExponent;
    values[code] = (code & sign ? -1 : 1) * (top ? (mantissa === 0 ? Infinity : NaN) : magnitude);
  }
  if (special === "fn") values[sign - 1] = values[2 * sign - 1] = NaN;
  if (special === "fnuz") values[sign] = NaN;
  const infinity = special === "ieee" ? topExponent << mantissaBits : undefined;
  const largest = infinity !== undefined ? infinity - 1 : special === "fn" ? sign - 2 : sign - 1;
  const nan = special === "fnuz" ? sign : special === "fn" ? sign - 1 : infinity && infinity + 1 + (mantissaBits >> 1);
  return { values, largest, sign, nan, infinity };
}

const formats: Record<NarrowFloat, Format> = {
  float8e4m3fn: format(4, 3, 7, "fn"),
  float8e4m3fnuz: format(4, 3, 8, "fnuz"),
  float8e5m2: format(5, 2, 15, "ieee"),
  float8e5m2fnuz: format(5, 2, 16, "fnuz"),
  float4e2m1: format(2, 1, 1, "finite"),
  // Powers of two from 2⁻¹²⁷ to 2¹²⁷, without sign or zero.
  float8e8m0: {
    values: Float32Array.from({ length: 256 }, (_, code) => (code === 255 ? NaN : 2 ** (code - 127))),
    largest: 254,
    sign: 0,
    nan: 255,
    infinity: undefined,
  },
};

export const isNarrowFloat = (type: DataTypeName): type is NarrowFloat => type in formats;

/** The numbers of codes. */
export function decodeNarrow(type: NarrowFloat, codes: ArrayLike<number>): Float32Array {
  const { values } = formats[type];
  return Float32Array.from(codes, (code) => values[code]);
}

/**
 * The code of each number, rounded to the nearest, ties to even.
 *
 * @param saturate  numbers too large for the format become its largest (true, the default) or ∞ or NaN, whichever it has
 */
export function encodeNarrow(type: NarrowFloat, numbers: ArrayLike<number>, saturate = true): Uint8Array {
  return Uint8Array.from(numbers, (number) => encodeOne(formats[type], number, saturate));
}

function encodeOne({ values, largest, sign, nan, infinity }: Format, number: number, saturate: boolean): number {
  if (Number.isNaN(number)) return nan ?? largest;
  const negative = number < 0 || Object.is(number, -0);
  const magnitude = Math.abs(number);
  const withSign = (code: number) => {
    // A format without −0 has NaN at its place.
    if (!negative || sign === 0 || (code === 0 && Number.isNaN(values[sign]))) return code;
    return code | sign;
  };
  // Half a step above the largest number, rounding would pass it.
  const limit = values[largest] + (values[largest] - values[largest - 1]) / 2;
  if (magnitude >= limit || magnitude === Infinity) return withSign(saturate ? largest : (infinity ?? nan ?? largest));
  let low = 0;
  let high = largest;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (values[middle] <= magnitude) low = middle;
    else high = middle - 1;
  }
  if (low === largest || magnitude <= values[low]) return withSign(low);
  const below = magnitude - values[low];
  const above = values[low + 1] - magnitude;
  return withSign(below < above || (below === above && low % 2 === 0) ? low : low + 1);
}

/** The upper half of the float32 nearest to each number: bfloat16, ties to even. */
export function encodeBfloat16(numbers: ArrayLike<number>): Uint16Array {
  const words = new Uint32Array(Float32Array.from(numbers).buffer);
  return Uint16Array.from(words, (word) => {
    if ((word & 0x7fffffff) > 0x7f800000) return (word >>> 16) | 0x40;
    return (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  });
}

/** The numbers of bfloat16 words. */
export function decodeBfloat16(words: ArrayLike<number>): Float32Array {
  return new Float32Array(Uint32Array.from(words, (word) => (word << 16) >>> 0).buffer);
}
