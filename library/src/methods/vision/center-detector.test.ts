import { describe, expect, test } from "vitest";
import { compile, grad, key, mul, type Tensor, Value, value } from "../../index.ts";
import { adam } from "../../nn/index.ts";
import { check, oracle } from "../../testing/index.ts";
import { focalLoss } from "../losses/focal.ts";
import {
  assignCenters,
  type CenterDetector,
  centerDetector,
  centerDetectorLoss,
  decodeCenters,
  initCenterDetector,
} from "./center-detector.ts";

describe("focal loss", () => {
  const logits = value([-40, -2, 0, 0.7, 40]);

  test("by hand, and without focus the weighted cross-entropy", () => {
    const of = (z: number, y: number, options = {}) =>
      oracle((x) => focalLoss(x, value([y]), options), [value([z])])[0][0];
    expect(of(0, 1)).toBeCloseTo(0.25 * 0.25 * Math.log(2), 12);
    expect(of(0, 0)).toBeCloseTo(0.75 * 0.25 * Math.log(2), 12);
    const p = 1 / (1 + Math.exp(-1.25));
    expect(of(1.25, 1, { gamma: 0, alpha: 1 })).toBeCloseTo(-Math.log(p), 12);
    expect(of(1.25, 0, { alpha: 0.75, gamma: 3 })).toBeCloseTo(-0.25 * p ** 3 * Math.log(1 - p), 12);
    expect(of(-800, 1)).toBeCloseTo(0.25 * 800, 9);
  });

  test("executors, gradients and batching agree, at the ends too", async () => {
    const wanted = value([1, 0, 1, 0, 1]);
    for (const reduction of ["mean", "sum", "none"] as const)
      await check((z, y) => focalLoss(z, y, { reduction }), [logits, wanted], { gradients: [0] });
  });
});

const config = { classes: 3, width: 4 };
const images = new Value(
  Float32Array.from({ length: 2 * 16 * 24 }, (_, i) => Math.sin(i)),
  [2, 1, 16, 24],
);

describe("detector", () => {
  test("a cell for every 4×4 pixels, boxes about its centre, few objects before training", async () => {
    const { logits, boxes } = await compile((k: Tensor, x: Tensor) => centerDetector(initCenterDetector(k, config), x))(
      key(1) as never,
      images as never,
    );
    expect([logits.shape, boxes.shape]).toEqual([
      [2, 24, 3],
      [2, 24, 4],
    ]);
    const all = boxes.toArray() as number[][][];
    all[1].forEach(([left, top, right, bottom], cell) => {
      const [x, y] = [4 * ((cell % 6) + 0.5), 4 * (Math.floor(cell / 6) + 0.5)];
      expect(left).toBeLessThan(x);
      expect(right).toBeGreaterThan(x);
      expect(top).toBeLessThan(y);
      expect(bottom).toBeGreaterThan(y);
    });
    const average = logits.toFloat64().reduce((sum, z) => sum + 1 / (1 + Math.exp(-z)), 0) / logits.size;
    expect(average).toBeLessThan(0.05);
  });

  test("the gradient of the loss is that of differences", async () => {
    const logits = new Value(Float32Array.of(0.3, -1, 2, 0.5, -0.2, 0.1), [1, 3, 2]);
    const boxes = new Value(Float32Array.of(0, 0, 8, 9, 1, 1, 6, 6, 3, 3, 5, 5), [1, 3, 4]);
    const targets = {
      labels: value([[1, -1, 0]], { dtype: "int32" }),
      boxes: value([
        [
          [1, 2, 9, 10],
          [0, 0, 0, 0],
          [20, 20, 30, 30],
        ],
      ]),
    };
    await check((z, b) => centerDetectorLoss({ logits: z, boxes: b }, targets), [logits, boxes], { batch: false });
  });

  test("perfect boxes and sure classes cost nothing; an image without objects can be trained on", () => {
    const boxes = value([
      [
        [0, 0, 4, 4],
        [1, 1, 3, 3],
      ],
    ]);
    const cost = (labels: number[], sign: number) =>
      oracle(
        (z) =>
          centerDetectorLoss(
            { logits: mul(z, sign), boxes: boxes as unknown as Tensor },
            { labels: value([labels], { dtype: "int32" }), boxes },
          ),
        [new Value(Float32Array.of(30, -30, -30, 30), [1, 2, 2])],
      )[0][0];
    expect(cost([0, 1], 1)).toBeCloseTo(0, 9);
    expect(cost([1, 0], 1)).toBeGreaterThan(5);
    expect(cost([-1, -1], 1)).toBeGreaterThan(5);
  });

  test("learns one image, and finds its objects", async () => {
    const objects = [
      { label: 0, box: [2, 2, 12, 13] },
      { label: 2, box: [12, 1, 22, 12] },
    ];
    const { labels, boxes } = assignCenters(objects, [16, 24]);
    const picture = new Float32Array(16 * 24);
    for (const { box, label } of objects)
      for (let y = box[1]; y < box[3]; y++)
        for (let x = box[0]; x < box[2]; x++) picture[24 * y + x] = label === 0 ? 1 : (x + y) % 2;
    const x = new Value(picture, [1, 1, 16, 24]);
    const optimizer = adam({ lr: 1e-2 });
    const targets = { labels: new Value(labels, [1, 24]), boxes: new Value(boxes, [1, 24, 4]) };
    const begin = compile((k: Tensor) => {
      const params = initCenterDetector(k, config);
      return { params, state: optimizer.init(params) };
    });
    const step = compile(
      (carried: { params: CenterDetector; state: never }, x: Tensor, targets: { labels: Tensor; boxes: Tensor }) => {
        const cost = (params: CenterDetector) => centerDetectorLoss(centerDetector(params, x), targets);
        return optimizer.update(carried.params, grad(cost)(carried.params), carried.state);
      },
    );
    let carried: any = await begin(key(1) as never);
    for (let i = 0; i < 150; i++) carried = await step(carried, x as never, targets as never);
    const output = await compile((params: CenterDetector, x: Tensor) => centerDetector(params, x))(
      carried.params,
      x as never,
    );
    const found = decodeCenters(output as never, { minScore: 0.3, first: 5 }).sort((a, b) => b.score - a.score);
    for (const { label, box } of objects) {
      const best = found.find((each) => each.label === label)!;
      expect(best.image).toBe(5);
      box.forEach((side, i) => {
        expect(Math.abs(best.box[i] - side)).toBeLessThan(2);
      });
    }
  });
});

describe("targets", () => {
  test("cells near a centre have its object, the nearest of two; every object has a cell", () => {
    const { labels, boxes } = assignCenters(
      [
        { label: 1, box: [0, 0, 12, 12] },
        { label: 2, box: [4, 0, 14, 12] },
      ],
      [16, 16],
    );
    // Centres (6, 6) and (9, 6); cells at 2, 6, 10 and 14.
    expect([...labels]).toEqual([-1, -1, -1, -1, -1, 1, 2, -1, -1, -1, -1, -1, -1, -1, -1, -1]);
    expect([...boxes.subarray(20, 28)]).toEqual([0, 0, 12, 12, 4, 0, 14, 12]);
    const far = assignCenters([{ label: 0, box: [0, 0, 8, 8] }], [16, 16], { radius: 1 });
    expect([...far.labels].filter((label) => label === 0)).toHaveLength(1);
    expect(assignCenters([], [8, 8]).labels).toEqual(new Int32Array(4).fill(-1));
  });

  test("cells below the least score are left out", () => {
    const output = {
      logits: value([
        [
          [0, -9],
          [-9, 2],
        ],
      ]),
      boxes: value([
        [
          [0, 0, 1, 1],
          [2, 2, 3, 3],
        ],
      ]),
    };
    const found = decodeCenters(output as never);
    expect(found.map(({ label, score }) => [label, score.toFixed(4)])).toEqual([
      [0, "0.5000"],
      [1, (1 / (1 + Math.exp(-2))).toFixed(4)],
    ]);
    expect(Array.from(found[1].box)).toEqual([2, 2, 3, 3]);
  });
});
