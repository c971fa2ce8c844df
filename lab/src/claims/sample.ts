/** One measured figure, with the trial that it comes from. */
export interface Point {
  readonly variant: string;
  readonly seed: number;
  readonly value: number;
}

/**
 * The figures that the trials of a run gave for one measure: one for every variant and seed.
 *
 * @example
 * strongest.of("softmax")                      // the figures of one variant, one a seed
 * minus(loss.of("softpick"), loss.of("softmax"))   // differences, paired by seed
 */
export class Sample<Variant extends string = string> {
  /** What was measured. */
  readonly quantity: string;
  readonly points: readonly Point[];
  /** Of which variant, or of which two compared; the empty text where that is not said. */
  readonly variant: string;

  constructor(quantity: string, points: readonly Point[], variant = "") {
    this.quantity = quantity;
    this.points = points;
    this.variant = variant;
  }

  /** "softmax: sink rate" */
  get label(): string {
    return this.variant ? `${this.variant}: ${this.quantity}` : this.quantity;
  }

  get values(): number[] {
    return this.points.map((point) => point.value);
  }

  /** NaN where nothing was measured. */
  get mean(): number {
    return this.values.reduce((sum, value) => sum + value, 0) / this.points.length;
  }

  /** The figures of one variant. */
  of(variant: Variant): Sample<Variant> {
    return new Sample(
      this.quantity,
      this.points.filter((point) => point.variant === variant),
      variant,
    );
  }

  /** The same figures under another label. */
  named(label: string): Sample<Variant> {
    return new Sample(label, this.points);
  }

  /** Every figure changed by `change`. */
  map(label: string, change: (value: number) => number): Sample<Variant> {
    return new Sample(
      label,
      this.points.map((point) => ({ ...point, value: change(point.value) })),
    );
  }
}

/** A single figure that no seed belongs to: a count, a fit over several variants. */
export function figure(label: string, value: number): Sample {
  return new Sample(label, Number.isNaN(value) ? [] : [{ variant: "", seed: 0, value }]);
}

/**
 * Combines the figures that two samples have of the same seed. Where each sample is of one variant, seeds alone are
 * matched; otherwise variant and seed. What has no partner is left out.
 */
export function paired(label: string, a: Sample, b: Sample, combine: (a: number, b: number) => number): Sample {
  const single = [a, b].every((sample) => new Set(sample.points.map((point) => point.variant)).size <= 1);
  const place = (point: Point) => (single ? `${point.seed}` : `${point.variant} ${point.seed}`);
  const partners = new Map(b.points.map((point) => [place(point), point]));
  return new Sample(
    label,
    a.points.flatMap((point) => {
      const partner = partners.get(place(point));
      return partner ? [{ ...point, value: combine(point.value, partner.value) }] : [];
    }),
  );
}

/** "softpick − softmax: loss" for two variants of one quantity, "loss − bound" for two quantities. */
function joined(a: Sample, sign: string, b: Sample): string {
  const comparable = a.quantity === b.quantity && a.variant && b.variant;
  return comparable ? `${a.variant} ${sign} ${b.variant}: ${a.quantity}` : `${a.label} ${sign} ${b.label}`;
}

/** a − b, paired by seed. */
export function minus(a: Sample, b: Sample, label = joined(a, "−", b)): Sample {
  return paired(label, a, b, (left, right) => left - right);
}

/** a / b, paired by seed. */
export function ratio(a: Sample, b: Sample, label = joined(a, "/", b)): Sample {
  return paired(label, a, b, (left, right) => left / right);
}

/** The smallest figure of the worst or best seed. */
export function smallest(sample: Sample, label = `${sample.label}, smallest`): Sample {
  return figure(label, sample.points.length > 0 ? Math.min(...sample.values) : Number.NaN);
}

/** The largest figure of the worst or best seed. */
export function largest(sample: Sample, label = `${sample.label}, largest`): Sample {
  return figure(label, sample.points.length > 0 ? Math.max(...sample.values) : Number.NaN);
}

/** The mean over several samples, paired by seed. */
export function average(label: string, ...samples: readonly Sample[]): Sample {
  const total = samples.reduce((sum, sample) => paired(label, sum, sample, (a, b) => a + b));
  return total.map(label, (value) => value / samples.length);
}

/** How many of the figures satisfy `condition`. */
export function count(label: string, sample: Sample, condition: (value: number) => boolean): Sample {
  return figure(label, sample.points.length > 0 ? sample.values.filter(condition).length : Number.NaN);
}
