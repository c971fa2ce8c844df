import { describe, expect, test } from "vitest";
import { exp, mul, neg, sum, type Tensor, Value, value } from "../../index.ts";
import { check, checkExecutors, expectClose, oracle } from "../../testing/index.ts";
import { fitLogistic } from "./logistic.ts";
import {
  addClass,
  asArguments,
  fitGaussians,
  mahalanobisScore,
  mahalanobisScores,
  towardScore,
  whitening,
} from "./mahalanobis.ts";
import { odin } from "./odin.ts";
import { maxSoftmax } from "./scores.ts";

/** Numbers that look random and are the same everywhere. */
const wild = (length: number, salt = 1) =>
  Float64Array.from({ length }, (_, i) => Math.sin((i + 1) * 12.9898 * salt) * 1.7);
const matrix = (data: Float64Array, rows: number) => new Value(data, [rows, data.length / rows]);
const times = (a: Float64Array, b: Float64Array, n: number) =>
  Float64Array.from({ length: n * n }, (_, place) => {
    let total = 0;
    for (let k = 0; k < n; k++) total += a[Math.floor(place / n) * n + k] * b[k * n + (place % n)];
    return total;
  });
const transposed = (a: Float64Array, n: number) => a.map((_, place) => a[(place % n) * n + Math.floor(place / n)]);

describe("whitening", () => {
  test("by hand: diag(4, 0) has the pseudo-inverse diag(¼, 0)", () => {
    const w = whitening(value([[4, 0], [0, 0]])).toFloat64(); // biome-ignore format: a matrix
    expectClose(times(w, transposed(w, 2), 2), [0.25, 0, 0, 0], { atol: 1e-12 });
  });

  test("W·Wᵀ is the inverse of a random covariance of 64 features, to 1e-9", () => {
    const n = 64;
    const root = wild(n * n);
    const covariance = times(root, transposed(root, n), n).map((each, i) => each + (i % (n + 1) === 0 ? 1 : 0));
    const w = whitening(matrix(covariance, n)).toFloat64();
    const unit = Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0));
    expectClose(times(covariance, times(w, transposed(w, n), n), n), unit, { atol: 1e-9 });
  });
});

describe("scores", () => {
  const plain = { means: value([[0, 0], [2, 0]]), whitening: value([[1, 0], [0, 1]]) }; // biome-ignore format: matrices

  test("by hand: −0.25 and −2.25 for (½, 0) between means 0 and (2, 0)", () => {
    const [all, nearest] = oracle((f) => [mahalanobisScores(f, plain), mahalanobisScore(f, plain)], [value([0.5, 0])]);
    expect([...all]).toEqual([-0.25, -2.25]);
    expect([...nearest]).toEqual([-0.25]);
  });

  test("a class mean scores 0; an affine map of the features changes nothing after a new fit", () => {
    const [rows, width, classes] = [40, 3, 2];
    const f = wild(rows * width);
    const labels = Array.from({ length: rows }, (_, i) => i % classes);
    const map = [1, 2, 0, -0.5, 1, 1, 0.3, 0, 2];
    const moved = f.map((_, place) => {
      const [row, k] = [Math.floor(place / width), place % width];
      return 5 + [0, 1, 2].reduce((total, j) => total + f[row * width + j] * map[j * width + k], 0);
    });
    const scores = [f, moved].map((data) => {
      const fitted = fitGaussians(matrix(data, rows), labels, classes);
      const [own] = oracle((at) => mahalanobisScore(at, fitted), [fitted.means]);
      expectClose(own, [0, 0], { atol: 1e-12 });
      return oracle((at) => mahalanobisScores(at, fitted), [matrix(data, rows)])[0];
    });
    expectClose(scores[1], scores[0], { rtol: 1e-8, atol: 1e-8 });
  });

  test("the covariance is divided by the number of examples; a class without examples is refused", () => {
    const { means, covariance } = fitGaussians(value([[1], [3], [10], [10]]), [0, 0, 1, 1], 2);
    expect([...means.toFloat64()]).toEqual([2, 10]);
    expect([...covariance.toFloat64()]).toEqual([0.5]);
    expect(() => fitGaussians(value([[1]]), [0], 2)).toThrowError(
      expect.objectContaining({ code: "mahalanobis/empty-class" }),
    );
  });

  test("a class with the pooled covariance leaves the pooled covariance", () => {
    const fitted = fitGaussians(value([[0, 0], [2, 2], [5, 5], [7, 7]]), [0, 0, 1, 1], 2); // biome-ignore format: rows
    const more = addClass(fitted, value([[-1, -1], [1, 1]])); // biome-ignore format: rows
    expectClose(more.covariance.toFloat64(), fitted.covariance.toFloat64(), { atol: 1e-12 });
    expect([...more.means.toFloat64()].slice(-2)).toEqual([0, 0]);
  });

  test("executors, gradients, batching", async () => {
    const fitted = asArguments(
      fitGaussians(
        matrix(wild(60), 20),
        Array.from({ length: 20 }, (_, i) => i % 2),
        2,
      ),
    );
    await check(
      (f) => [mahalanobisScores(f, fitted), mahalanobisScore(f, fitted)],
      [
        value([[0.3, -1, 0.2], [1, 0.4, -0.7]]), // biome-ignore format: rows
      ],
    );
  });
});

describe("inputs moved towards a score", () => {
  const centre = value([0.2, 0.8, 0.5]);
  const score = (x: Tensor) => mahalanobisScore(x, { means: value([[0.2, 0.8, 0.5]]), whitening: value([[1, 0, 0], [0, 1, 0], [0, 0, 2]]) }); // biome-ignore format: short
  const x = value([[0.4, 0.4, 0.6], [0.9, 0.1, 0.2]]); // biome-ignore format: rows

  test("a step of 0 changes nothing, a small one never lowers the score", () => {
    const [same, moved, before, after] = oracle(
      (at) => [towardScore(score, at, 0), towardScore(score, at, 0.01), score(at), score(towardScore(score, at, 0.01))],
      [x],
    );
    expect([...same]).toEqual([...x.toFloat64()]);
    moved.forEach((each, i) => {
      const from = x.toFloat64()[i];
      expect(each).toBeCloseTo(from + 0.01 * Math.sign(centre.toFloat64()[i % 3] - from), 7);
    });
    after.forEach((each, i) => {
      expect(each).toBeGreaterThan(before[i]);
    });
  });

  test("odin at ε = 0 is the softened softmax score; executors agree", async () => {
    const logits = (at: Tensor) => mul(at, value([3, -2, 1]));
    const [plain, soft] = oracle(
      (at) => [odin(logits, at, { epsilon: 0 }), maxSoftmax(logits(at), { temperature: 1000 })],
      [x],
    );
    expect([...plain]).toEqual([...soft]);
    await checkExecutors((at) => odin(logits, at, { temperature: 10, epsilon: 0.01 }), [x]);
    await checkExecutors((at) => towardScore((y) => sum(neg(exp(y)), { axis: 1 }), at, 0.1), [x]);
  });
});

describe("logistic regression", () => {
  test("separates −1 from +1 with the right sign", () => {
    const { weights, bias } = fitLogistic([[-1], [1]], [0, 1]);
    expect(weights[0]).toBeGreaterThan(1);
    expect(bias).toBeCloseTo(0, 9);
  });

  test("by hand: with 3 yes and 1 no at one place, the bias is ln 3", () => {
    const { weights, bias } = fitLogistic([[0], [0], [0], [0]], [1, 1, 1, 0]);
    expect(bias).toBeCloseTo(Math.log(3), 9);
    expect(weights[0]).toBe(0);
  });

  test("by hand: x = ±1 with decay: decay·w = 1/(1 + eʷ)", () => {
    const { weights } = fitLogistic([[-1], [1]], [0, 1], { decay: 0.1 });
    expect(0.1 * weights[0]).toBeCloseTo(1 / (1 + Math.exp(weights[0])), 10);
    expect(() => fitLogistic([[1], [1, 2]], [0, 1])).toThrowError(
      expect.objectContaining({ code: "logistic/examples" }),
    );
  });
});
