import FFT from "fft.js";
import { requireOption } from "./errors.ts";

/** Complex coefficients of spherical harmonics, or of Fourier series along latitudes. */
export interface Complex {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

export const complex = (length: number): Complex => ({ re: new Float64Array(length), im: new Float64Array(length) });

/**
 * Fields on a Gaussian grid of the sphere and their spherical harmonics up to degree T (triangular truncation).
 *
 * f(λ, μ) = Σ_m Σ_n f_n^m P_n^m(μ) e^{imλ}, μ the sine of the latitude, ∫ P² dμ = 1; latitudes run from north to south.
 * Everything is made with +, −, ×, ÷ and √, so that it is bit for bit the same on every machine.
 */
export class SphericalHarmonics {
  readonly truncation: number;
  readonly latitudes: number;
  readonly longitudes: number;
  /** Coefficients: all (m, n) with 0 ≤ m ≤ n ≤ T, at `offset[m] + n − m`. */
  readonly size: number;
  readonly offset: Int32Array;
  /** Degree n of each coefficient. */
  readonly degree: Int32Array;
  /** Order m of each coefficient. */
  readonly order: Int32Array;
  /** Sine of each latitude. */
  readonly mu: Float64Array;
  /** Gaussian weight of each latitude; they sum to 2. */
  readonly weight: Float64Array;
  /** Cosine and sine of each longitude. */
  readonly cosine: Float64Array;
  readonly sine: Float64Array;
  // P and (1 − μ²)dP/dμ at the northern latitudes; the southern ones follow by symmetry.
  readonly #values: Float64Array;
  readonly #slopes: Float64Array;
  readonly #fft: FFT;
  readonly #in: Float64Array;
  readonly #out: Float64Array;

  /** @param latitudes even; the longitudes are twice as many, a power of two, and at least 2·truncation + 2 */
  constructor(truncation: number, latitudes: number) {
    const longitudes = 2 * latitudes;
    requireOption(
      truncation >= 1 && longitudes >= 2 * truncation + 2,
      "truncation",
      `${latitudes} latitudes are too few`,
    );
    this.truncation = truncation;
    this.latitudes = latitudes;
    this.longitudes = longitudes;
    this.size = ((truncation + 1) * (truncation + 2)) / 2;
    this.offset = new Int32Array(truncation + 1);
    this.degree = new Int32Array(this.size);
    this.order = new Int32Array(this.size);
    for (let m = 0, place = 0; m <= truncation; m++) {
      this.offset[m] = place;
      for (let n = m; n <= truncation; n++, place++) {
        this.degree[place] = n;
        this.order[place] = m;
      }
    }
    [this.mu, this.weight] = gaussNodes(latitudes);
    [this.cosine, this.sine] = circle(longitudes);
    this.#fft = new FFT(longitudes);
    for (let i = 0; i < longitudes; i++) {
      // In place of its own sines, whose last digit may differ between machines.
      this.#fft.table[2 * i] = this.cosine[i];
      this.#fft.table[2 * i + 1] = -this.sine[i];
    }
    this.#in = new Float64Array(2 * longitudes);
    this.#out = new Float64Array(2 * longitudes);
    const half = latitudes / 2;
    this.#values = new Float64Array(half * this.size);
    this.#slopes = new Float64Array(half * this.size);
    for (let j = 0; j < half; j++) this.#fillLegendre(j);
  }

  #fillLegendre(j: number): void {
    const { truncation, size, offset } = this;
    const mu = this.mu[j];
    const epsilon = (m: number, n: number) => Math.sqrt((n * n - m * m) / (4 * n * n - 1));
    let first = Math.sqrt(0.5);
    for (let m = 0; m <= truncation; m++) {
      if (m > 0) first *= Math.sqrt(((2 * m + 1) / (2 * m)) * (1 - mu * mu));
      const p = new Float64Array(truncation + 2);
      p[m] = first;
      for (let n = m + 1; n <= truncation + 1; n++)
        p[n] = (mu * p[n - 1] - (n > m + 1 ? epsilon(m, n - 1) * p[n - 2] : 0)) / epsilon(m, n);
      for (let n = m; n <= truncation; n++) {
        const place = j * size + offset[m] + n - m;
        this.#values[place] = p[n];
        this.#slopes[place] = (n > m ? (n + 1) * epsilon(m, n) * p[n - 1] : 0) - n * epsilon(m, n + 1) * p[n + 1];
      }
    }
  }

  /** Fourier series along every latitude, [latitudes, T + 1], of coefficients, or of (1 − μ²) times their slope in μ. */
  toFourier(coefficients: Complex, kind: "values" | "slopes" = "values"): Complex {
    const { truncation, latitudes, size } = this;
    const table = kind === "values" ? this.#values : this.#slopes;
    const sign = kind === "values" ? 1 : -1;
    const { re, im } = coefficients;
    const width = truncation + 1;
    const result = complex(latitudes * width);
    for (let j = 0; j < latitudes / 2; j++)
      for (let m = 0, place = 0; m <= truncation; m++) {
        let [evenRe, evenIm, oddRe, oddIm] = [0, 0, 0, 0];
        const end = place + truncation - m + 1;
        for (; place < end - 1; place += 2) {
          const even = table[j * size + place];
          const odd = table[j * size + place + 1];
          evenRe += even * re[place];
          evenIm += even * im[place];
          oddRe += odd * re[place + 1];
          oddIm += odd * im[place + 1];
        }
        if (place < end) {
          evenRe += table[j * size + place] * re[place];
          evenIm += table[j * size + place] * im[place];
          place++;
        }
        const north = j * width + m;
        const south = (latitudes - 1 - j) * width + m;
        result.re[north] = evenRe + oddRe;
        result.im[north] = evenIm + oddIm;
        result.re[south] = sign * (evenRe - oddRe);
        result.im[south] = sign * (evenIm - oddIm);
      }
    return result;
  }

  /** Adds to `coefficients` what a Fourier series projects to on P, or on (1 − μ²)dP/dμ, by Gaussian quadrature. */
  project(series: Complex, coefficients: Complex, kind: "values" | "slopes" = "values"): void {
    const { truncation, latitudes, size, weight } = this;
    const table = kind === "values" ? this.#values : this.#slopes;
    const sign = kind === "values" ? 1 : -1;
    const { re, im } = coefficients;
    const width = truncation + 1;
    for (let j = 0; j < latitudes / 2; j++)
      for (let m = 0, place = 0; m <= truncation; m++) {
        const north = j * width + m;
        const south = (latitudes - 1 - j) * width + m;
        const southRe = sign * series.re[south];
        const southIm = sign * series.im[south];
        const evenRe = weight[j] * (series.re[north] + southRe);
        const evenIm = weight[j] * (series.im[north] + southIm);
        const oddRe = weight[j] * (series.re[north] - southRe);
        const oddIm = weight[j] * (series.im[north] - southIm);
        const end = place + truncation - m + 1;
        for (; place < end - 1; place += 2) {
          const even = table[j * size + place];
          const odd = table[j * size + place + 1];
          re[place] += even * evenRe;
          im[place] += even * evenIm;
          re[place + 1] += odd * oddRe;
          im[place + 1] += odd * oddIm;
        }
        if (place < end) {
          re[place] += table[j * size + place] * evenRe;
          im[place] += table[j * size + place] * evenIm;
          place++;
        }
      }
  }

  /** The field of Fourier series, [latitudes, longitudes]. */
  fourierToGrid({ re, im }: Complex): Float64Array {
    const { truncation, latitudes, longitudes } = this;
    const width = truncation + 1;
    const grid = new Float64Array(latitudes * longitudes);
    // Two real fields, a row and the next, are one complex one.
    for (let row = 0; row < latitudes; row += 2) {
      this.#in.fill(0);
      for (let m = 0; m <= truncation; m++) {
        const [a, b] = [row * width + m, (row + 1) * width + m];
        this.#in[2 * m] = re[a] - im[b];
        this.#in[2 * m + 1] = im[a] + re[b];
        if (m === 0) continue;
        this.#in[2 * (longitudes - m)] = re[a] + im[b];
        this.#in[2 * (longitudes - m) + 1] = re[b] - im[a];
      }
      this.#fft.inverseTransform(this.#out, this.#in);
      for (let k = 0; k < longitudes; k++) {
        grid[row * longitudes + k] = this.#out[2 * k] * longitudes;
        grid[(row + 1) * longitudes + k] = this.#out[2 * k + 1] * longitudes;
      }
    }
    return grid;
  }

  /** The Fourier series of a field. */
  gridToFourier(grid: Float64Array): Complex {
    const { truncation, latitudes, longitudes } = this;
    const width = truncation + 1;
    const series = complex(latitudes * width);
    for (let row = 0; row < latitudes; row += 2) {
      for (let k = 0; k < longitudes; k++) {
        this.#in[2 * k] = grid[row * longitudes + k];
        this.#in[2 * k + 1] = grid[(row + 1) * longitudes + k];
      }
      this.#fft.transform(this.#out, this.#in);
      for (let m = 0; m <= truncation; m++) {
        const mirror = (longitudes - m) % longitudes;
        const [re, im, mirrorRe, mirrorIm] = [2 * m, 2 * m + 1, 2 * mirror, 2 * mirror + 1].map((at) => this.#out[at]);
        const [a, b] = [row * width + m, (row + 1) * width + m];
        series.re[a] = (re + mirrorRe) / (2 * longitudes);
        series.im[a] = (im - mirrorIm) / (2 * longitudes);
        series.re[b] = (im + mirrorIm) / (2 * longitudes);
        series.im[b] = (mirrorRe - re) / (2 * longitudes);
      }
    }
    return series;
  }

  toGrid(coefficients: Complex): Float64Array {
    return this.fourierToGrid(this.toFourier(coefficients));
  }

  fromGrid(grid: Float64Array): Complex {
    const coefficients = complex(this.size);
    this.project(this.gridToFourier(grid), coefficients);
    return coefficients;
  }
}

/** Cosines and sines of 2πk/count, count a power of two, by halving angles. */
function circle(count: number): [cosine: Float64Array, sine: Float64Array] {
  requireOption(count >= 4 && (count & (count - 1)) === 0, "longitudes", `a power of two is needed, given ${count}`);
  const cosine = new Float64Array(count);
  const sine = new Float64Array(count);
  cosine[0] = 1;
  cosine[count / 2] = -1;
  sine[count / 4] = 1;
  sine[(3 * count) / 4] = -1;
  for (let step = count / 4; step >= 2; step /= 2) {
    // The angle of `step / 2` from that of `step`; the others by adding it.
    const c = Math.sqrt((1 + cosine[step]) / 2);
    const s = Math.sqrt((1 - cosine[step]) / 2);
    for (let k = 0; k < count; k += step) {
      cosine[k + step / 2] = cosine[k] * c - sine[k] * s;
      sine[k + step / 2] = sine[k] * c + cosine[k] * s;
    }
  }
  return [cosine, sine];
}

/** Zeros of the Legendre polynomial of a degree, falling, and their quadrature weights. */
function gaussNodes(degree: number): [mu: Float64Array, weight: Float64Array] {
  requireOption(degree >= 2 && degree % 2 === 0, "latitudes", `an even number is needed, given ${degree}`);
  const legendre = (x: number): [value: number, before: number] => {
    let [before, value] = [1, x];
    for (let n = 2; n <= degree; n++) [before, value] = [value, ((2 * n - 1) * x * value - (n - 1) * before) / n];
    return [value, before];
  };
  const mu = new Float64Array(degree);
  const weight = new Float64Array(degree);
  // Zeros lie at least about 4/degree² apart.
  const step = 1 / (degree * degree);
  let found = 0;
  for (let high = 1; found < degree / 2; high -= step) {
    let [left, right] = [high - step, high];
    const sign = Math.sign(legendre(right)[0]);
    if (Math.sign(legendre(left)[0]) === sign) continue;
    for (let middle = (left + right) / 2; middle !== left && middle !== right; middle = (left + right) / 2)
      if (Math.sign(legendre(middle)[0]) === sign) right = middle;
      else left = middle;
    const before = legendre(left)[1];
    mu[found] = left;
    weight[found] = (2 * (1 - left * left)) / (degree * before * (degree * before));
    mu[degree - 1 - found] = -left;
    weight[degree - 1 - found] = weight[found];
    found++;
  }
  return [mu, weight];
}
