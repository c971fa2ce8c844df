import { SettingError } from "../../core/errors.ts";

/** How far features of one class, and of all classes, point into different directions. */
export interface ClassGeometry {
  /** Mean cosine distance of two examples of one class, in [0, 2]; classes weigh the same. */
  readonly within: number;
  /** Mean cosine distance of two examples of any two classes, in [0, 2]. */
  readonly total: number;
  /** 1 − within/total, in [0, 1]: how much of the variation is between the classes. */
  readonly separability: number;
}

/**
 * Cosine distances of features within and between classes.
 *
 * @param features  [examples, width], row by row
 * @param labels    class numbers from 0; every class up to the largest has an example
 * @param width     numbers in a row
 * @throws          SettingError `class-geometry/empty-class`
 * @source          Kornblith et al. 2021, arXiv:2010.16402, section 3.4
 * @example
 * classGeometry(Float32Array.of(1, 0, 0, 1), [0, 1], 2)   // { within: 0, total: 0.5, separability: 1 }
 */
export function classGeometry(features: ArrayLike<number>, labels: ArrayLike<number>, width: number): ClassGeometry {
  const classes = Math.max(...Array.from(labels)) + 1;
  const means = Array.from({ length: classes }, () => new Float64Array(width));
  const counts = new Float64Array(classes);
  for (let i = 0; i < labels.length; i++) {
    let squares = 0;
    for (let k = 0; k < width; k++) squares += features[i * width + k] ** 2;
    // A feature vector of zeros has no direction: it counts as far from all others.
    const scale = squares > 0 ? 1 / Math.sqrt(squares) : 0;
    counts[labels[i]]++;
    for (let k = 0; k < width; k++) means[labels[i]][k] += features[i * width + k] * scale;
  }
  const empty = counts.indexOf(0);
  if (empty >= 0)
    throw new SettingError("class-geometry/empty-class", `class ${empty} has no examples`, { given: [...counts] });
  const centre = new Float64Array(width);
  let within = 0;
  means.forEach((mean, label) => {
    let squares = 0;
    for (let k = 0; k < width; k++) {
      mean[k] /= counts[label];
      squares += mean[k] ** 2;
      centre[k] += mean[k] / classes;
    }
    within += (1 - squares) / classes;
  });
  const total = 1 - centre.reduce((sum, each) => sum + each ** 2, 0);
  return { within, total, separability: total > 0 ? 1 - within / total : 0 };
}

/**
 * The expected calibration error: how far confidence is from accuracy, in bins of equal width, weighted by their size.
 *
 * @param probabilities  [examples, classes], row by row
 * @param labels         class numbers
 * @param bins           Default 15
 * @returns              in [0, 1]
 * @source               Guo et al. 2017, arXiv:1706.04599, equation 3
 * @example
 * calibrationError([0.8, 0.2, 0.8, 0.2], [0, 1])   // |0.5 − 0.8| = 0.3
 */
export function calibrationError(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  { bins = 15 }: { bins?: number } = {},
): number {
  const classes = probabilities.length / labels.length;
  const gaps = new Float64Array(bins);
  for (let i = 0; i < labels.length; i++) {
    let best = 0;
    for (let k = 1; k < classes; k++) if (probabilities[i * classes + k] > probabilities[i * classes + best]) best = k;
    const confidence = probabilities[i * classes + best];
    // Bins are open below and closed above, as in the source.
    const bin = Math.min(bins - 1, Math.max(0, Math.ceil(confidence * bins) - 1));
    gaps[bin] += (best === labels[i] ? 1 : 0) - confidence;
  }
  return gaps.reduce((sum, gap) => sum + Math.abs(gap), 0) / labels.length;
}
