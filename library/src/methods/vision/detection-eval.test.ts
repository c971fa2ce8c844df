import { describe, expect, test } from "vitest";
import { averagePrecision, type Detection, foundTruths, type Truth } from "./detection-eval.ts";

const truth = (image: number, label: number, x: number): Truth => ({ image, label, box: [x, 0, x + 10, 10] });
const found = (of: Truth, score: number): Detection => ({ ...of, score });
const truths = [truth(0, 1, 0), truth(0, 1, 20), truth(0, 2, 40), truth(1, 1, 0)];

describe("average precision", () => {
  test("perfect detections are 1, none are 0, no objects are NaN", () => {
    const perfect = averagePrecision(
      truths.map((each, i) => found(each, 0.5 + i / 10)),
      truths,
    );
    expect(perfect).toEqual({ ap: 1, ap50: 1, ap75: 1, recall: 1 });
    expect(averagePrecision([], truths)).toEqual({ ap: 0, ap50: 0, ap75: 0, recall: 0 });
    expect(averagePrecision([], []).ap).toBeNaN();
  });

  test("duplicates below all cost nothing, above they do", () => {
    const one = truths.filter(({ label }) => label === 1);
    const first = one.map((each, i) => found(each, 0.9 - i / 100));
    expect(averagePrecision([...first, ...one.map((each) => found(each, 0.1))], one).ap).toBe(1);
    expect(averagePrecision([...first, found(one[0], 0.99)], one).ap).toBeLessThan(1);
  });

  test("a false alarm before the only hit halves it", () => {
    const [only] = truths;
    const alarm = found({ ...only, image: 7 }, 0.9);
    expect(averagePrecision([alarm, found(only, 0.8)], [only]).ap).toBeCloseTo(0.5, 12);
    expect(averagePrecision([{ ...found(only, 0.9), label: 3 }, found(only, 0.8)], [only]).ap).toBe(1);
  });

  test("by hand: hit, alarm, hit of two objects", () => {
    const two = [truth(0, 0, 0), truth(0, 0, 20)];
    const detections = [found(two[0], 0.9), found(truth(0, 0, 60), 0.8), found(two[1], 0.7)];
    // 51 recalls up to 0.5 at precision 1, 50 beyond at 2/3.
    expect(averagePrecision(detections, two).ap).toBeCloseTo((51 + 50 * (2 / 3)) / 101, 12);
  });

  test("overlap decides the levels: 0.6 counts for three of ten", () => {
    const only = truth(0, 0, 0);
    const detection: Detection = { image: 0, label: 0, box: [0, 0, 10, 6.01], score: 1 };
    const { ap, ap50, ap75, recall } = averagePrecision([detection], [only]);
    expect([ap50, ap75]).toEqual([1, 0]);
    expect(ap).toBeCloseTo(0.3, 12);
    expect(recall).toBeCloseTo(0.3, 12);
    expect(averagePrecision([detection], [only], { ious: [0.6] }).ap75).toBeNaN();
  });

  test("only the best so many of an image count", () => {
    const only = truth(0, 0, 0);
    const alarms = Array.from({ length: 3 }, (_, i) => found(truth(0, 0, 100 + 20 * i), 0.9));
    expect(averagePrecision([...alarms, found(only, 0.5)], [only], { maxDets: 3 }).recall).toBe(0);
    expect(averagePrecision([...alarms, found(only, 0.5)], [only], { maxDets: 4 }).ap).toBeCloseTo(0.25, 12);
  });
});

test("found: a detection takes one object, the nearest that is left", () => {
  const two = [truth(0, 0, 0), truth(0, 0, 3)];
  expect(foundTruths([found(two[1], 0.9)], two)).toEqual([false, true]);
  expect(foundTruths([found(two[1], 0.9), found(two[1], 0.8)], two)).toEqual([true, true]);
  expect(foundTruths([found(two[1], 0.9), found(two[1], 0.8)], two, { iou: 0.6 })).toEqual([false, true]);
  expect(foundTruths([], two)).toEqual([false, false]);
});
