import { describe, expect, test } from "vitest";
import { type ClrsBatch, clrsAlgorithms, clrsScore, clrsTask } from "./clrs.ts";
import { Random } from "./random.ts";

const row = ({ data, shape }: { data: ArrayLike<number>; shape: readonly number[] }, index: number) => {
  const size = shape.slice(1).reduce((a, b) => a * b, 1);
  return Array.from({ length: size }, (_, i) => data[index * size + i]);
};
const startOf = (batch: ClrsBatch, index: number) =>
  row(batch.nodes, index).findIndex((value, i) => i % 2 === 1 && value === 1) >> 1;

/** Distances by Dijkstra's algorithm, Infinity where there is no way. */
function dijkstra(edges: readonly number[], n: number, start: number): number[] {
  const distance = new Array<number>(n).fill(Number.POSITIVE_INFINITY);
  distance[start] = 0;
  const open = new Set(distance.keys());
  while (open.size > 0) {
    const nearest = [...open].reduce((a, b) => (distance[b] < distance[a] ? b : a));
    open.delete(nearest);
    for (let j = 0; j < n; j++)
      if (edges[nearest * n + j] > 0) distance[j] = Math.min(distance[j], distance[nearest] + edges[nearest * n + j]);
  }
  return distance;
}

describe("clrs", () => {
  test("bfs: parents are the smallest neighbours one round nearer", () => {
    const n = 12;
    const batch = clrsTask("bfs", { n, batch: 60 }, new Random(1));
    for (let index = 0; index < 60; index++) {
      const edges = row(batch.edges, index);
      const start = startOf(batch, index);
      const distance = dijkstra(edges, n, start);
      const parents = row(batch.outputs, index);
      for (let i = 0; i < n; i++) {
        const nearer = [...distance.keys()].filter((j) => edges[i * n + j] > 0 && distance[j] === distance[i] - 1);
        expect(parents[i]).toBe(i === start || distance[i] === Number.POSITIVE_INFINITY ? i : nearer[0]);
      }
      expect(batch.lengths.data[index]).toBe(Math.max(...distance.filter(Number.isFinite)));
    }
  });

  test("bfs along the path 0–1–2 from 0: two rounds, parents 0, 0, 1", () => {
    for (let seed = 0; ; seed++) {
      const batch = clrsTask("bfs", { n: 3, batch: 1, graph: { kind: "long", probability: 0 } }, new Random(seed));
      if (batch.adjacency.data.join("") !== "010101010" || startOf(batch, 0) !== 0) continue;
      expect(batch.lengths.data[0]).toBe(2);
      expect([...batch.outputs.data]).toEqual([0, 0, 1]);
      expect([...batch.hints.mask.data]).toEqual([1, 0, 0, 1, 1, 0, 1, 1, 1]);
      break;
    }
  });

  test("bellman-ford: following the parents is a shortest way", () => {
    const n = 10;
    const batch = clrsTask("bellman-ford", { n, batch: 100 }, new Random(2));
    for (let index = 0; index < 100; index++) {
      const edges = row(batch.edges, index);
      const start = startOf(batch, index);
      const shortest = dijkstra(edges, n, start);
      const parents = row(batch.outputs, index);
      for (let i = 0; i < n; i++) {
        if (shortest[i] === Number.POSITIVE_INFINITY) continue;
        let length = 0;
        for (let at = i; at !== start; at = parents[at]) length += edges[at * n + parents[at]];
        expect(length).toBeCloseTo(shortest[i], 5);
      }
    }
  });

  test("minimum ends at the smallest key, one step a key", () => {
    const batch = clrsTask("minimum", { n: 9, batch: 40 }, new Random(3));
    for (let index = 0; index < 40; index++) {
      const keys = row(batch.nodes, index).filter((_, i) => i % 2 === 1);
      expect(batch.outputs.data[index]).toBe(keys.indexOf(Math.min(...keys)));
    }
    expect(new Set(batch.lengths.data)).toEqual(new Set([8]));
    expect(row(batch.edges, 0).filter(Boolean)).toHaveLength(8);
  });

  test("insertion sort: pointers lead through the keys in falling order, at every step through a longer part", () => {
    const n = 7;
    const batch = clrsTask("insertion-sort", { n, batch: 20 }, new Random(4));
    for (let index = 0; index < 20; index++) {
      const keys = row(batch.nodes, index).filter((_, i) => i % 2 === 1);
      for (let step = 0; step < n; step++) {
        const pointer = row(batch.hints.pointer, step).slice(index * n, (index + 1) * n);
        const sorted = [...keys.keys()].slice(0, step + 1).sort((a, b) => keys[a] - keys[b]);
        const way = [sorted[step]];
        while (pointer[way[0]] !== way[0]) way.unshift(pointer[way[0]]);
        expect(way).toEqual(sorted);
      }
    }
  });

  test.each(clrsAlgorithms)("%s: states after the end repeat, sizes agree, one node works", (algorithm) => {
    const batch = clrsTask(algorithm, { n: 8, batch: 5, graph: { kind: "long", probability: 0.3 } }, new Random(5));
    const steps = Math.max(...batch.lengths.data);
    expect(batch.hints.mask.shape).toEqual([steps + 1, 5, 8]);
    for (let index = 0; index < 5; index++)
      expect(row(batch.hints.pointer, steps).slice(index * 8, index * 8 + 8)).toEqual(
        row(batch.hints.pointer, batch.lengths.data[index]).slice(index * 8, index * 8 + 8),
      );
    expect(clrsScore(batch.outputs.data, batch)).toBe(1);
    expect(
      clrsScore(
        batch.outputs.data.map((pointer) => pointer + 1),
        batch,
      ),
    ).toBe(0);
    expect(clrsTask(algorithm, { n: 1, batch: 1 }, new Random(6)).lengths.data[0]).toBe(0);
    expect(() => clrsScore([0], batch)).toThrow(/bad-option/);
  });
});
