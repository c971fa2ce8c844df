import { type CacheOptions, loadPart } from "./cache.ts";
import type { Column } from "./column.ts";
import { Random } from "./random.ts";
import { sampled } from "./sampled.ts";
import { earth, ShallowWater } from "./shallow-water.ts";
import { SphericalHarmonics } from "./spherical-harmonics.ts";
import type { Part, Testbed } from "./testbed.ts";

/** Runs of the simulation: snapshots every six hours of height (m), eastward and northward wind (m/s). */
export interface SphereRuns {
  /** float32[runs, 60, 3, 16, 32], means over cells of the whole sphere, from north to south and from 0° eastwards */
  readonly globe: Column<Float32Array>;
  /** float32[runs, 60, 3, 16, 32], the fine grid within the box */
  readonly box: Column<Float32Array>;
  [column: string]: Column;
}

export interface SphereData {
  readonly train: SphereRuns;
  readonly validation: SphereRuns;
  readonly test: SphereRuns;
  /** Mean and standard deviation of height and winds over the globe of the training runs. */
  readonly mean: readonly [number, number, number];
  readonly deviation: readonly [number, number, number];
  /** Latitudes of the rows of the globe's cells and of the box, degrees. */
  readonly latitudes: { readonly globe: Float64Array; readonly box: Float64Array };
  /** Area of each of the globe's rows of cells over the mean of all. */
  readonly weights: Float64Array;
}

const truncation = 42;
const fine = 64;
const block = 4;
const coarse = fine / block;
const runs = { train: 32, validation: 4, test: 4 };
const count = runs.train + runs.validation + runs.test;
const snapshots = 60;
const hour = 3600;
const options = { depth: 4000, step: hour / 2, diffusionTime: 8 * hour };

/** Where the box lies on the fine grid, in rows from the north and columns from 0°: four by eight of the globe's cells. */
export const sphereBox = { top: 8, left: 32, rows: 16, columns: 32 } as const;

const part: Part = {
  name: "sphere",
  version: 1,
  sha256: "9b096eb605f1ef9dc3e78d3b1a678dce8d15d3a4a3b797ed855dcb468a2414e2",
  seconds: 100,
  prepare() {
    const harmonics = new SphericalHarmonics(truncation, fine);
    const size = snapshots * 3 * coarse * 2 * coarse;
    const globe = new Float32Array(count * size);
    const box = new Float32Array(count * size);
    for (let run = 0; run < count; run++) {
      const model = weather(harmonics, new Random(run).split("sphere"));
      // Waves of the start settle for a day.
      model.advance(48);
      for (let snapshot = 0; snapshot < snapshots; snapshot++) {
        if (snapshot > 0) model.advance(12);
        const fields = model.fields();
        for (const [channel, field] of [fields.height, fields.east, fields.north].entries()) {
          const place = ((run * snapshots + snapshot) * 3 + channel) * coarse * 2 * coarse;
          globe.set(cellMeans(field, harmonics), place);
          box.set(boxOf(field), place);
        }
      }
    }
    const shape = [count, snapshots, 3, coarse, 2 * coarse];
    return { columns: { globe: { data: globe, shape }, box: { data: box, shape } }, metadata: {} };
  },
};

export const testbed: Testbed = {
  name: "sphere",
  summary:
    "weather of a shallow-water model: jets and eddies on a rotating sphere, coarse everywhere and fine in a box",
  source: "generated (lab/src/data/sphere.ts, lab/src/data/shallow-water.ts), once, in about two minutes",
  licence: "MIT, as the lab",
  sizes: "40 runs of 60 snapshots: 16×32 cells of the sphere, 16×32 points of a box",
  split: "by run: 32 training, 4 validation, 4 test",
  parts: [part],
  sample: sampled("5d7584418b4f6bb4ca8a41320e476d594c716d9e8927c3b937885cbd1170ab4d", () => {
    const harmonics = new SphericalHarmonics(10, 16);
    const model = weather(harmonics, new Random(0));
    model.advance(12);
    const { height, east } = model.fields();
    return { height: { data: height, shape: [16, 32] }, east: { data: east, shape: [16, 32] } };
  }),
};

/** The runs, in the units that they were made in. */
export const loadSphere = async (cache?: CacheOptions): Promise<SphereData> =>
  splitRuns((await loadPart(part, cache)).columns);

/** Cuts all runs, [40, …], into the three parts, with what the training runs say of means and deviations. */
export function splitRuns(columns: Readonly<Record<string, Column>>): SphereData {
  const cut = (first: number, length: number): SphereRuns => {
    const slice = ({ data, shape }: Column) => ({
      data: data.subarray((first * data.length) / count, ((first + length) * data.length) / count) as Float32Array,
      shape: [length, ...shape.slice(1)],
    });
    return { globe: slice(columns.globe), box: slice(columns.box) };
  };
  const train = cut(0, runs.train);
  const { mu, weight } = new SphericalHarmonics(1, fine);
  const rows = Array.from({ length: coarse }, (_, row) => row * block);
  const area = rows.map((row) => weight.subarray(row, row + block).reduce((sum, value) => sum + value, 0));
  const degrees = (sine: number) => (Math.asin(sine) * 180) / Math.PI;
  const centre = (row: number) =>
    mu.subarray(row, row + block).reduce((sum, sine, i) => sum + sine * weight[row + i], 0) / area[row / block];
  const statistics = [0, 1, 2].map((channel) => momentsOf(train.globe.data, channel, area));
  return {
    train,
    validation: cut(runs.train, runs.validation),
    test: cut(runs.train + runs.validation, runs.test),
    mean: statistics.map(({ mean }) => mean) as [number, number, number],
    deviation: statistics.map(({ deviation }) => deviation) as [number, number, number],
    latitudes: {
      globe: Float64Array.from(rows, (row) => degrees(centre(row))),
      box: mu.slice(sphereBox.top, sphereBox.top + sphereBox.rows).map(degrees),
    },
    weights: Float64Array.from(area, (value) => (value * coarse) / 2),
  };
}

/** A jet in either hemisphere, easterlies near the equator, eddies, and bumps of the height. */
function weather(harmonics: SphericalHarmonics, random: Random): ShallowWater {
  const { latitudes, longitudes, mu, cosine, sine, size } = harmonics;
  // Bells of this form need no exponential, whose last digit may differ between machines.
  const bell = (distance: number) => 1 / ((1 + distance * distance) * (1 + distance * distance));
  const jets = [
    { speed: random.uniform(25, 50), centre: random.uniform(0.5, 0.8), width: random.uniform(0.15, 0.3) },
    { speed: random.uniform(25, 50), centre: -random.uniform(0.5, 0.8), width: random.uniform(0.15, 0.3) },
    { speed: -random.uniform(0, 10), centre: 0, width: 0.25 },
  ];
  // Winds times the cubed cosine of the latitude, so that they end at the poles, over its square, as the projection on
  // slopes wants it.
  const zonal = new Float64Array(latitudes * longitudes);
  for (let row = 0; row < latitudes; row++) {
    const cosineSquared = 1 - mu[row] * mu[row];
    const wind = jets.reduce((sum, { speed, centre, width }) => sum + speed * bell((mu[row] - centre) / width), 0);
    zonal.fill(wind * Math.sqrt(cosineSquared), row * longitudes, (row + 1) * longitudes);
  }
  const vorticity = { re: new Float64Array(size), im: new Float64Array(size) };
  harmonics.project(harmonics.gridToFourier(zonal), vorticity, "slopes");
  for (const values of [vorticity.re, vorticity.im]) for (let i = 0; i < size; i++) values[i] /= earth.radius;
  const bumps = (number: number, low: number, high: number, width: number): Float64Array => {
    const field = new Float64Array(latitudes * longitudes);
    for (let bump = 0; bump < number; bump++) {
      const direction = [random.normal(), random.normal(), random.normal()];
      const length = Math.sqrt(direction.reduce((sum, value) => sum + value * value, 0));
      const [x, y, z] = direction.map((value) => value / length);
      const height = (random.chance(0.5) ? 1 : -1) * random.uniform(low, high);
      for (let place = 0; place < field.length; place++) {
        const row = Math.floor(place / longitudes);
        const k = place % longitudes;
        const across = Math.sqrt(1 - mu[row] * mu[row]);
        const dot = mu[row] * z + across * (cosine[k] * x + sine[k] * y);
        field[place] += height * bell(Math.sqrt(Math.max(0, 2 - 2 * dot)) / width);
      }
    }
    return field;
  };
  const large = bumps(12, 1e-5, 4e-5, 0.25);
  const small = bumps(24, 1e-5, 5e-5, 0.1);
  const eddies = harmonics.fromGrid(large.map((value, place) => value + small[place]));
  for (let i = 1; i < size; i++) {
    vorticity.re[i] += eddies.re[i];
    vorticity.im[i] += eddies.im[i];
  }
  vorticity.re[0] = 0;
  const start = ShallowWater.balanced(harmonics, vorticity);
  const disturbance = harmonics.fromGrid(bumps(3, 20, 80, 0.3));
  for (let i = 1; i < size; i++) {
    start.geopotential.re[i] += earth.gravity * disturbance.re[i];
    start.geopotential.im[i] += earth.gravity * disturbance.im[i];
  }
  return new ShallowWater(harmonics, start, options);
}

/** Means over blocks of the fine grid, by area. */
function cellMeans(field: Float64Array, { weight, longitudes }: SphericalHarmonics): Float32Array {
  const means = new Float32Array(coarse * 2 * coarse);
  for (let cell = 0; cell < means.length; cell++) {
    const [top, left] = [Math.floor(cell / (2 * coarse)) * block, (cell % (2 * coarse)) * block];
    let [sum, area] = [0, 0];
    for (let row = top; row < top + block; row++)
      for (let column = left; column < left + block; column++) {
        sum += weight[row] * field[row * longitudes + column];
        area += weight[row];
      }
    means[cell] = sum / area;
  }
  return means;
}

function boxOf(field: Float64Array): Float32Array {
  const { top, left, rows, columns } = sphereBox;
  return Float32Array.from(
    { length: rows * columns },
    (_, place) => field[(top + Math.floor(place / columns)) * 2 * fine + left + (place % columns)],
  );
}

/** Mean and deviation of a channel over the sphere, all snapshots and runs. */
function momentsOf(globe: Float32Array, channel: number, area: readonly number[]): { mean: number; deviation: number } {
  const cells = coarse * 2 * coarse;
  let [sum, squares, total] = [0, 0, 0];
  for (let start = channel * cells; start < globe.length; start += 3 * cells)
    for (let cell = 0; cell < cells; cell++) {
      const weight = area[Math.floor(cell / (2 * coarse))];
      sum += weight * globe[start + cell];
      squares += weight * globe[start + cell] ** 2;
      total += weight;
    }
  const mean = sum / total;
  return { mean, deviation: Math.sqrt(squares / total - mean ** 2) };
}
