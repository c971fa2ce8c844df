import {
  type Axis,
  axisTitle,
  type Category,
  type Figure,
  type FigureOptions,
  frame,
  nominal,
  type Row,
  table,
} from "./figure.ts";

export interface HeatmapOptions extends FigureOptions {
  /** One row a cell. */
  readonly rows: readonly Row[];
  readonly x: Category;
  /** Runs downwards, as rows of a matrix do. */
  readonly y: Category;
  readonly value: Axis;
  /** Whether 0 is the middle: blue below, orange above. Default false */
  readonly diverging?: boolean;
  /** Whether figures stand in the cells. Default: up to 100 cells */
  readonly labels?: boolean;
}

/** A matrix of coloured cells. */
export function heatmap(options: HeatmapOptions): Figure {
  const { rows, x, y, value, diverging = false, labels = rows.length <= 100 } = options;
  const values = rows.map((row) => row[value.field] as number);
  const extreme = values.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
  const [low, high] = value.domain ?? (diverging ? [-extreme, extreme] : [Math.min(...values), Math.max(...values)]);
  const position = {
    x: { ...nominal(rows, x), axis: { labelAngle: 0, labelOverlap: true } },
    y: { ...nominal(rows, y), axis: { labelOverlap: true } },
  };
  // Viridis is dark where small, the diverging scheme where far from 0.
  const onDark = diverging
    ? `abs(datum[${JSON.stringify(value.field)}]) > ${0.6 * extreme}`
    : `datum[${JSON.stringify(value.field)}] < ${low + 0.6 * (high - low)}`;
  return {
    ...frame(options),
    ...table("cells", rows),
    layer: [
      {
        mark: { type: "rect", tooltip: true },
        encoding: {
          ...position,
          color: {
            field: value.field,
            type: "quantitative",
            title: axisTitle(value),
            scale: {
              scheme: diverging ? "blueorange" : "viridis",
              domain: [low, high],
              type: value.scale ?? "linear",
            },
          },
        },
      },
      ...(labels
        ? [
            {
              mark: { type: "text", fontSize: 10 },
              encoding: {
                ...position,
                text: { field: value.field, type: "quantitative", format: ".2~g" },
                color: { condition: { test: onDark, value: "#ffffff" }, value: "#101418" },
              },
            },
          ]
        : []),
    ],
  };
}

/** The rows of a matrix for a heat map: columns x and y are its indices. */
export function matrixRows(values: ArrayLike<number>, columns: number): Row[] {
  return Array.from(values, (value, place) => ({ x: place % columns, y: Math.floor(place / columns), value }));
}
