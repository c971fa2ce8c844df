import { ShapeError } from "../../../core/errors.ts";
import {
  add,
  constant,
  matmul,
  reshape,
  sub,
  type Tensor,
  type TensorLike,
  transpose,
  Value,
} from "../../../core/index.ts";
import { sizeOf } from "../../../core/shape.ts";
import { asTensor } from "../../../core/tensor.ts";
import { convert } from "../../../core/value.ts";
import { cx, type Gate, onQubit } from "./circuit.ts";
import { unitary } from "./statevector.ts";

// Qubits that gates are joined over: products with 8×8 matrices cost no more than the pass over memory.
const joined = 3;

/**
 * A circuit as a function of tensors: compiled, batched, and differentiable in the amplitudes.
 *
 * Gates that follow each other on up to three qubits are first multiplied into one matrix.
 *
 * @param re  real parts, float[2^k] or float[2^k, states]; qubit 0 is the highest bit of the index
 * @param im  imaginary parts, of the same shape
 * @returns   amplitudes after the circuit
 * @throws    ShapeError `quantum/state`
 * @example
 * const run = compile((re: Tensor, im: Tensor) => applyGates(re, im, longRangeCx(0, 9)));
 */
export function applyGates(re: TensorLike, im: TensorLike, gates: readonly Gate[]): { re: Tensor; im: Tensor } {
  let [x, y] = [asTensor(re), asTensor(im)];
  const { shape, dtype } = x;
  const total = Math.log2(shape[0] ?? 0);
  if (!Number.isInteger(total) || x.rank > 2 || y.shape.join() !== shape.join())
    throw new ShapeError("quantum/state", "amplitudes have the shape [2^k] or [2^k, states]", {
      operands: { re: x, im: y },
    });
  for (const { qubits, gates: own } of blocksOf(gates)) {
    const side = 2 ** qubits.length;
    const matrix = unitary(own, qubits.length);
    const part = (data: Float64Array) => constant(new Value(convert(data, dtype), [side, side], dtype));
    const [real, imaginary] = [part(matrix.re), part(matrix.im)];
    const { bring, back } = aside(qubits, total, shape[1] ?? 1);
    const [a, b] = [bring(x), bring(y)];
    const [c, d] = matrix.im.every((one) => one === 0)
      ? [matmul(real, a), matmul(real, b)]
      : [sub(matmul(real, a), matmul(imaginary, b)), add(matmul(real, b), matmul(imaginary, a))];
    [x, y] = [reshape(back(c), shape), reshape(back(d), shape)];
  }
  return { re: x, im: y };
}

interface Block {
  /** Ascending. */
  readonly qubits: readonly number[];
  /** On the qubits 0, 1 and 2 of the block. */
  readonly gates: readonly Gate[];
}

function blocksOf(circuit: readonly Gate[]): Block[] {
  const groups: { qubits: Set<number>; gates: Gate[] }[] = [];
  for (const gate of circuit) {
    const own = gate.kind === "cx" ? [gate.c, gate.t] : [gate.q];
    const last = groups.at(-1);
    const together = new Set([...(last?.qubits ?? []), ...own]);
    if (last && together.size <= joined) {
      last.qubits = together;
      last.gates.push(gate);
    } else groups.push({ qubits: new Set(own), gates: [gate] });
  }
  return groups.map(({ qubits: set, gates }) => {
    const qubits = [...set].sort((a, b) => a - b);
    const at = (qubit: number) => qubits.indexOf(qubit);
    return {
      qubits,
      gates: gates.map((gate) => (gate.kind === "cx" ? cx(at(gate.c), at(gate.t)) : onQubit(at(gate.q), gate.m))),
    };
  });
}

/** Brings amplitudes into the shape [others, 2^qubits, rest], and back again. */
function aside(qubits: readonly number[], total: number, states: number) {
  const sizes = qubits.flatMap((qubit, i) => [2 ** (qubit - (i === 0 ? 0 : qubits[i - 1] + 1)), 2]);
  sizes.push(2 ** (total - 1 - qubits.at(-1)!) * states);
  const gaps = qubits.map((_, i) => 2 * i);
  const order = [...gaps, ...gaps.map((axis) => axis + 1), 2 * qubits.length];
  const others = sizeOf(gaps.map((axis) => sizes[axis]));
  const shape = [others, 2 ** qubits.length, sizes.at(-1)!];
  const moved = order.map((axis) => sizes[axis]);
  const undo = order.map((_, axis) => order.indexOf(axis));
  // Neighbours stand side by side already.
  if (others === sizes[0]) return { bring: (x: Tensor) => reshape(x, shape), back: (x: Tensor) => x };
  return {
    bring: (x: Tensor) => reshape(transpose(reshape(x, sizes), order), shape),
    back: (x: Tensor) => transpose(reshape(x, moved), undo),
  };
}
