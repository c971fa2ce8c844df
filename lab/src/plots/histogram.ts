import {
  type Axis,
  axisTitle,
  type Category,
  type Figure,
  type FigureOptions,
  frame,
  nominal,
  quantitative,
  type Reference,
  type Row,
  referenceLayers,
  table,
  valuesOf,
} from "./figure.ts";

export interface HistogramOptions extends FigureOptions {
  /** One row a value. */
  readonly rows: readonly Row[];
  readonly x: Axis;
  readonly series?: Category;
  /** Default 40 */
  readonly bins?: number;
  readonly references?: readonly Reference[];
}

/** How values are distributed: the share of each series in equally wide bins, series laid over each other. */
export function histogram(options: HistogramOptions): Figure {
  const { rows, x, bins = 40, references = [] } = options;
  const series = options.series ?? { field: "series", title: "" };
  const [low, high] = x.domain ?? rangeOf(rows.map((row) => row[x.field] as number));
  const width = (high - low) / bins || 1;
  const names = options.series ? valuesOf(rows, series) : [""];
  const counted = names.flatMap((name) => {
    const own = options.series ? rows.filter((row) => String(row[series.field]) === name) : rows;
    const counts = new Array<number>(bins).fill(0);
    for (const row of own) {
      const bin = Math.floor(((row[x.field] as number) - low) / width);
      // The largest value belongs to the last bin.
      if (bin >= 0 && bin <= bins) counts[Math.min(bin, bins - 1)]++;
    }
    return counts.map((count, bin) => ({
      [series.field]: name,
      from: low + bin * width,
      to: low + (bin + 1) * width,
      share: count / (own.length || 1),
      count,
    }));
  });
  const title = axisTitle(x);
  const along = quantitative({ field: "from", title, domain: [low, low + bins * width] });
  const color = options.series ? { color: nominal(counted, { ...series, order: names }) } : {};
  return {
    ...frame(options),
    layer: [
      {
        ...table("bins", counted),
        mark: { type: "bar", opacity: 0.55, binSpacing: 0, tooltip: true },
        encoding: {
          x: { ...along, bin: "binned" },
          x2: { field: "to" },
          y: { ...quantitative({ field: "share", title: "share of values" }, true), stack: null },
          ...color,
        },
      },
      ...referenceLayers(references, "x", along),
    ],
  };
}

function rangeOf(values: readonly number[]): [number, number] {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return [0, 1];
  return finite.reduce<[number, number]>(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [finite[0], finite[0]],
  );
}
