// Kang et al. 2023, arXiv:2303.14962
import {
  add,
  type Concrete,
  compile,
  crossEntropy,
  div,
  expandDims,
  gather,
  key,
  mapTree,
  matmul,
  mul,
  relu,
  reshape,
  split,
  type Tensor,
  Value,
  zipTrees,
} from "sluice";
import { type Anchor, elasticPenalty, fisherDiagonal, joinAnchors } from "sluice/methods/continual/elastic-weights";
import { capacityUsed, encodeMasks } from "sluice/methods/continual/mask-codec";
import { averageAccuracy, backwardTransfer } from "sluice/methods/continual/metrics";
import { consolidate, topMask, withFrozen } from "sluice/methods/continual/subnetwork";
import { adam, initialisers } from "sluice/nn";
import { batches } from "../data/batches.ts";
import { slice } from "../data/column.ts";
import type { LabelledImages } from "../data/image-classes.ts";
import { loadMnist } from "../data/mnist.ts";
import { Random } from "../data/random.ts";
import { above, atLeast, atMost, below, equals, type Lab, minus, paper, ratio } from "../paper.ts";
import { curves } from "../plots/curves.ts";
import { heatmap } from "../plots/heatmap.ts";
import { panels } from "../plots/panels.ts";
import { accuracy } from "../tasks/image-classifier.ts";
import { inBatches } from "../tasks/in-batches.ts";
import { train } from "../tasks/train.ts";
import { asValue } from "../tasks/values.ts";

export default paper({
  id: "wsn",
  row: 72,
  family: "continual",
  title: "Forget-free Continual Learning with Soft-Winning SubNetworks",
  year: 2023,
  arxiv: "2303.14962",
  code: "github.com/ihaeyong/WSN",
  idea: "Every task learns, beside the weights, a binary mask that selects a small share of them. What an earlier task selected never changes again, but may be selected by later ones. Each task is answered through its own mask, so that nothing can be forgotten; the masks of all tasks are Huffman-coded together, which grows more slowly than their number.",
  minutes: 5,
  settings: {
    full: {
      tasks: 10,
      /** Three passes over the images; the paper has up to five. */
      steps: 560,
      images: 12_000,
      tested: 2000,
      /** Widths of both hidden layers; the paper has 100. */
      width: 256,
    },
    smoke: { tasks: 2, steps: 30, images: 2000, tested: 500 },
  },
  variants: {
    "wsn-5": { method: "wsn", keep: 0.05 },
    "wsn-30": { method: "wsn", keep: 0.3 },
    "wsn-50": { method: "wsn", keep: 0.5 },
    finetune: { method: "finetune", keep: 1 },
    ewc: { method: "ewc", keep: 1 },
    single: { method: "single", keep: 1 },
  },
  includes: ({ variant, seed, budget }) =>
    budget === "smoke"
      ? ["wsn-30", "ewc"].includes(variant)
      : seed === 1 || ["wsn-30", "finetune", "single"].includes(variant),
  claims: {
    "no-forgetting": {
      paper: "backward transfer 0.0 on every benchmark",
      holds:
        "accuracy on every task, and every score of its test images, the same to the last bit after each later task",
      budgets: ["smoke", "full"],
      measures: { changed: "largest change of accuracy, points", scores: "largest change of a score" },
      judge: ({ changed, scores }, { budget }) =>
        (budget === "full" ? (["wsn-5", "wsn-30", "wsn-50"] as const) : (["wsn-30"] as const)).flatMap((arm) => [
          equals(changed.of(arm), 0),
          equals(scores.of(arm), 0),
        ]),
    },
    accuracy: {
      paper: "ahead of methods without replay on permuted MNIST",
      holds:
        "mean accuracy after ten tasks at least 8 points above fine-tuning, at most 3 below a network for each task",
      measures: { accuracy: "mean accuracy after the last task, %" },
      judge: ({ accuracy }) => [
        atLeast(minus(accuracy.of("wsn-30"), accuracy.of("finetune")), 8),
        atLeast(minus(accuracy.of("wsn-30"), accuracy.of("single")), -3),
      ],
    },
    sublinear: {
      paper: "compressed masks grow sub-linearly with the number of tasks",
      holds:
        "at 30 % kept at most 8.7 bits a weight for ten masks (independent ones: 8.81), less than 2.5 times those of four",
      measures: { four: "bits a weight, four masks", ten: "bits a weight, ten masks" },
      judge: ({ four, ten }) => [atMost(ten.of("wsn-30"), 8.7), below(ratio(ten.of("wsn-30"), four.of("wsn-30")), 2.5)],
    },
    reuse: {
      paper: "later tasks reuse weights of earlier ones",
      holds:
        "the last task takes a larger share of its weights from earlier ones than chance would; at most 93 % of the weights are used (independent masks: 97.2 %)",
      measures: {
        reused: "share of the last mask that earlier ones hold, %",
        chance: "share of all weights that earlier masks hold, %",
        used: "share of all weights that any mask holds, %",
      },
      judge: ({ reused, chance, used }) => [
        above(minus(reused.of("wsn-30"), chance.of("wsn-30")), 0),
        atMost(used.of("wsn-30"), 93),
      ],
    },
  },
  plots: {
    forgetting: {
      title: "Accuracy on each task after each task, and bits for the masks",
      caption:
        "Rows are trainings, columns the tasks asked about: with a mask of its own a task stays what it was, with fine-tuning it fades. Below, what all masks take together, a weight, against one bit for each task.",
      draw: ({ rows }) =>
        panels(
          [
            ...["wsn-30", "finetune"].map((arm) =>
              heatmap({
                title: arm,
                rows: rows.filter((row) => row.kind === "accuracy" && row.variant === arm),
                x: { field: "task", title: "asked about task" },
                y: { field: "after", title: "after task" },
                value: { field: "accuracy", title: "accuracy, %", domain: [40, 100] },
                width: 280,
                height: 280,
              }),
            ),
            curves({
              title: "bits a weight",
              rows: rows.filter((row) => row.kind === "bits"),
              x: { field: "tasks", title: "tasks" },
              y: { field: "bits", title: "bits a weight" },
              series: { field: "variant", title: "" },
              width: 280,
              height: 180,
            }),
          ],
          { columns: 2 },
        ),
    },
  },
  async run(lab) {
    const { tasks, images, tested, method } = lab.settings;
    const mnist = await loadMnist();
    const [known, asked] = [slice(mnist.train, 0, images), slice(mnist.test, 0, tested)];
    const orders = pixelOrders(tasks, new Random(lab.seed));

    const learned: Learned[] = [];
    const first: Float32Array[] = [];
    const accuracies: number[][] = [];
    let scores = 0;
    for (const [task, order] of orders.entries()) {
      learned.push(await learnTask(lab, task, order, known, learned));
      accuracies.push([]);
      for (let earlier = 0; earlier <= task; earlier++) {
        const now = await answers(lab.settings, learned, earlier, asked, orders[earlier]);
        first[earlier] ??= now;
        scores = Math.max(scores, largestDifference(first[earlier], now));
        accuracies[task].push(100 * accuracy(now, asked.y.data));
      }
      lab.log(task, { "accuracy so far/percent": averageAccuracy(accuracies.slice(0, task + 1)) });
    }

    lab.claim("accuracy", { accuracy: averageAccuracy(accuracies) });
    lab.log(tasks, { "backward transfer/points": backwardTransfer(accuracies) });
    const rows = accuracies.flatMap((row, after) =>
      row.map((each, task) => ({ kind: "accuracy", after: after + 1, task: task + 1, accuracy: each })),
    );
    if (method !== "wsn") {
      if (lab.seed === lab.seeds[0]) lab.plot("forgetting", rows);
      return;
    }
    const changed = accuracies.flatMap((row) => row.map((each, task) => Math.abs(each - accuracies[task][task])));
    lab.claim("no-forgetting", { changed: Math.max(...changed), scores });

    const masks = learned.map(({ masks }) => flat(masks));
    const bits = masks.map((_, last) => encodeMasks(masks.slice(0, last + 1)).bits / masks[0].length);
    const held = consolidate(masks.slice(0, -1));
    const last = masks.at(-1)!;
    const share = (part: Uint8Array, whole: number) => (100 * part.reduce((total, each) => total + each, 0)) / whole;
    const size = last.reduce((total, each) => total + each, 0);
    lab.claim("reuse", {
      reused: share(
        last.map((each, i) => each & held[i]),
        size,
      ),
      chance: share(held, held.length),
      used: share(consolidate(masks), held.length),
    });
    if (tasks >= 10) lab.claim("sublinear", { four: bits[3], ten: bits[9] });
    lab.log(tasks, { "capacity used/percent": 100 * capacityUsed(masks) });
    if (lab.seed === lab.seeds[0])
      lab.plot("forgetting", [...rows, ...bits.map((each, i) => ({ kind: "bits", tasks: i + 1, bits: each }))]);
  },
});

/** Two hidden layers without biases, and a head for one task. */
interface Net<T = Tensor> {
  readonly weights: readonly T[];
  /** How much each weight is worth; none in dense networks. */
  readonly scores: readonly T[];
  readonly head: T;
}

/** What is kept of a task. */
interface Learned {
  readonly net: Concrete<Net>;
  /** 0 and 1 in the shapes of the weights; none in dense networks. */
  readonly masks: readonly Value[];
  /** For elastic weights: what later tasks must not move. */
  readonly anchor?: Anchor<readonly Value[]>;
}

interface Settings {
  readonly method: string;
  readonly keep: number;
  readonly steps: number;
  readonly width: number;
}

/** Weight λ of the elastic penalty: the best of 30, 100, 300 and 1,000 on one seed. */
const elasticity = 100;

function initNet(random: Tensor, { method, keep, width }: Settings): Net {
  const keys = split(random, 5);
  // A unit hears only the share of its inputs that the mask keeps: the rest of the size is given back here.
  const gain = Math.SQRT2 / Math.sqrt(keep);
  const layer = (at: number, sizes: readonly [number, number], initialiser = initialisers.kaimingUniform({ gain })) =>
    initialiser(keys[at], sizes, { in: sizes[0], out: sizes[1] });
  // The authors' start of the scores.
  const score = (at: number, sizes: readonly [number, number]) => layer(at, sizes, initialisers.fanInUniform);
  return {
    weights: [layer(0, [784, width]), layer(1, [width, width])],
    scores: method === "wsn" ? [score(2, [784, width]), score(3, [width, width])] : [],
    head: layer(4, [width, 10], initialisers.kaimingUniform()),
  };
}

/** Scores of the classes for images whose pixels are taken in a certain order. */
function logitsOf({ weights, head }: Omit<Net, "scores">, masks: readonly Tensor[], x: Tensor, order: Tensor): Tensor {
  const pixels = gather(reshape(x, [x.shape[0], 784]), order, { axis: 1 });
  const hidden = weights.reduce((h, weight, i) => relu(matmul(h, masks[i] ? mul(weight, masks[i]) : weight)), pixels);
  return matmul(hidden, head);
}

/** The pixels of each task: the first sees them as they are, every other in an order of its own. */
const pixelOrders = (tasks: number, random: Random): Int32Array[] =>
  Array.from({ length: tasks }, (_, task) =>
    task === 0 ? Int32Array.from({ length: 784 }, (_, i) => i) : random.split(task).permutation(784),
  );

const flat = (masks: readonly Value[]): Uint8Array => Uint8Array.from(masks.flatMap((mask) => [...mask.toFloat64()]));

async function learnTask(
  lab: Lab<Settings>,
  task: number,
  order: Int32Array,
  images: LabelledImages,
  earlier: readonly Learned[],
): Promise<Learned> {
  const { method, keep, steps } = lab.settings;
  const begin = compile((random: Tensor) => initNet(random, lab.settings));
  const fresh = (await begin(key(lab.seed * 1000 + task))) as Concrete<Net>;
  const before = method === "single" ? undefined : earlier.at(-1);
  // Weights and scores go on from where the last task left them; every task has a head of its own.
  const from = before === undefined ? fresh : { ...before.net, head: fresh.head };
  const frozen = from.weights.map(({ shape, size }, layer) => {
    const masks = earlier.map(({ masks }) => Uint8Array.from(masks[layer]?.toFloat64() ?? new Uint8Array(size)));
    return new Value(Float32Array.from(masks.length > 0 ? consolidate(masks) : new Uint8Array(size)), shape);
  });
  const anchor = before?.anchor as Anchor<readonly Tensor[]> | undefined;
  const net = await train<Net, "x" | "y" | "order">(lab, `task ${task + 1}`, {
    init: (random) => initNet(random, lab.settings),
    from,
    loss: (params, { x, y, order }) => {
      const masks = params.scores.map((layer) => topMask(layer, keep));
      const error = crossEntropy(logitsOf(params, masks, x, order), y);
      return anchor ? add(error, mul(elasticPenalty(params.weights, anchor), elasticity)) : error;
    },
    optimizer: withFrozen(adam({ lr: 1e-3 }), (path) =>
      path.startsWith("weights.") ? frozen[Number(path.split(".")[1])] : undefined,
    ),
    steps,
    *batches(start) {
      for (const { x, y } of batches(images, { batch: 64, seed: lab.seed * 1000 + task, start, steps }))
        yield { x, y, order: { data: order, shape: [784] } };
    },
  });
  const choose = compile((scores: readonly Tensor[]) => scores.map((layer) => topMask(layer, keep)));
  const masks = await choose(net.scores as never);
  if (method !== "ewc") return { net, masks };
  const importance = await fisher(net, slice(images, 0, 500), order);
  const own = { centre: net.weights, importance };
  return { net, masks, anchor: before?.anchor ? ((await joined(before.anchor as never, own as never)) as never) : own };
}

const joined = compile((first: Anchor<readonly Tensor[]>, second: Anchor<readonly Tensor[]>) =>
  joinAnchors(first, second),
);

const fisherOf = compile((net: Net, x: Tensor, y: Tensor, order: Tensor) =>
  fisherDiagonal(
    (weights: readonly Tensor[], image: Tensor, label: Tensor) =>
      crossEntropy(logitsOf({ weights, head: net.head }, [], expandDims(image, 0), order), expandDims(label, 0)),
    net.weights,
    x,
    y,
  ),
);
const addShare = compile((total: readonly Tensor[], part: readonly Tensor[], parts: Tensor): readonly Tensor[] =>
  zipTrees((a, b) => add(a, div(b, parts)), total, part),
);

/** Importance of the weights for a task; a few examples at a time, since each has a gradient of its own. */
async function fisher(net: Concrete<Net>, images: LabelledImages, order: Int32Array): Promise<readonly Value[]> {
  const [batch, parts] = [20, Math.floor(images.y.data.length / 20)];
  let total = mapTree(net.weights, ({ shape, size }: Value) => new Value(new Float32Array(size), shape));
  for (const { x, y } of batches(images, { batch })) {
    const part = await fisherOf(net as never, asValue(x), asValue(y), new Value(order, [784]));
    total = await addShare(total, part as never, new Value(Float32Array.of(parts), []));
  }
  return total;
}

const answer = compile((net: Net, masks: readonly Tensor[], x: Tensor, order: Tensor) =>
  logitsOf(net, masks, x, order),
);

/** Scores for a task's test images by what was learned last, with the task's own mask and head. */
async function answers(
  { method }: Settings,
  learned: readonly Learned[],
  task: number,
  images: LabelledImages,
  order: Int32Array,
): Promise<Float32Array> {
  const { net, masks } = learned[task];
  const weights = method === "single" ? net.weights : learned.at(-1)!.net.weights;
  const logits = await inBatches(images.x, 500, (x) =>
    answer({ weights, scores: [], head: net.head } as never, masks as never, x, new Value(order, [784])),
  );
  return logits.data as Float32Array;
}

const largestDifference = (a: Float32Array, b: Float32Array): number =>
  a.reduce((most, each, i) => Math.max(most, Math.abs(each - b[i])), 0);
