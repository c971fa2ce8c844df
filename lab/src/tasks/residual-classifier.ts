import { argMax, type Concrete, compile, crossEntropy, key, type Tensor, type Value } from "sluice";
import { type SamOptions, samGradient } from "sluice/methods/training/sam";
import {
  cosineSchedule,
  initResNet,
  initResNetState,
  type ResNet,
  type ResNetConfig,
  type ResNetState,
  resNet,
  sgd,
} from "sluice/nn";
import { batches } from "../data/batches.ts";
import type { Column } from "../data/column.ts";
import type { LabelledImages } from "../data/image-classes.ts";
import type { Lab } from "../run/lab.ts";
import { inBatches } from "./in-batches.ts";
import { asValues } from "./values.ts";

/** A small residual network for 28×28 grey images in ten classes: about 88 % of `fashion` after 400 steps of 128. */
export const smallResNet: ResNetConfig = { channels: 1, widths: [16, 32, 64], blocks: 1, stemStride: 2, classes: 10 };

/** A residual network with the statistics of its normalisations. */
export interface ResidualClassifier<T = Value> {
  readonly params: ResNet<T>;
  readonly state: ResNetState<T>;
}

export interface ResidualTraining {
  /** What to go on from. Default: a fresh network */
  readonly from?: ResidualClassifier;
  readonly images: LabelledImages;
  readonly steps: number;
  readonly batch: number;
  /** Falls to 0 along half a cosine; momentum is 0.9 and weight decay 5e-4. */
  readonly lr: number;
  /** Label smoothing. Default 0 */
  readonly smoothing?: number;
  /** Sharpness-aware steps. Default: ordinary ones */
  readonly sam?: SamOptions;
  /** Measures the network after every so many steps; what it gives is logged. */
  readonly watch?: {
    readonly every: number;
    measure(net: ResidualClassifier): Promise<Readonly<Record<string, number>>>;
  };
}

interface Carried {
  readonly net: ResidualClassifier;
  readonly optimizer: unknown;
}

/** Trains a residual classifier; survives being killed as `lab.loop` does. */
export async function trainResidual(lab: Lab, name: string, training: ResidualTraining): Promise<ResidualClassifier> {
  const { from, images, steps, batch, lr, smoothing = 0, sam = { radius: 0 }, watch } = training;
  const optimizer = sgd({ lr: cosineSchedule(lr, steps), momentum: 0.9, weightDecay: 5e-4 });
  const fresh = compile((random: Tensor) => ({
    params: initResNet(random, smallResNet),
    state: initResNetState(smallResNet),
  }));
  const begin = compile((params: ResNet) => optimizer.init(params));
  const update = compile((net: ResidualClassifier<Tensor>, old: never, x: Tensor, y: Tensor) => {
    const lossOf = (params: ResNet): [Tensor, ResNetState] => {
      const { logits, state } = resNet(params, net.state, x, smallResNet, { training: true });
      return [crossEntropy(logits, y, { smoothing }), state];
    };
    const { loss, rest, gradient } = samGradient(lossOf, net.params, sam);
    const next = optimizer.update(net.params, gradient, old);
    return { carried: { net: { params: next.params, state: rest }, optimizer: next.state }, loss };
  }) as unknown as (
    net: ResidualClassifier,
    optimizer: unknown,
    x: Value,
    y: Value,
  ) => Promise<{ carried: Carried; loss: Value }>;

  let stream: Iterator<{ readonly x: Column; readonly y: Column }> | undefined;
  const end = await lab.loop<Carried>(name, {
    steps,
    async start() {
      const net = from ?? ((await fresh(key(lab.seed))) as Concrete<ResidualClassifier<Tensor>>);
      return { net, optimizer: await begin(net.params as never) } as Carried;
    },
    async step({ net, optimizer }, step) {
      stream ??= batches(images, { batch, seed: lab.seed, start: step, steps })[Symbol.iterator]();
      const { x, y } = asValues(stream.next().value!);
      const { carried, loss } = await update(net, optimizer, x, y);
      lab.log(step, { [`${name} loss/nats`]: loss.item() });
      if (watch && (step + 1) % watch.every === 0) lab.log(step + 1, await watch.measure(carried.net));
      return carried;
    },
  });
  return end.net;
}

const answer = compile(({ params, state }: ResidualClassifier<Tensor>, x: Tensor) => {
  const { logits } = resNet(params, state, x, smallResNet, { training: false });
  return argMax(logits, { axis: -1 });
});

/** The class that the network gives to each image. */
export async function classesOf(net: ResidualClassifier, images: Column): Promise<Float64Array> {
  const found = await inBatches(images, 500, (x) => answer(net as never, x));
  return found.toFloat64();
}
