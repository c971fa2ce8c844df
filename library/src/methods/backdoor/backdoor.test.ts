import { describe, expect, test } from "vitest";
import { batchNormInference, convolution, type Tensor, Value, value } from "../../index.ts";
import { check, checkBatching, checkExecutors, expectClose, oracle, sample } from "../../testing/index.ts";
import { uniformSource } from "../uniform-source.ts";
import { foldedNorms, triggerActivationChange } from "./analysis.ts";
import { attackSuccessRate, defenceEffectiveness, recoveredAccuracy } from "./metrics.ts";
import { choosePoisoned } from "./poison.ts";
import { additiveTrigger, blendTrigger, patchTrigger, sinusoidTrigger } from "./triggers.ts";

describe("triggers", () => {
  const images = new Value(
    Float32Array.from(sample([2 * 64]).toFloat64(), (each) => (each + 1) / 2),
    [2, 1, 8, 8],
  );
  const put = (trigger: { apply(x: Tensor): Tensor }, x = images) => oracle((at) => trigger.apply(at), [x])[0];

  test("the patch covers nine pixels near the corner and nothing else", () => {
    const changed = put(patchTrigger());
    const before = images.toFloat64();
    const patch = [1, 0, 1, 0, 1, 0, 1, 0, 1];
    for (let i = 0; i < 128; i++) {
      const [row, column] = [(i % 64) >> 3, i % 8];
      const covered = row >= 4 && row < 7 && column >= 4 && column < 7;
      expect(changed[i]).toBe(covered ? patch[3 * (row - 4) + column - 4] : before[i]);
    }
    const corner = put(patchTrigger({ pattern: [[0.5]], row: 0, column: 0 }));
    expect(corner[0]).toBe(0.5);
    expect([...corner.slice(1, 64)]).toEqual([...before.slice(1, 64)]);
    expect(() => patchTrigger({ row: 7, column: 0 }).apply(images)).toThrow(
      expect.objectContaining({ code: "patchTrigger/place" }),
    );
  });

  test("blending is the same noise for every image, and a share of 0 is none", () => {
    const change = put(blendTrigger()).map((each, i) => each - 0.8 * images.toFloat64()[i]);
    expectClose(change.slice(0, 64), change.slice(64), { atol: 1e-6 });
    expect(Math.min(...change)).toBeGreaterThanOrEqual(-1e-7);
    expect(Math.max(...change)).toBeLessThanOrEqual(0.2);
    expect([...put(blendTrigger({ share: 0 }))]).toEqual([...images.toFloat64()]);
    expect([...put(blendTrigger({ seed: 8 }))]).not.toEqual([...put(blendTrigger())]);
  });

  test("stripes by hand, within the range", () => {
    const grey = new Value(new Float32Array(64).fill(0.5), [1, 1, 8, 8]);
    const striped = put(sinusoidTrigger({ size: 0.1, cycles: 2 }), grey);
    expectClose(striped.slice(0, 8), [0.5, 0.6, 0.5, 0.4, 0.5, 0.6, 0.5, 0.4], { atol: 1e-7 });
    const white = new Value(new Float32Array(64).fill(1), [1, 1, 8, 8]);
    expect(Math.max(...put(sinusoidTrigger(), white))).toBe(1);
  });

  test("what is added is cut off unless asked not to", () => {
    const change = value([0.3, -0.9]);
    const x = value([0.9, 0.5]);
    expectClose(put(additiveTrigger(change), x), [1, 0], { atol: 1e-7 });
    expectClose(put(additiveTrigger(change, { range: null }), x), [1.2, -0.4], { atol: 1e-7 });
  });

  test("executors and batching", async () => {
    for (const trigger of [patchTrigger(), blendTrigger(), sinusoidTrigger()]) {
      await checkExecutors((x) => trigger.apply(x), [images]);
      await checkBatching((x) => trigger.apply(x), [images]);
    }
  });
});

describe("choosePoisoned", () => {
  const labels = Array.from({ length: 100 }, (_, i) => i % 4);

  test("as many as the rate says, all different, of the classes that the mode allows", () => {
    const dirty = choosePoisoned(labels, { rate: 0.2, target: 1 }, uniformSource(1));
    expect(new Set(dirty).size).toBe(20);
    expect([...dirty].every((i) => labels[i] !== 1)).toBe(true);
    const clean = choosePoisoned(labels, { rate: 0.25, target: 1, mode: "clean-label" }, uniformSource(1));
    expect([...clean]).toEqual(labels.flatMap((label, i) => (label === 1 ? [i] : [])));
    expect(choosePoisoned(labels, { rate: 0, target: 1 }, uniformSource(1))).toHaveLength(0);
  });

  test("the seed decides, and too many are refused", () => {
    const with1 = choosePoisoned(labels, { rate: 0.1, target: 0 }, uniformSource(1));
    expect(choosePoisoned(labels, { rate: 0.1, target: 0 }, uniformSource(1))).toEqual(with1);
    expect(choosePoisoned(labels, { rate: 0.1, target: 0 }, uniformSource(2))).not.toEqual(with1);
    for (const rate of [0.8, -0.1, Number.NaN])
      expect(() => choosePoisoned(labels, { rate, target: 0 }, uniformSource(1))).toThrow(
        expect.objectContaining({ code: "choosePoisoned/rate" }),
      );
  });
});

describe("metrics", () => {
  test("images of the target class count for nothing", () => {
    const given = { answers: [0, 0, 2, 1], labels: [0, 1, 2, 2], target: 0 };
    expect(attackSuccessRate(given)).toBeCloseTo(1 / 3, 12);
    expect(recoveredAccuracy(given)).toBeCloseTo(1 / 3, 12);
    expect(attackSuccessRate({ answers: [0], labels: [0], target: 0 })).toBe(0);
  });

  test("effectiveness: 1 for a cure at no cost, 0.5 for nothing, less for harm", () => {
    const before = { accuracy: 0.9, success: 1 };
    expect(defenceEffectiveness(before, { accuracy: 0.9, success: 0 })).toBe(1);
    expect(defenceEffectiveness(before, before)).toBe(0.5);
    expect(defenceEffectiveness(before, { accuracy: 0.7, success: 1 })).toBeCloseTo(0.4, 12);
  });
});

describe("analysis", () => {
  test("by hand: the mean length of the change", async () => {
    const [clean, triggered] = [
      value([
        [
          [3, 4],
          [1, 1],
        ],
        [
          [0, 0],
          [1, 1],
        ],
      ]),
      value([
        [
          [0, 0],
          [1, 1],
        ],
        [
          [0, 1],
          [1, 1],
        ],
      ]),
    ];
    expectClose(oracle((a, b) => triggerActivationChange(a, b), [clean, triggered])[0], [3, 0], { atol: 1e-9 });
    await checkExecutors((a, b) => triggerActivationChange(a, b), [sample([2, 3, 2, 2]), sample([2, 3, 2, 2], 2)]);
  });

  test("folded norms are those of the kernel that the normalisation makes of it", async () => {
    const [weight, scale] = [sample([3, 2, 1, 1]), sample([3], 2)];
    const variance = value([0.5, 2, 1]);
    const zero = value([0, 0, 0]);
    const [norms, columns] = oracle(
      (w, s, v) => [
        foldedNorms(w, s, v),
        // Two unit impulses read the kernel's columns off.
        batchNormInference(
          convolution(
            value([
              [[[1]], [[0]]],
              [[[0]], [[1]]],
            ]),
            w,
          ),
          zero,
          v,
          s,
          zero,
        ),
      ],
      [weight, scale, variance],
    );
    expectClose(
      norms,
      [0, 1, 2].map((k) => Math.hypot(columns[k], columns[3 + k])),
      { atol: 1e-6 },
    );
    await check((w, s) => foldedNorms(w, s, variance), [weight, scale]);
  });
});
