import { encode } from "fast-png";
import { type Figure, type FigureOptions, frame, table } from "./figure.ts";

export interface Picture {
  /** Row and column headings that it stands under. */
  readonly row: string;
  readonly column: string;
  /** Pixels of [channels, height, width] in [low, high]; 1 channel is grey, 3 are red, green and blue. */
  readonly pixels: ArrayLike<number>;
  readonly shape: readonly [channels: number, height: number, width: number];
  /** Stands below it. */
  readonly caption?: string;
}

export interface ImagesOptions extends FigureOptions {
  readonly pictures: readonly Picture[];
  /** Values that are black and white. Default 0 and 1 */
  readonly low?: number;
  readonly high?: number;
  /** Height and width on the page, pixels. Default 72 */
  readonly size?: number;
}

/** A table of pictures, shown pixel by pixel. */
export function images(options: ImagesOptions): Figure {
  const { pictures, low = 0, high = 1, size = 72 } = options;
  const heading = { type: "nominal", sort: null, title: null } as const;
  const captioned = pictures.some(({ caption }) => caption);
  const x = { ...heading, field: "column", axis: { orient: "top", labelAngle: 0, domain: false, ticks: false } };
  const y = { ...heading, field: "row", axis: { domain: false, ticks: false } };
  const rows = pictures.map((picture) => ({
    row: picture.row,
    column: picture.column,
    caption: picture.caption ?? "",
    image: dataUrl(picture, low, high),
  }));
  const { width: _, height: __, ...rest } = frame(options);
  return {
    ...rest,
    width: { step: size + 8 },
    height: { step: size + (captioned ? 24 : 8) },
    ...table("pictures", rows),
    layer: [
      {
        mark: { type: "image", width: size, height: size, smooth: false, ...(captioned ? { yOffset: -7 } : {}) },
        encoding: { x, y, url: { field: "image" } },
      },
      ...(captioned
        ? [
            {
              mark: { type: "text", fontSize: 10, baseline: "top", dy: size / 2 - 5 },
              encoding: { x, y, text: { field: "caption" } },
            },
          ]
        : []),
    ],
  };
}

function dataUrl({ pixels, shape: [channels, height, width] }: Picture, low: number, high: number): string {
  if ((channels !== 1 && channels !== 3) || pixels.length !== channels * height * width)
    throw new RangeError(
      `${pixels.length} pixels are no [1 or 3, height, width]; given [${channels}, ${height}, ${width}]`,
    );
  const area = height * width;
  const data = Uint8Array.from({ length: pixels.length }, (_, place) => {
    const value = pixels[(place % channels) * area + Math.floor(place / channels)];
    return Math.round(255 * Math.min(1, Math.max(0, (value - low) / (high - low))));
  });
  const png = encode({ width, height, data, channels, depth: 8 });
  return `data:image/png;base64,${Buffer.from(png).toString("base64")}`;
}
