// Shazeer et al. 2017, arXiv:1701.06538
import { add, matmul, mul, relu, split, type Tensor } from "sluice";
import { denseExperts, type Experts, initExperts } from "sluice/methods/gates/experts";
import { initNoisyGate, type NoisyGate, noisyTopK } from "sluice/methods/gates/noisy-top-k";
import { importanceLoss, loadLoss } from "sluice/methods/losses/balance";
import { initialisers, initLinear, type Linear } from "sluice/nn";
import { atLeast, atMost, type Lab, minus, paper } from "../paper.ts";
import { bars } from "../plots/bars.ts";
import { curves } from "../plots/curves.ts";
import { panels } from "../plots/panels.ts";
import { coefficientOfVariation, maxOverMean } from "../statistics/spread.ts";
import {
  contextWidth,
  loadContexts,
  type Mixture,
  measureContextModel,
  trainContextModel,
} from "../tasks/context-model.ts";

/** Hidden units of an expert. */
const hidden = 64;
/** Experts per character. */
const k = 2;

export default paper({
  id: "sparsely-gated-moe",
  row: 44,
  family: "gates",
  title: "Outrageously Large Neural Networks: The Sparsely-Gated Mixture-of-Experts Layer",
  year: 2017,
  arxiv: "1701.06538",
  idea: "A layer holds many small networks, the experts, and a gate sends every input to only a few of them: the layer can know much more than it computes. The gate adds trainable noise to its scores, keeps the k largest and takes a softmax over these. Left alone it soon prefers a few experts for ever; two soft losses, on the total weight and on the number of inputs that experts get, keep all of them in use.",
  minutes: 4,
  settings: {
    full: {
      steps: 500,
      watchEvery: 25,
      heldOutBatches: 20,
      /** Enough to see experts starve; the paper has up to 131,072. */
      experts: 16,
      importance: 0,
      load: 0,
    },
    smoke: { steps: 80, watchEvery: 20, heldOutBatches: 5 },
  },
  variants: {
    dense: { experts: 0 },
    "no losses": {},
    importance: { importance: 0.1 },
    load: { load: 0.1 },
    /** The weights of the paper's language models. */
    both: { importance: 0.1, load: 0.1 },
    "both, 4 experts": { importance: 0.1, load: 0.1, experts: 4 },
    "both, 64 experts": { importance: 0.1, load: 0.1, experts: 64 },
  },
  includes: ({ variant, seed, budget }) =>
    budget === "smoke" ? ["dense", "no losses", "both"].includes(variant) : !/\d/.test(variant) || seed === 1,
  claims: {
    collapse: {
      paper:
        "without the losses CV(importance) is 3.04, CV(load) 3.01 and the most loaded of 256 experts gets 17.8 times the mean",
      holds: "CV(importance) ≥ 1.0 and the most loaded of 16 experts ≥ 3 times the mean",
      measures: { importance: "CV(importance)", most: "largest load over mean load" },
      judge: ({ importance, most }) => [atLeast(importance.of("no losses"), 1), atLeast(most.of("no losses"), 3)],
    },
    balance: {
      paper: "with both losses at 0.1: 0.06, 0.05 and 1.14",
      holds: "CV(importance) ≤ 0.35, CV(load) ≤ 0.3, the most loaded ≤ 1.6 times the mean",
      measures: { importance: "CV(importance)", load: "CV(load)", most: "largest load over mean load" },
      judge: ({ importance, load, most }) => [
        atMost(importance.of("both"), 0.35),
        atMost(load.of("both"), 0.3),
        atMost(most.of("both"), 1.6),
      ],
    },
    quality: {
      paper: "perplexity 35.6 with both losses, 39.8 without",
      holds: "held-out loss at least 0.015 nats lower with both losses than without",
      measures: { loss: "held-out loss, nats a character" },
      judge: ({ loss }) => [atMost(minus(loss.of("both"), loss.of("no losses")), -0.015)],
    },
    capacity: {
      paper:
        "at equal operations per step: perplexity 39.7 with 32 experts, 35.7 with 256, 44.7 to 46.1 for dense models",
      holds: "held-out loss at least 0.02 nats lower than that of a dense layer with as many multiplications",
      measures: { loss: "held-out loss, nats a character" },
      judge: ({ loss }) => [atMost(minus(loss.of("both"), loss.of("dense")), -0.02)],
    },
  },
  plots: {
    usage: {
      title: "Experts in use, and what that buys",
      caption:
        "Share of the held-out choices that each of 16 experts gets, with and without the losses; beside it the held-out loss while training.",
      draw: ({ rows, metrics }) =>
        panels([
          bars({
            title: "share of choices",
            rows: rows.filter(({ variant }) => variant === "no losses" || variant === "both"),
            y: { field: "share", title: "share of choices" },
            groups: { field: "expert", title: "expert, most used first" },
            series: { field: "variant", title: "" },
            width: 420,
          }),
          curves({
            title: "held-out loss",
            rows: metrics.filter(({ name }) => name === "held-out loss/nats").map((point) => ({ ...point })),
            x: { field: "step", title: "step" },
            y: { field: "value", title: "nats a character" },
            series: { field: "variant", title: "" },
            width: 360,
          }),
        ]),
    },
  },
  async run(lab) {
    const { steps, watchEvery, heldOutBatches } = lab.settings;
    const contexts = await loadContexts(heldOutBatches);
    const middle = lab.settings.experts === 0 ? (dense as Mixture<any>) : moe(lab.settings);
    const params = await trainContextModel(lab, "train", middle, contexts, { steps, watchEvery });
    const { loss, importance, load } = await measureContextModel(middle, params, contexts);
    lab.claim("quality", { loss });
    lab.claim("capacity", { loss });
    if (lab.variant === "dense") return;
    const figures = { importance: coefficientOfVariation(importance), most: maxOverMean(load) };
    lab.claim("collapse", figures);
    lab.claim("balance", { ...figures, load: coefficientOfVariation(load) });
    const total = load.reduce((a, b) => a + b);
    lab.plot(
      "usage",
      load.toSorted((a, b) => b - a).map((count, expert) => ({ expert: expert + 1, share: count / total })),
    );
  },
});

type MoeSettings = Lab<{ readonly experts: number; readonly importance: number; readonly load: number }>["settings"];

const moe = ({ experts, importance, load }: MoeSettings): Mixture<{ gate: NoisyGate; experts: Experts }> => ({
  init: (key) => ({
    gate: initNoisyGate({ width: contextWidth, experts }),
    experts: initExperts(key, { experts, width: contextWidth, hidden }),
  }),
  apply(params, z, key) {
    const routing = noisyTopK(z, params.gate, { k, key });
    const penalty = add(mul(importanceLoss(routing.gates), importance), mul(loadLoss(routing.load), load));
    // At these sizes all experts together are as quick as sorting rows by expert.
    return { y: denseExperts(params.experts, z, routing.gates), penalty, routing };
  },
});

/** As many multiplications as k experts, for every input the same ones. */
const dense: Mixture<{ up: Linear; down: Linear }> = {
  init(key) {
    const [up, down] = split(key);
    const initialiser = initialisers.kaimingNormal({ gain: 1 });
    return {
      up: initLinear(up, { in: contextWidth, out: k * hidden, bias: false, initialiser }),
      down: initLinear(down, { in: k * hidden, out: contextWidth, bias: false, initialiser }),
    };
  },
  apply: ({ up, down }, z: Tensor) => ({ y: matmul(relu(matmul(z, up.weight)), down.weight) }),
};
