import {
  abs,
  add,
  cast,
  clip,
  div,
  exp,
  less,
  matmul,
  maximum,
  minimum,
  mul,
  range,
  relu,
  reshape,
  scan,
  sigmoid,
  slice,
  sliceAxis,
  softplus,
  splitAxis,
  stack,
  sub,
  type Tensor,
  tanh,
  transpose,
  where,
  zeros,
} from "../../../core/index.ts";
import type { Converter, Converters, NodeContext } from "../context.ts";
import { Unsupported } from "../faults.ts";

type Activation = (x: Tensor) => Tensor;

/** The activation functions that recurrent operators may name, with the format's defaults for their numbers. */
function activationOf(name: string, alpha: number | undefined, beta: number | undefined): Activation {
  switch (name.toLowerCase()) {
    case "affine":
      return (x) => add(mul(x, alpha ?? 1), beta ?? 0);
    case "elu":
      return (x) => where(less(x, 0), mul(sub(exp(minimum(x, 0)), 1), alpha ?? 1), x);
    case "hardsigmoid":
      return (x) => clip(add(mul(x, alpha ?? 0.2), beta ?? 0.5), 0, 1);
    case "leakyrelu":
      return (x) => where(less(x, 0), mul(x, alpha ?? 0.01), x);
    case "relu":
      return relu;
    case "scaledtanh":
      return (x) => mul(tanh(mul(x, beta ?? 1)), alpha ?? 1);
    case "sigmoid":
      return sigmoid;
    case "softplus":
      return softplus;
    case "softsign":
      return (x) => div(x, add(abs(x), 1));
    case "tanh":
      return tanh;
    case "thresholdedrelu":
      return (x) => where(less(x, alpha ?? 1), 0, x);
    default:
      throw new Unsupported(`it has the activation "${name}"`);
  }
}

/** The weights and functions of one direction. */
interface Direction {
  /** Inputs to gates, [gates·hidden, input]; states to gates, [gates·hidden, hidden]; both biases, [gates·hidden]. */
  input: Tensor;
  state: Tensor;
  inputBias: Tensor;
  stateBias: Tensor;
  peephole?: Tensor;
  activations: Activation[];
  clipAt: number;
}

/** One step: what the input gives to the gates and the states so far, to the next states; the first is the output. */
type Cell = (gates: Tensor, states: readonly Tensor[], weights: Direction) => Tensor[];

const clipped = (x: Tensor, at: number): Tensor => (at > 0 ? maximum(minimum(x, at), -at) : x);

const rnnCell: Cell = (gates, [h], { state, stateBias, activations: [f], clipAt }) => [
  f(clipped(add(gates, add(matmul(h, state, { transposeB: true }), stateBias)), clipAt)),
];

const gruCell =
  (linearBeforeReset: boolean): Cell =>
  (gates, [h], { state, stateBias, activations: [f, g], clipAt }) => {
    const [updateIn, resetIn, newIn] = splitAxis(gates, 3, { axis: 1 });
    const [updateState, resetState, newState] = splitAxis(state, 3);
    const [updateBias, resetBias, newBias] = splitAxis(stateBias, 3);
    const from = (x: Tensor, weights: Tensor, bias: Tensor) => add(matmul(x, weights, { transposeB: true }), bias);
    const update = f(clipped(add(updateIn, from(h, updateState, updateBias)), clipAt));
    const reset = f(clipped(add(resetIn, from(h, resetState, resetBias)), clipAt));
    const recalled = linearBeforeReset
      ? mul(reset, from(h, newState, newBias))
      : from(mul(reset, h), newState, newBias);
    const fresh = g(clipped(add(newIn, recalled), clipAt));
    return [add(mul(sub(1, update), fresh), mul(update, h))];
  };

const lstmCell =
  (coupled: boolean): Cell =>
  (gates, [h, c], { state, stateBias, peephole, activations: [f, g, k], clipAt }) => {
    const all = add(gates, add(matmul(h, state, { transposeB: true }), stateBias));
    const [inputGate, outputGate, forgetGate, cell] = splitAxis(all, 4, { axis: 1 });
    const [inputPeep, outputPeep, forgetPeep] = peephole ? splitAxis(peephole, 3) : [];
    const peeped = (gate: Tensor, weights: Tensor | undefined, memory: Tensor) =>
      clipped(weights ? add(gate, mul(weights, memory)) : gate, clipAt);
    const i = f(peeped(inputGate, inputPeep, c));
    const keep = coupled ? sub(1, i) : f(peeped(forgetGate, forgetPeep, c));
    const memory = add(mul(keep, c), mul(i, g(clipped(cell, clipAt))));
    const o = f(peeped(outputGate, outputPeep, memory));
    return [mul(o, k(memory)), memory];
  };

interface Kind {
  gates: number;
  /** Activations where the node names none. */
  activations: readonly string[];
  cell: (node: NodeContext) => Cell;
  /** Inputs with the initial states. */
  states: readonly number[];
}

/** Sequences up to this length become a chain of steps, which is faster than a loop; longer ones a loop. */
const longestUnrolled = 4;

/** Steps through time in one direction; sequences shorter than the longest keep their last state and give zeros. */
function unroll(
  x: Tensor,
  initial: readonly Tensor[],
  lengths: Tensor | undefined,
  cell: Cell,
  weights: Direction,
  reverse: boolean,
) {
  const [time, batch, width] = x.shape;
  // What the inputs give to all gates is one product for the whole sequence.
  const flat = add(matmul(reshape(x, [time * batch, width]), weights.input, { transposeB: true }), weights.inputBias);
  const gates = reshape(flat, [time, batch, flat.shape[1]]);
  const step = (states: readonly Tensor[], gate: Tensor, at: Tensor): [Tensor[], Tensor] => {
    const next = cell(gate, states, weights);
    if (!lengths) return [next, next[0]];
    const running = less(reshape(at, [1, 1]), lengths);
    return [next.map((one, i) => where(running, one, states[i])), where(running, next[0], 0)];
  };
  const places = range(time, { dtype: "int32" });
  if (time > longestUnrolled) {
    const loop = (states: Tensor[], given: { gate: Tensor; at: Tensor }) => step(states, given.gate, given.at);
    const [states, outputs] = scan(loop as any, [...initial], { gate: gates, at: places }, { reverse });
    return { outputs: outputs as Tensor, states: states as Tensor[] };
  }
  const outputs: Tensor[] = [];
  let states = [...initial];
  for (let k = 0; k < time; k++) {
    const at = reverse ? time - 1 - k : k;
    [states, outputs[at]] = step(states, slice(gates, [at]), slice(places, [at]));
  }
  return { outputs: stack(outputs), states };
}

const recurrent =
  ({ gates, activations, cell, states }: Kind): Converter =>
  (node) => {
    const { attributes } = node;
    const batchFirst = attributes.int("layout", 0) === 1;
    const given = node.tensor(0);
    const x = batchFirst ? transpose(given, [1, 0, 2]) : given;
    const [_time, batch] = x.shape;
    const hidden = attributes.int("hidden_size") ?? node.tensor(2).shape[2];
    const direction = attributes.string("direction", "forward");
    const count = direction === "bidirectional" ? 2 : 1;
    const lengths = node.optional(4);
    const rows = lengths && reshape(cast(lengths, "int32"), [batch, 1]);
    const names = attributes.strings("activations") ?? Array.from({ length: count }, () => activations).flat();
    const [alphas, betas] = [attributes.floats("activation_alpha") ?? [], attributes.floats("activation_beta") ?? []];
    const part = (input: number, d: number): Tensor | undefined => {
      const tensor = node.optional(input);
      return tensor && reshape(sliceAxis(tensor, 0, d, d + 1), tensor.shape.slice(1));
    };
    const startOf = (input: number, d: number): Tensor => {
      const tensor = node.optional(input);
      if (!tensor) return zeros([batch, hidden], { dtype: x.dtype });
      const axis = batchFirst ? 1 : 0;
      return reshape(sliceAxis(tensor, axis, d, d + 1), [batch, hidden]);
    };
    const results = Array.from({ length: count }, (_, d) => {
      const bias = part(3, d);
      const [inputBias, stateBias] = bias
        ? splitAxis(bias, 2)
        : [zeros([gates * hidden], { dtype: x.dtype }), zeros([gates * hidden], { dtype: x.dtype })];
      const own = names.slice(d * activations.length, (d + 1) * activations.length);
      const weights: Direction = {
        input: part(1, d)!,
        state: part(2, d)!,
        inputBias,
        stateBias,
        peephole: part(7, d),
        activations: own.map((name, i) =>
          activationOf(name, alphas[d * activations.length + i], betas[d * activations.length + i]),
        ),
        clipAt: attributes.float("clip", 0),
      };
      const initial = states.map((input) => startOf(input, d));
      return unroll(x, initial, rows, cell(node), weights, direction === "reverse" || d === 1);
    });
    const all = stack(
      results.map(({ outputs }) => outputs),
      { axis: 1 },
    );
    const last = states.map((_, i) => stack(results.map((one) => one.states[i])));
    if (!batchFirst) return [all, ...last];
    return [transpose(all, [2, 0, 1, 3]), ...last.map((one) => transpose(one, [1, 0, 2]))];
  };

export const recurrentOperators: Converters = {
  GRU: recurrent({
    gates: 3,
    activations: ["Sigmoid", "Tanh"],
    cell: (node) => gruCell(node.attributes.int("linear_before_reset", 0) === 1),
    states: [5],
  }),
  LSTM: recurrent({
    gates: 4,
    activations: ["Sigmoid", "Tanh", "Tanh"],
    cell: (node) => lstmCell(node.attributes.int("input_forget", 0) === 1),
    states: [5, 6],
  }),
  RNN: recurrent({ gates: 1, activations: ["Tanh"], cell: () => rnnCell, states: [5] }),
};
