import { SettingError } from "../../../core/errors.ts";
import {
  adjoint,
  cnotCount,
  cx,
  type Gate,
  hadamard,
  inverse,
  onQubit,
  pauliX,
  phase,
  type QubitMatrix,
  rotationY,
} from "./circuit.ts";

/** Where the qubits of a gate with many controls stand on a line. */
export interface Placement {
  /** Length of the line. */
  readonly k: number;
  /** Positions of the controls, all different. */
  readonly controls: readonly number[];
  readonly target: number;
  /** A qubit in any state, which it has again afterwards. Needed from two controls on. */
  readonly ancilla?: number;
}

export interface McxOptions extends Placement {
  /** S, to apply U = S·X·S† to the target in place of X: a Hadamard for the gate Z. */
  readonly basis?: QubitMatrix;
}

/**
 * A step of a chain: `to` changes where `from`, and `control` where there is one, are 1.
 */
interface Link {
  readonly from: number;
  readonly control?: number;
  readonly to: number;
}

/** How a link becomes gates: exactly, or up to signs that a later inverse takes back. */
type Write = (link: Link) => Gate[];

/**
 * NOT on one qubit where all controls are 1, by controlled NOTs between neighbours on a line alone.
 *
 * Ancilla d and target t are swapped to the ends of the line. Controls go alternately to A and B, and
 *
 *     t ^= d·∧B,  d ^= ∧A,  t ^= d·∧B,  d ^= ∧A
 *
 * gives t ^= ∧A·∧B with d as it was. Each of the four is a chain along the line in which every qubit that is no control
 * of it carries an intermediate result: idle qubits and the controls of the other half are borrowed and come back. At most
 * 16k + 24n CNOTs and a constant, and the swaps' 6k.
 *
 * @throws SettingError `mcx/placement` for positions outside of the line or taken twice, and a missing ancilla
 * @source own derivation; splitting after Barenco et al. 1995, arXiv:quant-ph/9503016, Lemma 7.3
 * @example
 * const circuit = mcxLnn({ k: 6, controls: [0, 2, 5], target: 3, ancilla: 1 });
 * isNearestNeighbour(circuit)   // true
 */
export function mcxLnn(options: McxOptions): Gate[] {
  const { k, controls, target, ancilla, basis } = options;
  requirePlacement(options);
  if (basis) {
    const { basis: _, ...plain } = options;
    return [onQubit(target, adjoint(basis)), ...mcxLnn(plain), onQubit(target, basis)];
  }
  if (controls.length === 0) return [onQubit(target, pauliX)];
  if (controls.length === 1) return longRangeCx(controls[0], target);
  const mirror = (qubit: number) => k - 1 - qubit;
  const straight = acrossLine(k, controls, target, ancilla!);
  const mirrored = acrossLine(k, controls.map(mirror), mirror(target), mirror(ancilla!));
  if (cnotCount(straight) <= cnotCount(mirrored)) return straight;
  return mirrored.map((gate) =>
    gate.kind === "cx" ? cx(mirror(gate.c), mirror(gate.t)) : onQubit(mirror(gate.q), gate.m),
  );
}

/** With the ancilla brought to position 0 and the target to position k − 1. */
function acrossLine(k: number, controls: readonly number[], target: number, ancilla: number): Gate[] {
  // What stands at each position, as swaps go on.
  const line = Array.from({ length: k }, (_, qubit) => qubit);
  const swaps: Gate[] = [];
  const move = (qubit: number, end: number) => {
    for (let at = line.indexOf(qubit); at !== end; ) {
      const next = at + Math.sign(end - at);
      swaps.push(...swap(at, next));
      [line[at], line[next]] = [line[next], line[at]];
      at = next;
    }
  };
  move(ancilla, 0);
  move(target, k - 1);
  const ordered = controls.map((qubit) => line.indexOf(qubit)).sort((a, b) => a - b);
  const a = ordered.filter((_, i) => i % 2 === 0);
  const b = ordered.filter((_, i) => i % 2 === 1);
  const half = chain(links(a, 0), exactLink, relativeLink);
  const whole = chain(links([0, ...b], k - 1), exactLink, relativeLink);
  return [...swaps, ...whole, ...half, ...whole, ...half, ...inverse(swaps)];
}

const swap = (one: number, other: number): Gate[] => [cx(one, other), cx(other, one), cx(one, other)];

/** The links from the farthest of `controls` to `end`: every qubit on the way that is no control carries. */
function links(controls: readonly number[], end: number): Link[] {
  const start = controls.reduce((far, control) => (Math.abs(control - end) > Math.abs(far - end) ? control : far));
  const found: Link[] = [];
  let from = start;
  let control: number | undefined;
  for (let at = start; at !== end; ) {
    at += Math.sign(end - start);
    if (controls.includes(at)) control = at;
    else {
      found.push({ from, control, to: at });
      [from, control] = [at, undefined];
    }
  }
  return found;
}

/**
 * The last link's `to` changes where all that the links start from and are controlled by is 1; carriers come back.
 *
 * With V the links before the last, forth and back, the last carrier p gains the product P of all before it; the last
 * link, V, the last link, V⁻¹ then give p·c ⊕ (p ⊕ P)·c = P·c.
 */
function chain(links: readonly Link[], exact: Write, inner: Write): Gate[] {
  const last = exact(links.at(-1)!);
  if (links.length === 1) return last;
  const before = links.slice(0, -1);
  const down = before.map((_, i) => before[before.length - 1 - i]);
  const v = [...down, ...before.slice(1)].flatMap(inner);
  return [...last, ...v, ...last, ...inverse(v)];
}

/**
 * A controlled NOT between qubits at any distance D on the line, by 4(D − 1) CNOTs between neighbours; what lies between
 * may be in any state.
 */
export function longRangeCx(from: number, to: number): Gate[] {
  const away = Math.abs(to - from);
  const path = Array.from({ length: away }, (_, i) => ({
    from: from + i * Math.sign(to - from),
    to: from + (i + 1) * Math.sign(to - from),
  }));
  return chain(path, exactLink, exactLink);
}

function exactLink({ from, control, to }: Link): Gate[] {
  if (control === undefined) return [cx(from, to)];
  return [onQubit(to, hadamard), ...lineCcz(from, control, to), onQubit(to, hadamard)];
}

/** −1 where a, b and c are 1, with b between the others: 8 CNOTs. Parities of one and three turn forth, of two back. */
export function lineCcz(a: number, b: number, c: number): Gate[] {
  const t = (qubit: number) => onQubit(qubit, phase(Math.PI / 4));
  const back = (qubit: number) => onQubit(qubit, phase(-Math.PI / 4));
  return [
    ...[t(a), t(b), t(c), cx(b, c), back(c), cx(a, b), back(b), cx(b, c), back(c), cx(a, b)],
    ...[cx(b, c), t(c), cx(a, b), cx(b, c), cx(a, b)],
  ];
}

/** z changes where x and c are 1, up to signs: 5 CNOTs, with c between the others. */
export function relativeToffoli(x: number, c: number, z: number): Gate[] {
  const turn = onQubit(z, rotationY(Math.PI / 4));
  const back = onQubit(z, rotationY(-Math.PI / 4));
  const flipped = onQubit(x, pauliX);
  return [flipped, turn, cx(c, z), turn, cx(x, c), cx(c, z), cx(x, c), back, cx(c, z), back, flipped];
}

const relativeLink: Write = ({ from, control, to }) =>
  control === undefined ? [cx(from, to)] : relativeToffoli(from, control, to);

/** An exact Toffoli on any three qubits, 6 CNOTs. @source Nielsen & Chuang 2000, figure 4.9 */
export function toffoli(a: number, b: number, target: number): Gate[] {
  const t = (qubit: number) => onQubit(qubit, phase(Math.PI / 4));
  const back = (qubit: number) => onQubit(qubit, phase(-Math.PI / 4));
  const h = onQubit(target, hadamard);
  return [
    ...[h, cx(b, target), back(target), cx(a, target), t(target), cx(b, target), back(target), cx(a, target)],
    ...[t(b), t(target), h, cx(a, b), t(a), back(b), cx(a, b)],
  ];
}

/**
 * The usual circuit for qubits that may all interact: halves of the controls by turns, chains of exact Toffolis over the
 * first qubits that are free. `route` brings it onto a line.
 *
 * @throws SettingError `mcx/placement`
 * @source Barenco et al. 1995, arXiv:quant-ph/9503016, Lemmas 7.2 and 7.3
 */
export function barencoMcx(placement: Placement): Gate[] {
  requirePlacement(placement);
  const { k, controls, target, ancilla } = placement;
  if (controls.length === 0) return [onQubit(target, pauliX)];
  if (controls.length === 1) return [cx(controls[0], target)];
  if (controls.length === 2) return toffoli(controls[0], controls[1], target);
  const write: Write = ({ from, control, to }) => (control === undefined ? [cx(from, to)] : toffoli(from, control, to));
  const over = (own: readonly number[], to: number) => {
    const free = Array.from({ length: k }, (_, qubit) => qubit).filter((qubit) => qubit !== to && !own.includes(qubit));
    const stations = [own[0], ...free.slice(0, Math.max(0, own.length - 2)), to];
    const path = stations.slice(1).map((to, i): Link => ({ from: stations[i], control: own[i + 1], to }));
    return chain(path, write, write);
  };
  const ordered = [...controls].sort((a, b) => a - b);
  const middle = Math.ceil(ordered.length / 2);
  const half = over(ordered.slice(0, middle), ancilla!);
  const whole = over([...ordered.slice(middle), ancilla!], target);
  return [...whole, ...half, ...whole, ...half];
}

/** How a controlled NOT between distant qubits is brought onto a line. */
export type Routing = "swap" | "ladder";

/** CNOTs of a circuit after `route`, without making them. */
export function routedCount(circuit: readonly Gate[], routing: Routing): number {
  let count = 0;
  for (const gate of circuit) if (gate.kind === "cx") count += costOf(Math.abs(gate.c - gate.t), routing);
  return count;
}

const costOf = (distance: number, routing: Routing): number =>
  distance === 1 ? 1 : routing === "swap" ? 6 * (distance - 1) + 1 : 4 * (distance - 1);

/** The circuit with every controlled NOT between neighbours: swapped there and back, or passed along a ladder. */
export const route = (circuit: readonly Gate[], routing: Routing): Gate[] =>
  circuit.flatMap((gate) => {
    if (gate.kind === "u") return [gate];
    if (routing === "ladder") return longRangeCx(gate.c, gate.t);
    const step = Math.sign(gate.t - gate.c);
    const swaps: Gate[] = [];
    for (let at = gate.c; at + step !== gate.t; at += step) swaps.push(...swap(at, at + step));
    return [...swaps, cx(gate.t - step, gate.t), ...inverse(swaps)];
  });

function requirePlacement({ k, controls, target, ancilla }: Placement): void {
  const taken = [...controls, target, ...(ancilla === undefined ? [] : [ancilla])];
  const onLine = taken.every((qubit) => Number.isInteger(qubit) && qubit >= 0 && qubit < k);
  if (onLine && new Set(taken).size === taken.length && (controls.length < 2 || ancilla !== undefined)) return;
  throw new SettingError("mcx/placement", `controls, target and ancilla need places of their own on 0 … ${k - 1}`, {
    given: { k, controls, target, ancilla },
    fix: controls.length > 1 && ancilla === undefined ? "name a further qubit as `ancilla`, in any state" : undefined,
  });
}
