import { describe, expect, test } from "vitest";
import { key } from "../core/index.ts";
import { evaluate } from "../runtime/index.ts";
import { expectClose } from "../testing/check.ts";
import * as initialisers from "./initialisers.ts";

const fan = { in: 300, out: 100 };
const draw = async (initialiser: initialisers.Initialiser, shape = [300, 100]) =>
  (await evaluate(initialiser(key(1), shape, fan))).toFloat64();

const mean = (x: Float64Array) => x.reduce((a, b) => a + b, 0) / x.length;
const deviation = (x: Float64Array) => Math.sqrt(mean(x.map((one) => one * one)) - mean(x) ** 2);

test.each([
  ["normalOf", initialisers.normalOf(0.3), 0.3],
  ["uniformOf", initialisers.uniformOf(0.6), 0.6 / Math.sqrt(3)],
  // The variance of a standard normal number between −2 and 2 is 0.7737.
  ["truncatedNormalOf", initialisers.truncatedNormalOf(0.5), 0.5 * Math.sqrt(0.7737)],
  ["fanInUniform", initialisers.fanInUniform, 1 / Math.sqrt(3 * 300)],
  ["kaimingNormal", initialisers.kaimingNormal(), Math.sqrt(2 / 300)],
  ["kaimingUniform", initialisers.kaimingUniform({ gain: 1 }), Math.sqrt(1 / 300)],
  ["xavierNormal", initialisers.xavierNormal(), Math.sqrt(2 / 400)],
  ["xavierUniform", initialisers.xavierUniform({ gain: 2 }), 2 * Math.sqrt(2 / 400)],
])("%s: mean 0 and the deviation that its formula says", async (_, initialiser, wanted) => {
  const numbers = await draw(initialiser);
  // 30,000 numbers: the mean strays by deviation/173, the deviation by less than a half per cent; four times that.
  expect(Math.abs(mean(numbers))).toBeLessThan((4 * wanted) / 173);
  expect(Math.abs(deviation(numbers) / wanted - 1)).toBeLessThan(0.02);
});

test("bounds hold", async () => {
  expect(Math.max(...(await draw(initialisers.uniformOf(0.6))).map(Math.abs))).toBeLessThanOrEqual(0.6);
  expect(Math.max(...(await draw(initialisers.truncatedNormalOf(0.5))).map(Math.abs))).toBeLessThanOrEqual(1);
});

test("constants", async () => {
  expect([...(await draw(initialisers.zeros, [2]))]).toEqual([0, 0]);
  expect([...(await draw(initialisers.ones, [2]))]).toEqual([1, 1]);
  expect([...(await draw(initialisers.constant(0.5), [1, 2]))]).toEqual([0.5, 0.5]);
});

describe("orthogonal", () => {
  test.each([
    [3, 5],
    [5, 3],
    [4, 4],
    [1, 6],
    [6, 1],
  ])("%i by %i: the fewer side is orthonormal", async (rows, columns) => {
    const matrix = await draw(initialisers.orthogonal({ gain: 2 }), [rows, columns]);
    const wide = rows <= columns;
    const [count, length] = wide ? [rows, columns] : [columns, rows];
    const at = (vector: number, i: number) => (wide ? matrix[vector * columns + i] : matrix[i * columns + vector]);
    for (let a = 0; a < count; a++)
      for (let b = 0; b < count; b++) {
        let dot = 0;
        for (let i = 0; i < length; i++) dot += at(a, i) * at(b, i);
        expectClose([dot], [a === b ? 4 : 0], { atol: 1e-5 });
      }
  });

  test("kernels count as matrices of all but the last axis; vectors are refused", async () => {
    expect(await draw(initialisers.orthogonal(), [2, 2, 3])).toHaveLength(12);
    expect(() => initialisers.orthogonal()(key(1), [3], fan)).toThrowError(
      expect.objectContaining({ code: "orthogonal/rank" }),
    );
  });
});
