import type { Column } from "./column.ts";
import { requireOption } from "./errors.ts";
import { Random } from "./random.ts";

export interface Window {
  /** int32[batch, context], tokens */
  readonly x: Column<Int32Array>;
  /** int32[batch, context], the token that follows each of them */
  readonly y: Column<Int32Array>;
}

export interface WindowOptions {
  readonly batch: number;
  /** Tokens in a window. */
  readonly context: number;
  readonly seed: number;
  readonly steps: number;
  /** The step to begin with, so that a resumed run sees the windows that it would have seen. Default 0 */
  readonly start?: number;
}

/**
 * Batches of windows at random places of a text, for language models.
 *
 * Batch number `step` depends on seed, sizes and `step` alone.
 */
export function* windows(tokens: Int32Array, options: WindowOptions): Generator<Window> {
  const { batch, context, seed, steps, start = 0 } = options;
  const places = placesFor(tokens, context);
  const random = new Random(seed).split("windows");
  for (let step = start; step < steps; step++) {
    const draw = random.split(step);
    yield cut(
      tokens,
      context,
      Int32Array.from({ length: batch }, () => draw.below(places)),
    );
  }
}

/** `count` batches of windows spread evenly over a text, always the same: to measure a loss on. */
export function* evenWindows(
  tokens: Int32Array,
  { batch, context, count }: { readonly batch: number; readonly context: number; readonly count: number },
): Generator<Window> {
  const places = placesFor(tokens, context);
  for (let step = 0; step < count; step++)
    yield cut(
      tokens,
      context,
      Int32Array.from({ length: batch }, (_, row) =>
        Math.floor(((step * batch + row) * (places - 1)) / Math.max(1, count * batch - 1)),
      ),
    );
}

function placesFor(tokens: Int32Array, context: number): number {
  const places = tokens.length - context;
  requireOption(places > 0, "context", `${tokens.length} tokens hold no window of ${context} and the token after it`);
  return places;
}

function cut(tokens: Int32Array, context: number, places: Int32Array): Window {
  const x = new Int32Array(places.length * context);
  const y = new Int32Array(places.length * context);
  places.forEach((place, row) => {
    x.set(tokens.subarray(place, place + context), row * context);
    y.set(tokens.subarray(place + 1, place + 1 + context), row * context);
  });
  const shape = [places.length, context];
  return { x: { data: x, shape }, y: { data: y, shape } };
}
