import { describe, expect, test } from "vitest";
import { check, checkExecutors, expectClose, oracle } from "../../testing/check.ts";
import type { Tensor } from "../tensor.ts";
import { type Value, value } from "../value.ts";
import { cast, cos, mul, neg, rotate, sin, square, sum } from "./index.ts";

const numbers = (...shape: number[]): Value =>
  value(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(12.9898 * (i + 1))),
    { shape },
  );
const angles = value([
  [0, 0.3],
  [1.1, -0.7],
  [2.5, 3],
]);
const turn =
  (interleaved: boolean) =>
  (x: Tensor, by: Tensor): Tensor =>
    rotate(x, cos(by), sin(by), { interleaved });

describe.each([false, true])("interleaved: %s", (interleaved) => {
  test.each([[[3, 4]], [[2, 3, 4]], [[2, 2, 3, 4]]])("executors, gradient, batching of %j", (shape) =>
    check(turn(interleaved), [numbers(...shape), angles]),
  );
  test("angles of each example", () => check((by, x) => turn(interleaved)(x, by), [angles, numbers(2, 3, 4)]));

  test("lengths stay, angle 0 does nothing, and back is the inverse", () => {
    const x = numbers(2, 3, 4);
    const [before, after, none, back, plain] = oracle(
      (a, by) => {
        const turned = turn(interleaved)(a, by);
        return [
          sum(square(a), { axis: -1 }),
          sum(square(turned), { axis: -1 }),
          turn(interleaved)(a, mul(by, 0)),
          turn(interleaved)(turned, neg(by)),
          a,
        ];
      },
      [x, angles],
    );
    expectClose(after, before, { rtol: 1e-12 });
    expectClose(none, plain, { atol: 0, rtol: 0 });
    expectClose(back, plain, { rtol: 1e-12, atol: 1e-12 });
  });
});

test("by hand: a quarter turn", () => {
  const quarter = (interleaved: boolean) =>
    oracle((x) => rotate(x, value([[0, 1]]), value([[1, 0]]), { interleaved }), [value([[1, 2, 3, 4]])])[0];
  expectClose(quarter(false), [-3, 2, 1, 4]);
  expectClose(quarter(true), [-2, 1, 3, 4]);
});

test("no time, half precision, mistakes", async () => {
  const empty = value([], { shape: [0, 1] });
  await checkExecutors((x) => rotate(x, empty, empty), [value([], { shape: [2, 0, 2] })]);
  const half = (x: Tensor) =>
    cast(rotate(cast(x, "float16"), cast(cos(angles), "float16"), cast(sin(angles), "float16")), "float32");
  await checkExecutors(half, [numbers(3, 4)], { rtol: 3e-3, atol: 3e-3 }); // half floats carry 11 bits
  const code = (fn: () => unknown, wanted: string) =>
    expect(fn).toThrowError(expect.objectContaining({ code: wanted }));
  code(() => rotate(numbers(3, 5), angles, angles), "rotate/shape");
  code(() => rotate(numbers(2, 4), angles, angles), "rotate/shape");
  code(() => rotate(numbers(4), angles, angles), "rotate/shape");
});
