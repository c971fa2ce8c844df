import { describe, expect, test } from "vitest";
import { key, matmul, type Tensor, value } from "../core/index.ts";
import { evaluate } from "../runtime/index.ts";
import { check, expectClose, oracle } from "../testing/check.ts";
import { addPositions, alibi, alibiSlopes, initPositions, rotary, sinusoidalPositions } from "./index.ts";

const code = (fn: () => unknown, wanted: string) => expect(fn).toThrowError(expect.objectContaining({ code: wanted }));

test("learned positions are added from the first on", async () => {
  const table = value([
    [1, 2],
    [3, 4],
    [5, 6],
  ]);
  const x = value([
    [
      [10, 10],
      [20, 20],
    ],
  ]);
  expectClose(oracle((a) => addPositions({ weight: table }, a), [x])[0], [11, 12, 23, 24]);
  await check((a, weight) => addPositions({ weight }, a), [x, table]);
  code(() => addPositions({ weight: value([[1, 2]]) }, x), "positions/context");
  expect(initPositions(key(1), { context: 7, width: 4 }).weight.shape).toEqual([7, 4]);
});

describe("sinusoidal", () => {
  test("by hand", async () => {
    const table = (await evaluate(sinusoidalPositions(3, 4))).toArray();
    expectClose(table[0], [0, 0, 1, 1]);
    expectClose(table[2], [Math.sin(2), Math.sin(0.02), Math.cos(2), Math.cos(0.02)]);
  });

  test("products of positions depend on their distance only", async () => {
    const rows = sinusoidalPositions(6, 8);
    const products = (await evaluate(matmul(rows, rows, { transposeB: true }))).toArray();
    for (let i = 0; i + 2 < 6; i++) expectClose([products[i][i + 2]], [products[0][2]], { rtol: 1e-5 });
  });

  test("an odd width is refused", () => code(() => sinusoidalPositions(3, 5), "sinusoidalPositions/width"));
});

describe("rotary", () => {
  const ones = value(new Float32Array(24).fill(1), { shape: [6, 4] });

  test("query·key depends on the distance only", () => {
    const [products] = oracle((a) => matmul(rotary(a), rotary(a), { transposeB: true }), [ones]);
    for (let i = 0; i + 2 < 6; i++) expectClose([products[i * 6 + i + 2]], [products[2]], { rtol: 1e-6 });
    expect(Math.abs(products[2] - products[0])).toBeGreaterThan(0.1);
  });

  test("an offset continues a sequence", () => {
    const rows = (x: Tensor, from: number) => oracle(() => rotary(x, { offset: from }), [])[0];
    const whole = rows(ones as never, 0);
    const rest = rows(value(new Float32Array(8).fill(1), { shape: [2, 4] }) as never, 4);
    expectClose(rest, whole.subarray(16), { rtol: 1e-7 });
  });

  test("an odd width is refused", () => code(() => rotary(value([[1, 2, 3]])), "rotary/width"));
});

describe("alibi", () => {
  test("slopes halve for eight heads; other numbers take every second of the next power", () => {
    expectClose(
      alibiSlopes(8),
      [1, 2, 3, 4, 5, 6, 7, 8].map((i) => 2 ** -i),
    );
    expectClose(alibiSlopes(3), [2 ** -4, 2 ** -8, 2 ** -2]);
    expectClose(alibiSlopes(1), [2 ** -8]);
  });

  test("biases fall with the distance; fewer queries than keys are the last", async () => {
    const [head] = (await evaluate(alibi(8, 2, { keys: 3 }))).toArray();
    expectClose(head.flat(), [-0.5, 0, -0.5, -1, -0.5, 0]);
  });
});
