import { describe, expect, test } from "vitest";
import { broadcastTo } from "../../core/operations/broadcast.ts";
import {
  argMax,
  binCount,
  compile,
  grad,
  gumbel,
  key,
  mul,
  square,
  sub,
  sum,
  type Tensor,
  value,
} from "../../index.ts";
import { check, expectClose, oracle } from "../../testing/index.ts";
import { gumbelSoftmax, gumbelSoftmaxLogDensity, straightThrough, temperatureSchedule } from "./gumbel.ts";

const softmaxOf = (logits: readonly number[]) => {
  const total = logits.reduce((all, logit) => all + Math.exp(logit), 0);
  return logits.map((logit) => Math.exp(logit) / total);
};

describe("what is drawn", () => {
  const draws = 100_000;
  for (const logits of [
    [0.5, 0, -0.5, 0.2],
    [0, 0, 0, 0],
    [3, 1, -1, 0],
  ])
    for (const temperature of [0.1, 5])
      test(`the largest of ${logits} at temperature ${temperature} is as likely as softmax says`, async () => {
        const counts = await compile((l: Tensor, k: Tensor) =>
          binCount(argMax(gumbelSoftmax(broadcastTo(l, [draws, 4]), k, { temperature }), { axis: -1 }), 4),
        )(value(logits) as never, key(11) as never);
        const expected = softmaxOf(logits).map((p) => p * draws);
        const chi = counts.toFloat64().reduce((all, n, i) => all + (n - expected[i]) ** 2 / expected[i], 0);
        expect(chi).toBeLessThan(16.27); // p = 0.001 at three degrees of freedom
      });

  test("sums to 1; one-hot when cold, nearly uniform when hot; its entropy rises with the temperature", () => {
    const logits = value(
      Float32Array.from({ length: 400 }, (_, i) => Math.sin(i)),
      { shape: [100, 4] },
    );
    const entropies = [1e-3, 0.1, 0.5, 1, 5, 100].map((temperature) => {
      const [y] = oracle((l) => gumbelSoftmax(l, key(3), { temperature }), [logits]);
      let [total, entropy] = [0, 0];
      for (const p of y) {
        total += p;
        entropy -= p > 0 ? p * Math.log(p) : 0;
      }
      expect(total).toBeCloseTo(100, 9);
      if (temperature === 100) for (const p of y) expect(Math.abs(p - 0.25)).toBeLessThan(0.06);
      // Two of four noisy scores are closer than 0.02 in few rows.
      if (temperature === 1e-3) expect([...y].filter((p) => p > 1e-6 && p < 1 - 1e-6).length).toBeLessThan(8);
      return entropy;
    });
    expect(entropies).toEqual(entropies.toSorted((a, b) => a - b));
  });

  test("of two classes it is a sigmoid of logistic noise", () => {
    const [[y], noise] = oracle(
      (l) => [gumbelSoftmax(l, key(2), { temperature: 0.7 }), gumbel(key(2), [2])],
      [value([1, 0.4])],
    );
    expectClose([y], [1 / (1 + Math.exp(-(0.6 + noise[0] - noise[1]) / 0.7))], { rtol: 1e-6 });
  });

  test("a certain class; a straight-through one", () => {
    expectClose(oracle((l) => gumbelSoftmax(l, key(1), { hard: true }), [value([0, 0, 9])])[0], [0, 0, 1]);
    expectClose(oracle((l) => straightThrough(l, key(1)), [value([0, 9])])[0], [0, 1]);
  });
});

describe("gradients", () => {
  const logits = value([
    [0.5, 0, -0.5, 0.2],
    [1, 2, 0, -1],
  ]);
  const weights = value([[1, 0, 0.5, -0.7]]);

  test("a hard sample has the gradient of the soft one", () => {
    const of = (hard: boolean) =>
      oracle(
        (l) => grad((x: Tensor) => sum(mul(gumbelSoftmax(x, key(4), { hard, temperature: 0.5 }), weights)))(l),
        [logits],
      )[0];
    expectClose(of(true), of(false), { rtol: 1e-12 });
    const [y] = oracle((l) => gumbelSoftmax(l, key(4), { hard: true }), [logits]);
    expectClose(y.toSorted(), [0, 0, 0, 0, 0, 0, 1, 1], { rtol: 1e-12, atol: 1e-12 });
  });

  test("the straight-through estimator is far off on the paper's kind of toy: 0.91 of the gradient's length", async () => {
    const [l, w, draws] = [[0.5, 0, -0.5, 0.2], [1, 0, 0.5, -0.7], 200_000];
    const estimate = await compile((x: Tensor, k: Tensor) =>
      grad((x: Tensor) =>
        sum(square(sub(sum(mul(straightThrough(broadcastTo(x, [draws, 4]), k), value(w)), { axis: 1 }), 0.3))),
      )(x),
    )(value(l) as never, key(6) as never);
    const pi = softmaxOf(l);
    const f = w.map((one) => (one - 0.3) ** 2);
    const mean = f.reduce((all, one, i) => all + pi[i] * one, 0);
    const exact = pi.map((p, i) => p * (f[i] - mean));
    const wrong = estimate.toFloat64().map((g, i) => g / draws - exact[i]);
    expect(Math.abs(Math.hypot(...wrong) / Math.hypot(...exact) - 0.91)).toBeLessThan(0.02);
  });

  test("executors, gradients and batching agree", async () => {
    await check((l) => gumbelSoftmax(l, key(1), { temperature: 0.6 }), [logits], { batch: false });
    await check((l) => gumbelSoftmax(l, key(1), { axis: 0 }), [logits], { batch: false });
    const y = value([
      [0.2, 0.3, 0.4, 0.1],
      [0.7, 0.1, 0.1, 0.1],
    ]);
    await check((y, l) => gumbelSoftmaxLogDensity(y, l, { temperature: 0.8 }), [y, logits]);
  });
});

describe("the density", () => {
  const integral = (logits: number[], temperature: number) => {
    // y = softmax(u, 0) turns the simplex into a plane and its volume into Π y du.
    const [reach, step] = [40, 0.4];
    const axis = Array.from({ length: Math.round((2 * reach) / step) }, (_, i) => -reach + (i + 0.5) * step);
    const points = logits.length === 2 ? axis.map((u) => [u]) : axis.flatMap((u) => axis.map((v) => [u, v]));
    const places = points.map((u) => softmaxOf([...u, 0]));
    const y = value(Float64Array.from(places.flat()), { shape: [places.length, logits.length] });
    const [density] = oracle(
      (y) => gumbelSoftmaxLogDensity(y, value(logits, { dtype: "float64" }), { temperature }),
      [y],
    );
    return density.reduce(
      (all, p, i) =>
        all + Math.exp(p + places[i].reduce((log, one) => log + Math.log(one), 0)) * step ** (logits.length - 1),
      0,
    );
  };

  test("integrates to 1 over the simplex of two and of three classes", () => {
    for (const temperature of [0.5, 1]) {
      expect(integral([0.7, -0.2], temperature)).toBeCloseTo(1, 4);
      expect(integral([0.7, -0.2, 0.1], temperature)).toBeCloseTo(1, 3);
    }
  });

  test("is uniform for two even classes at temperature 1", () => {
    expectClose(
      oracle((y) => gumbelSoftmaxLogDensity(y, value([0, 0]), { temperature: 1 }), [value([0.5, 0.5])])[0],
      [0],
    );
  });
});

test("the temperature falls in stairs, down to the least", () => {
  const temperature = temperatureSchedule({ rate: 1e-3, every: 500, least: 0.5 });
  expectClose(
    [0, 499, 500, 700, 1000].map((step) => temperature(step)),
    [1, 1, Math.exp(-0.5), Math.exp(-0.5), 0.5],
    { rtol: 1e-12 },
  );
});
