import { describe, expect, test } from "vitest";
import { attention, div, exp, log, mul, sub, sum, type Tensor, value, where } from "../core/index.ts";
import { findNonFinite } from "./find-non-finite.ts";

const here = "find-non-finite.test.ts";

describe("findNonFinite", () => {
  test("names the operation that made NaN, and its line", async () => {
    const found = await findNonFinite((x: Tensor) => sum(mul(div(x, x), 2)), [value([0, 1])]);
    expect(found).toMatchObject({ operation: "div", kind: "NaN" });
    expect(found?.line).toContain(here);
    expect(found?.origin).toBe("div(float32[2], float32[2])");
  });

  test("names the overflow behind a NaN", async () => {
    const found = await findNonFinite((x: Tensor) => sub(exp(x), exp(mul(x, 2))), [value([100])]);
    expect(found).toMatchObject({ operation: "exp", kind: "Infinity" });
  });

  test("names an overflow that reaches the result", async () => {
    const found = await findNonFinite((x: Tensor) => mul(exp(x), 2), [value([100])]);
    expect(found).toMatchObject({ operation: "exp", kind: "Infinity" });
  });

  test("names an input that was NaN already", async () => {
    const found = await findNonFinite((x: Tensor) => exp(x), [value([Number.NaN])], { names: ["batch"] });
    expect(found).toMatchObject({ operation: "input", origin: "batch", kind: "NaN" });
  });

  test("masks are nobody's fault", async () => {
    const rows = value([
      [1, 2],
      [3, 4],
    ]);
    const masked = (x: Tensor) => attention(x, x, x, undefined, { causal: true });
    expect(await findNonFinite(masked, [rows])).toBeUndefined();
    const guilty = await findNonFinite((x: Tensor) => log(sub(masked(x), 10)), [rows]);
    expect(guilty).toMatchObject({ operation: "log", kind: "NaN" });
  });

  test("an infinity that nothing uses is nobody's fault", async () => {
    const safe = (x: Tensor) => where(value([false]), log(x), 1);
    expect(await findNonFinite(safe, [value([0])])).toBeUndefined();
  });

  test("integers and nothing are finite", async () => {
    expect(await findNonFinite((x: Tensor) => mul(x, 2), [value([1], { dtype: "int32" })])).toBeUndefined();
    expect(await findNonFinite((x: Tensor) => mul(x, 2), [value([])])).toBeUndefined();
  });
});
