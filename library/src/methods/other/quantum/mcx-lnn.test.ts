import { describe, expect, test } from "vitest";
import { uniformSource } from "../../uniform-source.ts";
import { cancel, cnotCount, cx, type Gate, hadamard, inverse, isNearestNeighbour } from "./circuit.ts";
import {
  barencoMcx,
  lineCcz,
  longRangeCx,
  mcxLnn,
  type Placement,
  relativeToffoli,
  route,
  routedCount,
} from "./mcx-lnn.ts";
import { unitary } from "./statevector.ts";

/** Where a basis state goes: the target's bit flips where all controls are 1. */
function image({ controls, target }: Placement, k: number, index: number): number {
  const bit = (qubit: number) => (index >> (k - 1 - qubit)) & 1;
  return controls.every((qubit) => bit(qubit) === 1) ? index ^ (1 << (k - 1 - target)) : index;
}

/** Largest |entry| of the difference from the ideal gate, on a line of k or more qubits. */
function error(circuit: readonly Gate[], placement: Placement, k = placement.k): number {
  const size = 2 ** k;
  const { re, im } = unitary(circuit, k);
  for (let column = 0; column < size; column++) re[image(placement, k, column) * size + column] -= 1;
  let largest = 0;
  for (let i = 0; i < re.length; i++) largest = Math.max(largest, Math.hypot(re[i], im[i]));
  return largest;
}

function* placements(k: number): Generator<Placement & { ancilla: number }> {
  for (let target = 0; target < k; target++)
    for (let ancilla = 0; ancilla < k; ancilla++) {
      if (ancilla === target) continue;
      const rest = Array.from({ length: k }, (_, qubit) => qubit).filter((q) => q !== target && q !== ancilla);
      for (let chosen = 0; chosen < 2 ** rest.length; chosen++)
        yield { k, target, ancilla, controls: rest.filter((_, i) => (chosen >> i) & 1) };
    }
}

describe("parts", () => {
  test("three qubits in a line: CCZ by 8 CNOTs is exact", () => {
    const circuit = lineCcz(0, 1, 2);
    expect(cnotCount(circuit)).toBe(8);
    expect(isNearestNeighbour(circuit)).toBe(true);
    const { re, im } = unitary(circuit, 3);
    for (let i = 0; i < 64; i++) {
      expect(re[i]).toBeCloseTo(i === 63 ? -1 : i % 9 === 0 ? 1 : 0, 12);
      expect(im[i]).toBeCloseTo(0, 12);
    }
  });

  test("a Toffoli up to signs by 5 CNOTs, and back", () => {
    const circuit = relativeToffoli(0, 1, 2);
    expect(cnotCount(circuit)).toBe(5);
    const { re, im } = unitary(circuit, 3);
    for (let column = 0; column < 8; column++)
      for (let row = 0; row < 8; row++) {
        const to = image({ k: 3, controls: [0, 1], target: 2 }, 3, column);
        expect(Math.hypot(re[row * 8 + column], im[row * 8 + column])).toBeCloseTo(row === to ? 1 : 0, 12);
      }
    expect(error([...circuit, ...inverse(circuit)], { k: 3, controls: [0, 1], target: 2 })).toBeGreaterThan(0.5);
    expect(cnotCount(cancel([...circuit, ...inverse(circuit)]))).toBe(0);
  });

  test("a distant CNOT takes 4(D − 1) of neighbours", () => {
    expect(longRangeCx(0, 2)).toEqual([cx(1, 2), cx(0, 1), cx(1, 2), cx(0, 1)]);
    expect(longRangeCx(4, 3)).toEqual([cx(4, 3)]);
    for (const [from, to] of [
      [0, 6],
      [5, 1],
      [2, 5],
    ]) {
      expect(longRangeCx(from, to)).toHaveLength(4 * (Math.abs(from - to) - 1));
      expect(error(longRangeCx(from, to), { k: 7, controls: [from], target: to })).toBeLessThan(1e-12);
    }
  });
});

describe("many controls", () => {
  test("every placement on up to 5 qubits is exact, among neighbours", () => {
    for (const k of [2, 3, 4, 5])
      for (const placement of placements(k)) {
        const circuit = mcxLnn(placement);
        expect(isNearestNeighbour(circuit)).toBe(true);
        expect(error(circuit, placement)).toBeLessThan(1e-9);
      }
  });

  test("twice it is nothing; a mirrored placement costs the same; fewer gates do the same", () => {
    for (const placement of placements(5)) {
      const { k, controls, target, ancilla } = placement;
      const mirror = (qubit: number) => k - 1 - qubit;
      const circuit = mcxLnn(placement);
      const other = mcxLnn({ k, controls: controls.map(mirror), target: mirror(target), ancilla: mirror(ancilla) });
      expect(cnotCount(other)).toBe(cnotCount(circuit));
      const { re } = unitary([...circuit, ...circuit], k);
      for (let i = 0; i < 32; i++) expect(re[33 * i]).toBeCloseTo(1, 9);
      const fewer = cancel(circuit);
      expect(cnotCount(fewer)).toBeLessThanOrEqual(cnotCount(circuit));
      if (controls.length === 3) expect(error(fewer, placement)).toBeLessThan(1e-9);
    }
  });

  test("an ancilla entangled with an outside qubit comes back with its phases", () => {
    // The outside qubit is the last: H on it and a CNOT onto the ancilla, the gate, and both undone.
    for (const placement of [
      { k: 6, controls: [0, 2, 3, 5], target: 1, ancilla: 4 },
      { k: 6, controls: [1, 2, 4], target: 5, ancilla: 0 },
    ]) {
      const prepare: Gate[] = [{ kind: "u", q: 6, m: hadamard }, cx(6, placement.ancilla)];
      const circuit = [...prepare, ...mcxLnn(placement), ...inverse(prepare)];
      expect(error(circuit, placement, 7)).toBeLessThan(1e-9);
    }
  });

  test("a longer line: 128 inputs of 10 qubits, carriers restored", () => {
    const placement = { k: 10, controls: [0, 1, 3, 4, 6, 9], target: 5, ancilla: 8 };
    const columns = Array.from({ length: 128 }, (_, i) => (i * 389 + 1023) % 1024);
    const { re, im } = unitary(mcxLnn(placement), 10, columns);
    columns.forEach((index, column) => {
      const row = image(placement, 10, index);
      expect(Math.hypot(re[row * 128 + column] - 1, im[row * 128 + column])).toBeLessThan(1e-9);
    });
  });

  test("grows linearly with the line and the controls", () => {
    const random = uniformSource(2);
    for (const [k, n] of [
      [32, 2],
      [64, 62],
      [100, 40],
    ])
      for (let round = 0; round < 5; round++) {
        const order = Array.from({ length: k }, (_, qubit) => [random.uniform(), qubit])
          .sort((a, b) => a[0] - b[0])
          .map(([, qubit]) => qubit);
        const circuit = mcxLnn({ k, target: order[0], ancilla: order[1], controls: order.slice(2, 2 + n) });
        expect(cnotCount(circuit)).toBeLessThanOrEqual(22 * k + 24 * n + 60);
        expect(isNearestNeighbour(circuit)).toBe(true);
      }
  });

  test("in another basis: Z with controls is a sign", () => {
    const { re } = unitary(mcxLnn({ k: 4, controls: [0, 3], target: 1, ancilla: 2, basis: hadamard }), 4);
    for (let i = 0; i < 16; i++) expect(re[17 * i]).toBeCloseTo((i & 0b1101) === 0b1101 ? -1 : 1, 9);
  });

  test("no place twice, none outside, no missing ancilla", () => {
    const refused = expect.objectContaining({ code: "mcx/placement" });
    expect(() => mcxLnn({ k: 3, controls: [0, 1], target: 2 })).toThrow(refused);
    expect(() => mcxLnn({ k: 3, controls: [0], target: 0 })).toThrow(refused);
    expect(() => mcxLnn({ k: 3, controls: [3], target: 0 })).toThrow(refused);
  });
});

describe("baseline", () => {
  test("exact for every placement of up to 5 qubits, also when routed", () => {
    for (const k of [3, 4, 5])
      for (const placement of placements(k)) {
        const circuit = barencoMcx(placement);
        expect(error(circuit, placement)).toBeLessThan(1e-9);
        if (k < 4 || placement.controls.length === 3)
          for (const routing of ["swap", "ladder"] as const) {
            const routed = route(circuit, routing);
            expect(isNearestNeighbour(routed)).toBe(true);
            expect(cnotCount(routed)).toBe(routedCount(circuit, routing));
            if (k < 5) expect(error(routed, placement)).toBeLessThan(1e-9);
          }
      }
  });

  test("six controls need carriers", () => {
    const placement = { k: 8, controls: [0, 1, 3, 5, 6, 7], target: 4, ancilla: 2 };
    const columns = [255, 254, 247, 0, 239, 223, 127, 85];
    const { re } = unitary(barencoMcx(placement), 8, columns);
    columns.forEach((index, column) => {
      expect(re[image(placement, 8, index) * 8 + column]).toBeCloseTo(1, 9);
    });
  });
});
