import { sizeOf } from "../core/shape.ts";
import { type Value, value } from "../core/value.ts";

/**
 * float32 numbers in [−1, 1) of a shape, all different and without order, the same each time.
 *
 * @param seed  another number gives other numbers
 */
export const sample = (shape: readonly number[], seed = 1): Value =>
  value(
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => 2 * ((((i + seed) * 0.6180339887) % 1) - 0.5)),
    { shape },
  );
