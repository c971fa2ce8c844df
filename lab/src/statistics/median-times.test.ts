import { expect, test } from "vitest";
import { medianTimes } from "./median-times.ts";

test("cases take turns, two rounds more than are counted, and each gets a time", async () => {
  const calls: string[] = [];
  const times = await medianTimes([(round) => calls.push(`a${round}`), async (round) => calls.push(`b${round}`)], {
    rounds: 1,
  });
  expect(calls).toEqual(["a0", "b0", "a1", "b1", "a2", "b2"]);
  expect(times).toHaveLength(2);
  for (const time of times) expect(time).toBeGreaterThanOrEqual(0);
});
