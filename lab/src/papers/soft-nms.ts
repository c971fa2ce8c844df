// Bodla, Singh, Chellappa & Davis 2017, arXiv:1704.04503
import { type Concrete, compile, type Tensor, type Value } from "sluice";
import { intersectionOverUnion } from "sluice/methods/vision/boxes";
import {
  assignCenters,
  type CenterDetector,
  centerDetector,
  centerDetectorLoss,
  decodeCenters,
  initCenterDetector,
} from "sluice/methods/vision/center-detector";
import { averagePrecision, type Detection, foundTruths, type Truth } from "sluice/methods/vision/detection-eval";
import { type Kept, nms, softNms } from "sluice/methods/vision/nms";
import { adam, cosineSchedule } from "sluice/nn";
import { batches } from "../data/batches.ts";
import { slice } from "../data/column.ts";
import { loadMnist } from "../data/mnist.ts";
import { placeScenes, type Scenes, type ScenesOptions } from "../data/scenes.ts";
import { above, atLeast, type Lab, minus, paper } from "../paper.ts";
import { curves } from "../plots/curves.ts";
import { images } from "../plots/images.ts";
import { inBatches } from "../tasks/in-batches.ts";
import { train } from "../tasks/train.ts";

const size = 96;
const thresholds = [0.3, 0.4, 0.5, 0.6] as const;
const widths = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1] as const;

export default paper({
  id: "soft-nms",
  row: 31,
  family: "vision",
  title: "Soft-NMS -- Improving Object Detection With One Line of Code",
  year: 2017,
  arxiv: "1704.04503",
  code: "github.com/bharatsingh430/soft-nms",
  idea: "Greedy non-maximum suppression deletes every box that overlaps a better one too much, and with it the second of two objects that really overlap. Soft-NMS keeps every box and lowers its score, the more the larger the overlap: true neighbours survive, and duplicates sink down the ranking.",
  minutes: 5,
  settings: {
    full: {
      steps: 1500,
      batch: 16,
      lr: 1e-3,
      trainScenes: 4000,
      testScenes: 500,
    },
    smoke: { steps: 30, trainScenes: 64, testScenes: 20 },
  },
  claims: {
    gain: {
      paper: "COCO mAP +1.1 points with Faster R-CNN and Deformable R-FCN, +1.3 with R-FCN, without training anew",
      holds:
        "Gaussian Soft-NMS (σ 0.5) at least 1 point of AP above NMS (0.3) on crowded scenes, above it with every seed",
      measures: { soft: "AP of Soft-NMS, points", hard: "AP of NMS, points" },
      judge: ({ soft, hard }) => {
        const gain = minus(soft, hard, "AP of Soft-NMS − AP of NMS, points");
        return [atLeast(gain, 1), above(gain, 0, "every seed")];
      },
    },
    recall: {
      paper: "the gain comes from objects that overlap",
      holds:
        "of the objects that overlap one of their class by IoU > 0.3, Soft-NMS finds at least 10 points more than NMS (0.3)",
      measures: { soft: "crowded objects found by Soft-NMS, %", hard: "crowded objects found by NMS, %" },
      judge: ({ soft, hard }) => [atLeast(minus(soft, hard, "crowded objects found, Soft-NMS − NMS, points"), 10)],
    },
    harm: {
      paper: "nothing is lost where nothing overlaps",
      holds: "on scenes without crowding, the AP of Soft-NMS at most 0.5 points below that of NMS (0.3)",
      measures: { soft: "AP of Soft-NMS without crowding, points", hard: "AP of NMS without crowding, points" },
      judge: ({ soft, hard }) => [atLeast(minus(soft, hard, "AP without crowding, Soft-NMS − NMS, points"), -0.5)],
    },
    tuning: {
      paper: "with its parameter fixed, Soft-NMS beats NMS over its range of thresholds",
      holds: "the AP of Soft-NMS (σ 0.5) at least that of NMS with the best threshold of 0.3, 0.4, 0.5 and 0.6",
      measures: { soft: "AP of Soft-NMS, points", best: "AP of NMS with its best threshold, points" },
      judge: ({ soft, best }) => [atLeast(minus(soft, best, "AP of Soft-NMS − best AP of NMS, points"), 0)],
    },
  },
  plots: {
    scene: {
      title: "One crowded scene",
      caption:
        "The boxes of the detector as they come, after NMS and after Soft-NMS, brighter with a higher score. Red marks a digit that NMS lost and Soft-NMS kept.",
      draw: ({ rows }) =>
        images({
          pictures: ["as they come", "NMS", "Soft-NMS"].map((column) => ({
            row: "",
            column,
            ...painted(rows.filter((row) => row.picture === column || row.picture === "scene")),
          })),
          size: 260,
        }),
    },
    sensitivity: {
      title: "How much the parameter matters",
      caption:
        "AP on crowded scenes against σ for Soft-NMS and against the threshold for NMS: the more overlap is forgiven, the better, in scenes as crowded as these.",
      draw: ({ rows }) =>
        curves({
          rows,
          x: { field: "parameter", title: "σ, or threshold" },
          y: { field: "ap", title: "AP", unit: "points" },
          series: { field: "series", title: "" },
        }),
    },
  },
  async run(lab) {
    const { trainScenes, testScenes } = lab.settings;
    const digits = await loadMnist();
    const params = await trainDetector(lab, placeScenes(digits.train, { count: trainScenes, size, seed: lab.seed }));
    const test = (options: Partial<ScenesOptions>) =>
      placeScenes(digits.test, { count: testScenes, size, seed: 2 ** 20 + lab.seed, ...options });

    lab.say("suppressing and scoring");
    const crowded = await examine(params, test({}));
    const points = (ap: number) => (Number.isNaN(ap) ? 0 : 100 * ap);
    const softAp = widths.map((sigma) => points(averagePrecision(crowded.kept(soft(sigma)), crowded.truths).ap));
    const hardAp = thresholds.map((iou) => points(averagePrecision(crowded.kept(hard(iou)), crowded.truths).ap));
    const [byDefault, first] = [softAp[widths.indexOf(0.5)], hardAp[0]];
    lab.claim("gain", { soft: byDefault, hard: first });
    lab.claim("tuning", { soft: byDefault, best: Math.max(...hardAp) });
    lab.plot("sensitivity", [
      ...widths.map((parameter, i) => ({ parameter, ap: softAp[i], series: "Soft-NMS, σ" })),
      ...thresholds.map((parameter, i) => ({ parameter, ap: hardAp[i], series: "NMS, threshold" })),
    ]);

    const found = [soft(0.5), hard(0.3)].map((way) => foundTruths(crowded.kept(way), crowded.truths));
    const overlapping = crowded.truths.map((truth, i) => isCrowded(truth, crowded.inImage(truth.image)) && i);
    const share = (of: readonly boolean[]) => {
      const places = overlapping.filter((place) => place !== false);
      return (100 * places.filter((place) => of[place]).length) / Math.max(1, places.length);
    };
    lab.claim("recall", { soft: share(found[0]), hard: share(found[1]) });

    const sparse = await examine(params, test({ crowding: 0 }));
    const [softSparse, hardSparse] = [soft(0.5), hard(0.3)].map((way) =>
      averagePrecision(sparse.kept(way), sparse.truths),
    );
    lab.claim("harm", { soft: points(softSparse.ap), hard: points(hardSparse.ap) });

    const linear = averagePrecision(crowded.kept(linearly), crowded.truths);
    const gaussian = averagePrecision(crowded.kept(soft(0.5)), crowded.truths);
    const greedy = averagePrecision(crowded.kept(hard(0.3)), crowded.truths);
    lab.log(lab.settings.steps, {
      "AP of linear Soft-NMS/points": points(linear.ap),
      "AP50 of Gaussian Soft-NMS/points": points(gaussian.ap50),
      "AP75 of Gaussian Soft-NMS/points": points(gaussian.ap75),
      "AP50 of NMS/points": points(greedy.ap50),
      "AP75 of NMS/points": points(greedy.ap75),
    });
    if (lab.seed === lab.seeds[0]) {
      const lost = crowded.truths.findIndex((_, i) => found[0][i] && !found[1][i]);
      lab.plot("scene", crowded.picture(crowded.truths[Math.max(0, lost)].image, lost));
    }
  },
});

type Suppress = (boxes: Float32Array, scores: Float32Array) => Kept[];
const soft =
  (sigma: number): Suppress =>
  (boxes, scores) =>
    softNms(boxes, scores, { sigma });
const hard =
  (iou: number): Suppress =>
  (boxes, scores) =>
    nms(boxes, scores, { iou });
const linearly: Suppress = (boxes, scores) => softNms(boxes, scores, { method: "linear" });

type Trial = Lab<{ readonly steps: number; readonly batch: number; readonly lr: number }>;

function trainDetector(lab: Trial, scenes: Scenes): Promise<Concrete<CenterDetector>> {
  const { steps, batch, lr } = lab.settings;
  const cells = (size / 4) ** 2;
  const count = scenes.x.shape[0];
  const labels = new Int32Array(count * cells);
  const boxes = new Float32Array(count * cells * 4);
  for (let image = 0; image < count; image++) {
    const targets = assignCenters(truthsOf(scenes, image), [size, size]);
    labels.set(targets.labels, image * cells);
    boxes.set(targets.boxes, image * cells * 4);
  }
  const examples = {
    x: scenes.x,
    labels: { data: labels, shape: [count, cells] },
    boxes: { data: boxes, shape: [count, cells, 4] },
  };
  return train(lab, "train", {
    init: (key) => initCenterDetector(key, { classes: 10 }),
    loss: (params, { x, labels, boxes }) => centerDetectorLoss(centerDetector(params, x), { labels, boxes }),
    optimizer: adam({ lr: cosineSchedule(lr, steps) }),
    steps,
    batches: (start) => batches(examples, { batch, seed: lab.seed, start, steps }),
  });
}

function truthsOf({ boxes, classes }: Scenes, image: number): Truth[] {
  const most = classes.shape[1];
  return Array.from({ length: most }, (_, i) => image * most + i)
    .filter((at) => classes.data[at] >= 0)
    .map((at) => ({ image, label: classes.data[at], box: boxes.data.subarray(4 * at, 4 * at + 4) }));
}

const isCrowded = (truth: Truth, others: readonly Truth[]): boolean =>
  others.some(
    (other) => other !== truth && other.label === truth.label && intersectionOverUnion(other.box, truth.box) > 0.3,
  );

const detect = compile((params: CenterDetector, x: Tensor) => centerDetector(params, x));

/** The same raw boxes for every way of suppressing them. */
async function examine(params: Concrete<CenterDetector>, scenes: Scenes) {
  const count = scenes.x.shape[0];
  const output = await inBatches(scenes.x, Math.min(50, count), (x) => detect(params as never, x as never));
  const raw = decodeCenters(output as { logits: Value; boxes: Value });
  const truthsByImage = Array.from({ length: count }, (_, image) => truthsOf(scenes, image));
  const groups = [...Map.groupBy(raw, ({ image, label }) => 10 * image + label).values()].map((detections) => ({
    detections,
    boxes: Float32Array.from(detections.flatMap(({ box }) => Array.from(box))),
    scores: Float32Array.from(detections, ({ score }) => score),
  }));
  const kept = (suppress: Suppress): Detection[] =>
    groups.flatMap(({ detections, boxes, scores }) =>
      suppress(boxes, scores).map(({ index, score }) => ({ ...detections[index], score })),
    );
  const truths = truthsByImage.flat();
  /** Pixels and boxes of one scene, for the figure. */
  const picture = (image: number, lost: number) => {
    const pixels = slice({ x: scenes.x }, image, image + 1).x.data;
    const ways = { "as they come": raw, NMS: kept(hard(0.3)), "Soft-NMS": kept(soft(0.5)) };
    const corners = ({ box }: Truth) => ({ left: box[0], top: box[1], right: box[2], bottom: box[3] });
    return [
      { picture: "scene", pixels: Array.from(pixels, (level) => (level >> 4).toString(16)).join("") },
      ...Object.entries(ways).flatMap(([picture, detections]) =>
        detections
          .filter((each) => each.image === image)
          .map((each) => ({ picture, ...corners(each), score: each.score, lost: false })),
      ),
      ...(lost >= 0 ? [{ picture: "NMS", ...corners(truths[lost]), score: 1, lost: true }] : []),
    ];
  };
  return { kept, truths, inImage: (image: number) => truthsByImage[image], picture };
}

/** Three times as large, so that the sides of boxes are thin. */
const enlarged = 3;

/** A scene with its boxes drawn on it, in colour. */
function painted(rows: readonly { readonly [field: string]: unknown }[]): {
  pixels: Float32Array;
  shape: [number, number, number];
} {
  const side = size * enlarged;
  const pixels = new Float32Array(3 * side * side);
  const scene = String(rows.find(({ pixels }) => typeof pixels === "string")?.pixels ?? "");
  for (let at = 0; at < pixels.length; at++) {
    const [y, x] = [Math.floor((at % (side * side)) / side), at % side];
    pixels[at] = Number.parseInt(scene[Math.floor(y / enlarged) * size + Math.floor(x / enlarged)] ?? "0", 16) / 30;
  }
  const place = (given: unknown) => Math.max(0, Math.min(side - 1, Math.round(Number(given) * enlarged)));
  for (const { left, top, right, bottom, score, lost } of rows.filter((row) => "left" in row)) {
    const colour = lost ? [1, 0.2, 0.2] : [1, 0.8, 0.2];
    const dot = (x: number, y: number) => {
      for (let channel = 0; channel < 3; channel++) {
        const at = (channel * side + y) * side + x;
        pixels[at] += Number(score) * (colour[channel] - pixels[at]);
      }
    };
    const [x0, x1, y0, y1] = [place(left), place(right), place(top), place(bottom)];
    for (let x = x0; x <= x1; x++) for (const y of [y0, y1]) dot(x, y);
    for (let y = y0 + 1; y < y1; y++) for (const x of [x0, x1]) dot(x, y);
  }
  return { pixels, shape: [3, side, side] };
}
