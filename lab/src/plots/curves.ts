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
  quantityOf,
  type Reference,
  type Row,
  referenceLayers,
  table,
  valuesOf,
} from "./figure.ts";
import { seriesDashes } from "./theme.ts";

export interface CurvesOptions extends FigureOptions {
  readonly rows: readonly Row[];
  readonly x: Axis;
  readonly y: Axis;
  /** What each curve is of. */
  readonly series: Category;
  /** Property that tells repetitions apart. Default `seed` */
  readonly seed?: string;
  readonly references?: readonly Reference[];
}

/** Points of a line beyond which a reader sees no more. */
const pointsOfLine = 250;

/**
 * Curves: for each series the mean over seeds as a line, its 95 % interval as a band and single seeds as thin lines.
 *
 * Long curves are thinned to means over equal stretches of x.
 */
export function curves(options: CurvesOptions): Figure {
  const { rows, x, y, series, seed = "seed", references = [] } = options;
  const single = thinned(rows, x.field, y.field, [series.field, seed]);
  const groups = Map.groupBy(single, (row) => JSON.stringify([row[series.field], row[x.field]]));
  const repeated = [...groups.values()].some((group) => group.length > 1);
  const means = [...groups.values()].map((group) => {
    const values = group.map((row) => row[y.field] as number);
    const { mean, low, high, n } = meanInterval(values);
    // A band that reaches 0 cannot be shown on a logarithmic axis: it ends at the smallest seed there.
    const bottom = y.scale === "log" && low <= 0 ? Math.min(...values) : low;
    return {
      [series.field]: group[0][series.field],
      [x.field]: group[0][x.field],
      [y.field]: mean,
      [interval.low]: Number.isNaN(low) ? mean : bottom,
      [interval.high]: Number.isNaN(high) ? mean : high,
      [interval.count]: n,
    };
  });
  const legend = { symbolType: "stroke", symbolStrokeWidth: 2, symbolOpacity: 1, symbolSize: 300 };
  const color = { ...nominal(rows, series), legend };
  const names = valuesOf(rows, series);
  const dash = {
    ...color,
    scale: { domain: names, range: names.map((_, i) => seriesDashes[i % seriesDashes.length]) },
  };
  const along = quantitative(x);
  const position = { x: { ...along, scale: { ...along.scale, nice: false } }, y: quantitative(y) };
  const band = {
    mark: { type: "area", opacity: 0.18, clip: true },
    encoding: {
      ...position,
      y: { ...position.y, field: interval.low },
      y2: { field: interval.high },
      color,
    },
  };
  const line = {
    mark: { type: "line", strokeWidth: 2, clip: true, tooltip: true },
    encoding: { ...position, color, strokeDash: dash },
  };
  const seeds = {
    ...table("seeds", single),
    mark: { type: "line", strokeWidth: 0.7, opacity: 0.6, clip: true },
    encoding: { ...position, color, detail: { field: seed } },
  };
  const ofMeans = table("means", means);
  return {
    ...frame(options),
    layer: [
      ...(repeated ? [{ ...ofMeans, ...band }, seeds] : []),
      { ...ofMeans, ...line },
      ...referenceLayers(references, "y", position.y),
    ],
  };
}

/** One value of a curve over steps. */
export interface CurvePoint {
  readonly variant: string;
  readonly seed: number;
  readonly step: number;
  readonly value: number;
}

/** The curves of a metric over steps, one for each variant. The metric's name may end in its unit: "loss/nats". */
export function curvesSpec(metric: string, points: readonly CurvePoint[]): Figure {
  return curves({
    rows: points.map(({ variant, seed, step, value }) => ({ variant, seed, step, value })),
    x: { field: "step", title: "step" },
    y: { field: "value", ...quantityOf(metric) },
    series: { field: "variant", title: "variant" },
    description: `${metric} by step, for each variant the mean over seeds with its 95 % interval`,
    width: 560,
  });
}

/** Rows whose x falls into one of equally long stretches become one row with the means of x's stretch. */
function thinned(rows: readonly Row[], x: string, y: string, keys: readonly string[]): Row[] {
  const places = rows.map((row) => row[x] as number);
  const distinct = new Set(places).size;
  if (distinct <= pointsOfLine) return [...rows];
  const [first, last] = places.reduce(
    ([low, high], place) => [Math.min(low, place), Math.max(high, place)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
  const stretch = (last - first) / pointsOfLine;
  const of = (place: number) => first + Math.min(pointsOfLine - 1, Math.floor((place - first) / stretch)) * stretch;
  const groups = Map.groupBy(rows, (row) => JSON.stringify([of(row[x] as number), ...keys.map((key) => row[key])]));
  return [...groups.values()].map((group) => ({
    ...Object.fromEntries(keys.map((key) => [key, group[0][key]])),
    [x]: of(group[0][x] as number),
    [y]: group.reduce((sum, row) => sum + (row[y] as number), 0) / group.length,
  }));
}
