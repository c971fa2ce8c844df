import { describe, expect, test } from "vitest";
import { compile, key, mul, normal, softmax, type Tensor, transpose, Value, value } from "../../index.ts";
import { check, expectClose, oracle } from "../../testing/index.ts";
import { cappedAssignment, expertChoice } from "./expert-choice.ts";

const random = (rows: number, experts: number, seed = 3) =>
  compile((from: Tensor) => mul(normal(from, [rows, experts]), 2))(key(seed));

test("by hand: two experts take two of four rows each, weighted by their probabilities", () => {
  // Probabilities of expert 0: ¾, ½, ¼, ¾; its best two are rows 0 and 3. Expert 1: rows 2 and 1.
  const logits = value([
    [Math.log(3), 0],
    [0, 0],
    [0, Math.log(3)],
    [Math.log(3), 0],
  ]);
  const [indices, weights, perRow] = oracle(
    (x) => {
      const routed = expertChoice(x, { capacityFactor: 1 });
      return [routed.indices, routed.weights, routed.perRow];
    },
    [logits],
  );
  expect([...indices]).toEqual([0, 3, 2, 1]);
  expectClose(weights, [0.75, 0.75, 0.75, 0.5], { rtol: 1e-6 });
  expect([...perRow]).toEqual([1, 1, 1, 1]);
});

describe("laws", () => {
  test.each([
    [24, 6, 2],
    [7, 3, 1],
    [5, 5, 5],
    [1, 4, 4],
  ])("%i rows, %i experts, capacity %i: every expert has its k rows, all different", async (rows, experts, factor) => {
    const k = Math.floor((rows * factor) / experts);
    const routed = await compile((x: Tensor) => expertChoice(x, { capacityFactor: factor }))(
      await random(rows, experts),
    );
    const lists = routed.indices.toArray() as number[][];
    expect(lists.map((list) => new Set(list).size)).toEqual(Array(experts).fill(k));
    const counts = Array.from({ length: rows }, (_, row) => lists.flat().filter((one) => one === row).length);
    expect(routed.perRow.toArray()).toEqual(counts);
  });

  test("with the capacity of all experts everything is the dense mixture", async () => {
    const logits = await random(6, 3);
    const [indices, weights, dense] = oracle(
      (x) => {
        const routed = expertChoice(x, { capacityFactor: 3 });
        return [routed.indices, routed.weights, transpose(softmax(x))];
      },
      [logits],
    );
    const placed = new Float64Array(18);
    indices.forEach((row, i) => {
      placed[Math.floor(i / 6) * 6 + row] = weights[i];
    });
    expectClose(placed, dense, { rtol: 1e-12 });
  });

  test("permuting the rows permutes what is chosen", async () => {
    const logits = await random(12, 4);
    const order = [3, 11, 0, 7, 5, 1, 9, 2, 10, 4, 8, 6];
    const moved = new Value(
      Float32Array.from(order.flatMap((row) => [...(logits.data as Float32Array).subarray(4 * row, 4 * row + 4)])),
      [12, 4],
    );
    const chosen = (from: Value) => oracle((x) => expertChoice(x, { capacityFactor: 2 }).indices, [from])[0];
    expect([...chosen(moved)].map((row) => order[row])).toEqual([...chosen(logits)]);
  });
});

describe("with a limit on the experts of a row", () => {
  test("the assignment keeps its three constraints", async () => {
    const [a] = oracle((s) => cappedAssignment(transpose(softmax(s)), { k: 6, most: 2 }), [await random(16, 4)]);
    const row = (i: number) => a.slice(16 * i, 16 * (i + 1)).reduce((x, y) => x + y, 0);
    expectClose([0, 1, 2, 3].map(row), [6, 6, 6, 6], { rtol: 0, atol: 1e-3 });
    for (let j = 0; j < 16; j++)
      expect([0, 1, 2, 3].reduce((x, i) => x + a[16 * i + j], 0)).toBeLessThanOrEqual(2 + 1e-3);
    for (const one of a) expect(one).toBeLessThanOrEqual(1 + 1e-3);
  });

  test("no row has more experts than allowed; a limit of all experts changes no choice", async () => {
    const logits = await random(16, 4, 5);
    const perRow = (most?: number) => oracle((x) => expertChoice(x, { capacityFactor: 1, most }).perRow, [logits])[0];
    expect(Math.max(...perRow())).toBeGreaterThan(1);
    expect([...perRow(1)]).toEqual(Array(16).fill(1));
    expect([...perRow(4)]).toEqual([...perRow()]);
  });
});

test("executors, gradients and batching agree: the router learns through its weights", async () => {
  await check((x) => expertChoice(x, { capacityFactor: 2 }).weights, [await random(8, 4)]);
});

test("impossible settings are refused, with the way out", () => {
  const logits = value(new Float32Array(8), { shape: [4, 2] });
  expect(() => expertChoice(logits, { capacityFactor: 3 })).toThrow(
    expect.objectContaining({ code: "expertChoice/capacity" }),
  );
  expect(() => expertChoice(logits, { capacityFactor: 2, most: 1 })).toThrow(/at least 2 experts/);
  expect(() => expertChoice(value([1, 2]), { capacityFactor: 1 })).toThrow(
    expect.objectContaining({ code: "expertChoice/rank" }),
  );
});
