/** A row of a figure's data. */
export type Row = Readonly<Record<string, string | number | boolean | null>>;

/** A Vega-Lite specification with its data inside. */
export type Figure = { readonly [property: string]: unknown };

/** An axis, or any other place where a quantity is shown. */
export interface Axis {
  /** Property of the rows. */
  readonly field: string;
  readonly title: string;
  /** Stands in brackets behind the title. */
  readonly unit?: string;
  /** Default `linear` */
  readonly scale?: "linear" | "log" | "sqrt";
  /** Default: what the data span, without 0 unless it is near */
  readonly domain?: readonly [low: number, high: number];
  /** Whether 0 is shown. Default: only for bars and histograms */
  readonly zero?: boolean;
}

/** A property of the rows that sorts them into series or groups. */
export interface Category {
  readonly field: string;
  readonly title: string;
  /** Default: the order in which they first come */
  readonly order?: readonly string[];
}

export interface FigureOptions {
  readonly title?: string;
  /** Read out to those who do not see the figure. */
  readonly description?: string;
  /** Of the plot itself, pixels. */
  readonly width?: number;
  readonly height?: number;
}

/** A value to be marked across the plot, e.g. chance. */
export interface Reference {
  readonly value: number;
  readonly label: string;
}

/** "loss (nats)" */
export const axisTitle = ({ title, unit }: Pick<Axis, "title" | "unit">): string =>
  unit ? `${title} (${unit})` : title;

/** The values of a category in its order. */
export const valuesOf = (rows: readonly Row[], { field, order }: Category): string[] => [
  ...new Set([...(order ?? []), ...rows.map((row) => String(row[field]))]),
];

/** Splits a metric's name into title and unit: "speed/tokens_per_s" is speed (tokens per s). */
export function quantityOf(metric: string): { title: string; unit?: string } {
  const slash = metric.lastIndexOf("/");
  if (slash < 0) return { title: metric };
  return { title: metric.slice(0, slash), unit: metric.slice(slash + 1).replaceAll("_", " ") };
}

export const quantitative = (axis: Axis, zero = false) => ({
  field: axis.field,
  type: "quantitative",
  title: axisTitle(axis),
  scale: {
    type: axis.scale ?? "linear",
    ...(axis.scale === "log" ? {} : { zero: axis.zero ?? zero }),
    ...(axis.domain ? { domain: axis.domain } : {}),
    nice: axis.domain === undefined,
  },
  // A line for every digit would hide the curves.
  ...(axis.scale === "log" ? { axis: { tickCount: 6 } } : {}),
});

export const nominal = (rows: readonly Row[], category: Category) => ({
  field: category.field,
  type: "nominal",
  title: category.title,
  sort: valuesOf(rows, category),
});

/** The properties that every figure begins with. */
export const frame = ({ title, description, width = 480, height = 280 }: FigureOptions): Figure => ({
  $schema: "https://vega.github.io/schema/vega-lite/v6.json",
  ...(title ? { title } : {}),
  ...((description ?? title) ? { description: description ?? title } : {}),
  width,
  height,
});

/** A table of a figure; its name stands in the exported data. */
export const table = (name: string, values: readonly Row[]) => ({ data: { name, values } });

/** Layers that mark values along a channel; `encoding` is what `quantitative` made for it. */
export const referenceLayers = (
  references: readonly Reference[],
  channel: "x" | "y",
  encoding: ReturnType<typeof quantitative>,
): Figure[] =>
  references.map(({ value, label }) => ({
    ...table(`reference ${label}`, [{ [encoding.field]: value, label }]),
    layer: [
      { mark: { type: "rule", strokeDash: [3, 3] }, encoding: { [channel]: encoding } },
      {
        mark: {
          type: "text",
          fontSize: 11,
          baseline: "bottom",
          dy: -3,
          ...(channel === "y" ? { align: "right" } : { align: "left", dx: 3 }),
        },
        encoding: {
          [channel]: encoding,
          ...(channel === "y" ? { x: { value: "width" } } : { y: { value: 12 } }),
          text: { field: "label" },
        },
      },
    ],
  }));

/** How figures name the bounds of an interval of means, and how many values it is of. */
export const interval = { low: "interval_low", high: "interval_high", count: "interval_count" } as const;
