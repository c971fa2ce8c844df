import { isFloat } from "../dtype.ts";
import { SettingError, ShapeError } from "../errors.ts";
import { range, sizeOf } from "../shape.ts";
import { asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { expectFloat } from "./define.ts";
import { gather } from "./gather.ts";
import { generated } from "./generated.ts";
import { matmul } from "./matmul.ts";
import { reshape } from "./reshape.ts";
import { upsampleNearest } from "./upsample-nearest.ts";
import { type PerAxis, perAxis, spaceOf } from "./window.ts";

export interface ResizeOptions {
  /** "linear" interpolates between neighbours along each axis, "nearest" takes one of them. Default "linear". */
  readonly mode?: "linear" | "nearest";
  /**
   * Where element i of `to` lies among `from`: "half-pixel" (elements are areas; the borders of the images meet):
   * (i + ½) · from / to − ½; "align-corners" (the centres of the corners meet): i · (from − 1) / (to − 1); "asymmetric":
   * i · from / to. Default "half-pixel".
   */
  readonly coordinates?: "half-pixel" | "align-corners" | "asymmetric";
}

type Coordinates = NonNullable<ResizeOptions["coordinates"]>;

/** The coordinate of element i, as a fraction: sums of whole numbers are exact, so that ties are ties. */
const coordinate: Record<
  Coordinates,
  (i: number, from: number, to: number) => [numerator: number, denominator: number]
> = {
  "half-pixel": (i, from, to) => [(2 * i + 1) * from - to, 2 * to],
  "align-corners": (i, from, to) => (to === 1 ? [0, 1] : [i * (from - 1), to - 1]),
  asymmetric: (i, from, to) => [i * from, to],
};

const clamp = (place: number, size: number): number => Math.min(size - 1, Math.max(0, place));

/** The neighbour that "nearest" takes: half-way the later one; asymmetric coordinates are rounded down. */
function nearest(i: number, from: number, to: number, coordinates: Coordinates): number {
  const [numerator, denominator] = coordinate[coordinates](i, from, to);
  const place =
    coordinates === "asymmetric" ? numerator / denominator : (2 * numerator + denominator) / (2 * denominator);
  return clamp(Math.floor(place), from);
}

/** How much of element `j` is in element i of a linearly resized axis. */
function share(i: number, j: number, from: number, to: number, coordinates: Coordinates): number {
  const [numerator, denominator] = coordinate[coordinates](i, from, to);
  return Math.max(0, 1 - Math.abs(clamp(numerator / denominator, from) - j));
}

/**
 * An image, signal or volume in another size. Shrinking takes samples and does not average: use `averagePool` for that.
 *
 * Linear resizing multiplies by one matrix an axis, nearest by whole factors repeats elements, and other nearest resizing
 * looks them up.
 *
 * @param x      [batch, channels, ...space], one spatial axis or more; floats, and finite, for "linear", any dtype for
 *               "nearest"
 * @param sizes  of the spatial axes afterwards, one number or one an axis
 * @throws       ShapeError `resize/rank`, `resize/empty`; SettingError `resize/sizes`, `resize/mode`, `resize/coordinates`;
 *               DTypeError `resize/dtype`
 * @example
 * resize(images, [28, 28])                         // float32[8,3,14,14] becomes float32[8,3,28,28]
 * resize(value([[[0, 1]]]), 4)                     // [[[0, 0.25, 0.75, 1]]]
 * resize(value([[[0, 1]]]), 4, { mode: "nearest" })   // [[[0, 0, 1, 1]]]
 */
export function resize(
  x: TensorLike,
  sizes: PerAxis,
  { mode = "linear", coordinates = "half-pixel" }: ResizeOptions = {},
): Tensor {
  const tensor = asTensor(x);
  const space = spaceOf("resize", tensor);
  const wanted = perAxis("resize", "sizes", sizes, space.length);
  if (mode !== "linear" && mode !== "nearest")
    throw new SettingError("resize/mode", 'the mode is "linear" or "nearest"', { given: mode });
  if (coordinate[coordinates] === undefined)
    throw new SettingError("resize/coordinates", `coordinates are ${Object.keys(coordinate).join(", ")}`, {
      given: coordinates,
    });
  if (space.includes(0))
    throw new ShapeError("resize/empty", "nothing cannot be resized", { operands: { input: tensor } });
  if (mode === "linear") expectFloat("resize", tensor);
  const repeats = (axis: number): boolean =>
    mode === "nearest" && isFloat(tensor.dtype) && coordinates !== "align-corners" && wanted[axis] % space[axis] === 0;
  const resizeAxis = mode === "linear" ? interpolate : lookUp;
  // What shrinks comes first, what grows last: fewer elements are in between.
  const axes = range(space.length)
    .filter((axis) => wanted[axis] !== space[axis] && !repeats(axis))
    .sort((a, b) => wanted[a] / space[a] - wanted[b] / space[b]);
  const resized = axes.reduce((result, axis) => resizeAxis(result, axis + 2, wanted[axis], coordinates), tensor);
  return upsampleNearest(
    resized,
    space.map((size, axis) => (repeats(axis) ? wanted[axis] / size : 1)),
  );
}

function interpolate(x: Tensor, axis: number, to: number, coordinates: Coordinates): Tensor {
  const from = x.shape[axis];
  const shares = generated(`resize ${coordinates}`, [to, from], x.dtype, (at) =>
    share(Math.floor(at / from), at % from, from, to, coordinates),
  );
  const inner = sizeOf(x.shape.slice(axis + 1));
  const shape = x.shape.map((size, i) => (i === axis ? to : size));
  if (inner === 1)
    return reshape(matmul(reshape(x, shape.toSpliced(axis, shape.length, from)), shares, { transposeB: true }), shape);
  return reshape(matmul(shares, reshape(x, [sizeOf(x.shape.slice(0, axis)), from, inner])), shape);
}

function lookUp(x: Tensor, axis: number, to: number, coordinates: Coordinates): Tensor {
  const from = x.shape[axis];
  const places = generated(`resize nearest ${coordinates} ${from}`, [to], "int64", (i) =>
    nearest(i, from, to, coordinates),
  );
  return gather(x, places, { axis });
}
