const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Population standard deviation over the mean: 0 where all values are equal. */
export function coefficientOfVariation(values: readonly number[]): number {
  const mean = meanOf(values);
  return Math.sqrt(meanOf(values.map((value) => (value - mean) ** 2))) / mean;
}

/** The largest value over the mean: 1 where all are equal, their number where one has everything. */
export const maxOverMean = (values: readonly number[]): number => Math.max(...values) / meanOf(values);
