import { describe, expect, test } from "vitest";
import { flip, key, type Tensor, type Value, value } from "../core/index.ts";
import { evaluate } from "../runtime/index.ts";
import { check, expectClose, oracle } from "../testing/check.ts";
import { gru, initGru, initLstm, lstm, type Recurrent } from "./index.ts";

const numbers = (seed: number, ...shape: number[]): Value =>
  value(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) =>
      Math.sin(12.9898 * (i + 1) + 78.2 * seed),
    ),
    { shape },
  );
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const x = numbers(1, 2, 3, 2);

/** The parameters of a layer of one input and one state, each gate with weight, bias, and the same for the state. */
const single = (gates: readonly (readonly [number, number, number, number])[]) => ({
  input: { weight: value([gates.map(([w]) => w)]), bias: value(gates.map(([, b]) => b)) },
  hidden: { weight: value([gates.map(([, , u]) => u)]), bias: value(gates.map(([, , , c]) => c)) },
});
const sequence = [0.5, -1, 2];
const signal = value([sequence.map((one) => [one])]);

describe("gru", () => {
  test("executors, gradient, batching", async () => {
    const params = await evaluate(initGru(key(1), { in: 2, width: 3 }));
    const state = numbers(2, 2, 3);
    const fn = (a: Tensor, h: Tensor, weight: Tensor) => {
      const { outputs, state: last } = gru({ ...params, hidden: { ...params.hidden, weight } }, a, { state: h });
      return [outputs, last];
    };
    await check(fn as (...inputs: Tensor[]) => unknown, [x, state, params.hidden.weight], { rtol: 1e-4, atol: 1e-5 });
  });

  test("three steps by hand", () => {
    const gates = [
      [0.4, 0.1, -0.3, 0.2],
      [-0.7, 0.3, 0.6, -0.1],
      [1.1, -0.2, 0.8, 0.5],
    ] as const;
    let h = 0;
    const expected = sequence.map((one) => {
      const [r, u] = gates.slice(0, 2).map(([w, b, v, c]) => sigmoid(w * one + b + v * h + c));
      const [w, b, v, c] = gates[2];
      const n = Math.tanh(w * one + b + r * (v * h + c));
      h = (1 - u) * n + u * h;
      return h;
    });
    const [outputs, last] = oracle(
      (a) => {
        const result = gru(single(gates), a);
        return [result.outputs, result.state];
      },
      [signal],
    );
    expectClose(outputs, expected);
    expectClose(last, [h]);
  });
});

describe("lstm", () => {
  test("executors, gradient, batching", async () => {
    const params = await evaluate(initLstm(key(1), { in: 2, width: 3 }));
    const fn = (a: Tensor, h: Tensor, cell: Tensor) => {
      const { outputs, state } = lstm(params, a, { state: { hidden: h, cell } });
      return [outputs, state.hidden, state.cell];
    };
    await check(fn as (...inputs: Tensor[]) => unknown, [x, numbers(2, 2, 3), numbers(3, 2, 3)], {
      rtol: 1e-4,
      atol: 1e-5,
    });
  });

  test("three steps by hand", () => {
    const gates = [
      [0.4, 0.1, -0.3, 0.2],
      [-0.7, 0.3, 0.6, -0.1],
      [1.1, -0.2, 0.8, 0.5],
      [0.2, 0.6, -0.9, 0.3],
    ] as const;
    let [h, cell] = [0, 0];
    const expected = sequence.map((one) => {
      const [i, f, g, o] = gates.map(([w, b, v, c]) => w * one + b + v * h + c);
      cell = sigmoid(f) * cell + sigmoid(i) * Math.tanh(g);
      h = sigmoid(o) * Math.tanh(cell);
      return h;
    });
    const [outputs, hidden, last] = oracle(
      (a) => {
        const result = lstm(single(gates), a);
        return [result.outputs, result.state.hidden, result.state.cell];
      },
      [signal],
    );
    expectClose(outputs, expected);
    expectClose(hidden, [h]);
    expectClose(last, [cell]);
  });
});

describe.each([
  ["gru", initGru, (p: Concrete, a: Tensor, reverse: boolean) => gru(p, a, { reverse }).outputs],
  ["lstm", initLstm, (p: Concrete, a: Tensor, reverse: boolean) => lstm(p, a, { reverse }).outputs],
] as const)("%s", (_, init, run) => {
  test("in reverse is the flipped sequence, flipped", async () => {
    const params = await evaluate(init(key(3), { in: 2, width: 3 }));
    const [backwards, flipped] = oracle(
      (a) => [run(params, a, true), flip(run(params, flip(a, { axis: 1 }), false), { axis: 1 })],
      [x],
    );
    expectClose(backwards, flipped, { rtol: 1e-12 });
  });

  test("a sequence without batch is named", async () => {
    const params = await evaluate(init(key(3), { in: 2, width: 3 }));
    expect(() => run(params, numbers(1, 3, 2) as never, false)).toThrowError(
      expect.objectContaining({ code: "recurrent/rank" }),
    );
  });
});

type Concrete = Recurrent<Value>;
