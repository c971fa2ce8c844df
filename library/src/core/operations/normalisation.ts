import { type DType, dtypes } from "../dtype.ts";
import { DTypeError, ShapeError } from "../errors.ts";
import type { GraphBuilder } from "../operation.ts";
import { type Shape, sameShape, sizeOf } from "../shape.ts";
import type { Specification, Tensor } from "../tensor.ts";
import { convert, Value } from "../value.ts";
import { add, div, mul, square, sub } from "./arithmetic.ts";
import { broadcastTo } from "./broadcast.ts";
import { alignBatched, expectFloat } from "./define.ts";
import { matmul } from "./matmul.ts";
import { mean, sum } from "./reduce.ts";
import { reshape } from "./reshape.ts";

/** What layer and RMS normalisation share: each group is the elements of the last axes, from `axis` on. */
export interface NormalisationAttributes {
  readonly axis: number;
  /** Added to the variance (or mean square), so that a constant group does not divide by zero. */
  readonly epsilon: number;
}

/** The output, then `statistics` tensors with one number a group. Checks the optional scale and bias. */
export function inferNormalisation(
  name: string,
  [x, ...affine]: readonly Tensor[],
  { axis }: NormalisationAttributes,
  statistics: number,
): Specification[] {
  expectFloat(name, x);
  const wanted = x.shape.slice(axis);
  if (sizeOf(wanted) === 0)
    throw new ShapeError(`${name}/empty`, `${name} over no elements is undefined`, { operands: { input: x } });
  affine.forEach((one, i) => {
    const role = i === 0 ? "scale" : "bias";
    if (!sameShape(one.shape, wanted))
      throw new ShapeError(`${name}/${role}`, `the ${role} has shape [${one.shape}], the normalised axes [${wanted}]`, {
        operands: { input: x, [role]: one },
        fix: `give the ${role} the shape [${wanted}]`,
      });
    if (one.dtype !== x.dtype)
      throw new DTypeError(`${name}/dtype`, `the input is ${x.dtype}, the ${role} ${one.dtype}`, {
        operands: { input: x, [role]: one },
        fix: `cast the ${role}: cast(${role}, "${x.dtype}")`,
      });
  });
  const statistic = { shape: x.shape.map((size, i) => (i < axis ? size : 1)), dtype: x.dtype };
  return [{ shape: x.shape, dtype: x.dtype }, ...new Array<Specification>(statistics).fill(statistic)];
}

/**
 * Writes a fused normalisation: a scale of ones where there is none (the operators demand one), and half floats by way
 * of float32.
 */
export function writeNormalisation(
  graph: GraphBuilder,
  [x, scale, bias]: readonly string[],
  shape: Shape,
  dtype: DType,
  write: (inputs: readonly string[], dtype: DType) => string[],
): string[] {
  const ones = () => graph.constant(new Value(convert(new Float64Array(sizeOf(shape)).fill(1), dtype), shape, dtype));
  const inputs = [x, scale ?? ones(), ...(bias === undefined ? [] : [bias])];
  if (dtype !== "float16") return write(inputs, dtype);
  const cast = (name: string, to: DType) => graph.node("Cast", [name], { to: dtypes[to].onnx });
  return write(
    inputs.map((name) => cast(name, "float32")),
    "float32",
  ).map((name) => cast(name, dtype));
}

/** Evaluates (x − centre) · inverse · scale + bias group by group in 64 bits; gives the statistics as well. */
export function normaliseReference(
  [x, scale, bias]: readonly Float64Array[],
  size: number,
  statistics: (group: Float64Array) => { centre: number; inverse: number },
): { y: Float64Array; centre: Float64Array; inverse: Float64Array } {
  const y = new Float64Array(x.length);
  const centre = new Float64Array(x.length / size);
  const inverse = new Float64Array(x.length / size);
  for (let group = 0; group < centre.length; group++) {
    const start = group * size;
    const found = statistics(x.subarray(start, start + size));
    for (let i = 0; i < size; i++)
      y[start + i] = (x[start + i] - found.centre) * found.inverse * (scale?.[i] ?? 1) + (bias?.[i] ?? 0);
    centre[group] = found.centre;
    inverse[group] = found.inverse;
  }
  return { y, centre, inverse };
}

/** y · scale + bias where some carry a leading batch axis: what a fused normalisation cannot do for many examples. */
export function scaleAndShift([y, scale, bias]: readonly Tensor[], batched: readonly boolean[]): Tensor {
  const [left, right] = alignBatched([y, scale], batched);
  const scaled = mul(left, right);
  if (bias === undefined) return scaled;
  const [wide, shift] = alignBatched([scaled, bias], [batched[0] || batched[1], batched[2]]);
  return add(wide, shift);
}

interface NormalisationGradient {
  readonly inputs: readonly Tensor[];
  readonly axis: number;
  readonly needs: readonly boolean[];
  /** The mean that was taken out; undefined where none was (RMS). */
  readonly centre?: Tensor;
  /** 1 / √(variance + ε), one a group. */
  readonly inverse: Tensor;
  /** Cotangents of the output and the statistics. */
  readonly dy: Tensor | null;
  readonly dcentre?: Tensor | null;
  readonly dinverse: Tensor | null;
}

/**
 * Gradients to x, scale and bias. With r = inverse, x̂ = r(x − centre) and g = dy·scale:
 *
 *     dx = r (g − mean(g) − x̂ · mean(g·x̂))
 *
 * without mean(g) where nothing was taken out. The means and the sums over groups are products of a matrix with a
 * vector, which cost a fraction of an elementwise pass.
 *
 * @source own derivation; checked against central differences
 */
export function normalisationGradient(given: NormalisationGradient): (Tensor | null)[] {
  const {
    inputs: [x, scale, bias],
    axis,
    needs,
    dy,
    dcentre = null,
    dinverse,
  } = given;
  const [rows, size] = [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))];
  const flat = reshape(x, [rows, size]);
  const centred = given.centre ? sub(flat, reshape(given.centre, [rows, 1])) : flat;
  const r = reshape(given.inverse, [rows, 1]);
  const parts: Tensor[] = [];
  let [dscale, dbias]: (Tensor | null)[] = [null, null];
  if (dy !== null) {
    const flatDy = reshape(dy, [rows, size]);
    const product = mul(flatDy, centred);
    if (needs[1]) dscale = reshape(matmul(r, product, { transposeA: true }), scale.shape);
    if (needs[2]) dbias = reshape(sum(flatDy, { axis: 0 }), bias.shape);
    const weights = scale && div(reshape(scale, [size, 1]), size);
    const average = (matrix: Tensor) => (weights ? matmul(matrix, weights) : mean(matrix, { axis: 1, keepDims: true }));
    const direct = scale ? mul(flatDy, reshape(scale, [1, size])) : flatDy;
    const along = mul(centred, mul(square(r), average(product)));
    parts.push(mul(r, sub(given.centre ? sub(direct, average(flatDy)) : direct, along)));
  }
  if (dcentre !== null) parts.push(reshape(div(dcentre, size), [rows, 1]));
  if (dinverse !== null) parts.push(mul(centred, mul(mul(square(r), r), div(reshape(dinverse, [rows, 1]), -size))));
  const dx = broadcastTo(
    parts.reduce((a, b) => add(a, b)),
    [rows, size],
  );
  return [reshape(dx, x.shape), dscale, dbias];
}
