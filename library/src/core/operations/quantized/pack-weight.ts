import { SettingError, ShapeError } from "../../errors.ts";
import { type Shape, sizeOf } from "../../shape.ts";
import { convert, Value } from "../../value.ts";
import { halfToEven } from "../half-to-even.ts";

/** Bits of a packed code. */
export type PackedBits = 2 | 4 | 8;

/** A weight of a few bits a number, in blocks along the inner axis that share a scale. */
export interface PackedWeight<T = Value> {
  /** uint8 [out, blocks, blockSize · bits / 8]: several codes a byte, the first in the low bits. */
  readonly codes: T;
  /** float [out, blocks] */
  readonly scale: T;
  /** uint8 [out, ⌈blocks · bits / 8⌉], packed like the codes. Default 2^(bits − 1) for all. */
  readonly zeroPoints?: T;
}

export interface PackOptions {
  /** Bits of a code. Default 4. */
  readonly bits?: PackedBits;
  /** Neighbours along the inner axis that share a scale: 16, 32, 64, 128 or 256. Default 32. */
  readonly blockSize?: number;
  /** Whether each block has a zero point of its own: better where its numbers have mostly one sign. Default false. */
  readonly zeroPoints?: boolean;
}

/**
 * Packs a float weight for {@link matMulNBits}, on the host. Each block's scale is such that its largest number in size
 * becomes the last code on its side; with zero points, such that its range (widened to hold 0) becomes all codes.
 *
 * A weight of 4 bits in blocks of 32 takes 5 bits a number: 4 and a share of the scale's 32 in float32.
 *
 * @param weight  float[in, out], as a linear layer has it
 * @throws        ShapeError `packWeight/rank`; SettingError `packWeight/bits`, `packWeight/block-size`
 * @example
 * const { codes, scale } = packWeight(value([[1], [-0.5]]), { blockSize: 16 });   // scale [[-0.125]], codes 0 and 12
 */
export function packWeight(
  weight: Value,
  { bits = 4, blockSize = 32, zeroPoints = false }: PackOptions = {},
): PackedWeight {
  if (weight.rank !== 2)
    throw new ShapeError("packWeight/rank", `a weight of shape [${weight.shape}], expected [in, out]`, {
      fix: "pack the matrices of a stack one by one",
    });
  if (![2, 4, 8].includes(bits))
    throw new SettingError("packWeight/bits", "codes have 2, 4 or 8 bits", { given: bits });
  if (![16, 32, 64, 128, 256].includes(blockSize))
    throw new SettingError("packWeight/block-size", "blocks have 16, 32, 64, 128 or 256 numbers", { given: blockSize });
  const [inner, columns] = weight.shape;
  const blocks = Math.ceil(inner / blockSize);
  const highest = 2 ** bits - 1;
  const middle = 2 ** (bits - 1);
  const scales = new Float32Array(columns * blocks);
  const zeros = new Uint8Array(columns * blocks).fill(middle);
  const codes = new Uint8Array(columns * blocks * blockSize);
  for (let column = 0; column < columns; column++)
    for (let block = 0; block < blocks; block++) {
      const [start, end] = [block * blockSize, Math.min(inner, (block + 1) * blockSize)];
      const at = column * blocks + block;
      let [low, high] = [0, 0];
      for (let i = start; i < end; i++) {
        const number = Number(weight.data[i * columns + column]);
        low = Math.min(low, number);
        high = Math.max(high, number);
      }
      const scale = Math.fround(zeroPoints ? (high - low) / highest : (high > -low ? high : low) / -middle);
      scales[at] = scale;
      if (zeroPoints && scale !== 0) zeros[at] = Math.min(highest, halfToEven(-low / scale));
      for (let i = 0; i < blockSize; i++) {
        const number = start + i < end ? Number(weight.data[(start + i) * columns + column]) : 0;
        const steps = scale === 0 ? 0 : halfToEven(number / scale);
        codes[at * blockSize + i] = Math.min(highest, Math.max(0, steps + zeros[at]));
      }
    }
  const scale = new Value(convert(scales, weight.dtype), [columns, blocks], weight.dtype);
  const packed = pack(codes, [columns, blocks, blockSize], bits);
  return zeroPoints
    ? { codes: packed, scale, zeroPoints: pack(zeros, [columns, blocks], bits) }
    : { codes: packed, scale };
}

/** Several codes a byte, low bits first; each run along the last axis begins with a new byte. */
function pack(codes: Uint8Array, shape: Shape, bits: number): Value {
  const perByte = 8 / bits;
  const length = shape.at(-1)!;
  const bytes = Math.ceil(length / perByte);
  const result = new Uint8Array(sizeOf(shape.slice(0, -1)) * bytes);
  codes.forEach((code, i) => {
    const place = i % length;
    result[Math.floor(i / length) * bytes + Math.floor(place / perByte)] |= code << ((place % perByte) * bits);
  });
  return new Value(result, [...shape.slice(0, -1), bytes]);
}
