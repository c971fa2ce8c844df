// Zhu et al. 2023, arXiv:2304.11823
import { compile, type Tensor } from "sluice";
import { foldedNorms, triggerActivationChange } from "sluice/methods/backdoor/analysis";
import { defenceEffectiveness } from "sluice/methods/backdoor/metrics";
import { blendTrigger, patchTrigger, sinusoidTrigger, type Trigger } from "sluice/methods/backdoor/triggers";
import type { SamOptions } from "sluice/methods/training/sam";
import { resNet } from "sluice/nn";
import { slice, toFloats } from "../data/column.ts";
import { loadFashion } from "../data/fashion.ts";
import { Random } from "../data/random.ts";
import { atLeast, atMost, paper } from "../paper.ts";
import { curves } from "../plots/curves.ts";
import { panels } from "../plots/panels.ts";
import { scatter } from "../plots/scatter.ts";
import { type BackdoorTest, backdoorState, poisoned, withTrigger } from "../tasks/backdoor.ts";
import { type ResidualClassifier, smallResNet, trainResidual } from "../tasks/residual-classifier.ts";
import { asValue } from "../tasks/values.ts";

const triggers: Readonly<Record<string, () => Trigger>> = {
  patch: patchTrigger,
  blend: blendTrigger,
  sinusoid: sinusoidTrigger,
};
/** Class that every trigger leads to. */
const target = 0;

/** Ways to fine-tune a poisoned network; the marked ones with the first seed alone. */
const defences: Readonly<Record<string, { sam?: SamOptions; smoothing?: number; once?: boolean }>> = {
  FT: {},
  "FT-SAM": { sam: { radius: 4, adaptive: true }, smoothing: 0.1 },
  "FT-SAM, ρ = 2": { sam: { radius: 2, adaptive: true }, smoothing: 0.1, once: true },
  "plain SAM": { sam: { radius: 0.3 }, smoothing: 0.1, once: true },
};

export default paper({
  id: "ft-sam",
  row: 20,
  family: "backdoor",
  title: "Enhancing Fine-Tuning Based Backdoor Defense with Sharpness-Aware Minimization",
  year: 2023,
  arxiv: "2304.11823",
  code: "github.com/SCLBD/BackdoorBench",
  idea: "Fine-tuning a poisoned network on a little clean data barely moves the neurons that carry the backdoor: the clean loss is flat there already. These neurons have large weights. Fine-tuning with the gradient at the worst point nearby, where each weight may move in proportion to its size, hits them hardest, shrinks them and so removes the backdoor.",
  minutes: 5,
  settings: {
    full: {
      images: 12_000,
      /** Share of the training images that carry the trigger. */
      poison: 0.05,
      /** Four passes over the images. */
      steps: 376,
      batch: 128,
      /** Other, clean images that the defender has: 5 % of the training size. */
      clean: 600,
      /** About 40 passes over them. */
      tuneSteps: 400,
      tuneBatch: 64,
      /** Three times the released rate, with a tenth of its steps. */
      tuneRate: 0.03,
      tested: 2000,
      /** Test images for the curves and for what channels do about the trigger. */
      watched: 500,
    },
    smoke: { images: 2000, steps: 20, clean: 200, tuneSteps: 8, tested: 300, watched: 100 },
  },
  variants: { patch: { trigger: "patch" }, blend: { trigger: "blend" }, sinusoid: { trigger: "sinusoid" } },
  includes: ({ variant, budget }) => budget === "full" || variant === "patch",
  claims: {
    removal: {
      paper: "backdoors that fine-tuning on 5 % of clean data leaves are removed",
      holds:
        "attack success over three triggers at most 40 % on average after FT-SAM, and at most half of that after fine-tuning",
      measures: { sam: "attack success after FT-SAM, %", excess: "attack success, FT-SAM − ½ fine-tuning, points" },
      judge: ({ sam, excess }) => [atMost(sam, 40), atMost(excess, 0)],
    },
    utility: {
      paper: "at a small loss of accuracy",
      holds:
        "accuracy at most 5 points below fine-tuning's; defence effectiveness at least 0.1 above it, averages over three triggers",
      measures: {
        lost: "accuracy, fine-tuning − FT-SAM, points",
        gain: "defence effectiveness, FT-SAM − fine-tuning",
      },
      judge: ({ lost, gain }) => [atMost(lost, 5), atLeast(gain, 0.1)],
    },
    mechanism: {
      paper: "fine-tuning hardly changes the neurons of the backdoor, FT-SAM shrinks them",
      holds:
        "norm of the six channels that react most to the trigger, after / before: at least 0.95 for fine-tuning, at most 0.85 for FT-SAM",
      measures: { plain: "norm after / before, fine-tuning", sam: "norm after / before, FT-SAM" },
      judge: ({ plain, sam }) => [atLeast(plain, 0.95), atMost(sam, 0.85)],
    },
    adaptive: {
      paper: "the adaptive ball is the one that is used",
      holds:
        "attack success at least 15 points lower than with a plain ball of radius 0.3, average over three triggers",
      measures: { gain: "attack success, plain SAM − FT-SAM, points" },
      judge: ({ gain }) => [atLeast(gain, 15)],
    },
  },
  plots: {
    removal: {
      title: "Attack success and accuracy while fine-tuning, and norms of channels",
      caption:
        "Fine-tuning leaves the backdoor, FT-SAM removes it within some epochs. Below, for the patch: channels that react to the trigger (right) keep their norm under fine-tuning and lose it under FT-SAM.",
      draw: ({ rows, metrics }) => {
        const names = Object.keys(triggers);
        const measured = metrics.flatMap(({ name, step, value, variant, seed }) => {
          const [arm, quantity] = name.split(": ");
          return quantity && arm in defences && !defences[arm].once
            ? [{ step, value, variant, seed, line: `${arm}, ${quantity.split("/")[0]}` }]
            : [];
        });
        return panels(
          [
            ...names.map((trigger) =>
              curves({
                title: trigger,
                rows: measured.filter(({ variant }) => variant === trigger),
                x: { field: "step", title: "step" },
                y: { field: "value", title: "%", domain: [0, 100] },
                series: { field: "line", title: "" },
                width: 220,
                height: 200,
              }),
            ),
            scatter({
              title: "channels of the last block, patch",
              rows: rows.filter(({ variant }) => variant === "patch"),
              x: { field: "change", title: "change by the trigger, before" },
              y: { field: "norm", title: "norm" },
              series: { field: "when", title: "" },
              width: 260,
              height: 220,
            }),
          ],
          { columns: 2 },
        );
      },
    },
  },
  async run(lab) {
    const { images, poison, steps, batch, clean, tuneSteps, tuneBatch, tuneRate, tested, watched } = lab.settings;
    const trigger = triggers[lab.settings.trigger]();
    const fashion = await loadFashion();
    const known = await poisoned(
      slice(fashion.train, 0, images),
      trigger,
      { rate: poison, target },
      new Random(lab.seed).split("poison"),
    );
    const asked = slice(fashion.test, 0, tested);
    const test: BackdoorTest = { clean: asked, marked: await withTrigger(asked, trigger), target };
    const few: BackdoorTest = { ...test, clean: slice(asked, 0, watched), marked: slice(test.marked, 0, watched) };

    const victim = await trainResidual(lab, "victim", { images: known, steps, batch, lr: 0.05 });
    const before = await backdoorState(victim, test);
    lab.log(steps, percents("victim", before));
    const reactions = await changes(victim, few);
    const norms = await normsOf(victim);
    const strongest = [...reactions.keys()].sort((a, b) => reactions[b] - reactions[a]).slice(0, 6);
    const rows = [...norms].map((norm, channel) => ({ when: "before", change: reactions[channel], norm }));

    const results = new Map<string, Awaited<ReturnType<typeof backdoorState>> & { readonly shrunk: number }>();
    const own = slice(fashion.train, 60_000 - clean, 60_000);
    for (const [name, { sam, smoothing, once }] of Object.entries(defences)) {
      if (once && (lab.seed !== lab.seeds[0] || lab.budget === "smoke")) continue;
      const repaired = await trainResidual(lab, name, {
        from: victim,
        images: own,
        steps: tuneSteps,
        batch: tuneBatch,
        lr: tuneRate,
        sam,
        smoothing,
        watch: {
          every: Math.ceil(tuneSteps / 10),
          measure: async (net) => percents(name, await backdoorState(net, few)),
        },
      });
      const after = await backdoorState(repaired, test);
      const now = await normsOf(repaired);
      const shrunk = strongest.reduce((total, channel) => total + now[channel] / norms[channel], 0) / strongest.length;
      results.set(name, { ...after, shrunk });
      lab.log(tuneSteps, { [`after ${name}, still recognised/percent`]: 100 * after.recovered });
      lab.log(tuneSteps, percents(`after ${name}`, after));
      if (!once) rows.push(...[...now].map((norm, channel) => ({ when: name, change: reactions[channel], norm })));
    }

    const [plain, sam] = [results.get("FT")!, results.get("FT-SAM")!];
    lab.claim("removal", { sam: 100 * sam.success, excess: 100 * (sam.success - plain.success / 2) });
    lab.claim("utility", {
      lost: 100 * (plain.accuracy - sam.accuracy),
      gain: defenceEffectiveness(before, sam) - defenceEffectiveness(before, plain),
    });
    lab.claim("mechanism", { plain: plain.shrunk, sam: sam.shrunk });
    const ball = results.get("plain SAM");
    if (ball) lab.claim("adaptive", { gain: 100 * (ball.success - sam.success) });
    if (lab.seed === lab.seeds[0]) lab.plot("removal", rows);
  },
});

const percents = (name: string, { accuracy, success }: { accuracy: number; success: number }) => ({
  [`${name}: accuracy/percent`]: 100 * accuracy,
  [`${name}: attack success/percent`]: 100 * success,
});

const changeOf = compile(({ params, state }: ResidualClassifier<Tensor>, x: Tensor, marked: Tensor) => {
  const maps = (images: Tensor) => resNet(params, state, images, smallResNet, { training: false }).inner.at(-1)!;
  return triggerActivationChange(maps(x), maps(marked));
});

/** How much each channel of the last block's first convolution reacts to the trigger. */
const changes = async (net: ResidualClassifier, { clean, marked }: BackdoorTest): Promise<Float64Array> =>
  (await changeOf(net as never, asValue(toFloats(clean.x)), asValue(toFloats(marked.x)))).toFloat64();

const normOf = compile(({ params, state }: ResidualClassifier<Tensor>) => {
  const { convolution, norm } = params.blocks.at(-1)!.first;
  return foldedNorms(convolution.weight, norm.scale, state.blocks.at(-1)!.first.variance);
});

/** The norms of the same channels, as their normalisation lets them through. */
const normsOf = async (net: ResidualClassifier): Promise<Float64Array> => (await normOf(net as never)).toFloat64();
