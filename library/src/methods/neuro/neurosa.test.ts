import { describe, expect, test } from "vitest";
import { compile, key, type Tensor, Value } from "../../index.ts";
import { type UniformSource, uniformSource } from "../uniform-source.ts";
import { fnAnnealer, fnOde, fnSchedule } from "./fn-annealer.ts";
import {
  couplingScale,
  cut,
  descend,
  energy,
  fieldsOf,
  groundState,
  type Ising,
  randomSpins,
  totalWeight,
} from "./ising.ts";
import { metropolis } from "./metropolis.ts";
import { neuroSA, neuroSAParallel } from "./neurosa.ts";
import { tabu } from "./tabu.ts";

type Edge = readonly [number, number, number];

function graph(n: number, edges: readonly Edge[]): Ising {
  const lists = Array.from({ length: n }, (_, i) =>
    edges
      .filter(([a, b]) => a === i || b === i)
      .map(([a, b, w]): [number, number] => [a === i ? b : a, w])
      .sort((x, y) => x[0] - y[0]),
  );
  const ends = lists.flat();
  return {
    n,
    offset: Int32Array.from([0, ...lists.map((_, i) => lists.slice(0, i + 1).flat().length)]),
    index: Int32Array.from(ends, ([to]) => to),
    weight: Float64Array.from(ends, ([, w]) => w),
  };
}

/** Every pair with the given chance, weights −2 … 2. */
function sparse(n: number, chance: number, seed: number): Ising {
  const random = uniformSource(seed);
  const edges: Edge[] = [];
  for (let b = 1; b < n; b++)
    for (let a = 0; a < b; a++) if (random.uniform() < chance) edges.push([a, b, Math.floor(5 * random.uniform()) - 2]);
  return graph(n, edges);
}

const triangle = graph(3, [
  [0, 1, 1],
  [1, 2, 1],
  [0, 2, 1],
]);
const square = graph(4, [
  [0, 1, 1],
  [1, 2, 1],
  [2, 3, 1],
  [0, 3, 1],
]);
const run = (g: Ising, temperature: number, seed = 1, sweeps = 50) =>
  neuroSA(g, { sweeps, temperature: () => temperature, random: uniformSource(seed), descend: false });

describe("couplings", () => {
  test("by hand: triangle and square", () => {
    for (const [g, least, most] of [
      [triangle, -1, 2],
      [square, -4, 4],
    ] as const) {
      const { s, energy: lowest } = groundState(g);
      expect(lowest).toBe(least);
      expect(energy(g, s)).toBe(least);
      expect(cut(g, s)).toBe(most);
    }
    expect(groundState(graph(1, []))).toEqual({ s: Int8Array.of(1), energy: 0 });
    expect(couplingScale(square)).toBeCloseTo(Math.SQRT2, 12);
  });

  test("cut and energy belong together; turning all spins, or renaming them, changes nothing", () => {
    const g = sparse(12, 0.5, 1);
    const random = uniformSource(2);
    for (let round = 0; round < 10; round++) {
      const s = randomSpins(g, random);
      expect(cut(g, s) + energy(g, s) / 2).toBeCloseTo(totalWeight(g) / 2, 12);
      expect(
        cut(
          g,
          s.map((spin) => -spin),
        ),
      ).toBe(cut(g, s));
    }
    const edges: Edge[] = [];
    for (let i = 0; i < 12; i++)
      for (let at = g.offset[i]; at < g.offset[i + 1]; at++)
        if (g.index[at] > i) edges.push([11 - i, 11 - g.index[at], g.weight[at]]);
    const renamed = graph(12, edges);
    const { s, energy: lowest } = groundState(g);
    expect(groundState(renamed).energy).toBe(lowest);
    expect(energy(renamed, s.slice().reverse())).toBe(lowest);
  });

  test("the ground state is the lowest of all states", () => {
    const g = sparse(9, 0.6, 3);
    const states = Array.from({ length: 512 }, (_, bits) =>
      energy(
        g,
        Int8Array.from({ length: 9 }, (_, i) => ((bits >> i) & 1 ? 1 : -1)),
      ),
    );
    expect(groundState(g).energy).toBe(Math.min(...states));
    expect(() => groundState(graph(25, []))).toThrow(expect.objectContaining({ code: "ising/too-many" }));
  });

  test("a descent ends where no flip helps, and knows what it gained", () => {
    const g = sparse(30, 0.3, 4);
    const s = randomSpins(g, uniformSource(5));
    const before = energy(g, s);
    const fields = fieldsOf(g, s);
    const gained = descend(g, s, fields);
    expect(energy(g, s)).toBe(before + gained);
    expect(fields).toEqual(fieldsOf(g, s));
    fields.forEach((field, i) => {
      expect(-2 * s[i] * field).toBeGreaterThanOrEqual(0);
    });
  });
});

describe("annealer", () => {
  const [k1, k2] = [3, 2];

  test("the solution solves the equation over four decades", () => {
    const times = Array.from({ length: 2001 }, (_, i) => (i === 0 ? 0 : 10 ** (4 * (i / 2000)) - 0.999));
    const v = fnAnnealer(Math.exp(k2 / 1.5), k1, k2);
    fnOde(v(0), k1, k2, times).forEach((voltage, i) => {
      expect(Math.abs(voltage / v(times[i]) - 1)).toBeLessThan(1e-4);
    });
  });

  test("1/V is affine in the logarithm of time, with slope 1/k₂", () => {
    const v = fnAnnealer(5, k1, k2);
    for (const [t, later] of [
      [0, 1],
      [10, 1000],
    ])
      expect((1 / v(later) - 1 / v(t)) / (Math.log(5 + k1 * later) - Math.log(5 + k1 * t))).toBeCloseTo(1 / k2, 12);
  });

  test("the schedule goes from 2.5 to 0.25 scales, for any number of sweeps", () => {
    for (const sweeps of [1, 50, 4000]) {
      expect(fnSchedule(square, sweeps)(0)).toBeCloseTo(2.5 * Math.SQRT2, 12);
      expect(fnSchedule(square, sweeps)(sweeps)).toBeCloseTo(0.25 * Math.SQRT2, 12);
    }
  });
});

describe("neurons", () => {
  test("energies that are carried along are those of the spins", () => {
    const g = sparse(25, 0.4, 6);
    const energies: number[] = [];
    const result = neuroSA(g, {
      sweeps: 40,
      temperature: () => 3,
      random: uniformSource(7),
      descend: false,
      onSweep: (_, energy) => void energies.push(energy),
    });
    expect(energies).toHaveLength(40);
    expect(energies.at(-1)).toBe(energy(g, result.last));
    expect(cut(g, result.best)).toBe(result.cut);
    expect(result.cut).toBeGreaterThanOrEqual(cut(g, result.last));
  });

  test("cold, energy never rises; hot, every test fires", () => {
    const g = sparse(20, 0.4, 8);
    let before = Number.POSITIVE_INFINITY;
    neuroSA(g, {
      sweeps: 20,
      temperature: () => 0,
      random: uniformSource(9),
      onSweep(_, energy) {
        expect(energy).toBeLessThanOrEqual(before);
        before = energy;
      },
    });
    expect(run(g, 1e12).spikes).toBe(50 * 20);
    // Without couplings every flip costs nothing, and is allowed.
    expect(run(graph(3, []), 0).spikes).toBe(150);
  });

  test("a flip that costs ΔH is made with the chance e^(−ΔH/T)", () => {
    const pair = graph(2, [[0, 1, 1]]);
    const random = uniformSource(10);
    let fired = 0;
    for (let draw = 0; draw < 50_000; draw++) {
      // Of the two tests of a sweep the first decides: spins that differ cost ΔH = 2.
      let first = false;
      neuroSA(pair, {
        sweeps: 1,
        temperature: () => 1.6,
        random,
        start: Int8Array.of(1, -1),
        descend: false,
        onSpike: (test) => void (first ||= test === 0),
      });
      if (first) fired++;
    }
    // Four standard errors are 0.008 at 50,000 draws.
    expect(Math.abs(fired / 50_000 - Math.exp(-2 / 1.6))).toBeLessThan(0.008);
  });

  test("move by move the same as Metropolis", () => {
    const g = sparse(16, 0.5, 11);
    const moves = (way: typeof metropolis) => {
      const seen: number[] = [];
      const { last, cut } = way(g, {
        sweeps: 1000,
        temperature: (t) => 4 / (1 + t / 100),
        random: uniformSource(12),
        onSpike: (test, pair) => void seen.push(test, pair),
      });
      return { seen, last, cut };
    };
    const anneal: typeof metropolis = (g, options) => neuroSA(g, { ...options, descend: false });
    expect(moves(anneal)).toEqual(moves(metropolis));
  });

  test("the same numbers give the same run; starts are taken as given and left alone", () => {
    expect(run(square, 1)).toEqual(run(square, 1));
    const start = Int8Array.of(1, -1, 1, -1);
    const result = neuroSA(square, { sweeps: 0, temperature: () => 1, random: uniformSource(1), start });
    expect(result).toEqual({ best: start, cut: 4, last: start, spikes: 0 });
    neuroSA(square, { sweeps: 5, temperature: () => 9, random: uniformSource(1), start });
    expect([...start]).toEqual([1, -1, 1, -1]);
  });

  test("cooled, it finds the ground state of small graphs", () => {
    for (let seed = 0; seed < 5; seed++) {
      const g = sparse(14, 0.4, 20 + seed);
      const temperature = fnSchedule(g, 500);
      const { best } = neuroSA(g, { sweeps: 500, temperature, random: uniformSource(seed) });
      expect(energy(g, best)).toBe(groundState(g).energy);
    }
  });
});

test("tabu search finds the ground state of small graphs, from many starts", () => {
  for (let seed = 0; seed < 5; seed++) {
    const g = sparse(14, 0.4, 30 + seed);
    const options = { iterations: 2000, tenure: 4, patience: 300, random: uniformSource(seed) as UniformSource };
    expect(tabu(g, options).cut).toBe((totalWeight(g) - groundState(g).energy) / 2);
  }
});

describe("in parallel", () => {
  const g = sparse(12, 0.5, 40);
  const dense = new Float32Array(144);
  for (let i = 0; i < 12; i++)
    for (let at = g.offset[i]; at < g.offset[i + 1]; at++) dense[12 * i + g.index[at]] = g.weight[at];
  const q = new Value(dense, [12, 12]);
  const starts = new Value(
    Float32Array.from({ length: 8 * 12 }, (_, i) => (Math.sin(i * i) > 0 ? 1 : -1)),
    [8, 12],
  );
  const solve = async (p: number, temperatures: readonly number[]) => {
    const temps = new Value(Float32Array.from(temperatures), [temperatures.length]);
    const program = compile((q: Tensor, s: Tensor, temps: Tensor, k: Tensor) => neuroSAParallel(q, s, temps, p, k));
    const { s, best } = await program(q as never, starts as never, temps as never, key(1) as never);
    return { s: s.toArray() as number[][], best: [...best.toFloat64()] };
  };

  test("closed gates leave spins as they are, hot open ones turn all of them", async () => {
    const before = starts.toArray() as number[][];
    expect((await solve(0, [5, 5, 5])).s).toEqual(before);
    expect((await solve(1, [1e9])).s).toEqual(before.map((row) => row.map((spin) => -spin)));
    expect((await solve(0, [1])).best).toEqual(before.map((row) => energy(g, Int8Array.from(row))));
  });

  test("cooled with few at a time, every run meets the ground state", async () => {
    const temperature = fnSchedule(g, 40);
    const { best } = await solve(
      0.1,
      Array.from({ length: 400 }, (_, step) => temperature(step / 10)),
    );
    expect(Math.min(...best)).toBe(groundState(g).energy);
    expect(best.filter((one) => one === groundState(g).energy).length).toBeGreaterThan(4);
  });
});
