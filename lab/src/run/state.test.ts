import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { value } from "sluice";
import { expect, test } from "vitest";
import { checkpointFolder, dropCheckpoints, openCheckpoint } from "./checkpoint.ts";
import { decodeState, encodeState, StateError } from "./state.ts";

const state = {
  params: {
    weight: value([
      [1, 2],
      [3, 4],
    ]),
    ids: value(new Int32Array([1, -1])),
    layers: [value(new Float64Array(0))],
  },
  moments: new Float32Array([0.1, Number.NaN, -0]),
  step: 7,
  odd: [Number.NaN, Number.POSITIVE_INFINITY, -0, 2n ** 70n, undefined, null, true, "text", ""],
  empty: {},
};

test("a state comes back as it was: values, arrays and everything between them", () => {
  const back = decodeState(encodeState(state)) as typeof state;
  expect(back).toEqual(state);
  expect(back.params.weight.shape).toEqual([2, 2]);
  expect(back.params.ids.dtype).toBe("int32");
  expect(Object.is(back.odd[2], -0)).toBe(true);
  expect(decodeState(encodeState(undefined))).toBeUndefined();
});

test("what would not come back is refused, with its place", () => {
  for (const [path, bad] of [
    ["a.0", { a: [new Map()] }],
    ["f", { f: () => 1 }],
    ["", new (class Odd {})()],
    ["x", { x: { $: 1 } }],
  ] as const) {
    expect(() => encodeState(bad)).toThrow(StateError);
    expect(() => encodeState(bad)).toThrow(expect.objectContaining({ path }));
  }
});

test("a checkpoint is the last state that was saved whole", () => {
  const home = mkdtempSync(join(tmpdir(), "sluice-"));
  const place = openCheckpoint<{ step: number }>(home, "trial", "../train: α");
  expect(place.load()).toBeUndefined();
  place.save({ step: 1 });
  place.save({ step: 2 });
  expect(place.load()).toEqual({ step: 2 });
  const [file, ...others] = readdirSync(checkpointFolder(home, "trial"));
  expect(others).toEqual([]);
  writeFileSync(join(checkpointFolder(home, "trial"), file), "cut off");
  expect(place.load()).toBeUndefined();
  dropCheckpoints(home, "trial");
  expect(readdirSync(join(home, "checkpoints"))).toEqual([]);
  rmSync(home, { recursive: true });
});
