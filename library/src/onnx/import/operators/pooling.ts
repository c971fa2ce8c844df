import { isFloat } from "../../../core/dtype.ts";
import * as core from "../../../core/index.ts";
import {
  abs,
  add,
  argMax,
  div,
  gather,
  gatherAlong,
  max,
  maximum,
  mean,
  pad,
  pow,
  slice,
  squeeze,
  stack,
  sum,
  type Tensor,
  type WindowOptions,
} from "../../../core/index.ts";
import { sizeOf, stridesOf } from "../../../core/shape.ts";
import type { Converter, Converters, NodeContext } from "../context.ts";
import { type Window, windowOf } from "./convolution.ts";
import { rangeOf } from "./quantized.ts";
import { checkedShape, constantOf, mostGenerated } from "./types.ts";

/** A pooling over all of space. */
const overSpace =
  (pool: (x: Tensor, options: { axis: number[]; keepDims: true }) => Tensor): Converter =>
  (node) => {
    const x = node.tensor(0);
    return pool(x, { axis: x.shape.map((_, i) => i).slice(2), keepDims: true });
  };

/** Windows over the spatial axes of a tensor, and how many there are along each. */
interface Pooling extends Window {
  outputs: number[];
  /** Elements to add after the last one so that the last window is whole. */
  reach: number[];
}

function poolingOf(node: NodeContext, x: Tensor): Pooling {
  const sizes = x.shape.slice(2);
  const window = windowOf(node, sizes, node.attributes.ints("kernel_shape", []));
  const { kernel, stride, dilation, padding } = window;
  checkedShape(kernel, mostPlaces);
  const roundUp = node.attributes.int("ceil_mode", 0) === 1;
  const outputs = sizes.map((size, i) => {
    const [before, after] = padding[i];
    const steps = (size + before + after - (kernel[i] - 1) * dilation[i] - 1) / stride[i];
    if (!roundUp) return Math.floor(steps) + 1;
    const count = Math.ceil(steps) + 1;
    // A window that would begin behind the input and its padding is none.
    return (count - 1) * stride[i] >= size + before ? count - 1 : count;
  });
  const reach = sizes.map((size, i) => {
    const last = (outputs[i] - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1;
    return Math.max(padding[i][1], last - size - padding[i][0]);
  });
  return { ...window, outputs, reach };
}

/** Largest window. */
const mostPlaces = 4096;

/** All places of a window: one index for each axis. */
const places = (kernel: readonly number[]): number[][] =>
  kernel.reduce<number[][]>(
    (all, size) => all.flatMap((one) => Array.from({ length: size }, (_, i) => [...one, i])),
    [[]],
  );

/** For each place of the window, what all windows have there: tensors [batch, channels, ...outputs]. */
function views(x: Tensor, { kernel, stride, dilation, padding, outputs, reach }: Pooling, fill: number): Tensor[] {
  const padded = pad(x, [null, null, ...padding.map(([before], i): [number, number] => [before, reach[i]])], {
    value: fill,
  });
  return places(kernel).map((place) =>
    slice(padded, [
      null,
      null,
      ...place.map((at, i): [number, number, number] => {
        const start = at * dilation[i];
        return [start, start + (outputs[i] - 1) * stride[i] + 1, stride[i]];
      }),
    ]),
  );
}

/** Numbers of elements that each window holds: of the input alone, or of the input with its padding. */
function counts(x: Tensor, { kernel, stride, dilation, padding, outputs }: Pooling, withPadding: boolean): Tensor {
  checkedShape([...outputs, ...kernel], mostGenerated);
  const along = outputs.map((count, axis) => {
    const size = x.shape[axis + 2];
    const [before, after] = padding[axis];
    const [low, high] = withPadding ? [-before, size + after] : [0, size];
    return Array.from({ length: count }, (_, o) => {
      const start = o * stride[axis] - before;
      return Array.from({ length: kernel[axis] }, (_, k) => start + k * dilation[axis]).filter(
        (at) => at >= low && at < high,
      ).length;
    });
  });
  const numbers = along.reduce<number[]>((all, list) => all.flatMap((a) => list.map((b) => a * b)), [1]);
  return constantOf(numbers, outputs, x.dtype as "float32");
}

/** The options of the core's pooling, where it does what the node asks for: floats, and no window outside the input. */
function coreOptions(x: Tensor, { kernel, stride, dilation, padding, reach }: Pooling): WindowOptions | undefined {
  const inside = kernel.every(
    (size, i) => padding[i][0] < size && reach[i] < size && (dilation[i] === 1 || size === 1),
  );
  if (!inside || !isFloat(x.dtype) || kernel.length > 3) return undefined;
  return { stride, dilation, padding: padding.map(([before], i): [number, number] => [before, reach[i]]) };
}

function averagePool(node: NodeContext): Tensor {
  const x = node.tensor(0);
  const pooling = poolingOf(node, x);
  const options = coreOptions(x, pooling);
  const countIncludePad = node.attributes.int("count_include_pad", 0) === 1;
  const whole = pooling.reach.every((after, i) => after === pooling.padding[i][1]);
  if (options && (whole || !countIncludePad))
    return core.averagePool(x, pooling.kernel, { ...options, countIncludePad });
  const total = views(x, pooling, 0).reduce((a, b) => add(a, b));
  return div(total, counts(x, pooling, countIncludePad));
}

function maxPool(node: NodeContext): Tensor[] {
  const x = node.tensor(0);
  const pooling = poolingOf(node, x);
  const options = coreOptions(x, pooling);
  if (options && !node.wants(1)) return [core.maxPool(x, pooling.kernel, options)];
  if (options && node.attributes.int("storage_order", 0) === 0) {
    const { values, indices } = core.maxPoolWithIndices(x, pooling.kernel, options);
    return [values, indices];
  }
  const lowest = isFloat(x.dtype) ? Number.NEGATIVE_INFINITY : rangeOf(x.dtype)[0];
  const all = views(x, pooling, lowest);
  if (!node.wants(1)) return [all.reduce((a, b) => maximum(a, b))];
  const stacked = stack(all);
  const winner = argMax(stacked, { axis: 0, keepDims: true });
  return [squeeze(gatherAlong(stacked, winner, { axis: 0 }), 0), placesOf(node, x, pooling, squeeze(winner, 0))];
}

/** Where in the whole input the winners lie, counted through. */
function placesOf(
  node: NodeContext,
  x: Tensor,
  { kernel, stride, dilation, padding, outputs }: Pooling,
  winner: Tensor,
): Tensor {
  const sizes = x.shape.slice(2);
  const columns = node.attributes.int("storage_order", 0) === 1;
  const strides = columns ? sizes.map((_, i) => sizeOf(sizes.slice(0, i))) : stridesOf(sizes);
  checkedShape([x.shape[0], x.shape[1], ...outputs], mostGenerated);
  const first = places(outputs).map((at) =>
    at.reduce((sum, o, i) => sum + (o * stride[i] - padding[i][0]) * strides[i], 0),
  );
  const offsets = places(kernel).map((at) => at.reduce((sum, k, i) => sum + k * dilation[i] * strides[i], 0));
  const images = Array.from({ length: x.shape[0] * x.shape[1] }, (_, i) => i * sizeOf(sizes));
  const inImage = add(
    gather(constantOf(offsets, [offsets.length], "int64"), winner),
    constantOf(first, outputs, "int64"),
  );
  return add(inImage, constantOf(images, [x.shape[0], x.shape[1], ...sizes.map(() => 1)], "int64"));
}

export const poolingOperators: Converters = {
  AveragePool: averagePool,
  GlobalAveragePool: overSpace(mean),
  GlobalLpPool: (node) => {
    const p = node.attributes.int("p", 2);
    return overSpace((x, options) => pow(sum(pow(abs(x), p), options), 1 / p))(node);
  },
  GlobalMaxPool: overSpace(max),
  LpPool: (node) => {
    const x = node.tensor(0);
    const p = node.attributes.int("p", 2);
    const total = views(pow(abs(x), p), poolingOf(node, x), 0).reduce((a, b) => add(a, b));
    return pow(total, 1 / p);
  },
  MaxPool: maxPool,
};
