import { Unsupported } from "../faults.ts";

/** An axis counted from the front; refuses one that the rank does not have. */
export function normalAxis(axis: number, rank: number): number {
  const normal = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || normal < 0 || normal >= rank)
    throw new Unsupported(`axis ${axis} is not one of a tensor of ${rank} axes`);
  return normal;
}

/** Several axes, each named once. */
export function normalAxes(axes: readonly number[], rank: number): number[] {
  const normal = axes.map((axis) => normalAxis(axis, rank));
  if (new Set(normal).size < normal.length) throw new Unsupported(`an axis is named twice in [${axes}]`);
  return normal;
}
