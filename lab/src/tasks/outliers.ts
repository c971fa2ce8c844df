import type { Column } from "../data/column.ts";
import { rowCount, select, slice } from "../data/column.ts";
import { loadEmoji } from "../data/emoji.ts";
import type { Random } from "../data/random.ts";

/** Grey images of 28×28 pixels, uint8[n, 1, 28, 28]. */
export type GreyImages = Column<Uint8Array> & { readonly scale: number };

const side = 28;
const area = side * side;

const images = (data: Uint8Array): GreyImages => ({
  data,
  shape: [data.length / area, 1, side, side],
  scale: 1 / 255,
});

/** Every image with its pixels moved by one function of their place: `from(row, column)` is where a pixel comes from. */
function rearranged(source: GreyImages, from: (row: number, column: number) => number): GreyImages {
  const places = Array.from({ length: area }, (_, place) => from(Math.floor(place / side), place % side));
  return images(Uint8Array.from(source.data, (_, at) => source.data[at - (at % area) + places[at % area]]));
}

/** Turned by a quarter to the left. */
export const rotated = (source: GreyImages): GreyImages =>
  rearranged(source, (row, column) => column * side + (side - 1 - row));

/** Pixels shuffled, all images alike: the same brightness everywhere, and no shapes. */
export function permuted(source: GreyImages, random: Random): GreyImages {
  const order = random.permutation(area);
  return rearranged(source, (row, column) => order[row * side + column]);
}

/** Every pixel anything. */
export const noise = (count: number, random: Random): GreyImages =>
  images(Uint8Array.from({ length: count * area }, () => random.below(256)));

/** The mean of two images of the source, each moved by up to 6 pixels: parts of what is known, in no known shape. */
export function mixtures(source: GreyImages, count: number, random: Random): GreyImages {
  const total = source.shape[0];
  const result = new Uint8Array(count * area);
  for (let i = 0; i < count; i++) {
    const parts = [0, 1].map(() => ({
      start: random.below(total) * area,
      down: random.below(13) - 6,
      right: random.below(13) - 6,
    }));
    for (let place = 0; place < area; place++) {
      const [row, column] = [Math.floor(place / side), place % side];
      const sum = parts.reduce((light, { start, down, right }) => {
        const [r, c] = [row - down, column - right];
        return r >= 0 && r < side && c >= 0 && c < side ? light + source.data[start + r * side + c] : light;
      }, 0);
      result[i * area + place] = Math.round(sum / 2);
    }
  }
  return images(result);
}

/** Emoji in grey, in two halves that share no emoji: one to test on, one to learn from. */
export async function emojiHalves(): Promise<{ test: GreyImages; auxiliary: GreyImages }> {
  const { drawings } = await loadEmoji({ size: side, channels: 1 });
  const half = (parity: number) => {
    const indices = [...drawings.emoji.data.keys()].filter((place) => drawings.emoji.data[place] % 2 === parity);
    return images(select({ x: drawings.x }, indices).x.data);
  };
  return { test: half(0), auxiliary: half(1) };
}

/** `count` images of the source in a random order, each perhaps with light and dark exchanged. */
export function someInverted(source: GreyImages, count: number, random: Random): GreyImages {
  const result = new Uint8Array(count * area);
  for (let i = 0; i < count; i++) {
    const start = random.below(source.shape[0]) * area;
    const inverted = random.chance(0.5);
    for (let place = 0; place < area; place++) {
      const light = source.data[start + place];
      result[i * area + place] = inverted ? 255 - light : light;
    }
  }
  return images(result);
}

/** Several sets as one. */
export const joined = (...sets: readonly GreyImages[]): GreyImages =>
  images(Uint8Array.from(sets.flatMap((set) => [...set.data])));

/** The first images of a set, at most `count`. */
export const firstOf = (source: GreyImages, count: number): GreyImages =>
  images(slice({ source }, 0, Math.min(count, rowCount({ source }))).source.data);
