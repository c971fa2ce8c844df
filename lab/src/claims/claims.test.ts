import { describe, expect, test } from "vitest";
import { above, atLeast, atMost, below, equals, within } from "./check.ts";
import { type Judge, judgeClaims, overallVerdict, type Witness } from "./judge.ts";
import { average, count, figure, largest, minus, paired, ratio, Sample, smallest } from "./sample.ts";

const sample = (label: string, figures: Record<string, readonly number[]>) =>
  new Sample(
    label,
    Object.entries(figures).flatMap(([variant, values]) =>
      values.map((value, index) => ({ variant, seed: index + 1, value })),
    ),
  );
const loss = sample("loss", { soft: [1, 2, 3], pick: [2, 2, 5] });

describe("samples", () => {
  test("narrow to a variant, and name it", () => {
    expect(loss.of("pick").values).toEqual([2, 2, 5]);
    expect(loss.of("pick").label).toBe("pick: loss");
    expect(loss.of("pick").mean).toBe(3);
    expect(loss.of("other").points).toEqual([]);
    expect(loss.of("other").mean).toBeNaN();
  });

  test("pair by seed between variants, and by variant and seed within them", () => {
    expect(minus(loss.of("pick"), loss.of("soft")).values).toEqual([1, 0, 2]);
    expect(ratio(loss.of("pick"), loss.of("soft")).values).toEqual([2, 1, 5 / 3]);
    expect(minus(loss.of("pick"), loss.of("soft")).label).toBe("pick − soft: loss");
    expect(ratio(loss.of("pick"), loss).label).toBe("pick: loss / loss");
    expect(minus(loss, loss).values).toEqual([0, 0, 0, 0, 0, 0]);
    const later = sample("later", { soft: [10, 20, 30], pick: [20, 20, 50] });
    expect(ratio(later, loss).values).toEqual([10, 10, 10, 10, 10, 10]);
  });

  test("leave out what has no partner", () => {
    const two = sample("two", { pick: [1, 1] });
    expect(paired("sum", loss.of("soft"), two, (a, b) => a + b).points.map((point) => point.seed)).toEqual([1, 2]);
  });

  test("summarise: smallest, largest, average, count, figure", () => {
    expect(smallest(loss).values).toEqual([1]);
    expect(largest(loss.of("soft")).values).toEqual([3]);
    expect(smallest(loss.of("other")).points).toEqual([]);
    expect(average("mean", loss.of("soft"), loss.of("pick")).values).toEqual([1.5, 2, 4]);
    expect(count("small", loss, (value) => value < 3).values).toEqual([4]);
    expect(figure("nothing", Number.NaN).points).toEqual([]);
  });
});

describe("checks", () => {
  test("hold the mean, or every seed, against the bound", () => {
    const soft = loss.of("soft");
    expect(atLeast(soft, 2).holds).toBe(true);
    expect(above(soft, 2).holds).toBe(false);
    expect(atMost(soft, 2).holds).toBe(true);
    expect(below(soft, 2).holds).toBe(false);
    expect(atLeast(soft, 1.5, "every seed").holds).toBe(false);
    expect(atLeast(soft, 1, "every seed").holds).toBe(true);
    expect(within(soft, 1.9, 2.1).holds).toBe(true);
    expect(within(soft, 1.9, 2.1, "every seed").holds).toBe(false);
    expect(equals(sample("zero", { a: [0, 0] }), 0).holds).toBe(true);
    expect(equals(sample("zero", { a: [0, 1e-9] }), 0).holds).toBe(false);
  });

  test("carry the 95 % interval: 2 ± 4.3027 · 1/√3 for 1, 2, 3", () => {
    const { mean, low, high, n, close } = atLeast(loss.of("soft"), 0);
    expect([mean, n]).toEqual([2, 3]);
    expect(low).toBeCloseTo(2 - 4.302653 / Math.sqrt(3), 5);
    expect(high).toBeCloseTo(2 + 4.302653 / Math.sqrt(3), 5);
    expect(close).toBe(true);
    expect(atLeast(loss.of("soft"), -1).close).toBe(false);
  });

  test("have no interval for one figure, and no answer for none", () => {
    expect(atLeast(sample("one", { a: [4] }), 3)).toMatchObject({ mean: 4, low: null, high: null, n: 1, holds: true });
    expect(atLeast(sample("none", {}), 3)).toMatchObject({ mean: null, n: 0, holds: null });
  });

  test("a quotient by zero does not hold, and stays plain JSON", () => {
    const check = atLeast(ratio(figure("a", 0), figure("b", 0)), 0);
    expect(check.holds).toBe(false);
    expect(JSON.parse(JSON.stringify(check))).toMatchObject({ mean: null });
  });
});

const claim: Judge = {
  paper: "0 %",
  holds: "pick ≤ 0.1",
  measures: { rate: "sink rate" },
  judge: ({ rate }) => [atMost(rate.of("pick"), 0.1)],
};
const witness = (variant: string, seed: number, value?: number, status: Witness["status"] = "done"): Witness => ({
  ...{ variant, seed, status },
  measures: value === undefined ? [] : [{ claim: "sink", name: "rate", value }],
});
const judged = (witnesses: readonly Witness[], definition: Judge = claim) =>
  judgeClaims({ sink: definition }, witnesses, "full")[0];

describe("judging", () => {
  const three = [1, 2, 3].map((seed) => witness("pick", seed, 0.05));

  test("reproduces what holds, and says when it does not", () => {
    expect(judged(three)).toMatchObject({ verdict: "reproduced", notes: [] });
    expect(judged([1, 2, 3].map((seed) => witness("pick", seed, 0.5)))).toMatchObject({ verdict: "not reproduced" });
  });

  test("is undecided without a trial of a variant that reports to the claim", () => {
    const failed = [...three, witness("pick", 4, undefined, "failed")];
    expect(judged(failed)).toMatchObject({ verdict: "undecided", notes: ["without pick seed 4"] });
    const unrelated = [...three, witness("moby", 1), witness("moby", 2, undefined, "failed")];
    expect(judged(unrelated).verdict).toBe("reproduced");
    const unknown = [...three, witness("moby", 1, undefined, "failed")];
    expect(judged(unknown).verdict).toBe("undecided");
  });

  test("is undecided when nothing was measured, or judging throws", () => {
    expect(judged([witness("pick", 1)])).toMatchObject({
      verdict: "undecided",
      notes: ["nothing measured for “pick: sink rate”"],
    });
    const throwing: Judge = {
      ...claim,
      judge: () => {
        throw new Error("no such thing");
      },
    };
    expect(judged(three, throwing)).toMatchObject({ verdict: "undecided", notes: ["judging failed: no such thing"] });
  });

  test("warns of few seeds, and of an interval across the threshold", () => {
    expect(judged([witness("pick", 1, 0.05)]).notes).toEqual(["1 of at least 3 seeds"]);
    const wide = [0, 0.05, 0.2].map((value, seed) => witness("pick", seed, value));
    expect(judged(wide).notes).toEqual(["“pick: sink rate”: the interval reaches across the threshold"]);
  });

  test("leaves claims alone that are not for this budget, and shows their figures", () => {
    const [small] = judgeClaims({ sink: claim }, three, "smoke");
    expect(small).toMatchObject({ verdict: "not judged", checks: [{ n: 3 }] });
    expect(judgeClaims({ sink: { ...claim, budgets: ["smoke"] } }, three, "smoke")[0].verdict).toBe("reproduced");
  });

  test("of a run: one claim that fails outweighs all, one that is open outweighs those that hold", () => {
    const verdicts = (...all: Parameters<typeof overallVerdict>[0][number]["verdict"][]) =>
      overallVerdict(all.map((verdict) => ({ verdict })));
    expect(verdicts("reproduced", "not judged")).toBe("reproduced");
    expect(verdicts("reproduced", "undecided")).toBe("undecided");
    expect(verdicts("undecided", "not reproduced", "reproduced")).toBe("not reproduced");
    expect(verdicts("not judged")).toBe("not judged");
  });
});
