import { describe, expect, test } from "vitest";
import { check, checkExecutors, expectClose, oracle } from "../../testing/check.ts";
import { nodesOf } from "../graph.ts";
import { sizeOf } from "../shape.ts";
import { simplify } from "../simplify.ts";
import { input, type Tensor } from "../tensor.ts";
import { type Value, value } from "../value.ts";
import { cheapestOrder } from "./einsum-order.ts";
import { einsum } from "./index.ts";

const numbers = (shape: number[], seed = 1) =>
  value(
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin((i + seed) * 1.7 * seed)),
    { shape },
  );

/** Einstein's notation by its definition: a loop over every value of every letter. */
function byDefinition(subscripts: string, values: readonly Value[]): Float64Array {
  const [left, right] = subscripts.split("->");
  const inputs = left.split(",");
  const sizes = new Map<string, number>();
  inputs.forEach((labels, k) => {
    [...labels].forEach((label, axis) => {
      sizes.set(label, values[k].shape[axis]);
    });
  });
  const letters = [...sizes.keys()];
  const data = values.map((one) => one.toFloat64());
  const offset = (labels: string, at: Map<string, number>) =>
    [...labels].reduce((total, label) => total * sizes.get(label)! + at.get(label)!, 0);
  const result = new Float64Array([...right].reduce((total, label) => total * sizes.get(label)!, 1));
  const at = new Map<string, number>();
  const loop = (k: number): void => {
    if (k === letters.length) {
      const term = inputs.reduce((factor, labels, i) => factor * data[i][offset(labels, at)], 1);
      result[offset(right, at)] += term;
      return;
    }
    for (let i = 0; i < sizes.get(letters[k])!; i++) {
      at.set(letters[k], i);
      loop(k + 1);
    }
  };
  loop(0);
  return result;
}

const cases: [string, number[][]][] = [
  ["i->i", [[3]]],
  ["ij->ji", [[2, 3]]],
  ["ij->", [[2, 3]]],
  ["ijk->ki", [[2, 3, 2]]],
  ["ii->i", [[3, 3]]],
  ["ii->", [[3, 3]]],
  ["iji->j", [[2, 3, 2]]],
  ["iii->i", [[2, 2, 2]]],
  ["ij,jk->ik", [[2, 3], [3, 4]]],
  ["ij,jk->ki", [[2, 3], [3, 4]]],
  ["ji,kj->ik", [[3, 2], [4, 3]]],
  ["i,i->", [[3], [3]]],
  ["i,j->ij", [[2], [3]]],
  ["i,j->ji", [[2], [3]]],
  ["ij,ij->ij", [[2, 3], [2, 3]]],
  ["ij,ij->i", [[2, 3], [2, 3]]],
  ["ij,j->i", [[2, 3], [3]]],
  ["ij,kj->", [[2, 3], [4, 3]]],
  ["bij,bjk->bik", [[2, 3, 2], [2, 2, 3]]],
  ["bqhd,bkhd->bhqk", [[2, 3, 2, 2], [2, 2, 2, 2]]],
  ["bhqk,bkhd->bqhd", [[2, 2, 3, 2], [2, 2, 2, 2]]],
  ["abc,cab->b", [[2, 3, 2], [2, 2, 3]]],
  ["abcd,cdef->abef", [[2, 1, 2, 3], [2, 3, 2, 1]]],
  ["dcab,fcde->abef", [[3, 2, 2, 1], [1, 2, 3, 2]]],
  ["iij,jk->ik", [[2, 2, 3], [3, 2]]],
  ["ij,jk,kl->il", [[2, 3], [3, 2], [2, 3]]],
  ["i,ij,j->", [[2], [2, 3], [3]]],
  ["ai,bi,ci->abc", [[2, 3], [2, 3], [2, 3]]],
  ["ab,bc,cd,de->ea", [[2, 3], [3, 2], [2, 2], [2, 3]]],
]; // biome-ignore format: one case a line

describe("einsum", () => {
  test.each(cases)("%s: by definition, on both executors, with gradients and batching", async (subscripts, shapes) => {
    const values = shapes.map((shape, i) => numbers(shape, i + 1));
    const fn = (...operands: Tensor[]) => einsum(subscripts, ...operands);
    expectClose(oracle(fn, values)[0], byDefinition(subscripts, values), { rtol: 1e-12, atol: 1e-12 });
    await check(fn, values);
  });

  test("an ellipsis stands for axes that broadcast; without an arrow letters that occur once remain", async () => {
    const same = (first: string, second: string, ...values: Value[]) => {
      const [a, b] = oracle((...t) => [einsum(first, ...t), einsum(second, ...t)], values);
      expectClose(a, b, { rtol: 1e-12, atol: 1e-12 });
      return check((...t) => einsum(first, ...t), values);
    };
    const [a, b] = [numbers([2, 3, 4]), numbers([4, 2], 2)];
    await same("...i,ij->...j", "abi,ij->abj", a, b);
    await same("...", "abc->abc", a);
    await same("...i->i...", "abc->cab", a);
    await same("...i->...", "abc->ab", a);
    await same("ij,jk", "ij,jk->ik", numbers([2, 3]), numbers([3, 4], 2));
    await same("cab", "cab->abc", a);
    await same("ii", "ii->", numbers([3, 3]));
    await same(" i , i ", "i,i->", numbers([3]), numbers([3], 2));
    const broadcast = (x: Tensor, y: Tensor) => einsum("...i,...i->...", x, y);
    await check(broadcast, [numbers([2, 1, 3]), numbers([4, 3], 2)]);
    expect(einsum("...i,...i->...", numbers([2, 1, 3]), numbers([4, 3])).shape).toEqual([2, 4]);
  });

  test("nothing to sum, integers", async () => {
    await checkExecutors(
      (x, y) => einsum("ij,jk->ik", x, y),
      [value([], { shape: [2, 0] }), value([], { shape: [0, 3] })],
    );
    await checkExecutors((x, y) => einsum("ij,jk->ik", x, y), [numbers([0, 2]), numbers([2, 3])]);
    await checkExecutors((x) => einsum("ii->i", x), [numbers([0, 0])]);
    await checkExecutors((x) => einsum("ij,ij->j", x, x), [value([[1, 2], [3, 4]], { dtype: "int64" })]); // biome-ignore format: a matrix
  });

  test("what lies right is multiplied without a copy; weights meet any batch as one matrix", () => {
    const kinds = (subscripts: string, ...shapes: number[][]) => {
      const tensors = shapes.map((shape, i) => input(shape, "float32", `x${i}`));
      return nodesOf(simplify([einsum(subscripts, ...tensors)]))
        .map((node) => node.operation.name)
        .filter((name) => name !== "input" && name !== "reshape");
    };
    expect(kinds("bti,ij->btj", [2, 3, 4], [4, 5])).toEqual(["matmul"]);
    expect(kinds("bti,ji->btj", [2, 3, 4], [5, 4])).toEqual(["matmul"]);
    expect(kinds("bti,btj->ij", [2, 3, 4], [2, 3, 5])).toEqual(["matmul"]);
    expect(kinds("bqd,bkd->bqk", [2, 3, 4], [2, 5, 4])).toEqual(["matmul"]);
    expect(kinds("bqd,bkd->bkq", [2, 3, 4], [2, 5, 4])).toEqual(["matmul"]);
    expect(kinds("bqhd,bkhd->bhqk", [2, 3, 2, 4], [2, 5, 2, 4])).toEqual(["transpose", "transpose", "matmul"]);
    expect(kinds("ij,ij->ij", [2, 3], [2, 3])).toEqual(["mul"]);
  });

  test("several operands: the order with the fewest multiplications", () => {
    const sizes = new Map(Object.entries({ i: 2, j: 100, k: 100, l: 3 }));
    expect(cheapestOrder([["i", "j"], ["j", "k"], ["k", "l"]], ["i", "l"], sizes)).toEqual([[0, 1], 2]); // biome-ignore format: matrices
    sizes.set("i", 300);
    expect(cheapestOrder([["i", "j"], ["j", "k"], ["k", "l"]], ["i", "l"], sizes)).toEqual([0, [1, 2]]); // biome-ignore format: matrices
  });

  test("a chain of fourteen matrices", () => {
    const letters = "abcdefghijklmno";
    const parts = Array.from({ length: 14 }, (_, i) => letters.slice(i, i + 2));
    const values = parts.map((_, i) => numbers([2, 2], i + 1));
    const fn = (...t: Tensor[]) => einsum(`${parts.join()}->ao`, ...t);
    const chained = (...t: Tensor[]) => t.reduce((x, y) => einsum("ij,jk->ik", x, y));
    expectClose(oracle(fn, values)[0], oracle(chained, values)[0], { rtol: 1e-9, atol: 1e-12 });
  });

  test("wrong subscripts are refused, with what was given", () => {
    const [a, b] = [numbers([2, 3]), numbers([2, 3])];
    const refused = (code: string, subscripts: string, ...operands: Value[]) =>
      expect(() => einsum(subscripts, ...operands)).toThrowError(expect.objectContaining({ code, given: subscripts }));
    refused("einsum/size", "ij,jk->ik", a, b);
    refused("einsum/count", "ij->ij", a, b);
    refused("einsum/rank", "ijk->i", a);
    refused("einsum/rank", "i->i", a);
    refused("einsum/subscripts", "ij->ik", a);
    refused("einsum/subscripts", "ij->ii", a);
    refused("einsum/subscripts", "i1->i", a);
    refused("einsum/subscripts", "ij->i->j", a);
  });
});
