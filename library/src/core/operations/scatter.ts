import type { DType } from "../dtype.ts";
import { DTypeError, ShapeError } from "../errors.ts";
import type { Operation } from "../operation.ts";
import { forEachElement, sizeOf, stridesOf } from "../shape.ts";
import { applyOne, harmonise, type Tensor, type TensorLike } from "../tensor.ts";
import { broadcastTo } from "./broadcast.ts";
import { equal } from "./comparison.ts";
import { ensureBatched, normaliseAxis, withKernel } from "./define.ts";
import { alongShape, type GatherOptions, gatherAlong, lookUpAxes } from "./gather.ts";
import { asIndices, resolveIndex } from "./indices.ts";
import { full, range } from "./range.ts";
import { reshape } from "./reshape.ts";
import { where } from "./where.ts";

type Mode = "add" | "set";

const addKernels: readonly DType[] = ["float32", "float64", "int32", "int64"];

const scatterAlongOperation: Operation<{ axis: number; mode: Mode }> = {
  name: "scatterAlong",
  infer: ([x], { mode }) => {
    if (mode === "add" && x.dtype === "bool")
      throw new DTypeError("scatterAddAlong/dtype", "booleans do not add up", {
        operands: { input: x },
        fix: `cast the input and the updates: cast(x, "int32")`,
      });
    return [{ shape: x.shape, dtype: x.dtype }];
  },
  emit: (graph, [x, indices, updates], { inputs: [input], attributes: { axis, mode } }) => [
    mode === "set"
      ? graph.node("ScatterElements", [x, indices, updates], { axis })
      : withKernel(graph, addKernels, [x, updates], input.dtype, input.dtype, ([base, added]) =>
          graph.node("ScatterElements", [base, indices, added], { axis, reduction: "add" }),
        ),
  ],
  reference: ([x, indices, updates], { inputs: [input, places], attributes: { axis, mode } }) => {
    const result = x.slice();
    const strides = stridesOf(input.shape);
    const others = strides.map((stride, i) => (i === axis ? 0 : stride));
    forEachElement(places.shape, [others], (position, [offset]) => {
      const place = resolveIndex("scatterAlong", indices[position], input.shape[axis], places);
      const target = offset + place * strides[axis];
      result[target] = mode === "add" ? result[target] + updates[position] : updates[position];
    });
    return [result];
  },
  gradient: ([dy], { inputs: [, indices], attributes: { axis, mode } }, { needs }) => {
    const read = needs[2] ? gatherAlong(dy!, indices, { axis }) : null;
    if (mode === "add") return [dy, null, read];
    return [
      needs[0] ? scatterSetAlong(dy!, indices, 0, { axis }) : null,
      null,
      read && where(isLastAlong(indices, dy!, axis), read, 0),
    ];
  },
  batch: (inputs, batched, { axis, mode }, size) => [
    applyOne(
      scatterAlongOperation,
      inputs.map((x, i) => ensureBatched(x, batched[i], size)),
      { axis: axis + 1, mode },
    ),
  ],
  flops: ({ inputs: [, indices], attributes: { mode } }) => (mode === "add" ? indices.size : 0),
};

/** Which updates stand in the result: of several to one place only the last does. */
function isLastAlong(indices: Tensor, like: Tensor, axis: number): Tensor {
  const places = indices.shape.map((size, i) => (i === axis ? size : 1));
  const order = broadcastTo(reshape(range(indices.shape[axis]), places), indices.shape);
  const last = scatterSetAlong(full(like.shape, -1, { dtype: "int64" }), indices, order, { axis });
  return equal(gatherAlong(last, indices, { axis }), order);
}

function scatterAlong(
  operation: string,
  mode: Mode,
  x: TensorLike,
  indices: TensorLike,
  updates: TensorLike,
  axis: number,
): Tensor {
  const [tensor, added] = harmonise(operation, x, updates);
  const places = asIndices(operation, indices);
  const position = normaliseAxis(operation, tensor, axis);
  const others = alongShape(operation, tensor, places, position);
  const shape = others.map((size, i) => (i === position ? places.shape[i] : size));
  const target = others.map((size, i) => (i === position ? tensor.shape[i] : size));
  return applyOne(
    scatterAlongOperation,
    [broadcastTo(tensor, target), broadcastTo(places, shape), broadcastTo(added, shape)],
    { axis: position, mode },
  );
}

/**
 * `x` with updates added along an axis, at each place of the other axes by its own indices: the transpose of
 * `gatherAlong`. Several updates to one place all count.
 *
 *     y = x;  y[a, indices[a, i, b], b] += updates[a, i, b]
 *
 * @param x        numbers
 * @param indices  int32 or int64, of x's rank; negative ones count from the end. Other axes than `axis` broadcast
 * @param updates  x's dtype, broadcast to the shape of the indices
 * @param axis     default −1
 * @throws         ShapeError `scatterAddAlong/shape`, `scatterAddAlong/axis-out-of-range`, `broadcastTo/shape`; DTypeError
 *                 `scatterAddAlong/indices`, `scatterAddAlong/dtype`; RuntimeError, or NumericError
 *                 `scatterAlong/index-out-of-range` in the oracle
 * @example
 * scatterAddAlong(value([0, 0, 0]), value([0, 2, 2], { dtype: "int64" }), value([1, 2, 3]))   // [1, 0, 5]
 */
export const scatterAddAlong = (
  x: TensorLike,
  indices: TensorLike,
  updates: TensorLike,
  { axis = -1 }: { axis?: number } = {},
): Tensor => scatterAlong("scatterAddAlong", "add", x, indices, updates, axis);

/**
 * `x` with elements replaced along an axis: as `scatterAddAlong`, but set instead of added. Of several updates to one
 * place the last stands, and only it gets a gradient.
 */
export const scatterSetAlong = (
  x: TensorLike,
  indices: TensorLike,
  updates: TensorLike,
  { axis = -1 }: { axis?: number } = {},
): Tensor => scatterAlong("scatterSetAlong", "set", x, indices, updates, axis);

function scatterRows(
  operation: string,
  mode: Mode,
  x: TensorLike,
  indices: TensorLike,
  updates: TensorLike,
  options: GatherOptions,
): Tensor {
  const [tensor, added] = harmonise(operation, x, updates);
  const places = asIndices(operation, indices);
  const { axis, batchDims } = lookUpAxes(operation, tensor, places, options);
  const [before, own, after] = [
    tensor.shape.slice(0, axis),
    places.shape.slice(batchDims),
    tensor.shape.slice(axis + 1),
  ];
  const wanted = [...before, ...own, ...after];
  if (added.rank > wanted.length)
    throw new ShapeError(`${operation}/updates`, `the updates must have the shape [${wanted}]`, {
      operands: { input: tensor, indices: places, updates: added },
      fix: "updates have x's shape with the axis replaced by the shape of the indices",
    });
  const count = sizeOf(own);
  const rows = reshape(broadcastTo(added, wanted), [...before, count, ...after]);
  const thin = before.map((size, i) => (i < batchDims ? size : 1));
  const flat = reshape(places, [...thin, count, ...after.map(() => 1)]);
  return applyOne(scatterAlongOperation, [tensor, broadcastTo(flat, rows.shape), rows], { axis, mode });
}

/**
 * `x` with whole slices added along an axis at integer indices: the transpose of `gather`. Several updates to one slice
 * all count.
 *
 *     y = x;  y[a…, indices[i…], b…] += updates[a…, i…, b…]
 *
 * @param x        numbers
 * @param indices  int32 or int64 of any shape, or a number; negative ones count from the end
 * @param updates  x's dtype, broadcast to x's shape with `axis` replaced by the shape of the indices
 * @throws         ShapeError `scatterAdd/axis-out-of-range`, `scatterAdd/batch`, `scatterAdd/updates`,
 *                 `broadcastTo/shape`; DTypeError `scatterAdd/indices`, `scatterAdd/dtype`; RuntimeError, or NumericError
 *                 `scatterAlong/index-out-of-range` in the oracle
 * @example
 * scatterAdd(zeros([experts, width]), expertOf, tokens)   // sums of the tokens of each expert
 */
export const scatterAdd = (
  x: TensorLike,
  indices: TensorLike,
  updates: TensorLike,
  options: GatherOptions = {},
): Tensor => scatterRows("scatterAdd", "add", x, indices, updates, options);

/**
 * `x` with whole slices replaced along an axis: as `scatterAdd`, but set instead of added. Of several updates to one
 * slice the last stands, and only it gets a gradient.
 *
 * @example
 * scatterSet(cache, position, newRow)   // one row of a cache
 */
export const scatterSet = (
  x: TensorLike,
  indices: TensorLike,
  updates: TensorLike,
  options: GatherOptions = {},
): Tensor => scatterRows("scatterSet", "set", x, indices, updates, options);
