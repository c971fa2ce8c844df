/** Real and imaginary part. */
export type Complex = readonly [re: number, im: number];

/** A matrix of one qubit, row by row. */
export type QubitMatrix = readonly [Complex, Complex, Complex, Complex];

/** A controlled NOT, or any gate `m` on one qubit. Qubits are numbered from 0 along a line. */
export type Gate =
  | { readonly kind: "cx"; readonly c: number; readonly t: number }
  | { readonly kind: "u"; readonly q: number; readonly m: QubitMatrix };

/** The bit of qubit `t` flips where that of qubit `c` is 1. */
export const cx = (c: number, t: number): Gate => ({ kind: "cx", c, t });

/** A gate on one qubit. */
export const onQubit = (q: number, m: QubitMatrix): Gate => ({ kind: "u", q, m });

const real = (a: number, b: number, c: number, d: number): QubitMatrix => [
  [a, 0],
  [b, 0],
  [c, 0],
  [d, 0],
];

/** A phase for the bit 1. */
export const phase = (angle: number): QubitMatrix => [
  [1, 0],
  [0, 0],
  [0, 0],
  [Math.cos(angle), Math.sin(angle)],
];

/** A rotation about the y axis. */
export const rotationY = (angle: number): QubitMatrix =>
  real(Math.cos(angle / 2), -Math.sin(angle / 2), Math.sin(angle / 2), Math.cos(angle / 2));

export const pauliX: QubitMatrix = real(0, 1, 1, 0);
export const hadamard: QubitMatrix = real(Math.SQRT1_2, Math.SQRT1_2, Math.SQRT1_2, -Math.SQRT1_2);

/** How many controlled NOTs a circuit has: what counts, since gates on one qubit are nearly free. */
export const cnotCount = (circuit: readonly Gate[]): number =>
  circuit.reduce((count, { kind }) => count + (kind === "cx" ? 1 : 0), 0);

/** Whether every controlled NOT is between neighbours on the line. */
export const isNearestNeighbour = (circuit: readonly Gate[]): boolean =>
  circuit.every((gate) => gate.kind === "u" || Math.abs(gate.c - gate.t) === 1);

/** The circuit backwards, every gate undone. */
export const inverse = (circuit: readonly Gate[]): Gate[] =>
  circuit.map((gate) => (gate.kind === "cx" ? gate : onQubit(gate.q, adjoint(gate.m)))).reverse();

/** Conjugate transpose of a gate on one qubit. */
export function adjoint([a, b, c, d]: QubitMatrix): QubitMatrix {
  const conjugate = ([re, im]: Complex): Complex => [re, -im];
  return [conjugate(a), conjugate(c), conjugate(b), conjugate(d)];
}

/** The gate that does `first`, then `second`. */
function product(second: QubitMatrix, first: QubitMatrix): QubitMatrix {
  const entry = (row: number, column: number): Complex => {
    let [re, im] = [0, 0];
    for (let k = 0; k < 2; k++) {
      const [left, right] = [second[2 * row + k], first[2 * k + column]];
      re += left[0] * right[0] - left[1] * right[1];
      im += left[0] * right[1] + left[1] * right[0];
    }
    return [re, im];
  };
  return [entry(0, 0), entry(0, 1), entry(1, 0), entry(1, 1)];
}

// What rounding leaves of products of gates that undo each other.
const rounding = 1e-12;
const near = ([re, im]: Complex, to: number): boolean => Math.abs(re - to) < rounding && Math.abs(im) < rounding;
const isIdentity = ([a, b, c, d]: QubitMatrix): boolean => near(a, 1) && near(b, 0) && near(c, 0) && near(d, 1);
const isDiagonal = ([, b, c]: QubitMatrix): boolean => near(b, 0) && near(c, 0);
/** Of the form a + b·X, which a controlled NOT with this target leaves as it is. */
const isAlongX = ([a, b, c, d]: QubitMatrix): boolean =>
  near([a[0] - d[0], a[1] - d[1]], 0) && near([b[0] - c[0], b[1] - c[1]], 0);

const qubitsOf = (gate: Gate): readonly number[] => (gate.kind === "cx" ? [gate.c, gate.t] : [gate.q]);

/** Whether two gates that share a qubit may change places. */
function commute(one: Gate, other: Gate): boolean {
  if (one.kind === "cx" && other.kind === "cx") return one.c !== other.t && one.t !== other.c;
  if (one.kind === "u" && other.kind === "u") return isDiagonal(one.m) && isDiagonal(other.m);
  const [controlled, single] = one.kind === "cx" ? [one, other] : [other, one];
  if (controlled.kind !== "cx" || single.kind !== "u") return false;
  return single.q === controlled.c ? isDiagonal(single.m) : isAlongX(single.m);
}

/**
 * A peephole: equal controlled NOTs that become neighbours in time vanish, gates on one qubit are merged, until nothing
 * changes. Gates pass others on disjoint qubits, and those that they commute with. The unitary stays the same.
 *
 * @returns a circuit with at most as many controlled NOTs
 */
export function cancel(circuit: readonly Gate[]): Gate[] {
  for (let current = circuit; ; ) {
    const next = cancelOnce(current);
    if (next.length === current.length) return next;
    current = next;
  }
}

function cancelOnce(circuit: readonly Gate[]): Gate[] {
  const kept: (Gate | undefined)[] = [];
  /** Places in `kept` of the gates on each qubit, ascending. */
  const places: number[][] = [];
  const remove = (place: number) => {
    for (const qubit of qubitsOf(kept[place]!)) places[qubit].splice(places[qubit].lastIndexOf(place), 1);
    kept[place] = undefined;
  };
  for (const gate of circuit) {
    const lists = qubitsOf(gate).map((qubit) => (places[qubit] ??= []));
    const partner = findPartner(gate, kept, lists);
    const earlier = partner === undefined ? undefined : kept[partner];
    if (partner !== undefined && earlier?.kind === "u" && gate.kind === "u") {
      const merged = product(gate.m, earlier.m);
      if (isIdentity(merged)) remove(partner);
      else kept[partner] = onQubit(gate.q, merged);
    } else if (partner !== undefined) remove(partner);
    else if (gate.kind === "cx" || !isIdentity(gate.m)) {
      for (const list of lists) list.push(kept.length);
      kept.push(gate);
    }
  }
  return kept.filter((gate) => gate !== undefined);
}

/** The place of an earlier gate that this one may meet and cancel or be merged with. */
function findPartner(gate: Gate, kept: readonly (Gate | undefined)[], lists: readonly number[][]): number | undefined {
  const ends = lists.map((list) => list.length - 1);
  for (;;) {
    const place = Math.max(...ends.map((end, i) => lists[i][end] ?? -1));
    if (place < 0) return undefined;
    const earlier = kept[place]!;
    if (
      gate.kind === "u" ? earlier.kind === "u" : earlier.kind === "cx" && earlier.c === gate.c && earlier.t === gate.t
    )
      return place;
    if (!commute(gate, earlier)) return undefined;
    for (const i of ends.keys()) if (lists[i][ends[i]] === place) ends[i]--;
  }
}
