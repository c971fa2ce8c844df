import { SettingError } from "../../core/errors.ts";
import {
  binCount,
  cast,
  cumSum,
  div,
  less,
  mul,
  oneHot,
  reshape,
  sliceAxis,
  softmax,
  sub,
  sum,
  type Tensor,
  type TensorLike,
  topK,
  transpose,
  where,
} from "../../core/index.ts";
import { asTensor } from "../../core/tensor.ts";
import { switchBalance } from "../losses/balance.ts";
import { expectRouter } from "./expert-choice.ts";

export interface TokenChoiceOptions {
  /** Experts per row, 1 ≤ k ≤ experts: 1 is the Switch router, 2 that of GShard. */
  readonly k: number;
  /** Each expert has ⌈rows · k · capacityFactor / experts⌉ places. Default: as many as it needs. */
  readonly capacityFactor?: number;
}

export interface TokenChoice {
  /** The experts that each row chose, best first, int64[rows, k]. */
  readonly indices: Tensor;
  /** Their weights, float[rows, k]: the probability itself for k = 1, else made to sum to 1; 0 where dropped. */
  readonly weights: Tensor;
  /** Whether a choice found a place, bool[rows, k]. */
  readonly kept: Tensor;
  /** Rows that chose each expert, whether or not they found a place, float[experts]. */
  readonly demand: Tensor;
  /** Choices without a place, a float scalar. */
  readonly dropped: Tensor;
  /** The balance loss of the first choices, a scalar; add about 0.01 of it to the loss. */
  readonly balance: Tensor;
  /** Places of each expert. */
  readonly capacity: number;
}

/**
 * Token choice routing: every row picks its k best experts, which have places for so many and no more. All first choices
 * are placed before any second one, each in the order of the batch; who comes too late is dropped.
 *
 * @param logits  scores of the router, float[rows, experts]
 * @throws        ShapeError `tokenChoice/rank`, `topK/k`; SettingError `tokenChoice/capacity`
 * @source        Fedus et al. 2021, arXiv:2101.03961, section 2 (k = 1, the balance loss); Lepikhin et al. 2020,
 *                arXiv:2006.16668, Algorithm 1 (k = 2, the order of placing)
 * @example
 * const { indices, weights, balance } = tokenChoice(matmul(x, router), { k: 1, capacityFactor: 1.25 });
 */
export function tokenChoice(logits: TensorLike, { k, capacityFactor }: TokenChoiceOptions): TokenChoice {
  const scores = asTensor(logits);
  const [rows, experts] = expectRouter("tokenChoice", scores);
  if (capacityFactor !== undefined && !(capacityFactor > 0))
    throw new SettingError("tokenChoice/capacity", "experts without places take nothing", {
      given: capacityFactor,
      fix: "give a capacity factor above 0; 1 to 2 is usual",
    });
  const capacity = capacityFactor === undefined ? rows : Math.ceil((rows * k * capacityFactor) / experts);
  const probabilities = softmax(scores);
  const { values, indices } = topK(probabilities, k);
  // In the order of placing: all first choices, then all second ones.
  const ordered = reshape(transpose(indices), [k * rows]);
  const chosen = oneHot(ordered, experts, { dtype: "float32" });
  const before = sum(mul(sub(cumSum(chosen, { axis: 0 }), chosen), chosen), { axis: 1 });
  const kept = transpose(reshape(less(before, capacity), [k, rows]));
  const shares = k === 1 ? values : div(values, sum(values, { axis: -1, keepDims: true }));
  return {
    indices,
    weights: where(kept, shares, 0),
    kept,
    demand: cast(binCount(ordered, experts), "float32"),
    dropped: sub(rows * k, sum(cast(kept, "float32"))),
    balance: switchBalance(probabilities, sliceAxis(indices, 1, 0, 1)),
    capacity,
  };
}
