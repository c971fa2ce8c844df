import type { Ising } from "sluice/methods/neuro/ising";
import { requireOption } from "./errors.ts";
import { Random } from "./random.ts";
import { sampled } from "./sampled.ts";
import type { Testbed } from "./testbed.ts";

export const testbed: Testbed = {
  name: "graphs",
  summary: "instances of MAX-CUT in the manner of the G-set: random, torus and dense signed graphs",
  source: "generated (lab/src/data/graphs.ts)",
  licence: "MIT, as the lab",
  sizes: "any number of nodes",
  split: "by seed",
  parts: [],
  sample: sampled("dbd453c6dbb81b65b6fb5328965c4c9235ff9db9933d6f153897cc6ce41bbd6a", () => {
    const { offset, index, weight } = torusGraph(4, 5, new Random(0));
    return {
      offset: { data: offset, shape: [offset.length] },
      index: { data: index, shape: [index.length] },
      weight: { data: weight, shape: [weight.length] },
    };
  }),
};

type Edge = readonly [a: number, b: number, weight: number];

/** `edges` different edges among `n` nodes, every set equally likely, weight 1. With 800 and 19,176 as G1. */
export function randomGraph(n: number, edges: number, random: Random): Ising {
  const all = (n * (n - 1)) / 2;
  requireOption(edges >= 0 && edges <= all, "edges", `${n} nodes have 0 … ${all} edges, given ${edges}`);
  const chosen = new Set<number>();
  while (chosen.size < edges) chosen.add(random.below(all));
  return fromEdges(
    n,
    Array.from(chosen, (number): Edge => {
      // Pairs a < b in the order (0,1), (0,2), (1,2), (0,3) …: b is the largest with b(b − 1)/2 ≤ number.
      let b = Math.floor((1 + Math.sqrt(1 + 8 * number)) / 2);
      if ((b * (b - 1)) / 2 > number) b--;
      return [number - (b * (b - 1)) / 2, b, 1];
    }),
  );
}

/** A grid closed in both directions, each edge +1 or −1 with equal chance. With 20 and 40 as G11. */
export function torusGraph(rows: number, columns: number, random: Random): Ising {
  requireOption(rows > 2 && columns > 2, "torus", `at least 3×3 nodes are needed, given ${rows}×${columns}`);
  const sign = () => (random.chance(0.5) ? 1 : -1);
  const edges: Edge[] = [];
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const node = row * columns + column;
      edges.push([node, row * columns + ((column + 1) % columns), sign()]);
      edges.push([node, ((row + 1) % rows) * columns + column, sign()]);
    }
  return fromEdges(rows * columns, edges);
}

/** Every pair of `n` nodes joined, +1 or −1 with equal chance (the Sherrington–Kirkpatrick model, unscaled). */
export function denseSigned(n: number, random: Random): Ising {
  const edges: Edge[] = [];
  for (let b = 1; b < n; b++) for (let a = 0; a < b; a++) edges.push([a, b, random.chance(0.5) ? 1 : -1]);
  return fromEdges(n, edges);
}

function fromEdges(n: number, edges: readonly Edge[]): Ising {
  const lists = Array.from({ length: n }, (): [number, number][] => []);
  for (const [a, b, weight] of edges) {
    lists[a].push([b, weight]);
    lists[b].push([a, weight]);
  }
  const offset = new Int32Array(n + 1);
  for (const [node, list] of lists.entries()) {
    list.sort((left, right) => left[0] - right[0]);
    offset[node + 1] = offset[node] + list.length;
  }
  const neighbours = lists.flat();
  return {
    n,
    offset,
    index: Int32Array.from(neighbours, ([node]) => node),
    weight: Float64Array.from(neighbours, ([, weight]) => weight),
  };
}
