import { type CacheOptions, loadPart } from "./cache.ts";
import type { Column } from "./column.ts";
import { DataError, requireOption } from "./errors.ts";
import { packageFile, packageJson } from "./packages.ts";
import { resize } from "./resize.ts";
import { type SplitName, splitByContent } from "./split.ts";
import type { Part, Testbed } from "./testbed.ts";

/** Who drew the pictures. All four licences allow use and redistribution; the drawings of Apple and Facebook do not. */
export const emojiVendors = ["noto", "twemoji", "openmoji", "fluent"] as const;
export type EmojiVendor = (typeof emojiVendors)[number];

export interface Emoji {
  readonly character: string;
  /** Unicode's short name, e.g. "grinning face". */
  readonly name: string;
  /** One of 9, e.g. "Food & Drink". */
  readonly category: string;
  /** One of about 98, e.g. "food-fruit". */
  readonly subcategory: string;
  /** 80, 10 and 10 % by the name, so that all drawings of one emoji stay together. */
  readonly split: SplitName;
}

export interface EmojiDrawings {
  /** uint8[n, channels, size, size]; 0 … 1 as floats of a batch */
  readonly x: Column<Uint8Array> & { readonly scale: number };
  /** int32[n], index into the catalogue */
  readonly emoji: Column<Int32Array>;
  /** int32[n], index into `emojiVendors` */
  readonly vendor: Column<Int32Array>;
  [column: string]: Column;
}

export interface EmojiOptions extends CacheOptions {
  /** Default: all four, one after the other */
  readonly vendors?: readonly EmojiVendor[];
  /** Height and width, pixels, 1 … 64. Default 32 */
  readonly size?: number;
  /** 1: grey on white; 3: colour on white; 4: colour and opacity. Default 3 */
  readonly channels?: 1 | 3 | 4;
}

const fullSize = 64;

// The rasterizer stops at these two.
const undrawable = new Set(["noto/package", "noto/rainbow-flag"]);

interface UnicodeEmoji {
  readonly codes: string;
  readonly char: string;
  readonly name: string;
  readonly group: string;
  readonly subgroup: string;
}

interface IconSet {
  readonly icons: Record<string, Icon>;
  readonly aliases?: Record<string, { parent: string; rotate?: number; hFlip?: boolean; vFlip?: boolean }>;
  readonly width: number;
  readonly height: number;
}

interface Icon {
  readonly body: string;
  readonly width?: number;
  readonly height?: number;
  readonly left?: number;
  readonly top?: number;
}

// U+FE0F asks for the coloured form; vendors differ in whether they write it.
const withoutSelector = (codes: string) => codes.toLowerCase().replaceAll(" ", "-").replaceAll("-fe0f", "");

/** Every emoji once, without skin tones and without the parts that only build others. */
function catalogue(): (Emoji & { codes: string })[] {
  const seen = new Map<string, Emoji & { codes: string }>();
  for (const { codes, char, name, group, subgroup } of packageJson<UnicodeEmoji[]>("emoji.json", "emoji.json")) {
    const key = withoutSelector(codes);
    if (group === "Component" || name.includes("skin tone") || seen.has(key)) continue;
    const split = splitByContent(name, [0.8, 0.1, 0.1]);
    seen.set(key, { codes: key, character: char, name, category: group, subcategory: subgroup, split });
  }
  return [...seen.values()];
}

const names: Part = {
  name: "emoji-names",
  version: 1,
  sha256: "bff0b466a075f3ba776fc2671f12a54ee1a69074d221c0e2069d05ab0308144e",
  prepare: () => ({
    columns: {},
    metadata: { catalogue: JSON.stringify(catalogue().map(({ codes: _, ...emoji }) => emoji)) },
  }),
};

const drawings: Record<EmojiVendor, Part> = {
  noto: drawn("noto", "@iconify-json/noto", "191b999eb3537a9b1bcea0a1d1964d5ee5ebcede7e01596892772b55399887ab"),
  twemoji: drawn(
    "twemoji",
    "@iconify-json/twemoji",
    "c0040eb07eb34cab1afc0282dac0badcfd9b555a0da7986f5186cfed070f7e25",
  ),
  openmoji: drawn(
    "openmoji",
    "@iconify-json/openmoji",
    "ee2f46199885d50582fc3d96f52d0a9fa3d2ceb3b9d69b57debfff140a81edd2",
  ),
  fluent: drawn(
    "fluent",
    "@iconify-json/fluent-emoji-flat",
    "e81a6cab17300c57acc7f0aa304cd2dfc55ae9470add460dfe2be5c19aa63261",
  ),
};

export const testbed: Testbed = {
  name: "emoji",
  summary: "emoji as drawn by four vendors, 64×64 with opacity, with names, categories and subcategories",
  source:
    "@iconify-json/noto 1.2.9, @iconify-json/twemoji 1.2.5, @iconify-json/openmoji 1.2.29, @iconify-json/fluent-emoji-flat 1.2.6; names: emoji.json 16.0.0",
  licence:
    "noto Apache-2.0 (Google), twemoji CC BY 4.0 (Twitter and contributors), openmoji CC BY-SA 4.0 (OpenMoji), fluent MIT (Microsoft); names MIT",
  sizes: "1,906 emoji without skin tones; 7,000 drawings",
  split: "80, 10 and 10 % by a hash of the name; or by vendor",
  parts: [names, ...Object.values(drawings)],
};

/**
 * Emoji drawings, resized by area means, with a catalogue of what they show.
 *
 * @returns catalogue and drawings; `drawings.emoji` says which entry of the catalogue a drawing shows
 * @example
 * const { catalogue, drawings } = await loadEmoji({ vendors: ["noto"], size: 28, channels: 1 });
 */
export async function loadEmoji(options: EmojiOptions = {}): Promise<{
  catalogue: readonly Emoji[];
  drawings: EmojiDrawings;
}> {
  const { vendors = emojiVendors, size = 32, channels = 3, ...cache } = options;
  requireOption(size >= 1 && size <= fullSize, "size", `1 … ${fullSize} pixels are possible, given ${size}`);
  const parts = [];
  for (const vendor of vendors) parts.push((await loadPart(drawings[vendor], cache)).columns);
  const counts = parts.map(({ emoji }) => emoji.shape[0]);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const x = new Uint8Array(total * channels * size * size);
  const emoji = new Int32Array(total);
  const vendor = new Int32Array(total);
  let place = 0;
  parts.forEach((part, number) => {
    emoji.set(part.emoji.data, place);
    vendor.fill(emojiVendors.indexOf(vendors[number]), place, place + counts[number]);
    for (let drawing = 0; drawing < counts[number]; drawing++, place++) {
      const start = drawing * fullSize * fullSize * 4;
      const pixels = part.pixels.data.subarray(start, start + fullSize * fullSize * 4);
      x.set(shown(pixels, size, channels), place * channels * size * size);
    }
  });
  return {
    catalogue: JSON.parse((await loadPart(names, cache)).metadata.catalogue),
    drawings: {
      x: { data: x, shape: [total, channels, size, size], scale: 1 / 255 },
      emoji: { data: emoji, shape: [total] },
      vendor: { data: vendor, shape: [total] },
    },
  };
}

/** The words of an emoji's name, subcategory and category, in lower case: its caption. */
export function emojiCaption({ name, subcategory, category }: Emoji): string[] {
  return `${name} ${subcategory} ${category}`.toLowerCase().match(/[\p{L}\p{N}']+/gu) ?? [];
}

/** Interleaved colours weighted by opacity, and opacity, 0 … 255, as planes of the size and channels wanted. */
function shown(pixels: ArrayLike<number>, size: number, channels: 1 | 3 | 4): Float32Array {
  const area = fullSize * fullSize;
  const planes = new Float32Array(4 * area);
  for (let plane = 0; plane < 4; plane++)
    for (let i = 0; i < area; i++) planes[plane * area + i] = pixels[4 * i + plane];
  const [red, green, blue, opacity] = planesOf(resize(planes, [fullSize, fullSize], [size, size]), size * size);
  const onWhite = [red, green, blue].map((plane) => plane.map((colour, i) => colour + 255 - opacity[i]));
  const shownPlanes =
    channels === 1
      ? // Rec. 601 luma.
        [red.map((_, i) => 0.299 * onWhite[0][i] + 0.587 * onWhite[1][i] + 0.114 * onWhite[2][i])]
      : channels === 3
        ? onWhite
        : [...[red, green, blue].map((plane) => plane.map((colour, i) => (255 * colour) / (opacity[i] || 1))), opacity];
  const result = new Float32Array(channels * size * size);
  for (const [channel, plane] of shownPlanes.entries()) result.set(plane.map(Math.round), channel * size * size);
  return result;
}

const planesOf = (values: Float32Array, area: number) =>
  [0, 1, 2, 3].map((plane) => values.subarray(plane * area, (plane + 1) * area));

function drawn(vendor: EmojiVendor, packageName: string, sha256: string): Part {
  return {
    name: `emoji-${vendor}`,
    version: 1,
    sha256,
    async prepare() {
      const set = packageJson<IconSet>(packageName, "icons.json");
      const characters = packageJson<Record<string, string>>(packageName, "chars.json");
      const byCodes = new Map(Object.entries(characters).map(([codes, icon]) => [withoutSelector(codes), icon]));
      const draw = await rasterizer();
      const indices: number[] = [];
      const pictures: Uint8Array[] = [];
      for (const [index, { codes }] of catalogue().entries()) {
        const icon = byCodes.get(codes);
        if (icon === undefined || undrawable.has(`${vendor}/${icon}`)) continue;
        indices.push(index);
        pictures.push(draw(svgOf(set, icon)));
      }
      const pixels = new Uint8Array(pictures.length * fullSize * fullSize * 4);
      for (const [place, picture] of pictures.entries()) pixels.set(picture, place * fullSize * fullSize * 4);
      return {
        columns: {
          pixels: { data: pixels, shape: [pictures.length, fullSize, fullSize, 4] },
          emoji: { data: Int32Array.from(indices), shape: [indices.length] },
        },
        metadata: {},
      };
    },
  };
}

function svgOf(set: IconSet, name: string): string {
  let icon = set.icons[name];
  for (let alias = set.aliases?.[name]; icon === undefined; alias = set.aliases?.[alias.parent]) {
    if (alias === undefined || alias.rotate || alias.hFlip || alias.vFlip)
      throw new DataError("package-changed", name, "this icon is no plain drawing; run `npm ci`");
    icon = set.icons[alias.parent];
  }
  const { left = 0, top = 0, width = set.width, height = set.height } = icon;
  return `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${fullSize}" height="${fullSize}" viewBox="${left} ${top} ${width} ${height}">${icon.body}</svg>`;
}

let rasterizerReady: Promise<unknown> | undefined;

/**
 * Draws SVGs in WebAssembly, whose arithmetic is the same on every machine, as red, green and blue weighted by opacity,
 * and opacity.
 */
async function rasterizer(): Promise<(svg: string) => Uint8Array> {
  const { initWasm, Resvg } = await import("@resvg/resvg-wasm");
  await (rasterizerReady ??= initWasm(packageFile("@resvg/resvg-wasm", "index_bg.wasm")));
  return (svg) => {
    const drawing = new Resvg(svg);
    const image = drawing.render();
    const pixels = Uint8Array.from(image.pixels);
    image.free();
    drawing.free();
    return pixels;
  };
}
