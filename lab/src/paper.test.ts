import { expect, expectTypeOf, test } from "vitest";
import { atLeast, type Paper, PaperError, paper } from "./paper.ts";

const frame = { row: 1, family: "other", title: "T", year: 2020, idea: "I", minutes: 1 } as const;

test("the names that a paper declares are the only ones that compile", () => {
  const made = paper({
    ...frame,
    id: "typed",
    settings: { full: { steps: 100, kind: "a", sizes: [1, 2] }, smoke: { steps: 2 } },
    variants: { softmax: { normalizer: "softmax" }, softpick: { normalizer: "softpick", steps: 50 } },
    claims: {
      sinks: {
        paper: "p",
        holds: "h",
        measures: { strongest: "strongest head", rate: "sink rate" },
        judge: ({ strongest, rate, ...others }) => {
          expectTypeOf(others).toEqualTypeOf<Record<never, never>>();
          // @ts-expect-error no such variant
          strongest.of("sigmoid");
          return [atLeast(strongest.of("softmax"), 0.6), atLeast(rate.of("softpick"), 0)];
        },
      },
    },
    plots: { map: { title: "t", caption: "c", draw: ({ rows }) => ({ data: { values: rows } }) } },
    async run(lab) {
      expectTypeOf(lab.variant).toEqualTypeOf<"softmax" | "softpick">();
      expectTypeOf(lab.settings.normalizer).toEqualTypeOf<"softmax" | "softpick">();
      expectTypeOf(lab.settings.steps).toExtend<number>();
      expectTypeOf(lab.settings.kind).toEqualTypeOf<string>();
      lab.claim("sinks", { strongest: 1 });
      lab.plot("map", [{ x: 1 }]);
      // @ts-expect-error no such claim
      lab.claim("sink", { rate: 1 });
      // @ts-expect-error no such measure
      lab.claim("sinks", { rates: 1 });
      // @ts-expect-error no such plot
      lab.plot("maps", []);
      // @ts-expect-error no such setting
      lab.settings.lr;
    },
  });
  expectTypeOf(made).toEqualTypeOf<Paper>();
  expect(made.id).toBe("typed");
});

test("a paper without variants has one, without a name", () => {
  paper({
    ...frame,
    id: "plain",
    settings: { full: { steps: 1 }, smoke: {} },
    claims: { c: { paper: "p", holds: "h", measures: { a: "a" }, judge: ({ a }) => [atLeast(a, 0)] } },
    async run(lab) {
      expectTypeOf(lab.variant).toEqualTypeOf<"">();
      expectTypeOf(lab.settings.steps).toEqualTypeOf<number>();
      lab.claim("c", { a: 1 });
    },
  });
});

test("what cannot be is refused", () => {
  const claims = { c: { paper: "p", holds: "h", measures: { a: "a" }, judge: () => [] } };
  const settings = { full: { steps: 1 }, smoke: {} };
  const run = async () => {};
  expect(() => paper({ ...frame, id: "Not Kebab", settings, claims, run })).toThrow(PaperError);
  expect(() => paper({ ...frame, id: "empty", settings, claims: {}, run })).toThrow("at least one claim");
  const smoke = { steeps: 2 } as Record<never, never>;
  expect(() => paper({ ...frame, id: "smoke", settings: { ...settings, smoke }, claims, run })).toThrow("steeps");
});
