import { SettingError } from "../../core/errors.ts";

type Scores = ArrayLike<number>;

/** Ascending copy. @throws SettingError `ood/scores` for none, or for NaN */
function sorted(scores: Scores): Float64Array {
  const copy = Float64Array.from(scores);
  if (copy.length === 0 || copy.some(Number.isNaN))
    throw new SettingError("ood/scores", "scores to compare are at least one number, and no NaN", {
      given: copy.length === 0 ? "none" : "NaN",
    });
  return copy.sort();
}

/** How many of the ascending `scores` are below `limit`, and how many are equal to it. */
function countBelow(scores: Float64Array, limit: number): { below: number; equal: number } {
  const first = (holds: (score: number) => boolean) => {
    let [low, high] = [0, scores.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (holds(scores[middle])) high = middle;
      else low = middle + 1;
    }
    return low;
  };
  const below = first((score) => score >= limit);
  return { below, equal: first((score) => score > limit) - below };
}

/**
 * The chance that a known input scores above an outlier, ties counted half.
 *
 * @param known     scores of known inputs, higher is more familiar
 * @param outliers  scores of outliers
 * @returns         in [0, 1]; 0.5 for scores that say nothing
 * @throws          SettingError `ood/scores`
 * @example
 * auroc([3, 2], [1, 2])   // 0.875
 */
export function auroc(known: Scores, outliers: Scores): number {
  const [inside, outside] = [sorted(known), sorted(outliers)];
  let wins = 0;
  for (const score of inside) {
    const { below, equal } = countBelow(outside, score);
    wins += below + equal / 2;
  }
  return wins / (inside.length * outside.length);
}

/**
 * The share of outliers that pass when the threshold lets a share `rate` of known inputs pass: FPR95 for 0.95.
 *
 * The threshold is the (1 − rate) quantile of the known scores by linear interpolation; what reaches it passes.
 *
 * @returns in [0, 1], lower is better
 * @throws  SettingError `ood/scores`
 */
export function fprAtTpr(known: Scores, outliers: Scores, rate = 0.95): number {
  const [inside, outside] = [sorted(known), sorted(outliers)];
  return 1 - countBelow(outside, quantile(inside, 1 - rate)).below / outside.length;
}

/** The p-quantile of ascending numbers, by linear interpolation between neighbours. */
function quantile(ascending: Float64Array, p: number): number {
  const place = p * (ascending.length - 1);
  const low = Math.floor(place);
  const high = Math.min(low + 1, ascending.length - 1);
  return ascending[low] + (place - low) * (ascending[high] - ascending[low]);
}

/**
 * The area under the precision–recall curve with known inputs as the positives: the mean precision at each known input,
 * equal scores entering together.
 *
 * @returns in (0, 1]; the share of known inputs for scores that say nothing
 * @throws  SettingError `ood/scores`
 */
export function aupr(known: Scores, outliers: Scores): number {
  const [inside, outside] = [sorted(known), sorted(outliers)];
  let area = 0;
  for (const score of inside) {
    const hits = inside.length - countBelow(inside, score).below;
    const alarms = outside.length - countBelow(outside, score).below;
    area += hits / (hits + alarms);
  }
  return area / inside.length;
}

/**
 * The best share of right decisions that a threshold gives, known inputs and outliers weighing the same.
 *
 * @returns in [0.5, 1]
 * @throws  SettingError `ood/scores`
 */
export function detectionAccuracy(known: Scores, outliers: Scores): number {
  const [inside, outside] = [sorted(known), sorted(outliers)];
  let best = 0.5;
  for (const threshold of [...inside, ...outside]) {
    const passing = 1 - countBelow(inside, threshold).below / inside.length;
    const stopped = countBelow(outside, threshold).below / outside.length;
    best = Math.max(best, (passing + stopped) / 2);
  }
  return best;
}
