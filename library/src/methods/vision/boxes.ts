import { SettingError } from "../../core/errors.ts";

/** Left, top, right and bottom, in pixels. */
export type Box = ArrayLike<number>;

/** Area that two boxes share over the area that they cover, 0 … 1; 0 where neither covers any. */
export function intersectionOverUnion(a: Box, b: Box): number {
  const width = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]));
  const height = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const shared = width * height;
  return shared / (area(a) + area(b) - shared || 1);
}

const area = (box: Box): number => (box[2] - box[0]) * (box[3] - box[1]);

/**
 * Every box of one list against every one of the other.
 *
 * @param a  float32[n, 4], boxes one behind the other
 * @param b  float32[m, 4]
 * @returns  intersection over union, float32[n, m]
 * @throws   SettingError `boxes/length`
 */
export function iouMatrix(a: Float32Array, b: Float32Array): Float32Array {
  const [rows, columns] = [listOf(a), listOf(b)];
  return Float32Array.from({ length: rows.length * columns.length }, (_, at) =>
    intersectionOverUnion(rows[Math.floor(at / columns.length)], columns[at % columns.length]),
  );
}

/** Boxes one behind the other as a list of views. @throws SettingError `boxes/length` */
export function listOf(boxes: Float32Array): Float32Array[] {
  if (boxes.length % 4 !== 0)
    throw new SettingError("boxes/length", "boxes are four numbers each: left, top, right and bottom", {
      given: boxes.length,
    });
  return Array.from({ length: boxes.length / 4 }, (_, i) => boxes.subarray(4 * i, 4 * i + 4));
}
