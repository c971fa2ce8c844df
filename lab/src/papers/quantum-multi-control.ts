// Multi-controlled quantum gates in linear nearest neighbor, 2025
import { compile, type Tensor, Value } from "sluice";
import { cancel, cnotCount, type Gate, isNearestNeighbour } from "sluice/methods/other/quantum/circuit";
import { barencoMcx, longRangeCx, mcxLnn, type Placement, routedCount } from "sluice/methods/other/quantum/mcx-lnn";
import { applyGates } from "sluice/methods/other/quantum/simulate-graph";
import { type Amplitudes, unitary } from "sluice/methods/other/quantum/statevector";
import { Random } from "../data/random.ts";
import { atMost, equals, type Lab, largest, paper } from "../paper.ts";
import { curves } from "../plots/curves.ts";

export default paper({
  id: "quantum-multi-control",
  row: 85,
  family: "other",
  title: "Multi-Controlled Quantum Gates in Linear Nearest Neighbor",
  year: 2025,
  idea: "A gate with n controls and one target stands anywhere on a line of k qubits of which only neighbours may interact, with one further qubit in an unknown state that must come back. The paper gives circuits of about 4k + 8n CNOTs. Its own construction could not be confirmed; the one measured here is ours, linear as well, with larger factors.",
  minutes: 1,
  settings: {
    full: {
      /** Longest line of which every placement is simulated. */
      everyPlacement: 6,
      /** Longer lines, of which so many placements are drawn. */
      longer: [7, 8, 9],
      drawn: 100,
      /** Lines on which CNOTs are counted, and placements for each number of controls. */
      lines: [8, 16, 32, 64, 128],
      counted: 50,
      /** Lines that are run as graphs on product states. */
      graphs: [12, 13, 14],
      states: 20,
    },
    smoke: { everyPlacement: 4, longer: [7], drawn: 3, lines: [8, 16], counted: 10, graphs: [8], states: 4 },
  },
  variants: { unitaries: {}, counts: {}, states: {} },
  claims: {
    exact: {
      paper: "exact for every placement, with an ancilla in any state",
      holds:
        "every entry of the unitary within 10⁻⁹ of the ideal gate's, in 32 bits within 10⁻⁴, and every CNOT between neighbours",
      budgets: ["smoke", "full"],
      measures: {
        error: "largest |U − ideal|, 64 bits",
        graphError: "largest difference of amplitudes, 32 bits",
        distant: "circuits with a CNOT that is not between neighbours",
      },
      judge: ({ error, graphError, distant }) => [
        atMost(error.of("unitaries"), 1e-9),
        atMost(graphError.of("states"), 1e-4),
        equals(distant.of("unitaries"), 0),
        equals(distant.of("counts"), 0),
      ],
    },
    linear: {
      paper: "about 4k + 8n CNOTs for every placement",
      holds: "our circuits have at most 22k + 24n + 60 CNOTs, every one of them",
      budgets: ["smoke", "full"],
      measures: { excess: "CNOTs above 22k + 24n + 60, largest" },
      judge: ({ excess }) => [atMost(largest(excess.of("counts")), 0)],
    },
    distance: {
      paper: "a CNOT between distant qubits takes about 4k CNOTs between neighbours",
      holds: "4(D − 1) for every distance D from 2, and the unitary exact",
      budgets: ["smoke", "full"],
      measures: { difference: "CNOTs away from 4(D − 1), largest", error: "largest |U − ideal|" },
      judge: ({ difference, error }) => [equals(difference.of("counts"), 0), atMost(error.of("unitaries"), 1e-9)],
    },
    figure: {
      paper: "at most about 4k + 8n CNOTs, up to 60 % fewer than before",
      holds: "after cancelling, ours have at most 1.05 times 4k + 8n in the mean",
      measures: { ratio: "CNOTs over 4k + 8n, mean" },
      judge: ({ ratio }) => [atMost(ratio.of("counts"), 1.05)],
    },
  },
  plots: {
    counts: {
      title: "CNOTs for all but two qubits as controls",
      caption:
        "CNOTs between neighbours against the length of the line, with k − 2 controls: the usual circuit routed by swaps or ladders grows with the square of k, ours along the line 4k + 8n of the paper, above it by a factor.",
      draw: ({ rows }) =>
        curves({
          rows,
          x: { field: "k", title: "qubits on the line", scale: "log" },
          y: { field: "cnots", title: "CNOTs", scale: "log" },
          series: { field: "series", title: "" },
        }),
    },
  },
  run: (lab) => (lab.variant === "unitaries" ? simulate(lab) : lab.variant === "counts" ? count(lab) : runGraphs(lab)),
});

type Trial = Lab<{
  readonly everyPlacement: number;
  readonly longer: readonly number[];
  readonly drawn: number;
  readonly lines: readonly number[];
  readonly counted: number;
  readonly graphs: readonly number[];
  readonly states: number;
}>;

type Placed = Placement & { readonly ancilla: number };

/** Every choice of target, ancilla and at least one control. */
function* placements(k: number): Generator<Placed> {
  for (let target = 0; target < k; target++)
    for (let ancilla = 0; ancilla < k; ancilla++) {
      if (ancilla === target) continue;
      const rest = Array.from({ length: k }, (_, qubit) => qubit).filter((q) => q !== target && q !== ancilla);
      for (let chosen = 1; chosen < 2 ** rest.length; chosen++)
        yield { k, target, ancilla, controls: rest.filter((_, i) => (chosen >> i) & 1) };
    }
}

function drawPlacement(k: number, controls: number, random: Random): Placed {
  const [target, ancilla, ...rest] = random.distinct(controls + 2, k);
  return { k, target, ancilla, controls: rest };
}

/** Where a basis state goes: the target's bit flips where all controls are 1. */
function imageOf({ k, controls, target }: Placement, index: number): number {
  const isSet = (qubit: number) => ((index >> (k - 1 - qubit)) & 1) === 1;
  return controls.every(isSet) ? index ^ (1 << (k - 1 - target)) : index;
}

/** Largest |U − ideal| over the columns, with one phase for all of them divided out. */
function errorOf(circuit: readonly Gate[], placement: Placement, columns: ArrayLike<number>): number {
  const { re, im } = unitary(circuit, placement.k, columns);
  const width = columns.length;
  const first = imageOf(placement, columns[0]) * width;
  const length = Math.hypot(re[first], im[first]);
  const [cos, sin] = [re[first] / length, im[first] / length];
  for (let column = 0; column < width; column++) {
    const place = imageOf(placement, columns[column]) * width + column;
    re[place] -= cos;
    im[place] -= sin;
  }
  let largest = 0;
  for (let i = 0; i < re.length; i++) largest = Math.max(largest, re[i] ** 2 + im[i] ** 2);
  return Math.sqrt(largest);
}

/** Unitaries against the ideal gate: every placement on short lines, some on longer ones. */
async function simulate(lab: Trial): Promise<void> {
  const { everyPlacement, longer, drawn } = lab.settings;
  let [error, distant, simulated] = [0, 0, 0];
  const include = (placement: Placed, columns: ArrayLike<number>) => {
    const circuit = mcxLnn(placement);
    for (const gates of [circuit, cancel(circuit)]) {
      error = Math.max(error, errorOf(gates, placement, columns));
      if (!isNearestNeighbour(gates)) distant++;
    }
    simulated++;
  };
  const all = (k: number) => Array.from({ length: 2 ** k }, (_, index) => index);
  for (let k = 3; k <= everyPlacement; k++) for (const placement of placements(k)) include(placement, all(k));
  const random = new Random(lab.seed).split("placements");
  for (const k of longer)
    for (let i = 0; i < drawn; i++) {
      const placement = drawPlacement(k, 1 + random.below(k - 2), random);
      // Most columns of a large unitary are like each other: those where all controls are 1 must be among them.
      const on = placement.controls.reduce((bits, qubit) => bits | (1 << (k - 1 - qubit)), 0);
      const columns = random.distinct(64, 2 ** k).map((index, i) => (i % 2 === 0 ? index | on : index));
      include(placement, k < 8 ? all(k) : columns);
    }
  let distanceError = 0;
  for (let from = 0; from < 7; from++)
    for (let to = 0; to < 7; to++)
      if (from !== to)
        distanceError = Math.max(
          distanceError,
          errorOf(longRangeCx(from, to), { k: 7, controls: [from], target: to }, all(7)),
        );
  lab.log(0, { "placements simulated": simulated });
  lab.claim("exact", { error, distant });
  lab.claim("distance", { error: distanceError });
}

/** CNOTs of ours and of the baselines on lines of all lengths. */
async function count(lab: Trial): Promise<void> {
  const { lines, counted } = lab.settings;
  const ratios: number[] = [];
  const reductions: number[] = [];
  const rows: { k: number; series: string; cnots: number }[] = [];
  let [excess, distant] = [Number.NEGATIVE_INFINITY, 0];
  for (const k of lines)
    for (const [name, n] of Object.entries({ one: 1, "k/4": k / 4, "k/2": k / 2, "k − 2": k - 2 })) {
      const random = new Random(lab.seed).split(`${k} ${n}`);
      const sums = { swaps: 0, ladders: 0, ours: 0, cancelled: 0 };
      for (let i = 0; i < counted; i++) {
        const placement = drawPlacement(k, n, random);
        const circuit = mcxLnn(placement);
        const usual = barencoMcx(placement);
        const own = cnotCount(circuit);
        const fewer = cnotCount(cancel(circuit));
        const ladders = routedCount(usual, "ladder");
        excess = Math.max(excess, own - (22 * k + 24 * n + 60));
        if (!isNearestNeighbour(circuit)) distant++;
        ratios.push(fewer / (4 * k + 8 * n));
        reductions.push(1 - fewer / ladders);
        sums.swaps += routedCount(usual, "swap");
        sums.ladders += ladders;
        sums.ours += own;
        sums.cancelled += fewer;
      }
      lab.log(k, { [`CNOTs over 4k + 8n, n: ${name}`]: sums.cancelled / counted / (4 * k + 8 * n) });
      if (n === k - 2)
        rows.push(
          { k, series: "usual, swaps", cnots: sums.swaps / counted },
          { k, series: "usual, ladders", cnots: sums.ladders / counted },
          { k, series: "ours", cnots: sums.ours / counted },
          { k, series: "ours, cancelled", cnots: sums.cancelled / counted },
          { k, series: "4k + 8n", cnots: 4 * k + 8 * n },
        );
    }
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  lab.log(0, {
    "CNOTs saved against ladders, mean": mean(reductions),
    "CNOTs saved against ladders, most": Math.max(...reductions),
  });
  lab.plot("counts", rows);
  lab.claim("exact", { distant });
  lab.claim("linear", { excess });
  lab.claim("figure", { ratio: mean(ratios) });
  const longest = Math.max(...lines);
  const away = Array.from({ length: longest - 2 }, (_, i) => Math.abs(cnotCount(longRangeCx(0, i + 2)) - 4 * (i + 1)));
  lab.claim("distance", { difference: Math.max(...away) });
}

/** Circuits as graphs on random product states. */
async function runGraphs(lab: Trial): Promise<void> {
  const { graphs, states } = lab.settings;
  let graphError = 0;
  for (const k of graphs) {
    const random = new Random(lab.seed).split(`states ${k}`);
    const placement = drawPlacement(k, k >> 1, random);
    const { re, im } = productStates(k, states, random);
    const circuit = mcxLnn(placement);
    const run = compile((x: Tensor, y: Tensor) => applyGates(x, y, circuit));
    const shape = [2 ** k, states];
    const found = await run(
      new Value(Float32Array.from(re), shape) as never,
      new Value(Float32Array.from(im), shape) as never,
    );
    const [x, y] = [found.re.toFloat64(), found.im.toFloat64()];
    for (let index = 0; index < 2 ** k; index++) {
      const to = imageOf(placement, index) * states;
      for (let state = 0; state < states; state++) {
        const from = index * states + state;
        graphError = Math.max(graphError, Math.hypot(x[to + state] - re[from], y[to + state] - im[from]));
      }
    }
    lab.log(k, { "largest difference of amplitudes": graphError });
  }
  lab.claim("exact", { graphError });
}

/** Amplitudes [2^k, states] of qubits that each have a random direction of their own. */
function productStates(k: number, states: number, random: Random): Amplitudes {
  const size = 2 ** k;
  const result = { re: new Float64Array(size * states), im: new Float64Array(size * states) };
  for (let state = 0; state < states; state++) {
    let [re, im] = [Float64Array.of(1), Float64Array.of(0)];
    for (let qubit = 0; qubit < k; qubit++) {
      const [a, b, c, d] = Array.from({ length: 4 }, () => random.normal());
      const length = Math.hypot(a, b, c, d);
      // The next qubit is the lower bit.
      const next = (index: number, part: "re" | "im") => {
        const [x, y] = [re[index >> 1], im[index >> 1]];
        const [u, v] = index % 2 === 0 ? [a, b] : [c, d];
        return (part === "re" ? x * u - y * v : x * v + y * u) / length;
      };
      const places = Array.from({ length: 2 * re.length }, (_, index) => index);
      [re, im] = [Float64Array.from(places, (i) => next(i, "re")), Float64Array.from(places, (i) => next(i, "im"))];
    }
    for (let index = 0; index < size; index++) {
      result.re[index * states + state] = re[index];
      result.im[index * states + state] = im[index];
    }
  }
  return result;
}
