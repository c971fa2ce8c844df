import { type Complex, complex, type SphericalHarmonics } from "./spherical-harmonics.ts";

/** Radius of the Earth (m), its rotation (rad/s) and gravity (m/s²). */
export const earth = { radius: 6.371e6, rotation: 7.292e-5, gravity: 9.80665 } as const;

/** Vorticity (1/s), divergence (1/s) and geopotential without its mean (m²/s²), as spherical harmonics. */
export interface ShallowWaterState {
  readonly vorticity: Complex;
  readonly divergence: Complex;
  readonly geopotential: Complex;
}

export interface ShallowWaterOptions {
  /** Depth at rest, m. */
  readonly depth: number;
  /** Seconds of a step. */
  readonly step: number;
  /** Of the sphere, rad/s. Default: the Earth's */
  readonly rotation?: number;
  /** Time in which diffusion (∇⁴) takes the finest scale down to 1/e, s. */
  readonly diffusionTime: number;
}

// Keeps the two interleaved solutions of the leapfrog together.
const filter = 0.03;

/**
 * The shallow-water equations on the rotating sphere: spectral in space, leapfrog in time, gravity waves implicit.
 *
 * @source Hack & Jakob 1992, "Description of a global shallow water model based on the spectral transform method"
 */
export class ShallowWater {
  readonly harmonics: SphericalHarmonics;
  readonly #depth: number;
  readonly #step: number;
  readonly #laplacian: Float64Array;
  readonly #diffusion: Float64Array;
  readonly #coriolis: Float64Array;
  #before: ShallowWaterState;
  #now: ShallowWaterState;
  #started = false;

  constructor(harmonics: SphericalHarmonics, start: ShallowWaterState, options: ShallowWaterOptions) {
    const { truncation, degree, latitudes, longitudes, mu } = harmonics;
    this.harmonics = harmonics;
    this.#depth = options.depth;
    this.#step = options.step;
    // Of −∇².
    this.#laplacian = Float64Array.from(degree, (n) => (n * (n + 1)) / earth.radius ** 2);
    const finest = truncation * (truncation + 1);
    this.#diffusion = Float64Array.from(degree, (n) => {
      const scale = (n * (n + 1)) / finest;
      return (scale * scale) / options.diffusionTime;
    });
    this.#coriolis = Float64Array.from(
      { length: latitudes * longitudes },
      (_, place) => 2 * (options.rotation ?? earth.rotation) * mu[Math.floor(place / longitudes)],
    );
    this.#before = start;
    this.#now = start;
  }

  get state(): ShallowWaterState {
    return this.#now;
  }

  /** Height (m) and eastward and northward wind (m/s) on the grid. */
  fields(): { height: Float64Array; east: Float64Array; north: Float64Array } {
    const { harmonics } = this;
    const { longitudes, mu } = harmonics;
    const { U, V } = windsOf(harmonics, this.#now);
    const perCosine = (wind: Float64Array) =>
      wind.map((value, place) => value / Math.sqrt(1 - mu[Math.floor(place / longitudes)] ** 2));
    const geopotential = harmonics.toGrid(this.#now.geopotential);
    return {
      height: geopotential.map((value) => this.#depth + value / earth.gravity),
      east: perCosine(U),
      north: perCosine(V),
    };
  }

  advance(steps: number): void {
    for (let step = 0; step < steps; step++) {
      // The first step has no past: it goes half as far from where it starts.
      this.#leap(this.#started ? this.#step : this.#step / 2);
      this.#started = true;
    }
  }

  #leap(seconds: number): void {
    const { vorticity, divergence, geopotential } = this.#tendencies();
    const mean = this.#depth * earth.gravity;
    const before = this.#before;
    const next = {
      vorticity: complex(vorticity.re.length),
      divergence: complex(vorticity.re.length),
      geopotential: complex(vorticity.re.length),
    };
    for (const part of ["re", "im"] as const)
      for (let i = 0; i < vorticity.re.length; i++) {
        const waves = this.#laplacian[i];
        const damping = 1 / (1 + 2 * seconds * this.#diffusion[i]);
        const x =
          before.divergence[part][i] +
          2 * seconds * divergence[part][i] +
          seconds * waves * before.geopotential[part][i];
        const y =
          before.geopotential[part][i] +
          2 * seconds * geopotential[part][i] -
          seconds * mean * before.divergence[part][i];
        const implicit = (x + seconds * waves * y) / (1 + seconds * seconds * waves * mean);
        next.divergence[part][i] = implicit * damping;
        next.geopotential[part][i] = (y - seconds * mean * implicit) * damping;
        next.vorticity[part][i] = (before.vorticity[part][i] + 2 * seconds * vorticity[part][i]) * damping;
      }
    this.#before = this.#started ? filtered(before, this.#now, next) : this.#now;
    this.#now = next;
  }

  /** What changes vorticity, divergence and geopotential, without the terms that the step treats implicitly. */
  #tendencies(): ShallowWaterState {
    const { harmonics } = this;
    const { size, longitudes, mu, order } = harmonics;
    const { U, V } = windsOf(harmonics, this.#now);
    const vorticityGrid = harmonics.toGrid(this.#now.vorticity);
    const geopotentialGrid = harmonics.toGrid(this.#now.geopotential);
    const [A, B, C, D, E] = Array.from({ length: 5 }, () => new Float64Array(U.length));
    for (let place = 0; place < U.length; place++) {
      const cosineSquared = 1 - mu[Math.floor(place / longitudes)] ** 2;
      const absolute = (vorticityGrid[place] + this.#coriolis[place]) / cosineSquared;
      const depth = geopotentialGrid[place] / cosineSquared;
      A[place] = absolute * U[place];
      B[place] = absolute * V[place];
      C[place] = depth * U[place];
      D[place] = depth * V[place];
      E[place] = (U[place] * U[place] + V[place] * V[place]) / (2 * cosineSquared);
    }
    const fluxes = [A, B, C, D, E].map((grid) => harmonics.gridToFourier(grid));
    const projected = (index: number, kind: "values" | "slopes") => {
      const result = complex(size);
      harmonics.project(fluxes[index], result, kind);
      return result;
    };
    const [Av, Bv, Cv, Ev] = [0, 1, 2, 4].map((index) => projected(index, "values"));
    const [As, Bs, Ds] = [0, 1, 3].map((index) => projected(index, "slopes"));
    const result = { vorticity: complex(size), divergence: complex(size), geopotential: complex(size) };
    for (let i = 0; i < size; i++) {
      const m = order[i];
      result.vorticity.re[i] = (m * Av.im[i] + Bs.re[i]) / earth.radius;
      result.vorticity.im[i] = (-m * Av.re[i] + Bs.im[i]) / earth.radius;
      result.divergence.re[i] = (-m * Bv.im[i] + As.re[i]) / earth.radius + this.#laplacian[i] * Ev.re[i];
      result.divergence.im[i] = (m * Bv.re[i] + As.im[i]) / earth.radius + this.#laplacian[i] * Ev.im[i];
      result.geopotential.re[i] = (m * Cv.im[i] + Ds.re[i]) / earth.radius;
      result.geopotential.im[i] = (-m * Cv.re[i] + Ds.im[i]) / earth.radius;
    }
    return result;
  }

  /** The geopotential that keeps a flow of this vorticity free of divergence for the moment. */
  static balanced(harmonics: SphericalHarmonics, vorticity: Complex): ShallowWaterState {
    const still = { vorticity, divergence: complex(harmonics.size), geopotential: complex(harmonics.size) };
    const model = new ShallowWater(harmonics, still, { depth: 1, step: 1, diffusionTime: 1 });
    const { divergence } = model.#tendencies();
    const geopotential = complex(harmonics.size);
    for (const part of ["re", "im"] as const)
      for (let i = 1; i < harmonics.size; i++) geopotential[part][i] = -divergence[part][i] / model.#laplacian[i];
    return { ...still, geopotential };
  }
}

/** Winds times the cosine of the latitude, m/s, from vorticity and divergence. */
function windsOf(harmonics: SphericalHarmonics, { vorticity, divergence }: ShallowWaterState) {
  const { size, degree, order } = harmonics;
  const stream = complex(size);
  const potential = complex(size);
  const [streamEast, potentialEast] = [complex(size), complex(size)];
  for (let i = 1; i < size; i++) {
    const scale = -earth.radius / (degree[i] * (degree[i] + 1));
    stream.re[i] = scale * vorticity.re[i];
    stream.im[i] = scale * vorticity.im[i];
    potential.re[i] = scale * divergence.re[i];
    potential.im[i] = scale * divergence.im[i];
    streamEast.re[i] = -order[i] * stream.im[i];
    streamEast.im[i] = order[i] * stream.re[i];
    potentialEast.re[i] = -order[i] * potential.im[i];
    potentialEast.im[i] = order[i] * potential.re[i];
  }
  const combined = (east: Complex, slope: Complex, sign: number) => {
    const series = harmonics.toFourier(east);
    const slopes = harmonics.toFourier(slope, "slopes");
    for (const part of ["re", "im"] as const)
      for (let i = 0; i < series.re.length; i++) series[part][i] += sign * slopes[part][i];
    return harmonics.fourierToGrid(series);
  };
  return { U: combined(potentialEast, stream, -1), V: combined(streamEast, potential, 1) };
}

function filtered(before: ShallowWaterState, now: ShallowWaterState, next: ShallowWaterState): ShallowWaterState {
  const smooth = (a: Complex, b: Complex, c: Complex): Complex => {
    const mixed = (x: Float64Array, y: Float64Array, z: Float64Array) =>
      y.map((value, i) => value + filter * (x[i] - 2 * value + z[i]));
    return { re: mixed(a.re, b.re, c.re), im: mixed(a.im, b.im, c.im) };
  };
  return {
    vorticity: smooth(before.vorticity, now.vorticity, next.vorticity),
    divergence: smooth(before.divergence, now.divergence, next.divergence),
    geopotential: smooth(before.geopotential, now.geopotential, next.geopotential),
  };
}
