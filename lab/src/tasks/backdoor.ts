import { compile, type Tensor } from "sluice";
import { attackSuccessRate, type BackdoorState, recoveredAccuracy } from "sluice/methods/backdoor/metrics";
import { choosePoisoned, type PoisonOptions } from "sluice/methods/backdoor/poison";
import type { Trigger } from "sluice/methods/backdoor/triggers";
import { select } from "../data/column.ts";
import type { LabelledImages } from "../data/image-classes.ts";
import type { Random } from "../data/random.ts";
import { inBatches } from "./in-batches.ts";
import { classesOf, type ResidualClassifier } from "./residual-classifier.ts";

/** Images as a poisoned classifier's owner would meet them: the trigger on each, pixels rounded, labels as they were. */
export async function withTrigger(images: LabelledImages, trigger: Trigger): Promise<LabelledImages> {
  const apply = compile((x: Tensor) => trigger.apply(x));
  const marked = await inBatches(images.x, 1000, apply);
  const data = Uint8Array.from(marked.data as Float32Array, (level) => Math.round(level / images.x.scale));
  return { ...images, x: { ...images.x, data } };
}

/** A training set of which some examples carry the trigger, with the target as their label. */
export async function poisoned(
  images: LabelledImages,
  trigger: Trigger,
  options: PoisonOptions,
  random: Random,
): Promise<LabelledImages> {
  const chosen = choosePoisoned(images.y.data, options, random);
  const marked = await withTrigger(select(images, chosen), trigger);
  const [x, y] = [images.x.data.slice(), images.y.data.slice()];
  const size = x.length / y.length;
  chosen.forEach((index, i) => {
    x.set(marked.x.data.subarray(i * size, (i + 1) * size), index * size);
    y[index] = options.target;
  });
  return { ...images, x: { ...images.x, data: x }, y: { ...images.y, data: y } };
}

/** Test images, without and with the trigger. */
export interface BackdoorTest {
  readonly clean: LabelledImages;
  readonly marked: LabelledImages;
  readonly target: number;
}

/** Accuracy on clean images, and on those with the trigger the attack's success and what is still recognised. */
export async function backdoorState(
  net: ResidualClassifier,
  { clean, marked, target }: BackdoorTest,
): Promise<BackdoorState & { readonly recovered: number }> {
  const labels = clean.y.data;
  const found = await classesOf(net, clean.x);
  const answers = await classesOf(net, marked.x);
  return {
    accuracy: found.filter((each, i) => each === labels[i]).length / labels.length,
    success: attackSuccessRate({ answers, labels, target }),
    recovered: recoveredAccuracy({ answers, labels, target }),
  };
}
