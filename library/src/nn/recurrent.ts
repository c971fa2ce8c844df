import { ShapeError } from "../core/errors.ts";
import {
  add,
  mul,
  scan,
  sigmoid,
  split,
  splitAxis,
  sub,
  type Tensor,
  type TensorLike,
  tanh,
  zeros,
} from "../core/index.ts";
import { asTensor } from "../core/tensor.ts";
import { type Initialiser, uniformOf } from "./initialisers.ts";
import { initLinear, type Linear, linear } from "./linear.ts";

/** Parameters of a recurrent layer: what the input and what the last state add to all gates. */
export interface Recurrent<T = Tensor> {
  /** in → gates · width */
  readonly input: Linear<T>;
  /** width → gates · width */
  readonly hidden: Linear<T>;
}

export interface RecurrentOptions {
  /** Width of the input. */
  readonly in: number;
  /** Width of the state. */
  readonly width: number;
  /** Default uniform in ±1/√width, biases included. */
  readonly initialiser?: Initialiser;
}

const initRecurrent =
  (gates: number) =>
  (
    key: TensorLike,
    { in: inputs, width, initialiser = uniformOf(1 / Math.sqrt(width)) }: RecurrentOptions,
  ): Recurrent => {
    const [inputKey, hiddenKey] = split(key);
    const shared = { out: gates * width, initialiser, biasInitialiser: initialiser };
    return {
      input: initLinear(inputKey, { in: inputs, ...shared }),
      hidden: initLinear(hiddenKey, { in: width, ...shared }),
    };
  };

/** First parameters of a GRU: gates in the order reset, update, candidate. */
export const initGru = initRecurrent(3);

/** First parameters of an LSTM: gates in the order input, forget, candidate, output. */
export const initLstm = initRecurrent(4);

/** Directions and first states of a recurrent layer. */
export interface RecurrentSettings<S> {
  /** Default zeros. */
  readonly state?: S;
  /** From the last time to the first; outputs still stand at their times. Default false. */
  readonly reverse?: boolean;
}

/** What all times give, and the state after the last one. */
export interface RecurrentResult<S> {
  /** float[batch, time, width] */
  readonly outputs: Tensor;
  readonly state: S;
}

/** What the input adds to the gates at all times: one large product before the loop. */
function prepare({ input, hidden }: Recurrent<TensorLike>, x: TensorLike) {
  const tensor = asTensor(x);
  if (tensor.rank !== 3)
    throw new ShapeError("recurrent/rank", `expected [batch, time, width], got [${tensor.shape}]`, {
      operands: { input: tensor },
      fix: "add an axis for a batch of one: expandDims(x, 0)",
    });
  const width = asTensor(hidden.weight).shape[0];
  return { gates: linear(input, tensor), first: zeros([tensor.shape[0], width], { dtype: tensor.dtype }) };
}

/**
 * A gated recurrent unit over a sequence.
 *
 *     r = σ(Wᵣx + Uᵣh),  u = σ(Wᵤx + Uᵤh),  n = tanh(Wₙx + r · Uₙh),  h ← (1 − u) · n + u · h
 *
 * with biases in W and in U; that of Uₙ stands inside the product with r.
 *
 * @param x        float[batch, time, in]
 * @param state    first state, float[batch, width]. Default zeros
 * @returns        outputs float[batch, time, width] and the last state float[batch, width]
 * @source         Cho et al. 2014, arXiv:1406.1078, with the reset after the product as in common implementations
 */
export function gru(
  params: Recurrent<TensorLike>,
  x: TensorLike,
  { state, reverse }: RecurrentSettings<TensorLike> = {},
): RecurrentResult<Tensor> {
  const { gates, first } = prepare(params, x);
  const [last, outputs] = scan(
    (h: Tensor, fromInput: Tensor) => {
      const [ri, ui, ni] = splitAxis(fromInput, 3, { axis: -1 });
      const [rh, uh, nh] = splitAxis(linear(params.hidden, h), 3, { axis: -1 });
      const candidate = tanh(add(ni, mul(sigmoid(add(ri, rh)), nh)));
      const next = add(candidate, mul(sigmoid(add(ui, uh)), sub(h, candidate)));
      return [next, next];
    },
    state === undefined ? first : asTensor(state),
    gates,
    { axis: 1, reverse },
  );
  return { outputs, state: last };
}

/** The two parts of an LSTM's state, each [batch, width]. */
export interface LstmState<T = Tensor> {
  readonly hidden: T;
  readonly cell: T;
}

/**
 * Long short-term memory over a sequence.
 *
 *     c ← σ(f) · c + σ(i) · tanh(g),  h = σ(o) · tanh(c),  with i, f, g, o linear in x and h
 *
 * @param x      float[batch, time, in]
 * @param state  first hidden state and cell, float[batch, width] each. Default zeros
 * @returns      outputs float[batch, time, width] and the last state
 * @source       Hochreiter & Schmidhuber 1997; with forget gates: Gers, Schmidhuber & Cummins 2000
 */
export function lstm(
  params: Recurrent<TensorLike>,
  x: TensorLike,
  { state, reverse }: RecurrentSettings<LstmState<TensorLike>> = {},
): RecurrentResult<LstmState> {
  const { gates, first } = prepare(params, x);
  const start: LstmState =
    state === undefined
      ? { hidden: first, cell: first }
      : { hidden: asTensor(state.hidden), cell: asTensor(state.cell) };
  const [last, outputs] = scan(
    ({ hidden, cell }: LstmState, fromInput: Tensor) => {
      const [i, f, g, o] = splitAxis(add(fromInput, linear(params.hidden, hidden)), 4, { axis: -1 });
      const kept = add(mul(sigmoid(f), cell), mul(sigmoid(i), tanh(g)));
      const next = mul(sigmoid(o), tanh(kept));
      return [{ hidden: next, cell: kept }, next];
    },
    start,
    gates,
    { axis: 1, reverse },
  );
  return { outputs, state: last };
}
