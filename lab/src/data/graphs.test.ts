import type { Ising } from "sluice/methods/neuro/ising";
import { describe, expect, test } from "vitest";
import { denseSigned, randomGraph, torusGraph } from "./graphs.ts";
import { Random } from "./random.ts";

const neighbours = ({ offset, index, weight }: Ising, node: number) =>
  Array.from(index.subarray(offset[node], offset[node + 1]), (to, place) => [to, weight[offset[node] + place]]);

function expectUndirected(graph: Ising): void {
  for (let node = 0; node < graph.n; node++) {
    const list = neighbours(graph, node);
    const ends = list.map(([to]) => to);
    expect(ends).toEqual([...new Set(ends)].sort((a, b) => a - b));
    expect(ends).not.toContain(node);
    for (const [to, weight] of list) expect(neighbours(graph, to)).toContainEqual([node, weight]);
  }
}

describe("graphs", () => {
  test("random: as many edges as asked for, all of weight 1", () => {
    const graph = randomGraph(40, 130, new Random(1));
    expectUndirected(graph);
    expect(graph.index).toHaveLength(260);
    expect(new Set(graph.weight)).toEqual(new Set([1]));
    expect(randomGraph(5, 10, new Random(2)).offset).toEqual(Int32Array.of(0, 4, 8, 12, 16, 20));
    expect(randomGraph(3, 0, new Random(2)).index).toHaveLength(0);
    expect(() => randomGraph(3, 4, new Random(2))).toThrow(/bad-option/);
  });

  test("random: every pair is as likely", () => {
    const counts = new Map<string, number>();
    const random = new Random(3);
    for (let draw = 0; draw < 3000; draw++) {
      const graph = randomGraph(4, 1, random);
      const node = graph.offset.findIndex((start, place) => graph.offset[place + 1] > start);
      const edge = `${node}-${graph.index[0]}`;
      counts.set(edge, (counts.get(edge) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    // Four standard errors of 3,000 draws at 1/6.
    for (const count of counts.values()) expect(Math.abs(count - 500)).toBeLessThan(82);
  });

  test("torus: four neighbours each, both signs", () => {
    const graph = torusGraph(4, 5, new Random(4));
    expectUndirected(graph);
    expect(graph.index).toHaveLength(80);
    expect(neighbours(graph, 0).map(([to]) => to)).toEqual([1, 4, 5, 15]);
    expect(new Set(graph.weight)).toEqual(new Set([1, -1]));
  });

  test("dense: every pair, both signs", () => {
    const graph = denseSigned(9, new Random(5));
    expectUndirected(graph);
    expect(graph.index).toHaveLength(72);
    expect(new Set(graph.weight)).toEqual(new Set([1, -1]));
    expect(denseSigned(1, new Random(5)).index).toHaveLength(0);
  });
});
