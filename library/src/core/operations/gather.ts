import { isFloat } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import type { Operation } from "../operation.ts";
import { broadcastShapes, forEachElement, range, sameShape, sizeOf, stridesOf } from "../shape.ts";
import { applyOne, asTensor, type Tensor, type TensorLike } from "../tensor.ts";
import { broadcastTo } from "./broadcast.ts";
import { ensureBatched, normaliseAxis } from "./define.ts";
import { asIndices, resolveIndex } from "./indices.ts";
import { matmul } from "./matmul.ts";
import { oneHot } from "./one-hot.ts";
import { zeros } from "./range.ts";
import { reshape } from "./reshape.ts";
import { scatterAdd, scatterAddAlong } from "./scatter.ts";
import { moveAxis, transpose } from "./transpose.ts";

export interface GatherOptions {
  /** The axis that the indices point into. Default 0. */
  readonly axis?: number;
  /** How many leading axes `x` and the indices share: each example looks up in its own table. Default 0. */
  readonly batchDims?: number;
}

type GatherAttributes = Required<GatherOptions>;

const gatherOperation: Operation<GatherAttributes> = {
  name: "gather",
  infer: ([x, indices], { axis, batchDims }) => [
    {
      shape: [...x.shape.slice(0, axis), ...indices.shape.slice(batchDims), ...x.shape.slice(axis + 1)],
      dtype: x.dtype,
    },
  ],
  emit: (graph, [x, indices], { inputs: [input, places], attributes: { axis, batchDims } }) => {
    if (batchDims === 0) return [graph.node("Gather", [x, indices], { axis })];
    // GatherND shares all axes before the one that it looks into: those that the indices lack are stretched.
    const shared = input.shape.slice(batchDims, axis);
    const own = places.shape.slice(batchDims);
    const wide = places.dtype === "int64" ? indices : graph.node("Cast", [indices], { to: 7 });
    const thin = [...places.shape.slice(0, batchDims), ...shared.map(() => 1), ...own, 1];
    const rows = graph.node("Reshape", [wide, graph.integers(thin)], { allowzero: thin.includes(0) ? 1 : undefined });
    const full = graph.integers([...input.shape.slice(0, axis), ...own, 1]);
    const stretched = sizeOf(shared) === 1 ? rows : graph.node("Expand", [rows, full]);
    return [graph.node("GatherND", [x, stretched], { batch_dims: axis })];
  },
  reference: ([x, indices], { inputs: [input, places], outputs: [y], attributes: { axis, batchDims } }) => {
    const result = new Float64Array(y.size);
    const batch = sizeOf(input.shape.slice(0, batchDims));
    const shared = sizeOf(input.shape.slice(batchDims, axis));
    const inner = sizeOf(input.shape.slice(axis + 1));
    const own = sizeOf(places.shape.slice(batchDims));
    const length = input.shape[axis];
    let target = 0;
    for (let b = 0; b < batch; b++)
      for (let s = 0; s < shared; s++)
        for (let i = 0; i < own; i++) {
          const place = resolveIndex("gather", indices[b * own + i], length, places);
          const from = ((b * shared + s) * length + place) * inner;
          result.set(x.subarray(from, from + inner), target);
          target += inner;
        }
    return [result];
  },
  gradient: ([dy], { inputs: [x, indices], attributes }) => [addRows(x, indices, dy!, attributes)],
  batch: ([x, indices], [xBatched, indicesBatched], { axis, batchDims }, size) => {
    if (!indicesBatched)
      return batchDims === 0
        ? [gather(x, indices, { axis: axis + 1 })]
        : [gather(x, ensureBatched(indices, false, size), { axis: axis + 1, batchDims: batchDims + 1 })];
    if (xBatched) return [gather(x, indices, { axis: axis + 1, batchDims: batchDims + 1 })];
    // One table for all: the new axis is one more axis of indices.
    return [moveAxis(gather(x, moveAxis(indices, 0, batchDims), { axis, batchDims }), axis, 0)];
  },
  flops: () => 0,
};

/**
 * Up to this many rows the gradient of a look-up is a matrix product with one-hot rows. Measured on two cores with rows
 * of 16 to 256 elements: the product is 2.5 times faster at 100 rows, as fast at 256, and loses beyond.
 */
const oneHotRows = 256;

/** Zeros like `x` with `dy` added at the rows looked up. The forward pass has refused indices out of range. */
function addRows(x: Tensor, indices: Tensor, dy: Tensor, { axis, batchDims }: GatherAttributes): Tensor {
  const [rows, inner] = [x.shape[axis], sizeOf(x.shape.slice(axis + 1))];
  if (rows > oneHotRows || inner < 8 || !isFloat(x.dtype))
    return scatterAdd(zeros(x.shape, { dtype: x.dtype }), indices, dy, { axis, batchDims });
  const outer = x.shape.slice(0, axis);
  const own = sizeOf(indices.shape.slice(batchDims));
  const batch = indices.shape.slice(0, batchDims);
  const flat = reshape(indices, [...batch, ...new Array<number>(axis - batchDims).fill(1), own]);
  const selected = oneHot(flat, rows, { axis: -2, dtype: x.dtype });
  return reshape(matmul(selected, reshape(dy, [...outer, own, inner])), x.shape);
}

/**
 * Looks up slices along an axis by integer indices of any shape: the embedding look-up.
 *
 *     y[a…, i…, b…] = x[a…, indices[i…], b…]
 *
 * @param x        any dtype
 * @param indices  int32 or int64, or a number; negative ones count from the end
 * @returns        x's shape with `axis` replaced by the shape of the indices (less their shared leading axes)
 * @throws         ShapeError `gather/axis-out-of-range`, `gather/batch`; DTypeError `gather/indices`. An index outside the
 *                 axis stops the run: RuntimeError, or NumericError `gather/index-out-of-range` in the oracle
 * @example
 * gather(embedding, tokens)                  // float32[vocab,width], int64[batch,time]: float32[batch,time,width]
 * gather(x, -1, { axis: 1 })                 // the last of axis 1, which goes away
 * gather(keys, nearest, { axis: 1, batchDims: 1 })   // [batch,time,width], [batch,k]: [batch,k,width]
 */
export function gather(x: TensorLike, indices: TensorLike, options: GatherOptions = {}): Tensor {
  const [tensor, places] = [asTensor(x), asIndices("gather", indices)];
  const { axis, batchDims } = lookUpAxes("gather", tensor, places, options);
  return applyOne(gatherOperation, [tensor, places], { axis, batchDims });
}

/** Checked axes of a row-wise look-up or scatter. */
export function lookUpAxes(operation: string, x: Tensor, indices: Tensor, options: GatherOptions): GatherAttributes {
  const { axis = 0, batchDims = 0 } = options;
  const position = normaliseAxis(operation, x, axis);
  if (
    !Number.isInteger(batchDims) ||
    batchDims < 0 ||
    batchDims > Math.min(position, indices.rank) ||
    !sameShape(x.shape.slice(0, batchDims), indices.shape.slice(0, batchDims))
  )
    throw new ShapeError(`${operation}/batch`, `the tensor and its indices do not share ${batchDims} leading axes`, {
      operands: { input: x, indices },
      given: { axis, batchDims },
      fix: "shared axes come first in both, have equal sizes and lie before the axis looked into",
    });
  return { axis: position, batchDims };
}

const gatherAlongOperation: Operation<{ axis: number }> = {
  name: "gatherAlong",
  infer: ([x, indices]) => [{ shape: indices.shape, dtype: x.dtype }],
  emit: (graph, inputs, { attributes: { axis } }) => [graph.node("GatherElements", inputs, { axis })],
  reference: ([x, indices], { inputs: [input, places], attributes: { axis } }) => {
    const result = new Float64Array(places.size);
    const strides = stridesOf(input.shape);
    const others = strides.map((stride, i) => (i === axis ? 0 : stride));
    forEachElement(places.shape, [others], (position, [offset]) => {
      const place = resolveIndex("gatherAlong", indices[position], input.shape[axis], places);
      result[position] = x[offset + place * strides[axis]];
    });
    return [result];
  },
  gradient: ([dy], { inputs: [x, indices], attributes }) => [
    scatterAddAlong(zeros(x.shape, { dtype: x.dtype }), indices, dy!, attributes),
  ],
  batch: ([x, indices], [xBatched, indicesBatched], { axis }, size) => {
    if (xBatched) return [gatherAlong(x, ensureBatched(indices, indicesBatched, size), { axis: axis + 1 })];
    // One table for all: the places of every example stand one after the other along the axis.
    const order = range(indices.rank).slice(1);
    order.splice(axis, 0, 0);
    const own = indices.shape.slice(1);
    const count = own[axis];
    const merged = reshape(
      transpose(indices, order),
      own.map((length, i) => (i === axis ? size * count : length)),
    );
    const found = applyOne(gatherAlongOperation, [x, merged], { axis });
    return [moveAxis(reshape(found, [...own.slice(0, axis), size, ...own.slice(axis)]), axis, 0)];
  },
  flops: () => 0,
};

/**
 * Picks elements along an axis, at each place of the other axes by its own indices.
 *
 *     y[a, i, b] = x[a, indices[a, i, b], b]
 *
 * @param x        any dtype
 * @param indices  int32 or int64, of x's rank; negative ones count from the end. Other axes than `axis` broadcast
 * @param axis     default −1
 * @returns        the shape of the indices, broadcast
 * @throws         ShapeError `gatherAlong/shape`, `gatherAlong/axis-out-of-range`; DTypeError `gatherAlong/indices`;
 *                 RuntimeError, or NumericError `gatherAlong/index-out-of-range` in the oracle
 * @example
 * gatherAlong(logProbabilities, expandDims(labels, -1))   // float32[batch,classes], int64[batch,1]: float32[batch,1]
 */
export function gatherAlong(x: TensorLike, indices: TensorLike, { axis = -1 }: { axis?: number } = {}): Tensor {
  const [tensor, places] = [asTensor(x), asIndices("gatherAlong", indices)];
  const position = normaliseAxis("gatherAlong", tensor, axis);
  const others = alongShape("gatherAlong", tensor, places, position);
  const withLength = (length: number): number[] => others.map((size, i) => (i === position ? length : size));
  return applyOne(
    gatherAlongOperation,
    [broadcastTo(tensor, withLength(tensor.shape[position])), broadcastTo(places, withLength(places.shape[position]))],
    { axis: position },
  );
}

/** What the other axes than `axis` broadcast to, and 1 at `axis`. @throws ShapeError `…/shape` */
export function alongShape(operation: string, x: Tensor, indices: Tensor, axis: number): number[] {
  const [a, b] = [x, indices].map(({ shape }) => shape.map((size, i) => (i === axis ? 1 : size)));
  const others = a.length === b.length ? broadcastShapes(a, b) : undefined;
  if (others === undefined)
    throw new ShapeError(
      `${operation}/shape`,
      `[${x.shape}] and [${indices.shape}] must have one rank and fit along all axes but ${axis}`,
      {
        operands: { input: x, indices },
        fix: "sizes along the other axes must be equal, or 1 (use expandDims to add an axis)",
      },
    );
  return others;
}
