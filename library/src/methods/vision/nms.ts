import { SettingError } from "../../core/errors.ts";
import { intersectionOverUnion, listOf } from "./boxes.ts";

/** A box that was kept. */
export interface Kept {
  /** Its place in the input. */
  readonly index: number;
  readonly score: number;
}

export interface NmsOptions {
  /** Overlap from which a box is dropped, 0 … 1. Default 0.3. */
  readonly iou?: number;
  /** Boxes below this score are dropped. Default 0. */
  readonly minScore?: number;
}

export interface SoftNmsOptions {
  /** How a score falls with the overlap. Default "gaussian", which has no threshold. */
  readonly method?: "gaussian" | "linear";
  /** Of the Gaussian; small drops more. Default 0.5, as in the paper. */
  readonly sigma?: number;
  /** Overlap from which the linear one lowers a score. Default 0.3. */
  readonly iou?: number;
  /** Boxes whose score falls below are dropped. Default 0.001, as in the paper. */
  readonly minScore?: number;
}

/**
 * Greedy non-maximum suppression: the best box stays, all that overlap it too much go, and so on with the rest.
 *
 * @param boxes   float32[n, 4]: left, top, right and bottom, of one class of one image
 * @param scores  float32[n], ≥ 0
 * @returns       what stays, best first; the first of equal scores counts as the better
 * @throws        SettingError `nms/scores`, `boxes/length`
 * @example
 * nms(boxes, scores, { iou: 0.5 })   // [{ index: 3, score: 0.9 }, …]
 */
export function nms(boxes: Float32Array, scores: Float32Array, { iou = 0.3, minScore = 0 }: NmsOptions = {}): Kept[] {
  return suppress(boxes, scores, minScore, (overlap) => (overlap < iou ? 1 : undefined));
}

/**
 * Soft-NMS: in place of deleting what overlaps a better box, its score is lowered, the more the larger the overlap.
 *
 *     s ← s · exp(−IoU²/σ)                      Gaussian
 *     s ← s · (1 − IoU)  where IoU ≥ threshold   linear
 *
 * Two objects that do overlap both stay, and duplicates sink down the ranking. The best of what is left is chosen anew after
 * each round. O(n²), as `nms`.
 *
 * @param boxes   float32[n, 4]: left, top, right and bottom, of one class of one image
 * @param scores  float32[n], ≥ 0
 * @returns       what stays, with lowered scores, best first
 * @throws        SettingError `nms/scores`, `boxes/length`
 * @source        Bodla, Singh, Chellappa & Davis 2017, arXiv:1704.04503, figure 2, equations 2 and 3
 * @example
 * softNms(Float32Array.of(0, 0, 10, 10, 0, 0, 10, 5), Float32Array.of(0.9, 0.8))
 * // [{ index: 0, score: 0.9 }, { index: 1, score: 0.8·exp(−0.25/0.5) = 0.485 }]
 */
export function softNms(
  boxes: Float32Array,
  scores: Float32Array,
  { method = "gaussian", sigma = 0.5, iou = 0.3, minScore = 0.001 }: SoftNmsOptions = {},
): Kept[] {
  return suppress(
    boxes,
    scores,
    minScore,
    method === "gaussian"
      ? (overlap) => Math.exp((-overlap * overlap) / sigma)
      : (overlap) => (overlap < iou ? 1 : 1 - overlap),
  );
}

/** `weigh` gives the factor of a score for the overlap with a better box; undefined deletes. */
function suppress(
  boxes: Float32Array,
  scores: Float32Array,
  minScore: number,
  weigh: (overlap: number) => number | undefined,
): Kept[] {
  const list = listOf(boxes);
  if (list.length !== scores.length || scores.some((score) => !(score >= 0)))
    throw new SettingError("nms/scores", "every box needs one score of 0 or more", {
      given: { boxes: list.length, scores: scores.length },
    });
  let rest: Kept[] = Array.from(scores, (score, index) => ({ index, score })).filter(({ score }) => score >= minScore);
  const kept: Kept[] = [];
  while (rest.length > 0) {
    const best = rest.reduce((best, each) => (each.score > best.score ? each : best));
    kept.push(best);
    rest = rest.flatMap((each) => {
      if (each === best) return [];
      const factor = weigh(intersectionOverUnion(list[best.index], list[each.index]));
      return factor === undefined || each.score * factor < minScore
        ? []
        : [{ index: each.index, score: each.score * factor }];
    });
  }
  return kept;
}
