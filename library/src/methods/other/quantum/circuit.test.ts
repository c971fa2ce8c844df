import { describe, expect, test } from "vitest";
import { compile, type Tensor, Value } from "../../../index.ts";
import { check } from "../../../testing/index.ts";
import { uniformSource } from "../../uniform-source.ts";
import {
  cancel,
  cnotCount,
  cx,
  type Gate,
  hadamard,
  inverse,
  isNearestNeighbour,
  onQubit,
  pauliX,
  phase,
  rotationY,
} from "./circuit.ts";
import { applyGates } from "./simulate-graph.ts";
import { type Amplitudes, applyCircuit, unitary } from "./statevector.ts";

const random = uniformSource(1);
const below = (count: number) => Math.floor(random.uniform() * count);

/** Gates at random, from few kinds, so that many of them meet. */
function randomCircuit(k: number, length: number): Gate[] {
  const singles = [pauliX, hadamard, phase(Math.PI / 4), phase(-Math.PI / 4), rotationY(0.3)];
  return Array.from({ length }, () => {
    const c = below(k);
    return random.uniform() < 0.6 ? cx(c, (c + 1 + below(k - 1)) % k) : onQubit(c, singles[below(5)]);
  });
}

const distance = (a: Amplitudes, b: Amplitudes) =>
  Math.max(...a.re.map((one, i) => Math.hypot(one - b.re[i], a.im[i] - b.im[i])));

describe("amplitudes", () => {
  test("qubit 0 is the highest bit", () => {
    const columns = (gates: Gate[]) => [...unitary(gates, 2, [2]).re];
    expect(columns([])).toEqual([0, 0, 1, 0]);
    expect(columns([cx(0, 1)])).toEqual([0, 0, 0, 1]);
    expect(columns([onQubit(1, pauliX)])).toEqual([0, 0, 0, 1]);
    expect(columns([onQubit(0, pauliX)])).toEqual([1, 0, 0, 0]);
  });

  test("a circuit and its inverse do nothing, and lengths stay 1", () => {
    const gates = randomCircuit(4, 60);
    expect(distance(unitary([...gates, ...inverse(gates)], 4), unitary([], 4))).toBeLessThan(1e-12);
    const { re, im } = unitary(gates, 4, [5]);
    expect(re.reduce((sum, one, i) => sum + one ** 2 + im[i] ** 2, 0)).toBeCloseTo(1, 12);
  });

  test("what has no power of two, or not enough qubits, is refused", () => {
    const refused = expect.objectContaining({ code: "quantum/qubits" });
    const of = (size: number) => ({ re: new Float64Array(size), im: new Float64Array(size) });
    expect(() => applyCircuit(of(6), [])).toThrow(refused);
    expect(() => applyCircuit(of(4), [cx(0, 2)])).toThrow(refused);
  });
});

describe("cancel", () => {
  test("keeps the unitary and never adds a CNOT", () => {
    for (let round = 0; round < 60; round++) {
      const gates = randomCircuit(3, 40);
      const fewer = cancel(gates);
      expect(distance(unitary(fewer, 3), unitary(gates, 3))).toBeLessThan(1e-10);
      expect(cnotCount(fewer)).toBeLessThanOrEqual(cnotCount(gates));
    }
  });

  test("gates meet across others that they commute with, and no others", () => {
    expect(cancel([cx(0, 1), cx(2, 1), cx(0, 3), cx(0, 1)])).toEqual([cx(2, 1), cx(0, 3)]);
    expect(cancel([cx(0, 1), cx(1, 2), cx(0, 1)])).toHaveLength(3);
    expect(cancel([cx(0, 1), onQubit(0, phase(1)), cx(0, 1)])).toEqual([onQubit(0, phase(1))]);
    expect(cancel([cx(0, 1), onQubit(1, phase(1)), cx(0, 1)])).toHaveLength(3);
    expect(cancel([cx(0, 1), onQubit(1, pauliX), cx(0, 1)])).toEqual([onQubit(1, pauliX)]);
    expect(cancel([onQubit(0, hadamard), cx(1, 2), onQubit(0, hadamard)])).toEqual([cx(1, 2)]);
    expect(cancel([])).toEqual([]);
  });

  test("a circuit followed by its inverse vanishes", () => {
    const gates = randomCircuit(5, 80);
    expect(cnotCount(cancel([...gates, ...inverse(gates)]))).toBe(0);
  });
});

test("neighbours: distance one, either way", () => {
  expect(isNearestNeighbour([cx(1, 0), cx(1, 2), onQubit(7, pauliX)])).toBe(true);
  expect(isNearestNeighbour([cx(0, 2)])).toBe(false);
});

describe("as a graph", () => {
  test("agrees with the plain simulation, neighbours or not, one state or many", async () => {
    const gates = randomCircuit(5, 60);
    const { re, im } = unitary(gates, 5);
    const identity = Float32Array.from({ length: 1024 }, (_, i) => (i % 33 === 0 ? 1 : 0));
    const run = compile((x: Tensor, y: Tensor) => applyGates(x, y, gates));
    const found = await run(new Value(identity, [32, 32]), new Value(new Float32Array(1024), [32, 32]));
    const [x, y] = [found.re.toFloat64(), found.im.toFloat64()];
    expect(distance({ re: x, im: y }, { re, im })).toBeLessThan(1e-5);
    const one = await run(new Value(identity.slice(0, 32), [32]), new Value(new Float32Array(32), [32]));
    expect(Math.max(...one.re.toFloat64().map((part, i) => Math.abs(part - re[32 * i])))).toBeLessThan(1e-5);
  });

  test("executors, gradients and batching agree", async () => {
    const part = () => new Value(Float64Array.from({ length: 16 }, random.uniform), [8, 2], "float64");
    await check((x, y) => Object.values(applyGates(x, y, randomFixed)), [part(), part()], { rtol: 1e-5, atol: 1e-5 });
    expect(() => applyGates(new Value(new Float32Array(6), [6]) as never, part() as never, [])).toThrow(
      expect.objectContaining({ code: "quantum/state" }),
    );
  });
});

const randomFixed = randomCircuit(3, 12);
