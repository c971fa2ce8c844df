import * as operations from "../../core/operations/index.ts";
import { range, stridesOf } from "../../core/shape.ts";
import type { Tensor } from "../../core/tensor.ts";
import { awayFrom, distinct, type Grown, type Maker } from "./growing.ts";

interface Reduced {
  readonly axis: readonly number[];
  readonly keepDims: boolean;
}

const reduction =
  (
    reduce: (t: Tensor, options: Reduced) => Tensor,
    safe: (x: Grown, axes: readonly number[]) => boolean = () => true,
  ): Maker =>
  (graph) => {
    const x = graph.float(1);
    const options = { axis: graph.axes(x), keepDims: graph.dice.chance(0.3) };
    return safe(x, options.axis) ? { of: [x], make: (t) => reduce(t, options), settings: options } : undefined;
  };

const ofBooleans =
  (reduce: (t: Tensor, options: Reduced) => Tensor): Maker =>
  (graph) => {
    const x = graph.booleans(1);
    const options = { axis: graph.axes(x), keepDims: graph.dice.chance(0.3) };
    return { of: [x], make: (t) => reduce(t, options), settings: options };
  };

const alongAxis =
  (
    make: (t: Tensor, options: { axis: number; reverse: boolean }) => Tensor,
    safe: (x: Grown, axis: number) => boolean = () => true,
  ): Maker =>
  (graph) => {
    const x = graph.float(1);
    const options = { axis: graph.dice.between(0, x.shape.length - 1), reverse: graph.dice.chance(0.3) };
    return safe(x, options.axis) ? { of: [x], make: (t) => make(t, options), settings: options } : undefined;
  };

const different = ({ data }: Grown): boolean => distinct(data);

/** The lines that a reduction over some axes runs along. */
function lines({ shape, data }: Grown, axes: readonly number[]): number[][] {
  const strides = stridesOf(shape);
  const found = new Map<number, number[]>();
  data.forEach((number, position) => {
    const kept = shape.reduce(
      (offset, size, axis) =>
        offset + (axes.includes(axis) ? 0 : (Math.floor(position / strides[axis]) % size) * strides[axis]),
      0,
    );
    found.set(kept, [...(found.get(kept) ?? []), number]);
  });
  return [...found.values()];
}

const meanOf = (line: readonly number[]): number => line.reduce((a, b) => a + b, 0) / line.length;
const spread = (line: readonly number[]): number => meanOf(line.map((x) => (x - meanOf(line)) ** 2));

/** Whether what a line is divided by is not nearly 0. */
const spreads = (x: Grown, axes: readonly number[]): boolean => lines(x, axes).every((line) => spread(line) > 0.05);
const hasSize = (x: Grown, axes: readonly number[]): boolean =>
  lines(x, axes).every((line) => meanOf(line.map((one) => one ** 2)) > 0.05);

const norm: Maker = (graph) => {
  const x = graph.float(1);
  const [p, axis] = [graph.dice.pick([1, 2, Infinity] as const), graph.axes(x)];
  if (p === 2 ? !hasSize(x, axis) : !awayFrom(x.data, 0) || !distinct(x.data.map(Math.abs))) return undefined;
  return { of: [x], make: (t) => operations.norm(t, { axis, p }), settings: { axis, p: String(p) } };
};

const matmul: Maker = (graph) => {
  const a = graph.float(1, 3);
  const [transposeA, transposeB] = [a.shape.length > 1 && graph.dice.chance(0.3), graph.dice.chance(0.3)];
  const inner = a.shape.at(transposeA ? -2 : -1)!;
  const columns = graph.dice.between(1, 4);
  const batch = a.shape.length === 3 && graph.dice.chance() ? [graph.dice.pick([1, a.shape[0]])] : [];
  const b = graph.like([...batch, ...(transposeB ? [columns, inner] : [inner, columns])]);
  const options = { transposeA, transposeB };
  return { of: [a, b], make: (s, t) => operations.matmul(s, t, options), settings: options };
};

const einsum: Maker = (graph) => {
  const letters = graph.dice.shuffled([..."abcd"]);
  const sizes = new Map(letters.map((letter) => [letter, graph.dice.between(1, 3)]));
  const operands = range(graph.dice.between(1, 3)).map(() =>
    range(graph.dice.between(1, 3)).map(() => graph.dice.pick(letters)),
  );
  const used = graph.dice.shuffled([...new Set(operands.flat())]);
  const output = used.slice(0, graph.dice.between(0, used.length));
  const subscripts = `${operands.map((labels) => labels.join("")).join()}->${output.join("")}`;
  const tensors = operands.map((labels) => graph.like(labels.map((label) => sizes.get(label)!)));
  return { of: tensors, make: (...t) => operations.einsum(subscripts, ...t), settings: subscripts };
};

const layerNorm: Maker = (graph) => {
  const x = graph.float(1, 3);
  const axis = graph.dice.between(0, x.shape.length - 1);
  const axes = range(x.shape.length).slice(axis);
  const shape = x.shape.slice(axis);
  if (!spreads(x, axes)) return undefined;
  return {
    of: [x, graph.like(shape), graph.like(shape)],
    make: (t, scale, bias) => operations.layerNorm(t, scale, bias, { axis }),
    settings: { axis },
  };
};

const rmsNorm: Maker = (graph) => {
  const x = graph.float(1, 3);
  const axis = graph.dice.between(0, x.shape.length - 1);
  if (!hasSize(x, range(x.shape.length).slice(axis))) return undefined;
  return {
    of: [x, graph.like(x.shape.slice(axis))],
    make: (t, scale) => operations.rmsNorm(t, scale, { axis }),
    settings: { axis },
  };
};

const attention: Maker = (graph) => {
  const [queries, keys, width] = range(3).map(() => graph.dice.between(1, 3));
  const batch = graph.dice.chance() ? [2] : [];
  const settings = { causal: keys >= queries && graph.dice.chance(0.4), scale: graph.dice.pick([undefined, 0.5]) };
  return {
    of: [graph.like([...batch, queries, width]), graph.like([...batch, keys, width]), graph.like([...batch, keys, 2])],
    make: (q, k, v) => operations.attention(q, k, v, undefined, settings),
    settings,
  };
};

const crossEntropy: Maker = (graph) => {
  const x = graph.float(1, 3);
  const reduction = graph.dice.pick(["mean", "sum", "none"] as const);
  const labels = graph.dice.shuffled(range(x.shape.at(-1)!))[0];
  const indices = operations.full(x.shape.slice(0, -1), labels, { dtype: "int64" });
  const smoothing = graph.dice.pick([0, 0.1]);
  return {
    of: [x],
    make: (t) => operations.crossEntropy(t, indices, { reduction, smoothing }),
    settings: { labels, reduction, smoothing },
  };
};

const rotate: Maker = (graph) => {
  const pairs = graph.dice.between(1, 2);
  const [rows, interleaved] = [graph.dice.between(1, 3), graph.dice.chance()];
  return {
    of: [graph.like([2, rows, 2 * pairs]), graph.like([rows, pairs])],
    make: (x, angle) => operations.rotate(x, operations.cos(angle), operations.sin(angle), { interleaved }),
    settings: { interleaved },
  };
};

const fourier =
  (pair: readonly number[], transform: (t: Tensor) => Tensor): Maker =>
  (graph) => {
    const x = graph.like([...graph.shape(0, 1), graph.dice.between(2, 5), ...pair]);
    return { of: [x], make: (t) => transform(t) };
  };

/** An image of two channels with a number a channel for each further operand. */
const channelled =
  (
    operands: number,
    axes: readonly number[],
    make: (x: Tensor, ...perChannel: Tensor[]) => Tensor | readonly Tensor[],
  ): Maker =>
  (graph) => {
    const x = graph.like([2, 2, graph.dice.between(2, 4)]);
    return spreads(x, axes) ? { of: [x, ...range(operands).map(() => graph.like([2]))], make } : undefined;
  };

/** Steps in which several elements make one. */
export const combiningSteps: Record<string, Maker> = {
  sum: reduction(operations.sum),
  mean: reduction(operations.mean),
  product: reduction(operations.product),
  max: reduction(operations.max, different),
  min: reduction(operations.min, different),
  logSumExp: reduction(operations.logSumExp),
  variance: reduction(operations.variance),
  standardDeviation: reduction(operations.standardDeviation, spreads),
  norm,
  any: ofBooleans(operations.any),
  all: ofBooleans(operations.all),
  argMax: alongAxis(operations.argMax, different),
  argMin: alongAxis(operations.argMin, different),
  cumSum: alongAxis((t, options) => operations.cumSum(t, { ...options, exclusive: options.axis === 0 })),
  cumProduct: alongAxis((t, options) => operations.cumProduct(t, { ...options, exclusive: options.axis === 0 })),
  cumMax: alongAxis(operations.cumMax, different),
  cumMin: alongAxis(operations.cumMin, different),
  softmax: alongAxis(operations.softmax),
  logSoftmax: alongAxis(operations.logSoftmax),
  matmul,
  dot: (graph) => {
    const a = graph.float(1, 3);
    return { of: [a, graph.like(a.shape)], make: operations.dot };
  },
  outer: (graph) => ({ of: [graph.float(0, 1), graph.float(0, 2)], make: operations.outer }),
  einsum,
  layerNorm,
  rmsNorm,
  batchNorm: channelled(2, [0, 2], (x, scale, bias) => Object.values(operations.batchNorm(x, scale, bias))),
  batchNormInference: channelled(4, [0, 2], (x, mean, deviation, scale, bias) =>
    operations.batchNormInference(x, mean, operations.add(operations.square(deviation), 0.1), scale, bias),
  ),
  groupNorm: channelled(2, [1, 2], (x, scale, bias) => operations.groupNorm(x, 1, scale, bias)),
  instanceNorm: channelled(2, [2], (x, scale, bias) => operations.instanceNorm(x, scale, bias)),
  attention,
  crossEntropy,
  binaryCrossEntropy: (graph) => {
    const x = graph.float();
    return {
      of: [x, graph.like(x.shape)],
      make: (t, targets) => operations.binaryCrossEntropy(t, operations.sigmoid(targets)),
    };
  },
  rotate,
  fft: fourier([2], operations.fft),
  ifft: fourier([2], operations.ifft),
  rfft: fourier([], operations.rfft),
  irfft: fourier([2], operations.irfft),
};
