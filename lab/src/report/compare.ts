import { minus, type Point, Sample } from "../claims/sample.ts";
import { meanInterval } from "../statistics/interval.ts";
import { measuresOf, metricsOf } from "../store/measurements.ts";
import type { RunRecord } from "../store/runs.ts";
import type { Store } from "../store/store.ts";
import { type Settings, trialsOf } from "../store/trials.ts";

/** Something that is not the same in two runs. */
export interface Difference {
  readonly name: string;
  readonly first: string;
  readonly second: string;
}

/** A figure that both runs have, and how it changed over the seeds that both have. */
export interface PairedFigure {
  readonly variant: string;
  /** A measure ("claim: label") or a metric at its last step. */
  readonly label: string;
  readonly first: number;
  readonly second: number;
  /** Mean of second − first over common seeds, and its 95 % interval where there are at least two. */
  readonly change: number;
  readonly low: number | null;
  readonly high: number | null;
  readonly seeds: number;
}

/** What two runs have in common and what not. */
export interface Comparison {
  readonly first: RunRecord;
  readonly second: RunRecord;
  readonly differences: readonly Difference[];
  readonly figures: readonly PairedFigure[];
}

/** Compares two runs, of one paper or of two that measure the same. */
export function compareRuns(store: Store, first: RunRecord, second: RunRecord): Comparison {
  const [one, other] = [factsOf(store, first), factsOf(store, second)];
  const names = [...new Set([...one.keys(), ...other.keys()])];
  return {
    first,
    second,
    differences: names
      .map((name) => ({ name, first: one.get(name) ?? "—", second: other.get(name) ?? "—" }))
      .filter((each) => each.first !== each.second),
    figures: pairedFigures(store, first, second),
  };
}

/** Everything that was fixed of a run, by name. */
function factsOf(store: Store, run: RunRecord): Map<string, string> {
  const facts = new Map([
    ["paper", run.paper],
    ["budget", run.budget],
    ["seeds", run.seeds.join(" ")],
    ["sources", run.revision],
    ["commit", run.provenance.commit ?? "none"],
    ["processor", run.provenance.machine.processor],
  ]);
  for (const [name, version] of Object.entries(run.provenance.versions)) facts.set(`version of ${name}`, version);
  for (const [name, hash] of Object.entries(run.provenance.data)) facts.set(`data ${name}`, hash);
  for (const { variant, settings } of trialsOf(store, run.id)) {
    for (const [name, value] of Object.entries(settings as Settings)) {
      facts.set(variant ? `${variant}: ${name}` : name, JSON.stringify(value));
    }
  }
  return facts;
}

function pairedFigures(store: Store, first: RunRecord, second: RunRecord): PairedFigure[] {
  const [one, other] = [samplesOf(store, first), samplesOf(store, second)];
  return [...one].flatMap(([place, sample]) => {
    const partner = other.get(place);
    const changes = partner && minus(partner, sample);
    if (!partner || !changes || changes.points.length === 0) return [];
    const seeds = new Set(changes.points.map((point) => point.seed));
    const common = (all: Sample) =>
      new Sample(
        all.label,
        all.points.filter((point) => seeds.has(point.seed)),
      );
    const { mean, low, high, n } = meanInterval(changes.values);
    return [
      {
        variant: sample.points[0].variant,
        label: sample.label,
        first: common(sample).mean,
        second: common(partner).mean,
        change: mean,
        low: Number.isFinite(low) ? low : null,
        high: Number.isFinite(high) ? high : null,
        seeds: n,
      },
    ];
  });
}

/** Every measure and every metric's last value, by variant and name. */
function samplesOf(store: Store, run: RunRecord): Map<string, Sample> {
  const points = trialsOf(store, run.id).flatMap(({ id, variant, seed }) => {
    const last = new Map(metricsOf(store, id).map((metric) => [metric.name, metric.value]));
    return [
      ...measuresOf(store, id).map(({ claim, name, value }) => ({ label: `${claim}: ${name}`, variant, seed, value })),
      ...[...last].map(([name, value]) => ({ label: `${name}, last`, variant, seed, value })),
    ];
  });
  const groups = Map.groupBy(points, ({ variant, label }) => `${variant}\n${label}`);
  return new Map([...groups].map(([place, group]) => [place, new Sample(group[0].label, group as Point[])]));
}
