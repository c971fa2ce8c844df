import { expect, test } from "vitest";
import { labelMix } from "./label-mix.ts";

const rowsOf = ({ data, shape }: { data: Float32Array; shape: readonly number[] }) =>
  Array.from({ length: shape[0] }, (_, row) => [...data.subarray(row * shape[1], (row + 1) * shape[1])]);
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

test.each(["uniform", "random"] as const)("%s mixtures: rows lie on the simplex", (mixture) => {
  const { x, q } = labelMix({ labels: 10, docs: 200, length: 30, mixture, seed: 1 });
  // float32 sums of some thirty terms.
  for (const row of [...rowsOf(x), ...rowsOf(q)]) expect(sum(row)).toBeCloseTo(1, 5);
  const support = rowsOf(q).map((row) => row.filter((p) => p > 0));
  expect(Math.min(...support.map((row) => row.length))).toBe(1);
  if (mixture === "uniform") for (const row of support) for (const p of row) expect(p).toBeCloseTo(1 / row.length, 6);
  // The mean of Poisson(3) given 1 … 10 is 3.157; four standard errors of 200 draws.
  expect(Math.abs(sum(support.map((row) => row.length)) / 200 - 3.157)).toBeLessThan(0.48);
});

test("word frequencies are 0.8 q + 0.2/labels in the mean", () => {
  const { x, q } = labelMix({ labels: 5, docs: 20, length: 20_000, mixture: "random", seed: 2 });
  for (let i = 0; i < x.data.length; i++) expect(Math.abs(x.data[i] - (0.8 * q.data[i] + 0.04))).toBeLessThan(0.016);
});

test("one label and very short documents", () => {
  const { x, q } = labelMix({ labels: 1, docs: 4, length: 0.01, mixture: "random", seed: 3 });
  expect([...x.data, ...q.data]).toEqual(new Array(8).fill(1));
});
