import { meanInterval } from "../statistics/interval.ts";
import {
  type Axis,
  type Category,
  type Figure,
  type FigureOptions,
  frame,
  interval,
  nominal,
  quantitative,
  type Reference,
  type Row,
  referenceLayers,
  table,
} from "./figure.ts";

export interface BarsOptions extends FigureOptions {
  /** One row for each bar and seed. */
  readonly rows: readonly Row[];
  readonly y: Axis;
  /** What stands along the x axis. */
  readonly groups: Category;
  /** Bars beside each other within a group. */
  readonly series?: Category;
  readonly references?: readonly Reference[];
}

/** Bars of means over seeds with their 95 % intervals, and single seeds as points. */
export function bars(options: BarsOptions): Figure {
  const { rows, y, groups, series, references = [] } = options;
  const fields = series ? [groups.field, series.field] : [groups.field];
  const cells = Map.groupBy(rows, (row) => JSON.stringify(fields.map((field) => row[field])));
  const means = [...cells.values()].map((cell) => {
    const { mean, low, high, n } = meanInterval(cell.map((row) => row[y.field] as number));
    return {
      ...Object.fromEntries(fields.map((field) => [field, cell[0][field]])),
      [y.field]: mean,
      [interval.low]: Number.isNaN(low) ? mean : low,
      [interval.high]: Number.isNaN(high) ? mean : high,
      [interval.count]: n,
    };
  });
  const place = {
    x: { ...nominal(rows, groups), axis: { labelAngle: 0, labelLimit: 120 } },
    ...(series ? { xOffset: nominal(rows, series) } : {}),
  };
  const value = quantitative(y, true);
  const repeated = [...cells.values()].some((cell) => cell.length > 1);
  return {
    ...frame(options),
    layer: [
      {
        ...table("means", means),
        layer: [
          {
            mark: { type: "bar", opacity: 0.85, tooltip: true },
            encoding: { ...place, y: value, color: series ? nominal(rows, series) : { value: "#6b8fb0" } },
          },
          ...(repeated
            ? [
                {
                  mark: { type: "rule", strokeWidth: 1.5 },
                  encoding: { ...place, y: { ...value, field: interval.low }, y2: { field: interval.high } },
                },
              ]
            : []),
        ],
      },
      ...(repeated
        ? [
            {
              ...table("seeds", rows),
              mark: { type: "point", fill: "#ffffff", stroke: "#1b1f24", strokeWidth: 1, size: 14, opacity: 1 },
              encoding: { ...place, y: value },
            },
          ]
        : []),
      ...referenceLayers(references, "y", value),
    ],
  };
}
