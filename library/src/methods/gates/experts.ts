import { ShapeError } from "../../core/errors.ts";
import {
  add,
  cast,
  concat,
  cumSum,
  expandDims,
  gather,
  greaterEqual,
  matmul,
  mul,
  oneHot,
  relu,
  reshape,
  scatterSet,
  sliceAxis,
  split,
  sum,
  type Tensor,
  type TensorLike,
  transpose,
  where,
  zeros,
} from "../../core/index.ts";
import { broadcastTo } from "../../core/operations/broadcast.ts";
import { asTensor } from "../../core/tensor.ts";
import { normalOf } from "../../nn/initialisers.ts";

/** Experts of one hidden layer without biases, all of one size. */
export interface Experts<T = Tensor> {
  /** [experts, width, hidden] */
  readonly up: T;
  /** [experts, hidden, width] */
  readonly down: T;
}

/** First parameters: normal of deviation 1/√inputs. */
export function initExperts(
  key: TensorLike,
  { experts, width, hidden }: { experts: number; width: number; hidden: number },
): Experts {
  const [upKey, downKey] = split(key);
  const init = (from: Tensor, inputs: number, outputs: number) =>
    normalOf(1 / Math.sqrt(inputs))(from, [experts, inputs, outputs], { in: inputs, out: outputs });
  return { up: init(upKey, width, hidden), down: init(downKey, hidden, width) };
}

export interface ExpertSettings {
  /** Default `relu`. */
  readonly activation?: (x: Tensor) => Tensor;
}

/** [experts, rows, width] → [experts, rows, width], each expert on its own rows; one set of rows is shared by all. */
const runExperts = ({ up, down }: Experts<TensorLike>, x: Tensor, { activation = relu }: ExpertSettings = {}): Tensor =>
  matmul(activation(matmul(x, up)), down);

/**
 * A mixture of experts that evaluates every expert for every row: exact, and fast enough for a few small experts.
 *
 * @param x      float[rows, width]
 * @param gates  float[rows, experts]; zeros leave an expert out of the sum
 * @returns      float[rows, width], Σᵢ gatesᵢ · expertᵢ(x)
 * @source       Shazeer et al. 2017, arXiv:1701.06538, equation 1
 * @example
 * denseExperts(experts, x, noisyTopK(x, gate, { k: 2 }).gates)
 */
export function denseExperts(
  experts: Experts<TensorLike>,
  x: TensorLike,
  gates: TensorLike,
  settings?: ExpertSettings,
): Tensor {
  const shares = expandDims(transpose(gates), -1);
  return sum(mul(runExperts(experts, asTensor(x), settings), shares), { axis: 0 });
}

export interface DispatchSettings extends ExpertSettings {
  /** Rows that an expert takes at most. Default ⌈1.5 · rows · k / experts⌉. */
  readonly capacity?: number;
}

/**
 * A mixture of experts that evaluates each expert only for the rows sent to it. What comes after an expert is full is
 * dropped: it adds nothing to its row.
 *
 * @param x        float[rows, width]
 * @param indices  experts of each row, int32 or int64 [rows, k], in [0, experts)
 * @param weights  their shares, float[rows, k]
 * @returns        y float[rows, width]; dropped, how many of the rows · k places were dropped, float scalar
 * @throws         ShapeError `dispatchExperts/capacity`, `dispatchExperts/places`
 * @source         Shazeer et al. 2017, arXiv:1701.06538, section 3.1; the fixed capacity is that of Lepikhin et al. 2020,
 *                 arXiv:2006.16668, section 2.2
 * @example
 * const { indices, weights } = noisyTopK(x, gate, { k: 2 });
 * const { y, dropped } = dispatchExperts(experts, x, indices, weights);
 */
export function dispatchExperts(
  experts: Experts<TensorLike>,
  x: TensorLike,
  indices: TensorLike,
  weights: TensorLike,
  settings: DispatchSettings = {},
): { y: Tensor; dropped: Tensor } {
  const [input, places, shares] = [asTensor(x), asTensor(indices), asTensor(weights)];
  const [rows, k] = places.shape;
  const width = input.shape[1];
  const count = asTensor(experts.up).shape[0];
  const { capacity = Math.ceil((1.5 * rows * k) / count) } = settings;
  if (places.rank !== 2 || rows !== input.shape[0] || `${shares.shape}` !== `${places.shape}`)
    throw new ShapeError("dispatchExperts/places", "indices and weights are [rows, k] for an input of [rows, width]", {
      operands: { input, indices: places, weights: shares },
    });
  if (!Number.isInteger(capacity) || capacity < 1)
    throw new ShapeError("dispatchExperts/capacity", "an expert takes at least one row", { given: capacity });
  const expertOf = reshape(places, [rows * k]);
  const chosen = oneHot(expertOf, count);
  // How many went to the same expert before.
  const before = cast(sum(mul(chosen, cumSum(chosen, { axis: 0, exclusive: true })), { axis: 1 }), "int64");
  const full = greaterEqual(before, capacity);
  // Seats [expert, place]; everything that is dropped shares one seat behind them.
  const seat = where(full, count * capacity, add(mul(cast(expertOf, "int64"), capacity), before));
  const copies = reshape(broadcastTo(expandDims(input, 1), [rows, k, width]), [rows * k, width]);
  const seated = scatterSet(zeros([count * capacity + 1, width], { dtype: input.dtype }), seat, copies);
  const work = reshape(sliceAxis(seated, 0, 0, count * capacity), [count, capacity, width]);
  const done = reshape(runExperts(experts, work, settings), [count * capacity, width]);
  const results = gather(concat([done, zeros([1, width], { dtype: input.dtype })]), reshape(seat, [rows, k]));
  return { y: sum(mul(results, expandDims(shares, -1)), { axis: 1 }), dropped: sum(cast(full, input.dtype)) };
}
