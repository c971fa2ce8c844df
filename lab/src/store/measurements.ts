import type { Row, Store } from "./store.ts";
import type { TrialLease } from "./trials.ts";

/** Metrics by name, at one step of a trial. */
export type Metrics = { readonly [name: string]: number };
/** One row of the data behind a figure. */
export type PlotRow = { readonly [column: string]: number | string | boolean | null };

export interface MetricPoint {
  readonly trial: string;
  readonly name: string;
  readonly step: number;
  readonly value: number;
}

/** Stores metrics; a resumed trial that comes past the same step again replaces what it had. */
export function storeMetrics(lease: TrialLease, step: number, metrics: Metrics): void {
  lease.write(() => {
    for (const [name, value] of Object.entries(metrics)) {
      lease.store.run(
        "INSERT OR REPLACE INTO metrics (trial, name, step, value) VALUES (?, ?, ?, ?)",
        ...[lease.id, name, step, value],
      );
    }
  });
}

/** Stores what a trial measured for a claim. */
export function storeMeasures(lease: TrialLease, claim: string, measures: Metrics): void {
  lease.write(() => {
    for (const [name, value] of Object.entries(measures)) {
      lease.store.run(
        "INSERT OR REPLACE INTO measures (trial, claim, name, value) VALUES (?, ?, ?, ?)",
        ...[lease.id, claim, name, value],
      );
    }
  });
}

export function storePlotRows(lease: TrialLease, plot: string, rows: readonly PlotRow[]): void {
  lease.write(() =>
    lease.store.run(
      "INSERT OR REPLACE INTO plot_rows (trial, plot, rows) VALUES (?, ?, ?)",
      ...[lease.id, plot, JSON.stringify(rows)],
    ),
  );
}

/** Every metric of a trial, by name and then by step. */
export function metricsOf(store: Store, trial: string): MetricPoint[] {
  const rows: Row[] = store.all(
    "SELECT trial, name, step, value FROM metrics WHERE trial = ? ORDER BY name, step",
    trial,
  );
  return rows as unknown as MetricPoint[];
}

export interface Measure {
  readonly claim: string;
  readonly name: string;
  readonly value: number;
}

export function measuresOf(store: Store, trial: string): Measure[] {
  return store.all(
    "SELECT claim, name, value FROM measures WHERE trial = ? ORDER BY claim, name",
    trial,
  ) as unknown as Measure[];
}

/** The rows that a trial gave to a figure; none if it gave none. */
export function plotRowsOf(store: Store, trial: string, plot: string): PlotRow[] {
  const row = store.get("SELECT rows FROM plot_rows WHERE trial = ? AND plot = ?", trial, plot);
  return row ? JSON.parse(row.rows as string) : [];
}
