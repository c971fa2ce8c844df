import { expect, test } from "vitest";
import { atLeast } from "../claims/check.ts";
import type { JudgedClaim } from "../claims/judge.ts";
import { Sample } from "../claims/sample.ts";
import { parseResult, ResultError, verifyClaims } from "./verify.ts";

const claim = (verdict: JudgedClaim["verdict"], ...values: number[]): JudgedClaim => ({
  ...{ id: "c", position: 0, paper: "p", holds: "h", verdict, notes: [] },
  checks: [
    atLeast(
      new Sample(
        "figure",
        values.map((value, seed) => ({ variant: "", seed, value })),
      ),
      1,
    ),
  ],
});
const agreement = (before: JudgedClaim, now: JudgedClaim) => verifyClaims([before], [now])[0].figures[0].agreement;

test("figures are equal to rounding, or lie in the interval, or differ", () => {
  const before = claim("reproduced", 1, 2, 3);
  expect(agreement(before, claim("reproduced", 1, 2, 3.00001))).toBe("equal");
  expect(agreement(before, claim("reproduced", 2, 3, 4))).toBe("within the interval");
  expect(agreement(before, claim("reproduced", 20, 20, 21))).toBe("differs");
  expect(agreement(claim("reproduced", 5), claim("reproduced", 6))).toBe("differs");
  expect(agreement(claim("undecided"), claim("undecided"))).toBe("equal");
});

test("a verdict that is gone is undecided", () => {
  expect(verifyClaims([claim("reproduced", 1)], [])[0]).toMatchObject({
    before: "reproduced",
    now: "undecided",
    figures: [],
  });
});

test("a result of another version, or what is none, is refused", () => {
  const result = { version: 1, paper: "toy", budget: "full", seeds: [1], settings: {}, claims: [] };
  expect(parseResult(JSON.stringify(result)).paper).toBe("toy");
  for (const bad of [
    "{",
    "{}",
    JSON.stringify({ ...result, version: 2 }),
    JSON.stringify({ version: 1, paper: "toy" }),
  ]) {
    expect(() => parseResult(bad)).toThrow(ResultError);
  }
});
