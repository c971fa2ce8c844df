import { describe, expect, test } from "vitest";
import { uniformSource } from "../uniform-source.ts";
import { intersectionOverUnion, iouMatrix } from "./boxes.ts";
import { nms, type SoftNmsOptions, softNms } from "./nms.ts";

const floats = (...numbers: number[]) => Float32Array.from(numbers);
const everyWay: readonly SoftNmsOptions[] = [{}, { method: "linear" }];

/** Boxes of 4 to 14 pixels on a canvas where many overlap. */
function crowd(count: number, seed: number) {
  const random = uniformSource(seed);
  const boxes = Array.from({ length: count }, () => {
    const [x, y] = [30 * random.uniform(), 30 * random.uniform()];
    return [x, y, x + 4 + 10 * random.uniform(), y + 4 + 10 * random.uniform()];
  });
  return { boxes: Float32Array.from(boxes.flat()), scores: Float32Array.from(boxes, () => random.uniform()) };
}

describe("overlap", () => {
  test("by hand, apart, and without area", () => {
    expect(intersectionOverUnion([0, 0, 10, 10], [0, 0, 10, 5])).toBe(0.5);
    expect(intersectionOverUnion([0, 0, 2, 2], [1, 1, 3, 3])).toBeCloseTo(1 / 7, 12);
    expect(intersectionOverUnion([0, 0, 2, 2], [2, 0, 4, 2])).toBe(0);
    expect(intersectionOverUnion([1, 1, 1, 1], [1, 1, 1, 1])).toBe(0);
  });

  test("a matrix has every pair; lengths that are no boxes are refused", () => {
    const matrix = iouMatrix(floats(0, 0, 10, 10, 5, 5, 6, 6), floats(0, 0, 10, 5, 0, 0, 10, 10, 20, 20, 30, 30));
    expect([...matrix].map((one) => Math.round(1e4 * one) / 1e4)).toEqual([0.5, 1, 0, 0, 0.01, 0]);
    expect(() => iouMatrix(floats(1, 2), floats())).toThrow(expect.objectContaining({ code: "boxes/length" }));
  });
});

describe("suppression", () => {
  test("one box stays, none are none", () => {
    for (const options of everyWay) {
      expect(softNms(floats(0, 0, 1, 1), floats(0.5), options)).toEqual([{ index: 0, score: 0.5 }]);
      expect(softNms(floats(), floats(), options)).toEqual([]);
    }
    expect(nms(floats(0, 0, 1, 1), floats(0.5))).toEqual([{ index: 0, score: 0.5 }]);
  });

  test("boxes that are apart keep their scores", () => {
    const apart = floats(0, 0, 1, 1, 2, 0, 3, 1, 4, 0, 5, 1);
    const scores = floats(0.25, 0.75, 0.5);
    const expected = [1, 2, 0].map((index) => ({ index, score: scores[index] }));
    for (const options of everyWay) expect(softNms(apart, scores, options)).toEqual(expected);
    expect(nms(apart, scores)).toEqual(expected);
  });

  test("by hand: the same box twice, and one with half the overlap", () => {
    const scores = floats(0.9, 0.8);
    const same = floats(0, 0, 10, 10, 0, 0, 10, 10);
    expect(softNms(same, scores, { method: "linear", minScore: 0 })[1].score).toBe(0);
    expect(softNms(same, scores, { method: "linear" })).toHaveLength(1);
    expect(softNms(same, scores)[1].score).toBeCloseTo(0.10827, 5);
    const half = floats(0, 0, 10, 10, 0, 0, 10, 5);
    expect(softNms(half, scores, { method: "linear" })[1].score).toBeCloseTo(0.4, 6);
    expect(softNms(half, scores)[1].score).toBeCloseTo(0.48522, 5);
    expect(nms(half, scores)).toEqual([{ index: 0, score: scores[0] }]);
    expect(nms(half, scores, { iou: 0.51 })).toHaveLength(2);
  });

  test("the best is chosen anew: a box that was lowered comes after one that was not", () => {
    const boxes = floats(0, 0, 10, 10, 0, 0, 10, 9, 50, 50, 60, 60);
    expect(softNms(boxes, floats(0.9, 0.8, 0.5)).map(({ index }) => index)).toEqual([0, 2, 1]);
  });

  test("limits of the width and the threshold", () => {
    const { boxes, scores } = crowd(40, 1);
    const narrow = softNms(boxes, scores, { sigma: 1e-9 });
    for (const [i, one] of narrow.entries())
      for (const other of narrow.slice(0, i))
        expect(
          intersectionOverUnion(
            boxes.subarray(4 * one.index, 4 * one.index + 4),
            boxes.subarray(4 * other.index, 4 * other.index + 4),
          ),
        ).toBeLessThan(1e-3);
    const best = [...scores].sort((a, b) => b - a);
    for (const kept of [softNms(boxes, scores, { sigma: 1e12, minScore: 0 }), nms(boxes, scores, { iou: 1 })])
      kept.forEach(({ score }, rank) => {
        expect(score).toBeCloseTo(best[rank], 6);
      });
  });

  test("no score rises, the best keeps its own, and scores come sorted", () => {
    const { boxes, scores } = crowd(60, 2);
    for (const options of everyWay) {
      const kept = softNms(boxes, scores, options);
      expect(kept[0].score).toBe(Math.max(...scores));
      for (const { index, score } of kept) expect(score).toBeLessThanOrEqual(scores[index]);
      for (const [rank, { score }] of kept.slice(1).entries()) expect(score).toBeLessThanOrEqual(kept[rank].score);
    }
  });

  test("another order of the input gives the same boxes", () => {
    const { boxes, scores } = crowd(30, 3);
    const order = Array.from(scores.keys()).reverse();
    const turned = Float32Array.from(order.flatMap((i) => [...boxes.subarray(4 * i, 4 * i + 4)]));
    for (const options of everyWay)
      expect(
        softNms(
          turned,
          Float32Array.from(order, (i) => scores[i]),
          options,
        ).map(({ index, score }) => ({ index: order[index], score })),
      ).toEqual(softNms(boxes, scores, options));
  });

  test("scores that are missing, negative or NaN are refused", () => {
    const refused = expect.objectContaining({ code: "nms/scores" });
    expect(() => nms(floats(0, 0, 1, 1), floats())).toThrow(refused);
    expect(() => softNms(floats(0, 0, 1, 1), floats(-1))).toThrow(refused);
    expect(() => softNms(floats(0, 0, 1, 1), floats(Number.NaN))).toThrow(refused);
  });
});
