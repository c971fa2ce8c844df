import { describe, expect, test } from "vitest";
import { compile, key, type Tensor, value } from "../../index.ts";
import { check, expectClose, oracle } from "../../testing/index.ts";
import { denseExperts, dispatchExperts, type Experts, initExperts } from "./experts.ts";
import { topKSoftmax } from "./noisy-top-k.ts";

const [rows, width, hidden, experts] = [7, 3, 4, 5];
const numbers = (count: number, from = 0) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(2 * (i + from) + 1));
const x = value(numbers(rows * width), { shape: [rows, width] });
const scores = value(numbers(rows * experts, 33), { shape: [rows, experts] });
const up = value(numbers(experts * width * hidden, 7), { shape: [experts, width, hidden] });
const down = value(numbers(experts * hidden * width, 9), { shape: [experts, hidden, width] });

const refused = (code: string) => expect.objectContaining({ code: `dispatchExperts/${code}` });

const both = (capacity?: number) =>
  oracle(
    (x, scores, up, down) => {
      const { gates, indices, weights } = topKSoftmax(scores, { k: 2 });
      const { y, dropped } = dispatchExperts({ up, down }, x, indices, weights, { capacity });
      return [denseExperts({ up, down }, x, gates), y, dropped];
    },
    [x, scores, up, down],
  );

describe("a mixture", () => {
  test("by hand: an identity and its double, weighed ¼ and ¾", () => {
    const eye = value([[[1]], [[1]]]);
    const double = value([[[1]], [[2]]]);
    const [y] = oracle((x) => denseExperts({ up: eye, down: double }, x, value([[0.25, 0.75]])), [value([[4]])]);
    expectClose(y, [0.25 * 4 + 0.75 * 8]);
  });

  test("dispatched is what it is evaluated densely, while nothing is dropped", () => {
    const [dense, dispatched, dropped] = both(rows);
    expectClose(dispatched, dense, { rtol: 1e-12, atol: 1e-12 });
    expect([...dropped]).toEqual([0]);
  });

  test("with room for one row, each expert keeps its first, and the others are counted", () => {
    const places = value([[0], [0], [1], [0]], { dtype: "int64" });
    const one = value([[[1]], [[1]]]);
    const [y, dropped] = oracle(
      (x) => {
        const result = dispatchExperts({ up: one, down: one }, x, places, value([[1], [1], [1], [1]]), { capacity: 1 });
        return [result.y, result.dropped];
      },
      [value([[1], [2], [3], [4]])],
    );
    expect([...y]).toEqual([1, 0, 3, 0]);
    expect([...dropped]).toEqual([2]);
  });

  test("first parameters have deviation 1/√inputs", async () => {
    const { up, down } = await compile((k: Tensor) => initExperts(k, { experts: 8, width: 64, hidden: 32 }))(
      key(1) as never,
    );
    const deviation = (numbers: Float64Array) => Math.sqrt(numbers.reduce((s, n) => s + n * n, 0) / numbers.length);
    expect(up.shape).toEqual([8, 64, 32]);
    expect(deviation(up.toFloat64())).toBeCloseTo(1 / 8, 2);
    expect(deviation(down.toFloat64())).toBeCloseTo(1 / Math.sqrt(32), 2);
  });

  test("shapes that do not fit are refused", () => {
    const params: Experts<any> = { up, down };
    const indices = value([[0]], { dtype: "int64" });
    expect(() => dispatchExperts(params, x, indices, value([[1]]))).toThrow(refused("places"));
    const all = value(new BigInt64Array(rows), { shape: [rows, 1] });
    expect(() =>
      dispatchExperts(params, x, all, value(new Float32Array(rows), { shape: [rows, 1] }), { capacity: 0 }),
    ).toThrow(refused("capacity"));
  });
});

test("executors, gradients and batching agree", async () => {
  await check((x, gates, up, down) => denseExperts({ up, down }, x, gates), [x, scores, up, down], { batch: false });
  const routed = (capacity: number) => (x: Tensor, scores: Tensor, up: Tensor, down: Tensor) => {
    const { indices, weights } = topKSoftmax(scores, { k: 2 });
    return dispatchExperts({ up, down }, x, indices, weights, { capacity }).y;
  };
  await check(routed(rows), [x, scores, up, down]);
  await check(routed(2), [x, scores, up, down], { batch: false });
});
