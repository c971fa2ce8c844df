import { describe, expect, test } from "vitest";
import {
  add,
  cast,
  compile,
  fft,
  grad,
  ifft,
  irfft,
  mul,
  rfft,
  scan,
  slice,
  square,
  sum,
  type Tensor,
  type Value,
  value,
} from "../../index.ts";
import { check, checkExecutors, expectClose, oracle } from "../../testing/check.ts";

const numbers = (...shape: number[]): Value =>
  value(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * i * 0.7 + 1)),
    { shape },
  );
const apart = async (fn: (x: Tensor) => Tensor, x: Value): Promise<number> => {
  const [found, [expected]] = [await compile(fn)(x), oracle(fn, [x])];
  const scale = Math.max(...expected.map(Math.abs));
  return Math.max(...expected.map((one, i) => Math.abs(one - Number(found.data[i])))) / scale;
};

describe("known transforms", () => {
  test("an impulse, a constant, a wave", () => {
    const [impulse] = oracle(
      (x) => fft(x),
      [
        value([
          [1, 0],
          [0, 0],
          [0, 0],
        ]),
      ],
    );
    expectClose(impulse, [1, 0, 1, 0, 1, 0]);
    const [constant] = oracle(
      (x) => fft(x),
      [
        value([
          [2, 1],
          [2, 1],
          [2, 1],
          [2, 1],
        ]),
      ],
    );
    expectClose(constant, [8, 4, 0, 0, 0, 0, 0, 0], { atol: 1e-12 });
    const wave = value(Float64Array.from({ length: 8 }, (_, j) => Math.cos((2 * Math.PI * 3 * j) / 8)));
    expectClose(oracle((x) => rfft(x), [wave])[0], [0, 0, 0, 0, 0, 0, 4, 0, 0, 0], { atol: 1e-12 });
    expectClose(oracle((x) => rfft(x), [value([1, 2, 3, 4])])[0], [10, 0, -2, 2, -2, 0], { atol: 1e-12 });
  });
});

describe("laws", () => {
  test.each([1, 2, 3, 8, 15, 128, 129, 262, 360])("there and back is the identity: %i", (n) => {
    const pairs = numbers(2, n, 2);
    expectClose(oracle((x) => ifft(fft(x)), [pairs])[0], pairs.toFloat64(), { atol: 1e-9 });
    const real = numbers(3, n);
    expectClose(oracle((x) => irfft(rfft(x), { length: n }), [real])[0], real.toFloat64(), { atol: 1e-9 });
  });

  test("Parseval: the energy of the frequencies is n times that of the signal", () => {
    const x = numbers(45, 2);
    const [energy, ofSpectrum] = oracle((y) => [sum(square(y)), sum(square(fft(y)))], [x]);
    expect(ofSpectrum[0]).toBeCloseTo(45 * energy[0], 8);
  });

  test("the product of spectra is the circular convolution", () => {
    const [a, b] = [
      [1, 2, 0, -1],
      [0.5, 0, 3, 1],
    ];
    const times = (x: Tensor, y: Tensor) => {
      const [xr, xi, yr, yi] = [slice(x, [null, 0]), slice(x, [null, 1]), slice(y, [null, 0]), slice(y, [null, 1])];
      return [add(mul(xr, yr), mul(mul(xi, yi), -1)), add(mul(xr, yi), mul(xi, yr))];
    };
    const [real, imaginary] = oracle((x, y) => times(rfft(x), rfft(y)), [value(a), value(b)]);
    const spectrum = value(Float64Array.from([...real].flatMap((part, i) => [part, imaginary[i]])), { shape: [3, 2] });
    const direct = a.map((_, k) => a.reduce((total, x, j) => total + x * b[(k - j + 4) % 4], 0));
    expectClose(oracle((x) => irfft(x), [spectrum])[0], direct, { atol: 1e-12 });
  });
});

describe("executors, gradients, batches", () => {
  test.each([1, 2, 5, 8])("%i elements", async (n) => {
    for (const fn of [fft, ifft]) await check((x) => fn(x), [numbers(2, n, 2)]);
    await check((x) => rfft(x), [numbers(2, n)]);
    await check((x) => irfft(x, { length: n }), [numbers(2, Math.floor(n / 2) + 1, 2)]);
  });

  test("along any axis", async () => {
    await check((x) => fft(x, { axis: 0 }), [numbers(4, 3, 2)]);
    await check((x) => rfft(x, { axis: -2 }), [numbers(2, 6, 3)]);
    await check((x) => irfft(x, { axis: 0, length: 5 }), [numbers(3, 2, 2)]);
    const two = (x: Tensor) => fft(fft(x, { axis: 0 }), { axis: 1 });
    const swapped = (x: Tensor) => fft(fft(x, { axis: 1 }), { axis: 0 });
    expectClose(oracle(two, [numbers(3, 5, 2)])[0], oracle(swapped, [numbers(3, 5, 2)])[0], { atol: 1e-12 });
  });

  test("second derivatives, and in a scan", async () => {
    await check((x) => grad((y: Tensor) => sum(square(square(rfft(y)))))(x), [numbers(6)]);
    await check(
      (x) => scan((c, y) => [irfft(mul(rfft(add(c, y)), 0.4), { length: 5 }), c], mul(slice(x, [0]), 0), x),
      [numbers(3, 5)],
    );
  });

  // Up to 128 one product; 360 and 1024 are two stages; 262 has a large prime factor.
  test.each([100, 128, 262, 360, 1024])("%i elements, accurate to 32 bits", async (n) => {
    const wide = numbers(2, n, 2);
    // A sum of n terms by way of about √n: a few units in the last place of the largest.
    for (const fn of [fft, ifft] as ((x: Tensor) => Tensor)[])
      expect(await apart((x) => fn(x), wide)).toBeLessThan(2e-6);
    expect(await apart((x) => rfft(x), numbers(2, n))).toBeLessThan(2e-6);
    expect(await apart((x) => irfft(x, { length: n }), numbers(2, n / 2 + 1, 2))).toBeLessThan(2e-6);
  });

  test.each([257, 1009])("a large prime: %i", async (n) => {
    for (const fn of [fft, ifft] as ((x: Tensor) => Tensor)[])
      expect(await apart((x) => fn(x), numbers(2, n, 2))).toBeLessThan(4e-6);
    expect(await apart((x) => irfft(rfft(x), { length: n }), numbers(2, n))).toBeLessThan(4e-6);
  });

  test("double precision, and nothing along another axis", async () => {
    await checkExecutors((x) => fft(cast(x, "float64")), [numbers(150, 2)], { rtol: 1e-10, atol: 1e-10 });
    await checkExecutors((x) => fft(x), [numbers(0, 4, 2)]);
  });
});

test.each<[string, () => unknown]>([
  ["fft/pairs", () => fft(value([1, 2, 3]))],
  ["ifft/pairs", () => ifft(value([[1, 2, 3]]))],
  ["fft/empty", () => fft(numbers(0, 2))],
  ["rfft/empty", () => rfft(numbers(3, 0))],
  ["irfft/length", () => irfft(numbers(3, 2), { length: 7 })],
  ["irfft/length", () => irfft(numbers(1, 2))],
  ["rfft/dtype", () => rfft(value([1, 2], { dtype: "int32" }))],
  ["fft/axis-out-of-range", () => fft(numbers(3, 2), { axis: 1 })],
])("%s", (code, run) => {
  expect(run).toThrow(expect.objectContaining({ code }));
});
