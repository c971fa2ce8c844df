import { isFloat } from "../../../core/dtype.ts";
import { cast, type Tensor } from "../../../core/index.ts";
import type { Operation } from "../../../core/operation.ts";
import { splitAt } from "../../../core/shape.ts";
import { applyOne } from "../../../core/tensor.ts";
import { Value } from "../../../core/value.ts";
import type { Converter, Converters, NodeContext } from "../context.ts";
import { Unsupported } from "../faults.ts";
import { normalAxes } from "./axes.ts";
import { linearAlong, type Taps } from "./linear-along.ts";
import { checkedShape, mostGenerated } from "./types.ts";

/** How the places of the output lie in the input, and how the output is made of the elements around them. */
interface Method {
  mode: "nearest" | "linear" | "cubic";
  coordinates: string;
  rounding: string;
  cubic: number;
  excludeOutside: boolean;
  antialias: boolean;
}

/** The resizing of one axis. */
interface AxisResize {
  size: number;
  length: number;
  scale: number;
  taps: readonly Taps[];
  /** Places outside the input, which get the extrapolation value. */
  outside: readonly boolean[];
}

interface ResizeAttributes {
  readonly axes: readonly AxisResize[];
  readonly extrapolation: number;
  /** The ONNX form, where ONNX Runtime has a kernel that does exactly this. */
  readonly native?: { method: Method; roi: readonly number[] };
}

/** Where output place `i` lies in the input. Rounded as ONNX Runtime does, which decides ties. */
function placeOf(
  i: number,
  { size, length, scale }: Pick<AxisResize, "size" | "length" | "scale">,
  coordinates: string,
  [start, end]: readonly [number, number],
) {
  const halfPixel = Math.fround(Math.fround((i + 0.5) / scale) - 0.5);
  switch (coordinates) {
    case "half_pixel":
      return halfPixel;
    case "half_pixel_symmetric":
      return (size / 2) * (1 - length / (scale * size)) + halfPixel;
    case "pytorch_half_pixel":
      return length > 1 ? halfPixel : 0;
    case "align_corners":
      return length <= 1 ? 0 : Math.fround((i * (size - 1)) / (length - 1));
    case "asymmetric":
      return Math.fround(i / scale);
    case "tf_half_pixel_for_nn":
      return Math.fround((i + 0.5) / scale);
    case "tf_crop_and_resize":
      return length > 1
        ? start * (size - 1) + (i * (end - start) * (size - 1)) / (length - 1)
        : 0.5 * (start + end) * (size - 1);
    default:
      throw new Unsupported(`it maps coordinates by "${coordinates}"`);
  }
}

const roundings: Readonly<Record<string, (x: number) => number>> = {
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

/** Weight of an element at a distance from the place. */
function kernelOf({ mode, cubic }: Method): { reach: number; weight: (distance: number) => number } {
  if (mode === "linear") return { reach: 1, weight: (d) => Math.max(0, 1 - Math.abs(d)) };
  return {
    reach: 2,
    weight: (distance) => {
      const d = Math.abs(distance);
      if (d >= 2) return 0;
      if (d > 1) return ((cubic * d - 5 * cubic) * d + 8 * cubic) * d - 4 * cubic;
      return ((cubic + 2) * d - (cubic + 3)) * d * d + 1;
    },
  };
}

function tapsAt(place: number, size: number, scale: number, method: Method): Taps {
  const inside = (index: number) => Math.min(size - 1, Math.max(0, index));
  if (method.mode === "nearest") return [[inside(roundings[method.rounding](place)), 1]];
  const { reach, weight } = kernelOf(method);
  const shrink = method.antialias ? Math.min(scale, 1) : 1;
  const width = Math.ceil(reach / shrink);
  const taps: [number, number][] = [];
  for (let index = Math.floor(place) - width; index <= Math.floor(place) + width + 1; index++) {
    const share = weight((index - place) * shrink);
    const within = index >= 0 && index < size;
    if (share !== 0 && (within || !method.excludeOutside)) taps.push([inside(index), share]);
  }
  if (!method.antialias && !method.excludeOutside) return taps;
  const total = taps.reduce((sum, [, share]) => sum + share, 0);
  return taps.map(([index, share]) => [index, share / total]);
}

const resizeOperation: Operation<ResizeAttributes> = {
  name: "resize",
  infer: ([x], { axes }) => [{ shape: axes.map(({ length }) => length), dtype: x.dtype }],
  emit: (graph, [x], { attributes: { axes, native, extrapolation } }) => {
    const { method, roi } = native!;
    const scales = new Value(
      Float32Array.from(axes, ({ scale }) => scale),
      [axes.length],
    );
    const crops = method.coordinates === "tf_crop_and_resize";
    const region = crops ? graph.constant(new Value(Float32Array.from(roi), [roi.length])) : "";
    // With sizes the runtime works out the scales; only where these are the model's own do both agree.
    const sizes = axes.every(({ size, length, scale }) => Math.fround(length / size) === scale);
    const target = sizes
      ? [region, "", graph.integers(axes.map(({ length }) => length))]
      : [region, graph.constant(scales)];
    return [
      graph.node("Resize", [x, ...target], {
        mode: method.mode,
        coordinate_transformation_mode: method.coordinates,
        nearest_mode: method.mode === "nearest" ? method.rounding : undefined,
        cubic_coeff_a: method.mode === "cubic" ? { float: method.cubic } : undefined,
        exclude_outside: method.excludeOutside ? 1 : undefined,
        extrapolation_value: crops ? { float: extrapolation } : undefined,
      }),
    ];
  },
  reference: ([data], { inputs: [x], attributes: { axes, extrapolation } }) => {
    let shape = [...x.shape];
    let current = data;
    axes.forEach(({ taps, length, size, outside }, axis) => {
      if (isIdentity(taps, size, length)) return;
      const { outer, inner } = splitAt(shape, axis);
      const next = new Float64Array(outer * length * inner);
      for (let o = 0; o < outer; o++)
        for (let i = 0; i < length; i++)
          for (let n = 0; n < inner; n++) {
            let total = outside[i] ? extrapolation : 0;
            if (!outside[i])
              for (const [index, weight] of taps[i]) total += weight * current[(o * size + index) * inner + n];
            next[(o * length + i) * inner + n] = total;
          }
      shape = shape.with(axis, length);
      current = next;
    });
    return [current];
  },
  gradient: ([dy], { attributes: { axes } }) => [
    axes.reduce(
      (g, { size, length, taps, outside }, axis) =>
        isIdentity(taps, size, length)
          ? g
          : linearAlong(
              g,
              axis,
              taps.map((row, i) => (outside[i] ? [] : row)),
              size,
              true,
            ),
      dy!,
    ),
  ],
  batch: ([x], _, { axes }) => [composed(x, axes, 1)],
};

const isIdentity = (taps: readonly Taps[], size: number, length: number): boolean =>
  size === length && taps.every((row, i) => row.length === 1 && row[0][0] === i && row[0][1] === 1);

/** The same as products with matrices, one axis after the other. Axes are those of the input from `first` on. */
const composed = (x: Tensor, axes: readonly AxisResize[], first = 0): Tensor =>
  axes.reduce(
    (part, { taps, size, length }, axis) =>
      isIdentity(taps, size, length) ? part : linearAlong(part, axis + first, taps, size),
    x,
  );

/** Resizes a tensor along all axes. */
function resize(
  x: Tensor,
  axes: readonly AxisResize[],
  whole: boolean,
  method: Method,
  roi: readonly number[],
  extrapolation: number,
): Tensor {
  const outer = axes.slice(0, -2).every(({ size, length, scale }) => size === length && scale === 1);
  // The runtime's kernels: nearest for any rank, the others for images; none of ours for antialiasing.
  const native =
    whole && !method.antialias && (method.mode === "nearest" || (x.rank === 4 && outer)) && x.dtype === "float32";
  const crops = axes.some(({ outside }) => outside.includes(true));
  if (!native && crops) throw new Unsupported("it extrapolates outside of images of four axes");
  if (!native) return composed(x, axes);
  return applyOne(resizeOperation, [x], { axes, extrapolation, native: { method, roi } });
}

function methodOf({ attributes, version, node }: NodeContext): Method {
  // Before operator set 11 there was one way: places scaled from the first element, rounded down.
  const old = version < 11 || node.opType === "Upsample";
  return {
    mode: attributes.string("mode", "nearest") as Method["mode"],
    coordinates: old ? "asymmetric" : attributes.string("coordinate_transformation_mode", "half_pixel"),
    rounding: old ? "floor" : attributes.string("nearest_mode", "round_prefer_floor"),
    cubic: attributes.float("cubic_coeff_a", -0.75),
    excludeOutside: attributes.int("exclude_outside", 0) === 1,
    antialias: attributes.int("antialias", 0) === 1,
  };
}

/** Ways that ask for the length of the output, which ONNX Runtime rounds first and the format does not. */
const dependOnLength = new Set(["align_corners", "pytorch_half_pixel", "tf_crop_and_resize", "half_pixel_symmetric"]);

const convert: Converter = (node) => {
  const given = node.tensor(0);
  const method = methodOf(node);
  const late = node.version >= 11 && node.node.opType === "Resize";
  const scales = nonEmpty(node.attributes.floats("scales") ?? node.numbers(late ? 2 : 1));
  const sizes = late ? nonEmpty(node.numbers(3)) : undefined;
  const named = normalAxes(node.attributes.ints("axes") ?? given.shape.map((_, i) => i), given.rank);
  const roi = late ? nonEmpty(node.numbers(1)) : undefined;
  const policy = node.attributes.string("keep_aspect_ratio_policy", "stretch");
  const ratios = sizes?.map((size, i) => size / given.shape[named[i]]);
  const common = ratios && (policy === "not_larger" ? Math.min(...ratios) : Math.max(...ratios));
  const regions: [number, number][] = [];
  let whole = true;
  const axes = given.shape.map((size, axis): AxisResize => {
    const at = named.indexOf(axis);
    const kept = policy !== "stretch" && common !== undefined;
    const wanted = at < 0 ? 1 : kept ? common : (scales?.[at] ?? ratios?.[at] ?? 1);
    const length =
      at < 0 ? size : sizes ? (kept ? Math.floor(common * size + 0.5) : sizes[at]) : Math.floor(size * wanted);
    checkedShape([length], mostGenerated);
    const scale = Math.fround(wanted);
    const region: [number, number] = roi && at >= 0 ? [roi[at], roi[at + named.length]] : [0, 1];
    regions.push(region);
    const cropped = method.coordinates === "tf_crop_and_resize";
    const exact = scales && at >= 0 ? scales[at] * size : length;
    whole &&= Number.isInteger(exact) || !dependOnLength.has(method.coordinates);
    const places = Array.from({ length }, (_, i) =>
      size === length && scale === 1 && !cropped
        ? i
        : placeOf(i, { size, length: exact, scale }, method.coordinates, region),
    );
    return {
      size,
      length,
      scale,
      taps: places.map((place) => tapsAt(place, size, scale, method)),
      outside: places.map((place) => cropped && (place < 0 || place > size - 1)),
    };
  });
  if (axes.every(({ taps, size, length }) => isIdentity(taps, size, length))) return given;
  const x = isFloat(given.dtype) ? given : cast(given, "float32");
  const flatRoi = [...regions.map(([start]) => start), ...regions.map(([, end]) => end)];
  const resized = resize(x, axes, whole, method, flatRoi, node.attributes.float("extrapolation_value", 0));
  return cast(resized, given.dtype);
};

const nonEmpty = (list: number[] | undefined): number[] | undefined => (list?.length ? list : undefined);

export const resizeOperators: Converters = { Resize: convert, Upsample: convert };
