/** Accuracies: row t after training on task t, column j on task j. Only j ≤ t is read unless said otherwise. */
export type AccuracyMatrix = readonly (readonly number[])[];

const meanOf = (numbers: readonly number[]): number =>
  numbers.length === 0 ? 0 : numbers.reduce((total, each) => total + each, 0) / numbers.length;

/**
 * Mean accuracy on all tasks after the last.
 *
 * @source Lopez-Paz & Ranzato 2017, arXiv:1706.08840, equation 2
 * @example
 * averageAccuracy([[0.9], [0.8, 0.7]])   // 0.75
 */
export const averageAccuracy = (accuracies: AccuracyMatrix): number => meanOf(accuracies.at(-1)!);

/**
 * What later tasks did to earlier ones: the mean change of accuracy from just after a task until after the last; below 0
 * is forgetting. 0 for a single task.
 *
 * @source Lopez-Paz & Ranzato 2017, arXiv:1706.08840, equation 3
 * @example
 * backwardTransfer([[0.9], [0.8, 0.7]])   // −0.1
 */
export const backwardTransfer = (accuracies: AccuracyMatrix): number =>
  meanOf(accuracies.slice(0, -1).map((row, task) => accuracies.at(-1)![task] - row[task]));

/**
 * What earlier tasks do for one that is still to come: mean accuracy just before a task, less that of an untrained model.
 *
 * @param accuracies  also column t + 1 of row t is read
 * @param untrained   accuracy on each task before any training
 * @source            Lopez-Paz & Ranzato 2017, arXiv:1706.08840, equation 4
 */
export const forwardTransfer = (accuracies: AccuracyMatrix, untrained: readonly number[]): number =>
  meanOf(accuracies.slice(0, -1).map((row, task) => row[task + 1] - untrained[task + 1]));

/**
 * Mean loss from the best accuracy that a task ever had before the last to that after the last.
 *
 * @source Chaudhry et al. 2018, arXiv:1801.10112, equation 3
 */
export const forgetting = (accuracies: AccuracyMatrix): number =>
  meanOf(
    accuracies.slice(0, -1).map((_, task) => {
      const before = accuracies.slice(task, -1).map((row) => row[task]);
      return Math.max(...before) - accuracies.at(-1)![task];
    }),
  );
