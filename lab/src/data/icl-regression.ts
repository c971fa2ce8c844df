import { CholeskyDecomposition, Matrix, solve } from "ml-matrix";
import type { Column } from "./column.ts";
import { requireOption } from "./errors.ts";
import { Random } from "./random.ts";
import { sampled } from "./sampled.ts";
import type { Testbed } from "./testbed.ts";

export interface RegressionPrompt {
  /** Coordinates of x. */
  readonly dimension: number;
  /** Examples in a prompt. */
  readonly length: number;
  /** Variance of the noise, σ² in the paper. */
  readonly noise: number;
}

export interface RegressionOptions extends RegressionPrompt {
  readonly batch: number;
  /** float64[d·d], covariance of x, positive definite. Default: the identity */
  readonly covariance?: Float64Array;
}

export interface RegressionBatch {
  /** float32[batch, length, d + 1], examples (x, y) */
  readonly z: Column<Float32Array>;
  /** float32[batch, d + 1], the query (x, 0) */
  readonly zq: Column<Float32Array>;
  /** float32[batch], the query's y */
  readonly yq: Column<Float32Array>;
}

export const testbed: Testbed = {
  name: "icl-regression",
  summary: "in-context linear regression: a prompt of examples of one linear function, and a query",
  source: "generated (lab/src/data/icl-regression.ts)",
  licence: "MIT, as the lab",
  sizes: "without end",
  split: "by stream: draw training and test prompts from different splits of a seed",
  parts: [],
  sample: sampled("70439e85b1892a9aaf6b893438ac629427388a093e7b693f93fdf0950bfee9cd", () =>
    sampleRegression({ dimension: 3, length: 5, noise: 0.1, batch: 4 }, new Random(0)),
  ),
};

/**
 * Prompts of linear regression: x ~ N(0, Σ), β ~ N(0, I/d), y = βᵀx + ε, ε ~ N(0, σ²), a new β for every prompt.
 *
 * @source Chen et al. 2025, arXiv:2503.12734, section 2
 */
export function sampleRegression(options: RegressionOptions, random: Random): RegressionBatch {
  const { dimension, length, noise, batch, covariance } = options;
  requireOption(
    dimension > 0 && length >= 0 && noise >= 0,
    "icl-regression",
    JSON.stringify({ dimension, length, noise }),
  );
  const factor = covariance && choleskyFactor(covariance, dimension);
  const width = dimension + 1;
  const z = new Float32Array(batch * length * width);
  const zq = new Float32Array(batch * width);
  const yq = new Float32Array(batch);
  for (let row = 0; row < batch; row++) {
    const slope = random.normals(dimension, 1 / Math.sqrt(dimension));
    for (let example = 0; example <= length; example++) {
      const x = gaussian(dimension, factor, random);
      const y = x.reduce((sum, value, i) => sum + slope[i] * value, 0) + random.normal(0, Math.sqrt(noise));
      if (example < length) z.set([...x, y], (row * length + example) * width);
      else {
        zq.set(x, row * width);
        yq[row] = y;
      }
    }
  }
  return {
    z: { data: z, shape: [batch, length, width] },
    zq: { data: zq, shape: [batch, width] },
    yq: { data: yq, shape: [batch] },
  };
}

function choleskyFactor(covariance: Float64Array, dimension: number): Matrix {
  const matrix = Matrix.from1DArray(dimension, dimension, covariance);
  const decomposition = new CholeskyDecomposition(matrix);
  requireOption(decomposition.isPositiveDefinite(), "covariance", "a positive definite matrix is needed");
  return decomposition.lowerTriangularMatrix;
}

function gaussian(dimension: number, factor: Matrix | undefined, random: Random): number[] {
  const white = Array.from({ length: dimension }, () => random.normal());
  if (factor === undefined) return white;
  return white.map((_, row) => white.slice(0, row + 1).reduce((sum, value, i) => sum + factor.get(row, i) * value, 0));
}

/**
 * Expected squared error of one step of gradient descent, ŷ = (η/L) Σ y x ᵀx_q, noise of the query included.
 *
 * @source own derivation from moments of Gaussian and Wishart matrices, for Σ = I; a test simulates it
 */
export function riskGd(step: number, { dimension: d, length: L, noise }: RegressionPrompt): number {
  return noise + 1 - 2 * step + step ** 2 * (1 + (d + 1 + d * noise) / L);
}

/** The same on centred examples, ŷ = (η/L) Σ y (x − x̄)ᵀx_q. */
export function riskDebiasedGd(step: number, { dimension: d, length: L, noise }: RegressionPrompt): number {
  const n = L - 1;
  return noise + 1 - (2 * step * n) / L + (step ** 2 * n * (n + d + 1 + d * noise)) / L ** 2;
}

/** The step sizes with the smallest risks. */
export function bestSteps({ dimension: d, length: L, noise }: RegressionPrompt): { gd: number; debiasedGd: number } {
  return { gd: 1 / (1 + (d + 1 + d * noise) / L), debiasedGd: L / (L - 1 + d + 1 + d * noise) };
}

/**
 * Ridge regression on every prompt of a batch; with λ = d·σ² it is the Bayes predictor.
 *
 * @returns float64[batch], the predicted y of each query
 */
export function ridgePredictions({ z, zq }: RegressionBatch, lambda: number): Float64Array {
  const [batch, length, width] = z.shape;
  const dimension = width - 1;
  return Float64Array.from({ length: batch }, (_, row) => {
    const at = (example: number, i: number) => z.data[(row * length + example) * width + i];
    const examples = Array.from({ length }, (_, example) => example);
    const gram = Array.from({ length: dimension }, (_, i) =>
      Array.from(
        { length: dimension },
        (_, j) => examples.reduce((sum, e) => sum + at(e, i) * at(e, j), 0) + (i === j ? lambda : 0),
      ),
    );
    const moment = Array.from({ length: dimension }, (_, i) => [
      examples.reduce((sum, e) => sum + at(e, i) * at(e, dimension), 0),
    ]);
    const slope = solve(new Matrix(gram), new Matrix(moment));
    return slope.to1DArray().reduce((sum, value, i) => sum + value * zq.data[row * width + i], 0);
  });
}
