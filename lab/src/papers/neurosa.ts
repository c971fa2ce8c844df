// ON-OFF neuromorphic Ising machines 2025, arXiv:2406.05224
import { compile, key, type Tensor, Value } from "sluice";
import { fnSchedule } from "sluice/methods/neuro/fn-annealer";
import { couplingScale, energy, groundState, type Ising, randomSpins, totalWeight } from "sluice/methods/neuro/ising";
import { metropolis } from "sluice/methods/neuro/metropolis";
import { type AnnealOptions, neuroSA, neuroSAParallel } from "sluice/methods/neuro/neurosa";
import { tabu } from "sluice/methods/neuro/tabu";
import { denseSigned, randomGraph, torusGraph } from "../data/graphs.ts";
import { Random } from "../data/random.ts";
import { atLeast, atMost, average, equals, type Lab, minus, paper, ratio } from "../paper.ts";
import { curves } from "../plots/curves.ts";
import { panels } from "../plots/panels.ts";

const instances: Readonly<Record<string, (random: Random) => Ising>> = {
  random: (random) => randomGraph(800, 19_176, random),
  torus: (random) => torusGraph(20, 40, random),
  sparse: (random) => randomGraph(800, 4_694, random),
};

/** The temperature after t of `sweeps` sweeps. */
const schedules: Readonly<Record<string, (g: Ising, sweeps: number) => (t: number) => number>> = {
  "Fowler–Nordheim": fnSchedule,
  "constant temperature": (g) => () => 2.5 * couplingScale(g),
  "fast quench": (g, sweeps) => (t) => 2.5 * couplingScale(g) * 0.004 ** Math.min(1, t / (0.01 * sweeps)),
};

export default paper({
  id: "neurosa",
  row: 77,
  family: "neuro",
  title: "ON-OFF Neuromorphic ISING Machines using Fowler-Nordheim Annealers",
  year: 2025,
  arxiv: "2406.05224",
  idea: "Each spin is a pair of integrate-and-fire neurons: the spike of one means up, that of the other down. With a noisy threshold that shrinks as 1/log t, which a Fowler–Nordheim tunnelling integrator gives by itself, the spikes are exactly the accepted moves of simulated annealing with the cooling that finds the ground state in the limit. One set of constants, scaled by the couplings, serves all graphs.",
  minutes: 4,
  settings: {
    full: {
      /** Tests of each pair in a run. */
      sweeps: 4000,
      /** Runs of each schedule. */
      runs: 10,
      tabuRuns: 5,
      tabuFlips: 300_000,
      /** Sweeps of a descent before strict improvements end it; then it starts anew. */
      descentSweeps: 20,
      /** Sweeps of the form in which all pairs are tested at once. */
      parallelSweeps: 200,
      smallGraphs: 20,
      smallRuns: 20,
      /** Tests for the comparison with Metropolis, and for the distribution. */
      compared: 100_000,
      sampled: 8_000_000,
    },
    smoke: {
      sweeps: 200,
      runs: 3,
      tabuRuns: 1,
      tabuFlips: 20_000,
      parallelSweeps: 10,
      smallGraphs: 3,
      smallRuns: 5,
      sampled: 800_000,
    },
  },
  variants: {
    random: { part: "graph" },
    torus: { part: "graph" },
    sparse: { part: "graph" },
    moves: { part: "moves" },
    small: { part: "small" },
  },
  includes: ({ variant, budget }) => budget === "full" || variant !== "sparse",
  claims: {
    quality: {
      paper: "cuts within 99 % of the best known on graphs of the G-set, with nothing tuned to a graph",
      holds: "mean cut of 10 runs over the reference ≥ 0.99 on every random and sparse graph, ≥ 0.98 on every torus",
      measures: { quality: "mean cut over the reference cut" },
      judge: ({ quality }) => [
        atLeast(quality.of("random"), 0.99, "every seed"),
        atLeast(quality.of("sparse"), 0.99, "every seed"),
        atLeast(quality.of("torus"), 0.98, "every seed"),
      ],
    },
    isomorphism: {
      paper: "the dynamics are those of simulated annealing",
      holds:
        "in 10⁵ tests every move is that of Metropolis with the same random numbers; after 8·10⁶ tests on 8 spins the states are distributed as Boltzmann has it, to a total variation of 0.02",
      measures: { differing: "moves that differ", distance: "total variation distance to Boltzmann" },
      budgets: ["smoke", "full"],
      judge: ({ differing, distance }) => [equals(differing.of("moves"), 0), atMost(distance.of("moves"), 0.02)],
    },
    annealer: {
      paper: "with the annealer the machine reaches the neighbourhood of the ground state, where others stay behind",
      holds:
        "mean gap to the reference at most half that of single descents and half that of a constant temperature, on every graph; in the mean of all graphs at most that of a fast quench",
      measures: {
        annealed: "gap, Fowler–Nordheim",
        descent: "gap, single descents",
        constant: "gap, constant temperature",
        quench: "gap, fast quench",
      },
      judge: ({ annealed, descent, constant, quench }) => {
        const graphs = ["random", "torus", "sparse"] as const;
        const over = (sample: typeof annealed) => average(sample.quantity, ...graphs.map((graph) => sample.of(graph)));
        return [
          ...graphs.map((graph) => atMost(ratio(annealed.of(graph), descent.of(graph)), 0.5, "every seed")),
          ...graphs.map((graph) => atMost(ratio(annealed.of(graph), constant.of(graph)), 0.5, "every seed")),
          atMost(minus(over(annealed), over(quench), "gap, Fowler–Nordheim − fast quench, mean of all graphs"), 0),
        ];
      },
    },
    ground: {
      paper: "converges to the ground state",
      holds: "of the runs on small graphs, those that meet the optimum grow from 5 to 50 to 500 sweeps, to ≥ 0.95",
      measures: {
        short: "optimum met after 5 sweeps",
        medium: "optimum met after 50 sweeps",
        long: "optimum met after 500 sweeps",
      },
      judge: ({ short, medium, long }) => [
        atLeast(minus(medium, short), 0),
        atLeast(minus(long, medium), 0),
        atLeast(long.of("small"), 0.95),
      ],
    },
  },
  plots: {
    cuts: {
      title: "Cut while cooling",
      caption:
        "Cut of a random graph of 800 nodes and 19,176 edges (as G1, whose best known cut is 11,624) against sweeps: the mean of ten runs. Cooled slowly the machine comes to the highest cuts; a quench and descents stay below, a constant temperature far below. Beside it the temperatures.",
      draw: ({ rows }) =>
        panels([
          curves({
            title: "cut",
            rows,
            x: { field: "sweep", title: "sweeps", scale: "log" },
            y: { field: "cut", title: "cut" },
            series: { field: "series", title: "" },
            seed: "run",
          }),
          curves({
            title: "temperature",
            rows: rows.filter((row) => row.run === 0),
            x: { field: "sweep", title: "sweeps", scale: "log" },
            y: { field: "temperature", title: "temperature" },
            series: { field: "series", title: "" },
            width: 280,
          }),
        ]),
    },
  },
  run: (lab) =>
    lab.settings.part === "graph" ? cutGraph(lab) : lab.settings.part === "moves" ? compareMoves(lab) : solveSmall(lab),
});

type Trial = Lab<{
  readonly sweeps: number;
  readonly runs: number;
  readonly tabuRuns: number;
  readonly tabuFlips: number;
  readonly descentSweeps: number;
  readonly parallelSweeps: number;
  readonly smallGraphs: number;
  readonly smallRuns: number;
  readonly compared: number;
  readonly sampled: number;
}>;

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const times = (count: number): number[] => Array.from({ length: count }, (_, run) => run);

/** Schedules, restarted descents and tabu search on one large graph. */
async function cutGraph(lab: Trial): Promise<void> {
  const { sweeps, runs, tabuRuns, tabuFlips, descentSweeps } = lab.settings;
  const random = new Random(lab.seed).split(lab.variant);
  const g = instances[lab.variant](random.split("graph"));
  const solved = await lab.stage("tabu", () =>
    times(tabuRuns).map((run) => tabu(g, { iterations: tabuFlips, random: random.split(`tabu ${run}`) }).cut),
  );
  const annealed: Record<string, readonly Followed[]> = {};
  for (const [name, schedule] of Object.entries(schedules))
    annealed[name] = await lab.stage(name, () =>
      times(runs).map((run) => {
        const descend = name !== "constant temperature";
        return follow(g, sweeps, { temperature: schedule(g, sweeps), random: random.split(`${name} ${run}`), descend });
      }),
    );
  const descents = await lab.stage("descents", () =>
    times(runs).map((run) => {
      const own = random.split(`descent ${run}`);
      return times(Math.ceil(sweeps / descentSweeps)).map(
        () => neuroSA(g, { sweeps: descentSweeps, temperature: () => 0, random: own }).cut,
      );
    }),
  );
  const restarted = descents.map((own) => Math.max(...own));
  const cuts = (name: keyof typeof schedules) => annealed[name].map(({ cut }) => cut);
  const cooled = cuts("Fowler–Nordheim");
  const reference = Math.max(...solved, ...restarted, ...Object.keys(schedules).flatMap(cuts));
  const gap = (cuts: readonly number[]) => 1 - mean(cuts) / reference;
  lab.claim("quality", { quality: mean(cooled) / reference });
  lab.claim("annealer", {
    annealed: gap(cooled),
    descent: gap(descents.flat()),
    constant: gap(cuts("constant temperature")),
    quench: gap(cuts("fast quench")),
  });
  lab.log(sweeps, {
    "reference cut": reference,
    "reference cut over number of edges": (2 * reference) / g.index.length,
    "best cut, tabu": Math.max(...solved),
    "best cut, Fowler–Nordheim": Math.max(...cooled),
    "gap, best of restarted descents": gap(restarted),
  });
  for (const chance of [0.02, 0.5])
    lab.log(sweeps, { [`gap, all pairs at once with chance ${chance}`]: gap(await inParallel(lab, g, chance)) });
  if (lab.seed !== lab.seeds[0]) return;
  for (const { sweep, spikes } of annealed["Fowler–Nordheim"][0].path) lab.log(sweep, { "spikes a test": spikes });
  if (lab.variant !== "random") return;
  const cold = times(runs).map((run) =>
    follow(g, sweeps, { temperature: () => 0, random: random.split(`cold ${run}`), descend: false }),
  );
  lab.plot(
    "cuts",
    Object.entries({ ...annealed, descent: cold }).flatMap(([series, followed]) =>
      followed.flatMap(({ path }, run) => path.map((point) => ({ ...point, series, run }))),
    ),
  );
}

interface Followed {
  readonly cut: number;
  /** At some of the sweeps, evenly spaced in their logarithm; spikes a test of that sweep. */
  readonly path: readonly { sweep: number; cut: number; temperature: number; spikes: number }[];
}

/** A run, and what it went through. */
function follow(
  g: Ising,
  sweeps: number,
  options: Pick<AnnealOptions, "temperature" | "random" | "descend">,
): Followed {
  const path: { sweep: number; cut: number; temperature: number; spikes: number }[] = [];
  const weight = totalWeight(g);
  let before = 0;
  const { cut } = neuroSA(g, {
    ...options,
    sweeps,
    onSweep(done, energy, spikes) {
      const sweep = done + 1;
      // Ten a decade.
      if (Math.round(10 ** (Math.round(10 * Math.log10(sweep)) / 10)) === sweep)
        path.push({
          sweep,
          cut: (weight - energy) / 2,
          temperature: options.temperature(done),
          spikes: (spikes - before) / g.n,
        });
      before = spikes;
    },
  });
  return { cut, path };
}

/** Cuts of runs in which every pair takes part in every step with some chance. */
async function inParallel(lab: Trial, g: Ising, chance: number): Promise<number[]> {
  const { parallelSweeps, runs } = lab.settings;
  const dense = new Float32Array(g.n * g.n);
  for (let i = 0; i < g.n; i++)
    for (let at = g.offset[i]; at < g.offset[i + 1]; at++) dense[i * g.n + g.index[at]] = g.weight[at];
  const random = new Random(lab.seed).split("parallel");
  const start = times(runs).flatMap(() => [...randomSpins(g, random)]);
  const schedule = fnSchedule(g, parallelSweeps);
  const temperatures = Float32Array.from(times(Math.round(parallelSweeps / chance)), (step) => schedule(step * chance));
  const run = compile((q: Tensor, s: Tensor, temperatures: Tensor, random: Tensor) =>
    neuroSAParallel(q, s, temperatures, chance, random),
  );
  const { best } = await run(
    new Value(dense, [g.n, g.n]) as never,
    new Value(Float32Array.from(start), [runs, g.n]) as never,
    new Value(temperatures, [temperatures.length]) as never,
    key(lab.seed) as never,
  );
  return Array.from(best.toFloat64(), (lowest) => (totalWeight(g) - lowest) / 2);
}

/** Neurons against Metropolis, move by move, and against the distribution of Boltzmann. */
async function compareMoves(lab: Trial): Promise<void> {
  const { compared, sampled } = lab.settings;
  const random = new Random(lab.seed).split("moves");
  const large = randomGraph(100, 600, random.split("large"));
  const movesOf = (way: typeof metropolis) => {
    const moves: number[] = [];
    const sweeps = compared / large.n;
    const temperature = fnSchedule(large, sweeps);
    const onSpike = (test: number, pair: number) => void moves.push(test * large.n + pair);
    way(large, { sweeps, temperature, random: random.split("tests"), onSpike });
    return moves;
  };
  const [neurons, textbook] = [
    movesOf((g, options) => neuroSA(g, { ...options, descend: false })),
    movesOf(metropolis),
  ];
  const differing =
    Math.abs(neurons.length - textbook.length) + neurons.filter((move, i) => move !== textbook[i]).length;

  const g = denseSigned(8, random.split("couplings"));
  const temperature = couplingScale(g);
  const start = randomSpins(g, random.split("start"));
  const time = new Float64Array(256);
  let code = start.reduce((bits, spin, i) => (spin > 0 ? bits | (1 << i) : bits), 0);
  let since = 0;
  neuroSA(g, {
    sweeps: sampled / g.n,
    temperature: () => temperature,
    random: random.split("tests of eight"),
    start,
    descend: false,
    onSpike(test, pair) {
      time[code] += test - since;
      since = test;
      code ^= 1 << pair;
    },
  });
  time[code] += sampled - since;
  const weights = Float64Array.from({ length: 256 }, (_, bits) => {
    const s = Int8Array.from({ length: 8 }, (_, i) => ((bits >> i) & 1 ? 1 : -1));
    return Math.exp(-energy(g, s) / temperature);
  });
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const distance = weights.reduce((sum, weight, bits) => sum + Math.abs(weight / total - time[bits] / sampled), 0) / 2;
  lab.log(0, { "moves compared": textbook.length });
  lab.claim("isomorphism", { differing, distance });
}

/** How often runs of three lengths meet the optimum of small graphs, which is known. */
async function solveSmall(lab: Trial): Promise<void> {
  const { smallGraphs, smallRuns } = lab.settings;
  const random = new Random(lab.seed).split("small");
  const graphs = times(smallGraphs).map((graph) => randomGraph(20, 60, random.split(graph)));
  const lowest = await lab.stage("optima", () => graphs.map((g) => groundState(g).energy));
  const share = (sweeps: number) => {
    const met = graphs.flatMap((g, graph) =>
      times(smallRuns).map((run) => {
        const own = random.split(`${graph} ${run} ${sweeps}`);
        const { best } = neuroSA(g, { sweeps, temperature: fnSchedule(g, sweeps), random: own });
        return energy(g, best) === lowest[graph] ? 1 : 0;
      }),
    );
    return mean(met);
  };
  lab.claim("ground", { short: share(5), medium: share(50), long: share(500) });
}
