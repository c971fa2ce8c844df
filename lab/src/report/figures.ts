import { csvFormat } from "d3-dsv";
import { csvOf } from "../plots/csv.ts";
import { curvesSpec } from "../plots/curves.ts";
import { type MeanInterval, meanInterval } from "../statistics/interval.ts";
import { metricsOf } from "../store/measurements.ts";
import { figuresOf, type RunRecord } from "../store/runs.ts";
import type { Store } from "../store/store.ts";
import { trialsOf } from "../store/trials.ts";

/** A figure of a page, with the data behind it. */
export interface ReportFigure {
  readonly id: string;
  readonly title: string;
  readonly caption: string;
  /** Vega-Lite. */
  readonly spec: object;
  /** Comma-separated values with a head line. */
  readonly csv: string;
}

/** The figures of a run: those that the paper draws, then the curve of every metric that has more than one step. */
export function reportFigures(store: Store, run: RunRecord): ReportFigure[] {
  const own = figuresOf(store, run.id).map((figure) => ({ ...figure, csv: csvOf(figure.spec) }));
  const points = trialsOf(store, run.id).flatMap(({ id, variant, seed }) =>
    metricsOf(store, id).map(({ name, step, value }) => ({ name, variant, seed, step, value })),
  );
  const curves = [...Map.groupBy(points, (point) => point.name)]
    .filter(([, values]) => values.some(({ step }) => step !== values[0].step))
    .map(([name, values]) => ({
      id: `metric-${fileName(name)}`,
      title: `${name} by step`,
      caption: `${name} over the steps: thin lines are single seeds, thick lines means over the seeds of a variant, bands their 95 % intervals.`,
      spec: curvesSpec(name, values),
      csv: csvFormat(values),
    }));
  return [...own, ...curves];
}

/** A metric that was logged once, at the end of trials: beside the claims, and judged by none. */
export interface SingleFigure {
  readonly name: string;
  readonly variant: string;
  readonly measured: MeanInterval;
}

/** The metrics of a run that have one step only, by name and variant. */
export function singleFigures(store: Store, run: RunRecord): SingleFigure[] {
  const trials = trialsOf(store, run.id);
  const points = trials.flatMap(({ id, variant }) => metricsOf(store, id).map((point) => ({ ...point, variant })));
  return [...Map.groupBy(points, (point) => point.name)]
    .filter(([, values]) => values.every(({ step }) => step === values[0].step))
    .flatMap(([name, values]) =>
      [...Map.groupBy(values, (point) => point.variant)].map(([variant, group]) => ({
        ...{ name, variant },
        measured: meanInterval(group.map((point) => point.value)),
      })),
    );
}

/** A text that may stand as a file's name anywhere. */
export function fileName(text: string): string {
  return text.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[.-]+/, "") || "figure";
}
