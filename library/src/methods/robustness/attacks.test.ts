import { expect, test } from "vitest";
import { abs, compile, key, mul, sub, sum, type Tensor, value } from "../../index.ts";
import { checkBatching, checkExecutors, expectClose, oracle } from "../../testing/index.ts";
import { fgsm, pgd } from "./attacks.ts";

const slope = value([2, -1, 0.5, -3]);
const x = value([0.5, 0.05, 0.98, 0.3]);
const loss = (at: Tensor) => sum(mul(at, slope));

test("fgsm by hand: one step to the edge of the box, within the range", () => {
  const [moved] = oracle((at) => fgsm(loss, at, { radius: 0.1 }), [x]);
  expectClose(moved, [0.6, 0, 1, 0.2], { atol: 1e-7 });
});

test("of a linear loss, enough steps of pgd end where fgsm does, and stay there", () => {
  const [one, many] = oracle((at) => [fgsm(loss, at, { radius: 0.1 }), pgd(loss, at, { radius: 0.1, steps: 25 })], [x]);
  expectClose(many, one, { atol: 1e-7 });
});

test("pgd finds an inner maximum that one step misses", () => {
  // The loss is largest at 0.53, within the box.
  const peak = (at: Tensor) => mul(sum(abs(sub(at, 0.53))), -1);
  const [found] = oracle((at) => pgd(peak, at, { radius: 0.1, steps: 40, stepSize: 0.005 }), [value([0.5])]);
  expect(Math.abs(found[0] - 0.53)).toBeLessThanOrEqual(0.005);
});

test("nothing leaves the box, from random starts either; radius 0 changes nothing", async () => {
  const run = compile((at: Tensor, random: Tensor) => pgd(loss, at, { radius: 0.07, steps: 3, key: random }));
  const [first, second] = [await run(x, key(1)), await run(x, key(2))];
  expect([...first.toFloat64()]).not.toEqual([...second.toFloat64()]);
  for (const result of [first, second])
    result.toFloat64().forEach((each, i) => {
      expect(Math.abs(each - x.toFloat64()[i])).toBeLessThanOrEqual(0.07 + 1e-6);
      expect(each).toBeGreaterThanOrEqual(0);
      expect(each).toBeLessThanOrEqual(1);
    });
  expect([...oracle((at) => pgd(loss, at, { radius: 0, steps: 3 }), [x])[0]]).toEqual([...x.toFloat64()]);
});

test("executors and batching", async () => {
  const cubic = (at: Tensor) => sum(mul(mul(at, at), sub(at, slope)));
  for (const attack of [
    (at: Tensor) => fgsm(cubic, at, { radius: 0.05 }),
    (at: Tensor) => pgd(cubic, at, { radius: 0.05, steps: 4 }),
  ]) {
    await checkExecutors(attack, [x]);
    await checkBatching(attack, [x]);
  }
});
