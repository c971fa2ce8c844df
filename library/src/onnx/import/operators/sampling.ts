import {
  add,
  and,
  cast,
  clip,
  concat,
  floor,
  fold,
  gather,
  greaterEqual,
  lessEqual,
  matmul,
  max,
  maximum,
  mean,
  mod,
  mul,
  pad,
  reshape,
  round,
  scatterSetAlong,
  sliceAxis,
  sub,
  type Tensor,
  transpose,
  where,
  zerosLike,
} from "../../../core/index.ts";
import { sizeOf } from "../../../core/shape.ts";
import type { Converters, NodeContext } from "../context.ts";
import { NeedsData } from "../faults.ts";
import { windowOf } from "./convolution.ts";
import { checkedShape, constantOf, mostGenerated } from "./types.ts";

/** A neighbour of a place along one axis: its index, which may lie outside, and its share. */
interface Neighbour {
  index: Tensor;
  weight: Tensor | undefined;
}

type PaddingMode = "zeros" | "border" | "reflection";

/** Turns a coordinate that leaves [low, high] back at the border, as often as needed. */
function reflect(x: Tensor, low: number, high: number): Tensor {
  const range = high - low;
  if (range === 0) return mul(x, 0);
  const turned = mod(sub(x, low), 2 * range);
  return add(where(lessEqual(turned, range), turned, sub(2 * range, turned)), low);
}

/** Coefficients of the four neighbours in cubic interpolation, by how far a place is past the second one. */
function cubicWeights(t: Tensor, a = -0.75): Tensor[] {
  const near = (d: Tensor) => add(mul(mul(sub(mul(d, a + 2), a + 3), d), d), 1);
  const far = (d: Tensor) => sub(mul(add(mul(sub(mul(d, a), 5 * a), d), 8 * a), d), 4 * a);
  return [far(add(t, 1)), near(t), near(sub(1, t)), far(sub(2, t))];
}

function neighbours(x: Tensor, mode: string): Neighbour[] {
  if (mode === "nearest") return [{ index: round(x), weight: undefined }];
  const low = floor(x);
  const t = sub(x, low);
  if (mode === "cubic") return cubicWeights(t).map((weight, i) => ({ index: add(low, i - 1), weight }));
  return [
    { index: low, weight: sub(1, t) },
    { index: add(low, 1), weight: t },
  ];
}

/**
 * Samples an image at places given by a grid, in two or three dimensions. A sum over the neighbours of each place, so
 * that both the image and the grid have gradients.
 */
function gridSample(node: NodeContext): Tensor {
  const [x, grid] = [node.tensor(0), node.tensor(1)];
  const { attributes } = node;
  const mode = attributes.string("mode", "linear").replace(/^bi/, "");
  const padding = attributes.string("padding_mode", "zeros") as PaddingMode;
  const corners = attributes.int("align_corners", 0) === 1;
  const [batch, channels, ...sizes] = x.shape;
  const places = sizeOf(grid.shape.slice(1, -1));
  const bounds = sizes.map((size): [number, number] => (corners ? [0, size - 1] : [-0.5, size - 0.5]));
  const axes = sizes.map((size, axis) => {
    // The grid names the last axis first.
    const k = sizes.length - 1 - axis;
    const unit = reshape(sliceAxis(grid, -1, k, k + 1), [batch, places]);
    const place = corners ? mul(add(unit, 1), (size - 1) / 2) : sub(mul(add(unit, 1), size / 2), 0.5);
    const kept =
      padding === "border" && mode !== "cubic"
        ? clip(place, 0, size - 1)
        : padding === "reflection" && mode !== "cubic"
          ? reflect(place, ...bounds[axis])
          : place;
    return neighbours(kept, mode);
  });
  const rows = transpose(reshape(x, [batch, channels, sizeOf(sizes)]), [0, 2, 1]);
  const total = combinations(axes).map((taps) => {
    let flat: Tensor | undefined;
    let weight: Tensor | undefined;
    taps.forEach((tap, axis) => {
      const size = sizes[axis];
      const turned = padding === "reflection" ? reflect(tap.index, ...bounds[axis]) : tap.index;
      const index = clip(padding === "reflection" ? round(turned) : turned, 0, size - 1);
      flat = flat ? add(mul(flat, size), index) : index;
      if (tap.weight) weight = weight ? mul(weight, tap.weight) : tap.weight;
      if (padding === "zeros") {
        const inside = cast(and(greaterEqual(tap.index, 0), lessEqual(tap.index, size - 1)), x.dtype);
        weight = weight ? mul(weight, inside) : inside;
      }
    });
    const found = gather(rows, cast(flat!, "int64"), { axis: 1, batchDims: 1 });
    return weight ? mul(found, reshape(weight, [batch, places, 1])) : found;
  });
  const summed = total.reduce((a, b) => add(a, b));
  return reshape(transpose(summed, [0, 2, 1]), [batch, channels, ...grid.shape.slice(1, -1)]);
}

const combinations = <T>(lists: readonly (readonly T[])[]): T[][] =>
  lists.reduce<T[][]>((all, list) => all.flatMap((one) => list.map((item) => [...one, item])), [[]]);

/** Pools regions of an image that lie between its elements. */
function roiAlign(node: NodeContext): Tensor {
  const [x, rois, batches] = node.tensors();
  const { attributes } = node;
  const ratio = attributes.int("sampling_ratio", 0);
  if (ratio > 0) return alignRegions(node, x, rois, batches, [ratio, ratio]);
  // Each region then has its own number of samples, which its size decides.
  const numbers = node.data(1);
  if (!numbers) throw new NeedsData("how many samples it takes depends on its regions");
  const outputs = [attributes.int("output_height", 1), attributes.int("output_width", 1)];
  const scale = attributes.float("spatial_scale", 1);
  const parts = Array.from({ length: rois.shape[0] }, (_, r) => {
    const box = Array.from({ length: 4 }, (_, i) => Number(numbers.data[r * 4 + i]) * scale);
    const samples = [box[3] - box[1], box[2] - box[0]].map((length, i) => Math.max(1, Math.ceil(length / outputs[i])));
    return alignRegions(node, x, sliceAxis(rois, 0, r, r + 1), sliceAxis(batches, 0, r, r + 1), samples);
  });
  return concat(parts);
}

function alignRegions(node: NodeContext, x: Tensor, rois: Tensor, batches: Tensor, samples: number[]): Tensor {
  const { attributes, version } = node;
  const outputs = [attributes.int("output_height", 1), attributes.int("output_width", 1)];
  const scale = attributes.float("spatial_scale", 1);
  const half = attributes.string("coordinate_transformation_mode", version >= 16 ? "half_pixel" : "output_half_pixel");
  const offset = half === "half_pixel" ? 0.5 : 0;
  const [, channels, height, width] = x.shape;
  const count = rois.shape[0];
  const axes = [height, width].map((size, axis) => {
    const edge = (k: number) => sub(mul(sliceAxis(rois, 1, k, k + 1), scale), offset);
    const [start, end] = [edge(1 - axis), edge(3 - axis)];
    const length = half === "half_pixel" ? sub(end, start) : maximum(sub(end, start), 1);
    // Samples lie in the middle of equal parts of each output cell.
    const [steps] = checkedShape([outputs[axis] * samples[axis]], mostGenerated);
    const middles = constantOf(
      Array.from({ length: steps }, (_, i) => (i + 0.5) / steps),
      [1, steps],
      x.dtype as "float32",
    );
    const place = add(start, mul(length, middles));
    const inside = cast(and(greaterEqual(place, -1), lessEqual(place, size)), x.dtype);
    const kept = clip(place, 0, size - 1);
    const low = floor(kept);
    const t = sub(kept, low);
    const high = clip(add(low, 1), 0, size - 1);
    return [
      { index: low, weight: mul(sub(1, t), inside) },
      { index: high, weight: mul(t, inside) },
    ];
  });
  const [rows, columns] = [outputs[0] * samples[0], outputs[1] * samples[1]];
  const flat = reshape(transpose(x, [0, 2, 3, 1]), [x.shape[0] * height * width, channels]);
  const first = mul(reshape(cast(batches, x.dtype), [count, 1, 1]), height * width);
  const taps = combinations(axes).map(([y, z]) => {
    const index = add(
      add(mul(reshape(y.index, [count, rows, 1]), width), reshape(z.index, [count, 1, columns])),
      first,
    );
    const weight = mul(reshape(y.weight!, [count, rows, 1]), reshape(z.weight!, [count, 1, columns]));
    return mul(gather(flat, cast(index, "int64")), reshape(weight, [count, rows, columns, 1]));
  });
  const largest = attributes.string("mode", "avg") === "max";
  // The largest is taken over the weighted neighbours, as every runtime does.
  const sampled = taps.reduce((a, b) => (largest ? maximum(a, b) : add(a, b)));
  const cells = reshape(sampled, [count, outputs[0], samples[0], outputs[1], samples[1], channels]);
  const pooled = largest ? max(cells, { axis: [2, 4] }) : mean(cells, { axis: [2, 4] });
  return transpose(pooled, [0, 3, 1, 2]);
}

/** Puts pooled elements back to where they came from, zeros elsewhere. */
function maxUnpool(node: NodeContext): Tensor {
  const [x, indices] = [node.tensor(0), node.tensor(1)];
  const kernel = node.attributes.ints("kernel_shape", []);
  const strides = node.attributes.ints("strides") ?? kernel.map(() => 1);
  const pads = node.attributes.ints("pads") ?? kernel.flatMap(() => [0, 0]);
  const natural = x.shape.map((size, axis) => {
    const i = axis - 2;
    return i < 0 ? size : (size - 1) * strides[i] + kernel[i] - pads[i] - pads[i + kernel.length];
  });
  const empty = zerosLike(reshape(x, [x.size]));
  const all = sizeOf(natural);
  const canvas = pad(sliceAxis(empty, 0, 0, 0), [[0, all]]);
  const placed = scatterSetAlong(canvas, reshape(cast(indices, "int64"), [x.size]), reshape(x, [x.size]), { axis: 0 });
  const wanted = node.numbers(2) ?? natural;
  return pad(
    reshape(placed, natural),
    natural.map((size, axis): [number, number] => [0, wanted[axis] - size]),
  );
}

/** Columns added back to where their elements came from. */
function columnsToImage(node: NodeContext): Tensor {
  const [x, sizes, kernel] = [node.tensor(0), node.numbers(1)!, node.numbers(2)!];
  const { stride, dilation, padding } = windowOf(node, sizes, kernel);
  return fold(x, checkedShape(sizes), kernel, { stride, dilation, padding });
}

/** Places of an image's elements after an affine map of coordinates from −1 to 1. */
function affineGrid(node: NodeContext): Tensor {
  const theta = node.tensor(0);
  const [batch, , ...sizes] = node.numbers(1)!;
  const corners = node.attributes.int("align_corners", 0) === 1;
  checkedShape([batch, ...sizes, sizes.length + 1], mostGenerated);
  const along = sizes.map((size) =>
    Array.from({ length: size }, (_, i) =>
      corners ? (size === 1 ? 0 : (2 * i) / (size - 1) - 1) : (2 * i + 1) / size - 1,
    ),
  );
  const points = combinations(along).flatMap((place) => [...place.reverse(), 1]);
  const count = sizeOf(sizes);
  const base = constantOf(points, [count, sizes.length + 1], theta.dtype as "float32");
  return reshape(matmul(base, theta, { transposeB: true }), [batch, ...sizes, sizes.length]);
}

/** An image cut or padded about its middle. */
function centerCropPad(node: NodeContext): Tensor {
  const x = node.tensor(0);
  const wanted = node.numbers(1)!;
  const axes = (node.attributes.ints("axes") ?? x.shape.map((_, i) => i)).map((axis) =>
    axis < 0 ? axis + x.rank : axis,
  );
  return axes.reduce((part, axis, i) => {
    const [size, target] = [part.shape[axis], wanted[i]];
    if (target <= size) {
      const start = Math.floor((size - target) / 2);
      return sliceAxis(part, axis, start, start + target);
    }
    const before = Math.floor((target - size) / 2);
    return pad(
      part,
      part.shape.map((_, k): [number, number] => (k === axis ? [before, target - size - before] : [0, 0])),
    );
  }, x);
}

export const samplingOperators: Converters = {
  AffineGrid: affineGrid,
  CenterCropPad: centerCropPad,
  Col2Im: columnsToImage,
  GridSample: gridSample,
  MaxUnpool: maxUnpool,
  RoiAlign: roiAlign,
};
