import { describe, expect, test } from "vitest";
import { Random } from "./random.ts";
import { earth, ShallowWater } from "./shallow-water.ts";
import { splitRuns } from "./sphere.ts";
import { type Complex, complex, SphericalHarmonics } from "./spherical-harmonics.ts";

const harmonics = new SphericalHarmonics(20, 32);
const { mu, weight, longitudes, latitudes, cosine, sine } = harmonics;
const grid = (value: (mu: number, k: number) => number) =>
  Float64Array.from({ length: latitudes * longitudes }, (_, place) =>
    value(mu[Math.floor(place / longitudes)], place % longitudes),
  );
const largest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
const globalMean = (field: Float64Array) =>
  field.reduce((sum, value, place) => sum + (value * weight[Math.floor(place / longitudes)]) / (2 * longitudes), 0);
const noise = (seed: number): Complex => {
  const random = new Random(seed);
  const field = complex(harmonics.size);
  for (let i = 0; i < harmonics.size; i++) {
    field.re[i] = random.normal();
    // Coefficients of order 0 belong to real functions.
    if (harmonics.order[i] > 0) field.im[i] = random.normal();
  }
  return field;
};

describe("spherical harmonics", () => {
  test("Gaussian nodes of degree 4 by hand, and weights that integrate polynomials", () => {
    const four = new SphericalHarmonics(1, 4);
    expect(four.mu[0]).toBeCloseTo(Math.sqrt(3 / 7 + (2 / 7) * Math.sqrt(6 / 5)), 14);
    expect(four.weight[0]).toBeCloseTo((18 - Math.sqrt(30)) / 36, 14);
    for (const power of [0, 2, 10, 62]) {
      const integral = mu.reduce((sum, x, j) => sum + weight[j] * x ** power, 0);
      expect(integral).toBeCloseTo(2 / (power + 1), 12);
    }
  });

  test("angles come out as sines and cosines", () => {
    for (let k = 0; k < longitudes; k++) {
      expect(cosine[k]).toBeCloseTo(Math.cos((2 * Math.PI * k) / longitudes), 14);
      expect(sine[k]).toBeCloseTo(Math.sin((2 * Math.PI * k) / longitudes), 14);
    }
  });

  test("known functions: √(3/2)·μ is P₁⁰, and cos λ·cos φ has one coefficient", () => {
    const first = harmonics.fromGrid(grid((x) => Math.sqrt(1.5) * x));
    expect(first.re[1]).toBeCloseTo(1, 13);
    expect(
      largest(
        first.re.map((value, i) => (i === 1 ? 0 : value)),
        new Float64Array(harmonics.size),
      ),
    ).toBeLessThan(1e-13);
    const east = harmonics.fromGrid(grid((x, k) => Math.sqrt(1 - x * x) * cosine[k]));
    expect(east.re[harmonics.offset[1]]).toBeCloseTo(0.5 / Math.sqrt(0.75), 13);
  });

  test("to the grid and back is the identity", () => {
    const field = noise(1);
    const back = harmonics.fromGrid(harmonics.toGrid(field));
    expect(largest(back.re, field.re)).toBeLessThan(1e-11);
    expect(largest(back.im, field.im)).toBeLessThan(1e-11);
  });

  test("slopes are those of central differences in μ", () => {
    const [a, b] = [harmonics.toFourier(noise(2)), harmonics.toFourier(noise(2), "slopes")];
    // The slope of P₂⁰ = √(5/2)(3μ² − 1)/2 is known.
    const second = complex(harmonics.size);
    second.re[2] = 1;
    const slope = harmonics.fourierToGrid(harmonics.toFourier(second, "slopes"));
    expect(
      largest(
        slope,
        grid((x) => (1 - x * x) * Math.sqrt(2.5) * 3 * x),
      ),
    ).toBeLessThan(1e-12);
    expect(a.re).not.toEqual(b.re);
  });

  test("projection on slopes is the transpose of taking them", () => {
    const [field, other] = [noise(3), harmonics.gridToFourier(harmonics.toGrid(noise(4)))];
    const slopes = harmonics.toFourier(field, "slopes");
    const projected = complex(harmonics.size);
    harmonics.project(other, projected, "slopes");
    const width = harmonics.truncation + 1;
    let onGrid = 0;
    for (let i = 0; i < slopes.re.length; i++)
      onGrid += weight[Math.floor(i / width)] * (slopes.re[i] * other.re[i] + slopes.im[i] * other.im[i]);
    const onCoefficients = field.re.reduce(
      (sum, value, i) => sum + value * projected.re[i] + field.im[i] * projected.im[i],
      0,
    );
    expect(onGrid / onCoefficients).toBeCloseTo(1, 10);
  });

  test("grids that are too coarse are refused", () => {
    expect(() => new SphericalHarmonics(20, 16)).toThrow(/bad-option/);
    expect(() => new SphericalHarmonics(4, 12)).toThrow(/power of two/);
  });
});

describe("shallow water", () => {
  const options = { depth: 3000, step: 1200, diffusionTime: 1e12 };

  test("solid rotation in balance stays as it is (Williamson's second case)", () => {
    const speed = 40;
    const vorticity = harmonics.fromGrid(grid((x) => (2 * speed * x) / earth.radius));
    const start = ShallowWater.balanced(harmonics, vorticity);
    const geopotential = harmonics.toGrid(start.geopotential);
    const slope = earth.radius * earth.rotation * speed + speed ** 2 / 2;
    const expected = grid((x) => -slope * x * x);
    const shift = globalMean(expected);
    expect(
      largest(
        geopotential,
        expected.map((value) => value - shift),
      ),
    ).toBeLessThan(1e-6);
    const model = new ShallowWater(harmonics, start, options);
    const before = model.fields();
    expect(
      largest(
        before.east,
        grid((x) => speed * Math.sqrt(1 - x * x)),
      ),
    ).toBeLessThan(1e-9);
    model.advance(72);
    const after = model.fields();
    expect(largest(after.height, before.height)).toBeLessThan(1e-6);
    expect(largest(after.east, before.east)).toBeLessThan(1e-8);
    expect(largest(after.north, before.north)).toBeLessThan(1e-8);
  });

  test("mass is kept exactly and energy nearly in a disturbed flow", () => {
    const vorticity = harmonics.fromGrid(
      grid((x, k) => 2e-5 * x + 4e-5 / (1 + 40 * (1 - (0.7 * x + Math.sqrt(0.51 * (1 - x * x)) * cosine[k]))) ** 2),
    );
    vorticity.re[0] = 0;
    const model = new ShallowWater(harmonics, ShallowWater.balanced(harmonics, vorticity), options);
    const energy = () => {
      const { height, east, north } = model.fields();
      return globalMean(height.map((h, i) => (h * (east[i] ** 2 + north[i] ** 2) + earth.gravity * h * h) / 2));
    };
    const [mass, start] = [globalMean(model.fields().height), energy()];
    const moved = model.fields().east;
    model.advance(72);
    expect(globalMean(model.fields().height)).toBeCloseTo(mass, 8);
    expect(Math.abs(energy() / start - 1)).toBeLessThan(1e-4);
    expect(largest(model.fields().east, moved)).toBeGreaterThan(1);
  });

  test("without rotation small waves of degree n swing with √(g·depth·n(n + 1))/a", () => {
    const start = {
      vorticity: complex(harmonics.size),
      divergence: complex(harmonics.size),
      geopotential: complex(harmonics.size),
    };
    const place = harmonics.offset[2] + 3;
    start.geopotential.re[place] = 1e-3;
    const model = new ShallowWater(harmonics, start, { ...options, step: 60, rotation: 0 });
    const frequency = Math.sqrt(earth.gravity * 3000 * 5 * 6) / earth.radius;
    for (let part = 1; part <= 8; part++) {
      model.advance(60);
      // Second order in the step of 60 s, and the filter.
      expect(model.state.geopotential.re[place] / 1e-3).toBeCloseTo(Math.cos(frequency * 3600 * part), 2);
    }
  });

  test("in deep water Rossby waves run west by 2Ωm/(n(n + 1))", () => {
    const place = harmonics.offset[3] + 1;
    const vorticity = complex(harmonics.size);
    vorticity.re[place] = 1e-9;
    const model = new ShallowWater(harmonics, ShallowWater.balanced(harmonics, vorticity), {
      ...options,
      depth: 1e8,
      step: 600,
    });
    model.advance(144);
    const { re, im } = model.state.vorticity;
    const angle = (2 * earth.rotation * 3 * 86_400) / (4 * 5);
    expect(Math.hypot(re[place], im[place])).toBeCloseTo(1e-9, 11);
    expect(Math.cos(Math.atan2(im[place], re[place]) - angle)).toBeGreaterThan(0.9999);
  });
});

test("runs are split 32, 4 and 4; moments are weighted by area; weights have mean 1", () => {
  const cells = 16 * 32;
  const shape = [40, 60, 3, 16, 32];
  // Channel 1 is 1 in the northernmost row of cells and 0 elsewhere; the others are the number of their run.
  const data = Float32Array.from({ length: 40 * 60 * 3 * cells }, (_, place) => {
    const channel = Math.floor(place / cells) % 3;
    return channel === 1 ? (place % cells < 32 ? 1 : 0) : Math.floor(place / (60 * 3 * cells));
  });
  const {
    train,
    validation,
    test: held,
    mean,
    deviation,
    weights,
    latitudes: rows,
  } = splitRuns({
    globe: { data, shape },
    box: { data, shape },
  });
  expect([train, validation, held].map(({ globe }) => globe.shape[0])).toEqual([32, 4, 4]);
  expect([validation.globe.data[0], held.box.data[0], held.box.data.at(-1)]).toEqual([32, 36, 39]);
  // Sums of a million terms.
  expect(mean[0]).toBeCloseTo(15.5, 8);
  expect(deviation[0]).toBeCloseTo(Math.sqrt((32 ** 2 - 1) / 12), 8);
  expect(weights.reduce((sum, weight) => sum + weight, 0) / 16).toBeCloseTo(1, 12);
  expect(mean[1]).toBeCloseTo(weights[0] / 16, 8);
  // The area north of 78.75° is (1 − sin 78.75°)/2 of the sphere; the Gaussian rows end nearby.
  expect(weights[0] / 16).toBeCloseTo((1 - Math.sin((78.75 * Math.PI) / 180)) / 2, 2);
  expect([rows.globe[0] + rows.globe[15], rows.globe[7] > 0]).toEqual([expect.closeTo(0, 10), true]);
});
