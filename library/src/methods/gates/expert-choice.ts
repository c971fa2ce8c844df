import { SettingError, ShapeError } from "../../core/errors.ts";
import {
  add,
  binCount,
  div,
  exp,
  gatherAlong,
  logSumExp,
  minimum,
  mul,
  reshape,
  softmax,
  sub,
  type Tensor,
  type TensorLike,
  topK,
  transpose,
} from "../../core/index.ts";
import { asTensor } from "../../core/tensor.ts";

export interface ExpertChoice {
  /** The rows that each expert takes, best first, int64[experts, k]. */
  readonly indices: Tensor;
  /** Their weights, float[experts, k]: the router's probabilities, not made to sum to 1 for a row. */
  readonly weights: Tensor;
  /** How many experts take each row, int64[rows]. */
  readonly perRow: Tensor;
  /** The router's probabilities, float[rows, experts]. */
  readonly probabilities: Tensor;
}

export interface ExpertChoiceOptions {
  /** Experts per row on average, in (0, experts]: each expert takes ⌊rows · capacityFactor / experts⌋ rows. */
  readonly capacityFactor: number;
  /**
   * Most experts that should take a row, at least 1: `cappedAssignment` ranks the rows instead. Where its shares are
   * fractions, the k best of an expert may still exceed it. Default: no limit.
   */
  readonly most?: number;
}

/**
 * Expert choice routing: every expert picks its best rows of the batch, so that all experts are equally loaded and none
 * is dropped; a row may go to none, one or many.
 *
 *     S = softmax(logits),   weights, indices = topK(Sᵀ, k)
 *
 * The choice is not differentiated, the weights are: they must reach the output, or the router never learns. Rows that
 * are times of one sequence let the future choose for the past: route across independent examples.
 *
 * @param logits  scores of the router, float[rows, experts]
 * @throws        ShapeError `expertChoice/rank`; SettingError `expertChoice/capacity`, `expertChoice/most`
 * @source        Zhou et al. 2022, arXiv:2202.09368, equations 1 and 2, and section 3.3 for `most`
 * @example
 * const { indices, weights } = expertChoice(matmul(x, router), { capacityFactor: 2 });
 */
export function expertChoice(logits: TensorLike, { capacityFactor, most }: ExpertChoiceOptions): ExpertChoice {
  const scores = asTensor(logits);
  const [rows, experts] = expectRouter("expertChoice", scores);
  const k = Math.floor((rows * capacityFactor) / experts);
  if (!(k >= 0 && k <= rows))
    throw new SettingError("expertChoice/capacity", `an expert cannot take ${k} of ${rows} rows`, {
      given: capacityFactor,
      fix: `give a capacity factor above 0 and up to the number of experts, ${experts}`,
    });
  const probabilities = softmax(scores);
  const byExpert = transpose(probabilities);
  const ranked = most === undefined ? byExpert : cappedAssignment(byExpert, { k, most });
  const { indices } = topK(ranked, k);
  return {
    indices,
    weights: gatherAlong(byExpert, indices),
    perRow: binCount(reshape(indices, [experts * k]), rows),
    probabilities,
  };
}

export interface CappedAssignmentOptions {
  /** Rows of each expert. */
  readonly k: number;
  /** Most experts of a row, at least 1, and enough for all: most · rows ≥ k · experts. */
  readonly most: number;
  /**
   * Weight of the entropy: the smaller, the nearer to a choice. Default 0.05: with the source's 0.001 a hundred rounds
   * leave the sums of the experts at a half of k.
   */
  readonly entropy?: number;
  /** Rounds of the projections. Default 100, as in the source. */
  readonly iterations?: number;
}

/**
 * Who takes which row when no row may have more than `most` experts: the entropy-regularised linear program
 *
 *     max ⟨S, A⟩ + λ·H(A)   with Σ_row A = k, Σ_expert A ≤ most, 0 ≤ A ≤ 1
 *
 * by Dykstra's alternating projections in the geometry of the relative entropy, on logarithms throughout.
 *
 * @param scores  float[experts, rows]
 * @returns       A, of the shape and dtype of the scores
 * @throws        ShapeError `cappedAssignment/rank`; SettingError `expertChoice/most`
 * @source        Zhou et al. 2022, arXiv:2202.09368, section 3.3 and appendix; the corrections are Dykstra's
 */
export function cappedAssignment(scores: TensorLike, options: CappedAssignmentOptions): Tensor {
  const { k, most, entropy = 0.05, iterations = 100 } = options;
  const s = asTensor(scores);
  const [experts, rows] = expectRouter("cappedAssignment", s);
  if (!(most >= 1 && most * rows >= k * experts))
    throw new SettingError("expertChoice/most", `${experts} experts of ${k} rows do not fit`, {
      given: most,
      fix: `allow each of the ${rows} rows at least ${Math.max(1, Math.ceil((k * experts) / Math.max(1, rows)))} experts`,
    });
  if (s.size === 0 || k === 0) return mul(s, 0);
  let a: Tensor = div(s, entropy);
  // Corrections of the two sets that are inequalities, as logarithms; equalities need none.
  let [columns, box]: [TensorLike, TensorLike] = [0, 0];
  for (let i = 0; i < iterations; i++) {
    a = add(sub(a, logSumExp(a, { axis: 1, keepDims: true })), Math.log(k));
    const forColumns = add(a, columns);
    const excess = sub(Math.log(most), logSumExp(forColumns, { axis: 0, keepDims: true }));
    a = add(forColumns, minimum(excess, 0));
    columns = sub(forColumns, a);
    const forBox = add(a, box);
    a = minimum(forBox, 0);
    box = sub(forBox, a);
  }
  return exp(a);
}

/** The two sizes of a matrix of scores. */
export function expectRouter(operation: string, scores: Tensor): readonly [number, number] {
  if (scores.rank !== 2)
    throw new ShapeError(`${operation}/rank`, `expected a matrix of scores, got [${scores.shape}]`, {
      operands: { scores },
      fix: "flatten batch and time into rows first: reshape(x, [-1, experts])",
    });
  return [scores.shape[0], scores.shape[1]];
}
