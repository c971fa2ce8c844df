/** What a classifier says of images with a trigger. */
export interface TriggeredAnswers {
  /** Classes that it gives. */
  readonly answers: ArrayLike<number>;
  /** True classes. */
  readonly labels: ArrayLike<number>;
  /** Class that the trigger shall lead to. */
  readonly target: number;
}

/** The share of images of other classes than the target whose answer is `wanted(label)`; 0 without such images. */
function shareOf({ answers, labels, target }: TriggeredAnswers, wanted: (label: number) => number): number {
  const others = Array.from(labels, (label, i) => ({ label, answer: answers[i] })).filter(
    ({ label }) => label !== target,
  );
  const hits = others.filter(({ label, answer }) => answer === wanted(label)).length;
  return others.length === 0 ? 0 : hits / others.length;
}

/**
 * Attack success rate: the share of triggered images of other classes that are taken for the target.
 *
 * @returns in [0, 1]
 * @example
 * attackSuccessRate({ answers: [0, 0, 2], labels: [0, 1, 2], target: 0 })   // 0.5: the first image is no success
 */
export const attackSuccessRate = (given: TriggeredAnswers): number => shareOf(given, () => given.target);

/** Robust accuracy: the share of triggered images of other classes that are taken for what they are. */
export const recoveredAccuracy = (given: TriggeredAnswers): number => shareOf(given, (label) => label);

/** How good a classifier and the attack on it are, both in [0, 1]. */
export interface BackdoorState {
  readonly accuracy: number;
  readonly success: number;
}

/**
 * Defence effectiveness: how much success the attack lost, against how much accuracy was lost with it.
 *
 * @returns 1 where a certain attack is gone at no cost, 0.5 where nothing changed, below where only accuracy went
 * @source  Zhu et al. 2023, arXiv:2304.11823, equation 6
 * @example
 * defenceEffectiveness({ accuracy: 0.9, success: 1 }, { accuracy: 0.9, success: 0 })   // 1
 */
export const defenceEffectiveness = (before: BackdoorState, after: BackdoorState): number =>
  (Math.max(0, before.success - after.success) - Math.max(0, before.accuracy - after.accuracy) + 1) / 2;
