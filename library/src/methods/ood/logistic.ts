import { SettingError } from "../../core/errors.ts";
import { constant, solve, Value } from "../../core/index.ts";
import { evaluateReference } from "../../core/oracle.ts";

export interface LogisticOptions {
  /** Weight of half the squared weights; the bias is free. Default 1e-3. */
  readonly decay?: number;
  /** Newton steps. Default 25. */
  readonly steps?: number;
}

/** A logistic regression: p = 1/(1 + exp(−(w·x + b))). */
export interface Logistic {
  readonly weights: Float64Array;
  readonly bias: number;
}

/**
 * Logistic regression of a yes or no on a few features, by Newton's method in 64 bits: the mean cross-entropy plus
 * decay/2·|w|².
 *
 * @param rows    features of each example, all of one length
 * @param labels  1 or 0 for each example
 * @throws        SettingError `logistic/examples` for none, or lengths that differ
 * @source        Hastie, Tibshirani & Friedman 2009, "The Elements of Statistical Learning", section 4.4.1
 * @example
 * fitLogistic([[-1], [1]], [0, 1]).weights[0] > 0   // true
 */
export function fitLogistic(
  rows: readonly ArrayLike<number>[],
  labels: ArrayLike<number>,
  { decay = 1e-3, steps = 25 }: LogisticOptions = {},
): Logistic {
  const count = rows.length;
  const size = (rows[0]?.length ?? 0) + 1;
  if (count === 0 || labels.length !== count || rows.some((row) => row.length !== size - 1))
    throw new SettingError("logistic/examples", "rows of one length are needed, with one label each", {
      given: { rows: count, labels: labels.length },
    });
  let theta = new Float64Array(size);
  for (let step = 0; step < steps; step++) {
    const gradient = theta.map((weight, k) => (k < size - 1 ? decay * weight : 0));
    const hessian = new Float64Array(size * size);
    // A trace of curvature for the bias too keeps separable data solvable.
    for (let k = 0; k < size; k++) hessian[k * size + k] = k < size - 1 ? decay : 1e-12;
    rows.forEach((row, i) => {
      const at = (k: number) => (k < size - 1 ? row[k] : 1);
      const p = probability(row, theta);
      for (let k = 0; k < size; k++) {
        gradient[k] += ((p - labels[i]) * at(k)) / count;
        for (let j = 0; j < size; j++) hessian[k * size + j] += (p * (1 - p) * at(k) * at(j)) / count;
      }
    });
    const [move] = evaluateReference([
      solve(constant(new Value(hessian, [size, size])), constant(new Value(gradient, [size, 1]))),
    ]);
    theta = theta.map((weight, k) => weight - move[k]);
  }
  return { weights: theta.slice(0, -1), bias: theta[size - 1] };
}

function probability(row: ArrayLike<number>, theta: Float64Array): number {
  let score = theta[theta.length - 1];
  for (let k = 0; k < row.length; k++) score += theta[k] * row[k];
  return 1 / (1 + Math.exp(-score));
}
