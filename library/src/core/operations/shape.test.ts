import { expect, test } from "vitest";
import { check, oracle } from "../../testing/check.ts";
import { constant } from "../tensor.ts";
import { value } from "../value.ts";
import { broadcastTo, expandDims, flatten, moveAxis, reshape, squeeze, swapAxes, transpose } from "./index.ts";

const sample = value(
  Float32Array.from({ length: 24 }, (_, i) => i * 0.5 - 3),
  { shape: [2, 3, 4] },
);

test("reshape, transpose and broadcastTo on both executors, with gradients and batches", async () => {
  await check((x) => reshape(x, [4, -1]), [sample]);
  await check((x) => transpose(x), [sample]);
  await check((x) => transpose(x, [1, 0, 2]), [sample]);
  await check((x) => broadcastTo(x, [5, 2, 3, 4]), [sample]);
  await check((x) => broadcastTo(x, [2, 3]), [value([[1], [2]])]);
  await check((x) => reshape(broadcastTo(reshape(x, []), [3]), [3, 1]), [value([2])]);
});

test("size 0 survives reshape and broadcast", async () => {
  const empty = value([], { shape: [0, 4] });
  await check((x) => reshape(x, [2, 0]), [empty], { batch: false });
  await check((x) => broadcastTo(x, [3, 0, 4]), [empty], { batch: false });
});

test("transposing twice by inverse permutations is the identity", () => {
  const [result] = oracle((x) => transpose(transpose(x, [2, 0, 1]), [1, 2, 0]), [sample]);
  expect([...result]).toEqual([...sample.data]);
});

test("axis helpers give the shapes that their names say", () => {
  const x = constant(sample);
  expect(expandDims(x, -1).shape).toEqual([2, 3, 4, 1]);
  expect(squeeze(expandDims(x, 1), 1).shape).toEqual([2, 3, 4]);
  expect(flatten(x, 1).shape).toEqual([2, 12]);
  expect(flatten(value(1)).shape).toEqual([1]);
  expect(swapAxes(x, 0, -1).shape).toEqual([4, 3, 2]);
  expect(moveAxis(x, 0, 2).shape).toEqual([3, 4, 2]);
});

test("faults name the shapes", () => {
  const x = constant(sample);
  expect(() => reshape(x, [5, -1])).toThrowError(expect.objectContaining({ code: "reshape/size" }));
  expect(() => squeeze(x, 0)).toThrowError(expect.objectContaining({ code: "squeeze/size" }));
  expect(() => transpose(x, [0, 0, 1])).toThrowError(expect.objectContaining({ code: "transpose/permutation" }));
  expect(() => broadcastTo(x, [2, 3, 5])).toThrowError(expect.objectContaining({ code: "broadcastTo/shape" }));
});
