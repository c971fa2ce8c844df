import { SettingError } from "../../../core/errors.ts";
import type { Gate } from "./circuit.ts";

/** Amplitudes of 2^k basis states; qubit 0 is the highest bit of the index. */
export interface Amplitudes {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

/**
 * Runs a circuit on amplitudes, in place. Qubits beyond those of the circuit are left as they are: a matrix
 * [2^k, columns] with a power of two of columns is a state too, and each of its columns is run.
 *
 * @throws SettingError `quantum/qubits` for sizes that are no power of two, and gates on qubits that there are not
 */
export function applyCircuit({ re, im }: Amplitudes, gates: readonly Gate[]): void {
  const qubits = Math.log2(re.length);
  const outside = gates.some((gate) => (gate.kind === "cx" ? Math.max(gate.c, gate.t) : gate.q) >= qubits);
  if (!Number.isInteger(qubits) || im.length !== re.length || outside)
    throw new SettingError(
      "quantum/qubits",
      "amplitudes of all qubits of the circuit are needed, a power of two of them",
      {
        given: { re: re.length, im: im.length },
      },
    );
  for (const gate of gates)
    if (gate.kind === "cx") flipWhere(re, im, 2 ** (qubits - 1 - gate.c), 2 ** (qubits - 1 - gate.t));
    else {
      const [[a, ai], [b, bi], [c, ci], [d, di]] = gate.m;
      const stride = 2 ** (qubits - 1 - gate.q);
      for (let first = 0; first < re.length; first += 2 * stride)
        for (let zero = first; zero < first + stride; zero++) {
          const one = zero + stride;
          const [x, xi, y, yi] = [re[zero], im[zero], re[one], im[one]];
          re[zero] = a * x - ai * xi + b * y - bi * yi;
          im[zero] = a * xi + ai * x + b * yi + bi * y;
          re[one] = c * x - ci * xi + d * y - di * yi;
          im[one] = c * xi + ci * x + d * yi + di * y;
        }
    }
}

/** Exchanges the amplitudes of both values of the bit `target` wherever the bit `control` is set. */
function flipWhere(re: Float64Array, im: Float64Array, control: number, target: number): void {
  const [large, small] = [Math.max(control, target), Math.min(control, target)];
  // Indices with neither bit, walked in three nested runs.
  for (let i = 0; i < re.length; i += 2 * large)
    for (let j = i; j < i + large; j += 2 * small)
      for (let place = j; place < j + small; place++) {
        const zero = place + control;
        const one = zero + target;
        const [x, xi] = [re[zero], im[zero]];
        re[zero] = re[one];
        im[zero] = im[one];
        re[one] = x;
        im[one] = xi;
      }
}

/**
 * Columns of a circuit's unitary.
 *
 * @param k        qubits
 * @param columns  basis states to start from, a power of two of them. Default: all
 * @returns        amplitudes [2^k, columns], row by row
 * @throws         SettingError `quantum/qubits`
 */
export function unitary(
  gates: readonly Gate[],
  k: number,
  columns: ArrayLike<number> = Array.from({ length: 2 ** k }, (_, index) => index),
): Amplitudes {
  const state = { re: new Float64Array(2 ** k * columns.length), im: new Float64Array(2 ** k * columns.length) };
  for (let column = 0; column < columns.length; column++) state.re[columns[column] * columns.length + column] = 1;
  applyCircuit(state, gates);
  return state;
}
