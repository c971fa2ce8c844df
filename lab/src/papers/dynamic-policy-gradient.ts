// Klein, Weissmann & Döring 2024, arXiv:2310.02671
import { linearRegression } from "simple-statistics";
import {
  backwardInduction,
  type EpochPolicies,
  emptyValues,
  evaluate,
  type FiniteHorizonMdp,
  startValue,
} from "sluice/methods/rl/finite-mdp";
import { dynamicPg, simultaneousPg } from "sluice/methods/rl/softmax-pg";
import { lock, randomMdp } from "../data/mdp.ts";
import { Random } from "../data/random.ts";
import { atLeast, atMost, equals, type Lab, largest, paper, type Sample, within } from "../paper.ts";
import { curves } from "../plots/curves.ts";
import { panels } from "../plots/panels.ts";

/** The step sizes of the theory: J is smooth to that degree. */
const simultaneousEta = ({ H, rMax }: FiniteHorizonMdp) => 1 / (5 * H ** 2 * rMax);
const dynamicEta =
  ({ H, rMax }: FiniteHorizonMdp) =>
  (h: number) =>
    1 / (2 * (H - h) * rMax);

const multiples = [1, 10, 100, 1000] as const;

export default paper({
  id: "dynamic-policy-gradient",
  row: 89,
  family: "rl",
  title: "Beyond Stationarity: Convergence Analysis of Stochastic Softmax Policy Gradient Methods",
  year: 2024,
  arxiv: "2310.02671",
  idea: "With a finite horizon every epoch has a policy of its own. The usual policy gradient moves all of them at once; the dynamic one trains the last epoch first, keeps it, and moves backwards, so that each epoch is a contextual bandit with a fixed future. Its bounds grow less with the horizon. It needs starts in every state of every epoch, where the usual one starts at epoch 0 alone.",
  minutes: 1,
  seeds: { full: 5 },
  settings: {
    full: {
      /** Digits of the lock for which updates are counted; the claims are about 5, 10 and 14. */
      horizons: [5, 7, 10, 14],
      /** Exact steps an epoch on random processes. */
      steps: 1e6,
      /** Digits of the lock, and transitions drawn, in the sampled case. */
      sampledHorizon: 14,
      transitions: 1e6,
      /** Step sizes over those of the theory: the constant of the simultaneous one is not certain. */
      multiples: [...multiples],
    },
    smoke: { horizons: [3, 5], steps: 1e4, sampledHorizon: 6, transitions: 5e4, multiples: [10] },
  },
  variants: {
    lock: { part: "lock" },
    random: { part: "random" },
    sampled: { part: "sampled" },
  },
  // Counting the updates on the lock draws nothing at random.
  includes: ({ variant, seed }) => variant !== "lock" || seed === 1,
  claims: {
    rate: {
      paper: "with exact gradients the gap falls as O(1/n), with a known constant",
      holds:
        "over the last decade of n the gap of an epoch falls with a log-log slope of −1.15 to −0.85 in the mean; gap·n·c²/(4(H−h)R*·S) never exceeds 1; no step lowers J",
      budgets: ["smoke", "full"],
      measures: {
        slope: "log-log slope of the gap over n, mean over epochs",
        bound: "gap over its bound, largest of all epochs and n",
        drops: "steps that lower J",
      },
      judge: ({ slope, bound, drops }, { budget }) => [
        // The last decade of a smoke run still has part of the way there.
        ...(budget === "full" ? [within(slope.of("random"), -1.15, -0.85)] : []),
        atMost(largest(bound.of("random")), 1),
        equals(drops.of("random"), 0),
      ],
    },
    horizon: {
      paper: "bounds grow as H⁵ for simultaneous, as H³ (H² an epoch) for dynamic gradients",
      holds:
        "updates needed on the lock grow from H = 5 to 10 with a log-log slope ≤ 3 for dynamic and ≥ 4 for simultaneous; at H = 10 they differ by a factor ≥ 50",
      measures: {
        dynamic: "log-log slope of updates over H, dynamic",
        simultaneous: "log-log slope of updates over H, simultaneous",
        factor: "updates, simultaneous over dynamic, H = 10",
      },
      judge: ({ dynamic, simultaneous, factor }) => [
        atMost(dynamic.of("lock"), 3),
        atLeast(simultaneous.of("lock"), 4),
        atLeast(factor.of("lock"), 50),
      ],
    },
    structure: {
      paper: "dynamic gradients use the structure of the problem, not a larger step alone",
      holds: "with the best step size for each, H = 14, simultaneous needs ≥ 5 times the updates",
      measures: { factor: "updates, simultaneous over dynamic, best step size each" },
      judge: ({ factor }) => [atLeast(factor.of("lock"), 5)],
    },
    sampled: {
      paper: "fewer samples suffice for dynamic gradients",
      holds: "after 10⁶ transitions, with the best step size for each, dynamic reaches ≥ 0.8 and simultaneous ≤ 0.5",
      measures: {
        ...labelled("dynamic"),
        ...labelled("simultaneous"),
      },
      judge: (measured) => [atLeast(best(measured, "dynamic"), 0.8), atMost(best(measured, "simultaneous"), 0.5)],
    },
  },
  plots: {
    horizon: {
      title: "What a longer horizon costs",
      caption:
        "Left: updates an epoch that the lock needs until its value is 0.9, by horizon; simultaneous gradients climb far more steeply than the line H⁵, dynamic ones along H². Right: the value of the policy against transitions drawn, at 10 times the step size of the theory.",
      draw: ({ rows }) =>
        panels([
          curves({
            title: "updates to reach 0.9",
            rows: rows.filter((row) => row.variant === "lock"),
            x: { field: "horizon", title: "horizon H", scale: "log" },
            y: { field: "updates", title: "updates an epoch", scale: "log" },
            series: { field: "series", title: "" },
            width: 340,
          }),
          curves({
            title: "sampled",
            rows: rows.filter((row) => row.variant === "sampled"),
            x: { field: "transitions", title: "transitions" },
            y: { field: "value", title: "value of the start" },
            series: { field: "series", title: "" },
            width: 340,
          }),
        ]),
    },
    gap: {
      title: "The gap on random processes",
      caption:
        "Distance from the best value against updates an epoch, both methods with the step sizes of the theory, on a random process of five epochs, five states and three actions.",
      draw: ({ rows }) =>
        curves({
          rows,
          x: { field: "updates", title: "updates an epoch", scale: "log" },
          y: { field: "gap", title: "gap", scale: "log" },
          series: { field: "series", title: "" },
        }),
    },
  },
  run: (lab) =>
    lab.settings.part === "lock" ? countUpdates(lab) : lab.settings.part === "random" ? followGaps(lab) : draw(lab),
});

type Method = "dynamic" | "simultaneous";
type Measure = `${Method}${(typeof multiples)[number]}`;

/** Names and labels of the final values, one for each step size. */
function labelled<M extends Method>(method: M) {
  return Object.fromEntries(
    multiples.map((multiple) => [`${method}${multiple}`, `${method}, ${multiple}× the step size: final value`]),
  ) as { [Name in Extract<Measure, `${M}${number}`>]: string };
}

/** The final values at the step size that gives the highest mean. */
const best = (measured: Readonly<Record<Measure, Sample>>, method: Method): Sample =>
  multiples
    .map((multiple) => measured[`${method}${multiple}`])
    .filter(({ values }) => values.length > 0)
    .reduce((best, sample) => (sample.mean > best.mean ? sample : best), measured[`${method}10`]);

type Trial = Lab<{
  readonly horizons: readonly number[];
  readonly steps: number;
  readonly sampledHorizon: number;
  readonly transitions: number;
  readonly multiples: readonly (typeof multiples)[number][];
}>;

const goal = 0.9;
// Far beyond what the theory's step size needs at H = 14.
const patience = 2e7;

/** Updates an epoch until the lock's value is 0.9, with exact gradients. */
async function countUpdates(lab: Trial): Promise<void> {
  const { horizons } = lab.settings;
  const counted = new Map<number, Record<Method, number>>();
  for (const H of horizons) {
    const mdp = lock({ H });
    counted.set(
      H,
      await lab.stage(`horizon ${H}`, () => ({
        simultaneous: updatesOfSimultaneous(mdp, 1),
        dynamic: updatesOfDynamic(mdp, 1),
      })),
    );
    lab.log(H, { "updates, simultaneous": counted.get(H)!.simultaneous, "updates, dynamic": counted.get(H)!.dynamic });
  }
  const [first] = horizons;
  const start = counted.get(first)!;
  lab.plot(
    "horizon",
    [...counted].flatMap(([horizon, { simultaneous, dynamic }]) => [
      { horizon, series: "simultaneous", updates: simultaneous },
      { horizon, series: "dynamic", updates: dynamic },
      { horizon, series: "H⁵", updates: start.simultaneous * (horizon / first) ** 5 },
      { horizon, series: "H²", updates: start.dynamic * (horizon / first) ** 2 },
    ]),
  );
  const [short, long] = [counted.get(5), counted.get(10)];
  if (short && long) {
    const slope = (method: Method) => Math.log2(long[method] / short[method]);
    lab.claim("horizon", {
      dynamic: slope("dynamic"),
      simultaneous: slope("simultaneous"),
      factor: long.simultaneous / long.dynamic,
    });
  }
  if (!horizons.includes(14)) return;
  const mdp = lock({ H: 14 });
  const least: Record<Method, number> = { simultaneous: patience, dynamic: patience };
  for (const multiple of lab.settings.multiples) {
    const found = await lab.stage(`step size ${multiple}`, () => ({
      simultaneous: multiple === 1 ? counted.get(14)!.simultaneous : updatesOfSimultaneous(mdp, multiple),
      dynamic: updatesOfDynamic(mdp, multiple),
    }));
    for (const method of ["simultaneous", "dynamic"] as const) {
      least[method] = Math.min(least[method], found[method]);
      lab.log(multiple, { [`updates at H = 14 by step size, ${method}`]: found[method] });
    }
  }
  lab.claim("structure", { factor: least.simultaneous / least.dynamic });
}

function updatesOfSimultaneous(mdp: FiniteHorizonMdp, multiple: number): number {
  let updates = patience;
  simultaneousPg(mdp, {
    eta: multiple * simultaneousEta(mdp),
    steps: patience,
    watch(step, value) {
      updates = step;
      return value >= goal;
    },
  });
  return updates;
}

/** The smallest number of steps an epoch that suffices: more steps never give a worse policy on the lock. */
function updatesOfDynamic(mdp: FiniteHorizonMdp, multiple: number): number {
  const eta = dynamicEta(mdp);
  const suffices = (steps: number) => {
    const { policies } = dynamicPg(mdp, { eta: (h) => multiple * eta(h), steps: () => steps });
    return startValue(mdp, evaluate(mdp, policies)) >= goal;
  };
  let enough = 1;
  while (!suffices(enough)) enough *= 2;
  let short = enough / 2;
  while (enough - short > 1) {
    const middle = Math.floor((enough + short) / 2);
    if (suffices(middle)) enough = middle;
    else short = middle;
  }
  return enough;
}

/** The gap of every epoch on a random process, against the bound. */
async function followGaps(lab: Trial): Promise<void> {
  const { steps } = lab.settings;
  const mdp = randomMdp({ H: 5, S: 5, A: 3, minGap: 0.1, seed: lab.seed });
  const { H, S, A, rMax } = mdp;
  const epochs = await lab.stage("gaps", () => {
    const found: { h: number; gaps: [n: number, gap: number][]; least: number; drops: number }[] = [];
    let last = Number.POSITIVE_INFINITY;
    let best = new Int32Array();
    dynamicPg(mdp, {
      eta: dynamicEta(mdp),
      steps: () => steps,
      watch(h, step, policies, q) {
        if (step === 0) {
          found.push({ h, gaps: [], least: 1, drops: 0 });
          last = Number.POSITIVE_INFINITY;
          best = bestActions(q, A);
        }
        const epoch = found.at(-1)!;
        // Not a difference of values, which would lose its digits near the end.
        let gap = 0;
        for (let s = 0; s < S; s++) {
          epoch.least = Math.min(epoch.least, policies[h][best[s]]);
          for (let at = s * A; at < (s + 1) * A; at++) gap += (policies[h][at] * (q[best[s]] - q[at])) / S;
        }
        // Rounding alone does not count as a loss.
        if (gap > last * (1 + 1e-12)) epoch.drops++;
        last = gap;
        if (step > 0 && isRecorded(step)) epoch.gaps.push([step, gap]);
        return undefined;
      },
    });
    return found;
  });
  const slopes = epochs.map(
    ({ gaps }) =>
      linearRegression(gaps.filter(([n]) => n >= steps / 10).map(([n, gap]) => [Math.log(n), Math.log(gap)])).m,
  );
  const bounds = epochs.flatMap(({ h, gaps, least }) =>
    gaps.map(([n, gap]) => (gap * n * least ** 2) / (4 * (H - h) * rMax * S)),
  );
  lab.claim("rate", {
    slope: slopes.reduce((sum, slope) => sum + slope, 0) / H,
    bound: Math.max(...bounds),
    drops: epochs.reduce((sum, { drops }) => sum + drops, 0),
  });

  const bestValue = startValue(mdp, backwardInduction(mdp));
  const simultaneous = await lab.stage("simultaneous", () => {
    const gaps: [n: number, gap: number][] = [];
    simultaneousPg(mdp, {
      eta: simultaneousEta(mdp),
      steps,
      watch(step, value) {
        if (step > 0 && isRecorded(step)) gaps.push([step, bestValue - value]);
        return undefined;
      },
    });
    return gaps;
  });
  const recorded = simultaneous.map(([n]) => n).filter((n) => n <= steps / 10);
  const dynamic = await lab.stage("dynamic", () =>
    recorded.map((n): [number, number] => {
      const { policies } = dynamicPg(mdp, { eta: dynamicEta(mdp), steps: () => n });
      return [n, bestValue - startValue(mdp, evaluate(mdp, policies))];
    }),
  );
  lab.plot("gap", [
    ...simultaneous.map(([updates, gap]) => ({ updates, gap, series: "simultaneous" })),
    ...dynamic.map(([updates, gap]) => ({ updates, gap, series: "dynamic" })),
  ]);
}

const bestActions = (q: Float64Array, actions: number): Int32Array<ArrayBuffer> =>
  Int32Array.from({ length: q.length / actions }, (_, s) => {
    const row = q.subarray(s * actions, (s + 1) * actions);
    return s * actions + row.indexOf(Math.max(...row));
  });

/** Whether a step is a power of ⁴√10, rounded. */
const isRecorded = (step: number): boolean => Math.round(10 ** (Math.round(4 * Math.log10(step)) / 4)) === step;

/** Both methods on drawn trajectories, given the same number of transitions. */
async function draw(lab: Trial): Promise<void> {
  const { sampledHorizon: H, transitions } = lab.settings;
  const mdp = lock({ H });
  const trajectories = 16;
  const stepsOf = {
    simultaneous: Math.floor(transitions / (H * trajectories)),
    dynamic: Math.floor(transitions / (((H * (H + 1)) / 2) * trajectories)),
  };
  const shown: { transitions: number; value: number; series: string }[] = [];
  const values = emptyValues(mdp);
  const valueOf = (policies: EpochPolicies) => startValue(mdp, evaluate(mdp, policies, values));
  for (const multiple of lab.settings.multiples)
    for (const method of ["simultaneous", "dynamic"] as const) {
      const { final, path } = await lab.stage(`${method} ${multiple}`, () => {
        const path: { transitions: number; value: number }[] = [];
        const sampled = { trajectories, random: new Random(lab.seed).split(`${method} ${multiple}`) };
        const steps = stepsOf[method];
        if (method === "simultaneous") {
          const eta = multiple * simultaneousEta(mdp);
          const every = Math.ceil(steps / 60);
          const watch = (step: number, value: number) => {
            if (step % every === 0) path.push({ transitions: step * H * trajectories, value });
            return undefined;
          };
          return { final: valueOf(simultaneousPg(mdp, { eta, steps, sampled, watch }).policies), path };
        }
        const eta = dynamicEta(mdp);
        let drawn = 0;
        const watch = (h: number, step: number, policies: EpochPolicies) => {
          if (step === 0) path.push({ transitions: drawn, value: valueOf(policies) });
          else drawn += (H - h) * trajectories;
          return undefined;
        };
        const end = dynamicPg(mdp, { eta: (h) => multiple * eta(h), steps: () => steps, sampled, watch });
        const final = valueOf(end.policies);
        return { final, path: [...path, { transitions: end.transitions, value: final }] };
      });
      lab.claim("sampled", { [`${method}${multiple}`]: final });
      if (multiple === 10) shown.push(...path.map((point) => ({ ...point, series: method })));
    }
  lab.plot("horizon", shown);
}
