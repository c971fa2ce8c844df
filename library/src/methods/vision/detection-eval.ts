import { type Box, intersectionOverUnion } from "./boxes.ts";

/** An object that is there. */
export interface Truth {
  /** Which image of the set. */
  readonly image: number;
  readonly label: number;
  readonly box: Box;
}

/** An object that a detector found. */
export interface Detection extends Truth {
  readonly score: number;
}

export interface AveragePrecisionOptions {
  /** Overlaps from which a detection is a hit. Default 0.50, 0.55 … 0.95, as COCO has them. */
  readonly ious?: readonly number[];
  /** Detections of an image that count, best first. Default 100. */
  readonly maxDets?: number;
}

/** How good detections are, 0 … 1. */
export interface DetectionQuality {
  /** Mean over classes and overlaps. */
  readonly ap: number;
  /** At the overlap 0.5 and 0.75 alone; NaN where `ious` does not have them. */
  readonly ap50: number;
  readonly ap75: number;
  /** Share of objects found by any detection that counts, mean over classes and overlaps. */
  readonly recall: number;
}

const cocoIous = Array.from({ length: 10 }, (_, i) => 0.5 + 0.05 * i);
const recalls = 101;

/**
 * Average precision in the manner of COCO: for every class and overlap, precision made non-increasing and read at 101
 * recalls. Detections take the best object that is left, best detection first.
 *
 * @returns means over the classes that have objects; all NaN where there are none
 * @source  Lin et al. 2014, arXiv:1405.0312, and the evaluation code of COCO
 * @example
 * averagePrecision([{ image: 0, label: 1, box: [0, 0, 9, 9], score: 0.8 }], [{ image: 0, label: 1, box: [0, 0, 9, 9] }]).ap   // 1
 */
export function averagePrecision(
  detections: readonly Detection[],
  truths: readonly Truth[],
  { ious = cocoIous, maxDets = 100 }: AveragePrecisionOptions = {},
): DetectionQuality {
  const classes = candidates(detections, truths, maxDets);
  const levels = ious.map((iou) => classes.map(({ ranked, objects }) => precisionOf(ranked, objects.length, iou)));
  const means = levels.map((level) => mean(level.map(({ precision }) => precision)));
  const at = (wanted: number) => means[ious.findIndex((iou) => Math.abs(iou - wanted) < 1e-9)] ?? Number.NaN;
  return {
    ap: mean(means),
    ap50: at(0.5),
    ap75: at(0.75),
    recall: mean(levels.flatMap((level) => level.map(({ recall }) => recall))),
  };
}

/**
 * Which objects a detection takes: for each of `truths` whether it was found.
 *
 * @param iou  overlap from which a detection is a hit. Default 0.5
 */
export function foundTruths(
  detections: readonly Detection[],
  truths: readonly Truth[],
  { iou = 0.5, maxDets = 100 }: { readonly iou?: number; readonly maxDets?: number } = {},
): boolean[] {
  const found = new Set<Truth>();
  for (const { ranked, objects } of candidates(detections, truths, maxDets))
    for (const place of take(ranked, objects.length, iou)) if (place >= 0) found.add(objects[place]);
  return truths.map((truth) => found.has(truth));
}

interface ClassCandidates {
  readonly objects: readonly Truth[];
  /** Of each detection, best first: the objects of its image with their overlaps. */
  readonly ranked: readonly (readonly { readonly place: number; readonly overlap: number }[])[];
}

/** For every class that has objects. Overlaps are worked out once for all levels. */
function candidates(
  detections: readonly Detection[],
  truths: readonly Truth[],
  maxDets: number,
): readonly ClassCandidates[] {
  const counted = [...Map.groupBy(detections, ({ image }) => image).values()].flatMap((own) =>
    own.sort((a, b) => b.score - a.score).slice(0, maxDets),
  );
  const byLabel = Map.groupBy(counted, ({ label }) => label);
  return [...Map.groupBy(truths, ({ label }) => label)].map(([label, objects]) => {
    const inImage = Map.groupBy(objects.keys(), (place) => objects[place].image);
    const ranked = (byLabel.get(label) ?? [])
      .sort((a, b) => b.score - a.score)
      .map(({ image, box }) =>
        (inImage.get(image) ?? []).map((place) => ({
          place,
          overlap: intersectionOverUnion(box, objects[place].box),
        })),
      );
    return { objects, ranked };
  });
}

/** The object that each detection takes, −1 for a false alarm. */
function take(ranked: ClassCandidates["ranked"], objects: number, iou: number): Int32Array {
  const taken = new Uint8Array(objects);
  return Int32Array.from(ranked, (near) => {
    let best = -1;
    let overlapOfBest = iou;
    for (const { place, overlap } of near)
      if (taken[place] === 0 && overlap >= overlapOfBest) [best, overlapOfBest] = [place, overlap];
    if (best >= 0) taken[best] = 1;
    return best;
  });
}

function precisionOf(ranked: ClassCandidates["ranked"], objects: number, iou: number) {
  const precisions: number[] = [];
  const hitsUpTo: number[] = [];
  let hits = 0;
  for (const [rank, place] of take(ranked, objects, iou).entries()) {
    if (place >= 0) hits++;
    hitsUpTo.push(hits);
    precisions.push(hits / (rank + 1));
  }
  for (let rank = precisions.length - 2; rank >= 0; rank--)
    precisions[rank] = Math.max(precisions[rank], precisions[rank + 1]);
  let [total, rank] = [0, 0];
  for (let step = 0; step < recalls; step++) {
    // In whole numbers: a recall of exactly step/100 counts as reached.
    while (rank < hitsUpTo.length && hitsUpTo[rank] * (recalls - 1) < step * objects) rank++;
    total += precisions[rank] ?? 0;
  }
  return { precision: total / recalls, recall: hits / objects };
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
