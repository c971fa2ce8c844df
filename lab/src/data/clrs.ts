import type { Column } from "./column.ts";
import { requireOption } from "./errors.ts";
import { Random } from "./random.ts";
import { sampled } from "./sampled.ts";
import type { Testbed } from "./testbed.ts";

export const clrsAlgorithms = ["bfs", "bellman-ford", "minimum", "insertion-sort"] as const;
export type ClrsAlgorithm = (typeof clrsAlgorithms)[number];

export interface ClrsOptions {
  /** Nodes of a graph, or keys of an array. */
  readonly n: number;
  readonly batch: number;
  /**
   * Graphs of `bfs` and `bellman-ford`: any pair of nodes joined with a probability, or a path through all nodes in random
   * order with each chord of span 2 with a probability, whose traces are long. Default: any pair with 0.35
   */
  readonly graph?: { readonly kind: "random" | "long"; readonly probability: number };
}

/**
 * Traces of an algorithm. Hints begin with the initial state and have steps + 1 entries on their first axis; after a
 * sequence's own end they repeat its last state.
 */
export interface ClrsBatch {
  /** float32[batch, n, 2]: place i/n; then 1 at the start node (graphs) or the key (arrays) */
  readonly nodes: Column<Float32Array>;
  /** float32[batch, n, n, 1]: weight of the edge (graphs); 1 from each place to the next (arrays) */
  readonly edges: Column<Float32Array>;
  /** uint8[batch, n, n], 1 where j may tell i something: joined nodes; for arrays all, i itself included */
  readonly adjacency: Column<Uint8Array>;
  readonly hints: {
    /** uint8[steps + 1, batch, n]: reached (graphs); the part that is done (arrays) */
    readonly mask: Column<Uint8Array>;
    /** float32[steps + 1, batch, n]: distance, 0 where not reached (bellman-ford; 0 elsewhere) */
    readonly distance: Column<Float32Array>;
    /** int32[steps + 1, batch, n]: parent, or predecessor in the sorted part; a node without one points at itself */
    readonly pointer: Column<Int32Array>;
    /** int32[steps + 1, batch, 2]: the place looked at, and the best so far (minimum; 0 elsewhere) */
    readonly marks: Column<Int32Array>;
  };
  /** int32[batch], steps of each sequence */
  readonly lengths: Column<Int32Array>;
  /** int32[batch, n] for pointers of every node; int32[batch, 1] for the one of `minimum` */
  readonly outputs: Column<Int32Array>;
}

/** The state of an algorithm between two steps. */
interface State {
  readonly mask: Uint8Array;
  readonly distance: Float32Array;
  readonly pointer: Int32Array;
  readonly marks: Int32Array;
}

interface Problem {
  readonly n: number;
  /** Weight of the edge between i and j at i·n + j; 0 where there is none. */
  readonly weight: Float64Array;
  readonly start: number;
  readonly keys: Float64Array;
}

export const testbed: Testbed = {
  name: "clrs",
  summary: "traces of classical algorithms: breadth-first search, Bellman–Ford, minimum, insertion sort",
  source: "generated (lab/src/data/clrs.ts)",
  licence: "MIT, as the lab",
  sizes: "without end; problems of any size",
  split: "by size and stream: train on small problems, test on larger ones",
  parts: [],
  sample: sampled(
    "2208bd20f3ac3e1c7ae5f1c695a1a6f5e8dc16ba5829f56e2f0c769858c2c73c",
    () => clrsTask("bellman-ford", { n: 6, batch: 3 }, new Random(0)).hints,
  ),
};

/**
 * Problems with the trace of the algorithm that solves them. Ties go to the smaller index throughout.
 *
 * - `bfs`: rounds; an unreached node with reached neighbours gets the smallest of them as its parent.
 * - `bellman-ford`: synchronous rounds over edges with weights U(0.2, 1).
 * - `minimum`: one pass over keys U(0, 1).
 * - `insertion-sort`: after step t the first t + 1 keys are sorted; pointers lead to the predecessor in sorted order.
 *
 * @source the algorithms of Veličković et al. 2022, arXiv:2205.15659, in a form of our own
 */
export function clrsTask(algorithm: ClrsAlgorithm, options: ClrsOptions, random: Random): ClrsBatch {
  const { n, batch } = options;
  requireOption(n > 0 && batch > 0, "clrs", `n and batch from 1, given ${n} and ${batch}`);
  const problems = Array.from({ length: batch }, () => drawProblem(algorithm, options, random));
  const traces = problems.map(traceOf[algorithm]);
  const steps = Math.max(...traces.map((trace) => trace.length - 1));
  const stacked = <Array extends Uint8Array | Float32Array | Int32Array>(
    make: new (length: number) => Array,
    width: number,
    pick: (state: State) => Array,
  ): Column<Array> => {
    const data = new make((steps + 1) * batch * width);
    for (let step = 0; step <= steps; step++)
      for (const [row, trace] of traces.entries())
        data.set(pick(trace[Math.min(step, trace.length - 1)]), (step * batch + row) * width);
    return { data, shape: [steps + 1, batch, width] };
  };
  const overGraph = algorithm === "bfs" || algorithm === "bellman-ford";
  const output = (trace: readonly State[]) => {
    const { pointer, marks } = trace[trace.length - 1];
    return algorithm === "minimum" ? [marks[1]] : [...pointer];
  };
  const pairs = (value: (problem: Problem, i: number, j: number) => number) =>
    problems.flatMap((problem) =>
      Array.from({ length: n * n }, (_, place) => value(problem, Math.floor(place / n), place % n)),
    );
  return {
    nodes: {
      data: Float32Array.from(
        problems.flatMap(({ start, keys }) =>
          Array.from({ length: n }, (_, i) => [i / n, overGraph ? (i === start ? 1 : 0) : keys[i]]).flat(),
        ),
      ),
      shape: [batch, n, 2],
    },
    edges: {
      data: Float32Array.from(pairs(({ weight }, i, j) => (overGraph ? weight[i * n + j] : j === i + 1 ? 1 : 0))),
      shape: [batch, n, n, 1],
    },
    adjacency: {
      data: Uint8Array.from(pairs(({ weight }, i, j) => (!overGraph || weight[i * n + j] > 0 ? 1 : 0))),
      shape: [batch, n, n],
    },
    hints: {
      mask: stacked(Uint8Array, n, (state) => state.mask),
      distance: stacked(Float32Array, n, (state) => state.distance),
      pointer: stacked(Int32Array, n, (state) => state.pointer),
      marks: stacked(Int32Array, 2, (state) => state.marks),
    },
    lengths: { data: Int32Array.from(traces, (trace) => trace.length - 1), shape: [batch] },
    outputs: {
      data: Int32Array.from(traces.flatMap(output)),
      shape: [batch, algorithm === "minimum" ? 1 : n],
    },
  };
}

/** The share of outputs that a prediction of the same shape has right. */
export function clrsScore(predicted: ArrayLike<number>, { outputs }: ClrsBatch): number {
  requireOption(predicted.length === outputs.data.length, "predicted", `[${outputs.shape}] pointers are needed`);
  return outputs.data.filter((pointer, place) => predicted[place] === pointer).length / outputs.data.length;
}

function drawProblem(algorithm: ClrsAlgorithm, { n, graph }: ClrsOptions, random: Random): Problem {
  const { kind, probability } = graph ?? { kind: "random", probability: 0.35 };
  const weight = new Float64Array(n * n);
  const join = (a: number, b: number) => {
    weight[a * n + b] = weight[b * n + a] = algorithm === "bellman-ford" ? random.uniform(0.2, 1) : 1;
  };
  if (kind === "random") {
    for (let b = 1; b < n; b++) for (let a = 0; a < b; a++) if (random.chance(probability)) join(a, b);
  } else {
    const path = random.permutation(n);
    for (let i = 1; i < n; i++) {
      join(path[i - 1], path[i]);
      if (i > 1 && random.chance(probability)) join(path[i - 2], path[i]);
    }
  }
  return { n, weight, start: random.below(n), keys: Float64Array.from({ length: n }, () => random.uniform()) };
}

const initial = (n: number): State => ({
  mask: new Uint8Array(n),
  distance: new Float32Array(n),
  pointer: Int32Array.from({ length: n }, (_, i) => i),
  marks: new Int32Array(2),
});

const traceOf: Readonly<Record<ClrsAlgorithm, (problem: Problem) => State[]>> = {
  bfs: (problem) =>
    rounds(problem, ({ mask }, i, n, weight) => {
      if (mask[i]) return undefined;
      for (let j = 0; j < n; j++) if (mask[j] && weight[i * n + j] > 0) return { parent: j, distance: 0 };
      return undefined;
    }),
  "bellman-ford": (problem) =>
    rounds(problem, ({ mask, distance }, i, n, weight) => {
      let best: { parent: number; distance: number } | undefined;
      for (let j = 0; j < n; j++) {
        if (!mask[j] || weight[i * n + j] === 0) continue;
        // Distances are compared as they are stored, in 32 bits.
        const through = Math.fround(distance[j] + weight[i * n + j]);
        if ((!mask[i] || through < distance[i]) && (best === undefined || through < best.distance))
          best = { parent: j, distance: through };
      }
      return best;
    }),
  minimum({ n, keys }) {
    const first = initial(n);
    first.mask[0] = 1;
    const trace = [first];
    for (let i = 1; i < n; i++) {
      const { mask, distance, pointer, marks } = trace[i - 1];
      const done = mask.slice();
      done[i] = 1;
      trace.push({ mask: done, distance, pointer, marks: Int32Array.of(i, keys[i] < keys[marks[1]] ? i : marks[1]) });
    }
    return trace;
  },
  "insertion-sort"({ n, keys }) {
    const trace: State[] = [];
    for (let done = 1; done <= n; done++) {
      const order = Array.from({ length: done }, (_, i) => i).sort((a, b) => keys[a] - keys[b] || a - b);
      const pointer = Int32Array.from({ length: n }, (_, i) => Math.max(0, i - 1));
      for (const [rank, i] of order.entries()) pointer[i] = rank === 0 ? i : order[rank - 1];
      trace.push({
        mask: Uint8Array.from({ length: n }, (_, i) => (i < done ? 1 : 0)),
        distance: new Float32Array(n),
        pointer,
        marks: new Int32Array(2),
      });
    }
    return trace;
  },
};

/** Synchronous rounds from the start node until nothing changes: `improve` says what a node learns from the state. */
function rounds(
  { n, weight, start }: Problem,
  improve: (
    state: State,
    i: number,
    n: number,
    weight: Float64Array,
  ) => { parent: number; distance: number } | undefined,
): State[] {
  const first = initial(n);
  first.mask[start] = 1;
  const trace = [first];
  for (;;) {
    const state = trace[trace.length - 1];
    const next = {
      mask: state.mask.slice(),
      distance: state.distance.slice(),
      pointer: state.pointer.slice(),
      marks: state.marks,
    };
    let changed = false;
    for (let i = 0; i < n; i++) {
      const better = improve(state, i, n, weight);
      if (better === undefined) continue;
      changed = true;
      next.mask[i] = 1;
      next.distance[i] = better.distance;
      next.pointer[i] = better.parent;
    }
    if (!changed) return trace;
    trace.push(next);
  }
}
