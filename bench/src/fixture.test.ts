import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { batchAt, makeFixture } from "./fixture.ts";
import { readFixture, writeFixture } from "./fixture-file.ts";
import { type GptWorkload, gptStepFlops } from "./workloads.ts";

const tiny: GptWorkload = { kind: "gpt", layers: 1, width: 2, heads: 1, time: 3, batch: 4, vocab: 5 };

test("reading gives what was written", () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-bench-test-"));
  try {
    const fixture = makeFixture(tiny);
    writeFixture(folder, fixture);
    expect(readFixture(folder)).toEqual(fixture);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the same seed gives the same fixture, another one another", () => {
  expect(makeFixture(tiny, 2)).toEqual(makeFixture(tiny, 2));
  expect(makeFixture(tiny, 2)).not.toEqual(makeFixture(tiny, 3));
});

test("targets are the tokens that follow the inputs", () => {
  const { inputs, targets } = makeFixture(tiny).batches;
  expect(inputs.shape).toEqual([8, 4, 3]);
  expect([...targets.data.slice(0, -1)]).toEqual([...inputs.data.slice(1)]);
  expect(Math.max(...inputs.data)).toBeLessThan(tiny.vocab);
});

test("batches come round", () => {
  const { inputs } = makeFixture(tiny).batches;
  expect(batchAt(inputs, 9)).toEqual(batchAt(inputs, 1));
  expect(batchAt(inputs, 1)).toEqual({ shape: [4, 3], data: inputs.data.slice(12, 24) });
});

test("operations of a GPT step, counted by hand", () => {
  // 12 tokens; multiply-adds a token: qkv 2·6, out 2·2, up 2·8, down 8·2, head 2·5, scores 3·2, mixing 3·2
  expect(gptStepFlops(tiny)).toBe(3 * 2 * 12 * (12 + 4 + 16 + 16 + 10 + 6 + 6));
});
