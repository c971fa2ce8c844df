import { SettingError } from "../../core/errors.ts";
import type { UniformSource } from "../uniform-source.ts";

export interface PoisonOptions {
  /** Poisoned examples as a share of all, in [0, 1]. */
  readonly rate: number;
  /** Class that the trigger shall lead to. */
  readonly target: number;
  /**
   * "dirty": examples of other classes, whose label becomes the target; "clean-label": examples of the target class, which
   * keep theirs. Default "dirty"
   */
  readonly mode?: "dirty" | "clean-label";
}

/**
 * Which examples of a training set are poisoned: round(rate · n) of those that the mode allows, all different.
 *
 * It says where a trigger goes in data that a model of one's own is trained on, to study defences.
 *
 * @returns  their indices, in rising order
 * @throws   SettingError `choosePoisoned/rate` where there are not as many
 * @source   Gu, Dolan-Gavitt & Garg 2017, arXiv:1708.06733; clean labels: Turner, Tsipras & Madry 2019, arXiv:1912.02771
 */
export function choosePoisoned(
  labels: ArrayLike<number>,
  { rate, target, mode = "dirty" }: PoisonOptions,
  random: UniformSource,
): Int32Array {
  const allowed = Array.from({ length: labels.length }, (_, i) => i).filter(
    (i) => (labels[i] === target) === (mode === "clean-label"),
  );
  const count = Math.round(rate * labels.length);
  if (!(count >= 0 && count <= allowed.length))
    throw new SettingError("choosePoisoned/rate", `${count} examples to poison, but only ${allowed.length} allow it`, {
      given: rate,
      fix: "a smaller rate",
    });
  for (let i = 0; i < count; i++) {
    const other = i + Math.floor(random.uniform() * (allowed.length - i));
    [allowed[i], allowed[other]] = [allowed[other], allowed[i]];
  }
  return Int32Array.from(allowed.slice(0, count)).sort();
}
