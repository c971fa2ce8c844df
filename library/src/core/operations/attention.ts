import { DTypeError, ShapeError } from "../errors.ts";
import type { Operation } from "../operation.ts";
import { evaluateReference } from "../oracle.ts";
import { broadcastShapes, range } from "../shape.ts";
import { apply, asTensor, constantValue, harmonise, input, type Tensor, type TensorLike } from "../tensor.ts";
import { add, mul, sub } from "./arithmetic.ts";
import { unbroadcast } from "./broadcast.ts";
import { cast } from "./cast.ts";
import { and } from "./comparison.ts";
import { alignBatched, broadcastError, ensureBatched, expectFloat, withKernel } from "./define.ts";
import { matmul } from "./matmul.ts";
import { any, sum } from "./reduce.ts";
import { softmax } from "./softmax.ts";
import { causalMask } from "./triangular.ts";
import { where } from "./where.ts";

const composed = (scores: Tensor, value: Tensor): Tensor[] => {
  const weights = softmax(scores);
  return [matmul(weights, value), weights];
};

/**
 * softmax(scores)·value with the weights as second output. It is one operation for its gradient: the sum over keys that
 * the gradient of softmax needs equals Σ dy·y over the (much narrower) output, and so costs no pass over all pairs.
 */
const attendOperation: Operation<Record<never, never>> = {
  name: "attend",
  infer: ([scores, value]) => composed(scores, value).map(({ shape, dtype }) => ({ shape, dtype })),
  emit: (graph, [scores, value], { inputs: [{ dtype, rank }] }) => {
    const weights = withKernel(graph, ["float32", "float64"], [scores], dtype, dtype, ([x]) =>
      graph.node("Softmax", [x], { axis: rank - 1 }),
    );
    return [graph.node("MatMul", [weights, value]), weights];
  },
  reference: (data, { inputs }) => {
    const [scores, value] = inputs.map(({ shape, dtype }) => input(shape, dtype, "attend"));
    return evaluateReference(composed(scores, value), new Map([scores, value].map((x, i) => [x, data[i]])));
  },
  gradient: ([dy, dweights], { inputs: [scores, value], outputs: [y, weights] }, { needs }) => {
    const parts: Tensor[] = [];
    if (dy !== null && needs[0])
      parts.push(sub(matmul(dy, value, { transposeB: true }), sum(mul(dy, y), { axis: -1, keepDims: true })));
    if (dweights !== null) parts.push(sub(dweights, sum(mul(dweights, weights), { axis: -1, keepDims: true })));
    const toScores = parts.map((part) => unbroadcast(mul(weights, part), scores.shape));
    return [
      toScores.length > 0 ? toScores.reduce((a, b) => add(a, b)) : null,
      dy !== null && needs[1] ? unbroadcast(matmul(weights, dy, { transposeA: true }), value.shape) : null,
    ];
  },
  batch: (inputs, batched, attributes, size) => {
    const [y, weights] = apply(attendOperation, alignBatched(inputs, batched), attributes);
    return [y, ensureBatched(weights, batched[0], size)];
  },
  flops: ({ inputs: [scores, value] }) => scores.size * (5 + 2 * value.shape.at(-1)!),
};

export interface AttentionOptions {
  readonly bias?: TensorLike;
  readonly causal?: boolean;
  readonly scale?: number;
}

/**
 * Scaled dot-product attention: each query takes the mean of the values, weighted by how well their keys match it.
 *
 *     softmax(query·keyᵀ · scale + bias) · value
 *
 * Leading axes (batch, heads) broadcast, so that several heads may share a key and a value.
 *
 * @param query   float[..., queries, width]
 * @param key     float[..., keys, width]
 * @param value   float[..., keys, widthOfValue]
 * @param mask    broadcasts to [..., queries, keys]. bool: true where a query may look; a query that may look nowhere
 *                gets zeros. float: as `bias`
 * @param bias    added to the scores before the softmax (relative positions, say), float that broadcasts to [..., queries,
 *                keys]; gets a gradient. A row of −Infinity gives NaN
 * @param causal  each query sees only keys up to itself (fewer queries than keys: the queries are the last). Default false
 * @param scale   Default 1/√width
 * @returns       float[..., queries, widthOfValue]
 * @throws        ShapeError `attention/rank`, `attention/broadcast`, `attention/causal`, `matmul/inner`, `matmul/broadcast`;
 *                DTypeError `attention/dtype`
 * @source        Vaswani et al. 2017, arXiv:1706.03762, equation 1; gradient: Dao et al. 2022, arXiv:2205.14135, appendix B
 * @example
 * attention(q, k, v, undefined, { causal: true })   // q, k, v: float32[16,4,128,32]
 */
export function attention(
  query: TensorLike,
  key: TensorLike,
  value: TensorLike,
  mask?: TensorLike,
  { bias, causal = false, scale }: AttentionOptions = {},
): Tensor {
  const [q, k, v] = harmonise("attention", query, key, value);
  expectFloat("attention", q);
  const narrow = [q, k, v].find((x) => x.rank < 2);
  if (narrow !== undefined)
    throw new ShapeError("attention/rank", "attention needs at least two axes: positions and width", {
      operands: { query: q, key: k, value: v },
    });
  const [queries, keys] = [q.shape.at(-2)!, k.shape.at(-2)!];
  if (causal && queries > keys)
    throw new ShapeError("attention/causal", `${queries} queries, but only ${keys} keys: the first would see none`, {
      operands: { query: q, key: k },
    });
  // The query is the narrow side: scaling it costs a fraction of scaling the scores.
  const scores = matmul(mul(q, scale ?? 1 / Math.sqrt(q.shape.at(-1)!)), k, { transposeB: true });
  const given = mask === undefined ? undefined : asTensor(mask);
  const allowed = given?.dtype === "bool" ? given : undefined;
  const added = [given === allowed ? undefined : given, bias === undefined ? undefined : asTensor(bias)];
  for (const one of [allowed, ...added]) if (one !== undefined) expectMask(one, scores);
  const seen = causal ? causalMask(queries, { keys }) : undefined;
  const visible = allowed && seen ? and(allowed, seen) : (allowed ?? seen);
  // Finite where a row may be left without any key: uniform weights, to be taken out, instead of NaN.
  const hidden = allowed === undefined ? -Infinity : scores.dtype === "float16" ? -6e4 : -1e30;
  added.push(visible && where(visible, asTensor(0, scores.dtype), hidden));
  // Biases and masks are added to each other first: they are smaller than the scores.
  const [first, ...others] = added.filter((one) => one !== undefined);
  const masked =
    first === undefined
      ? scores
      : add(
          scores,
          others.reduce((a, b) => add(a, b), first),
        );
  const [y] = apply(attendOperation, [masked, v], {});
  const safe = allowed === undefined || (!causal && everyRowSees(allowed));
  return safe ? y : mul(y, cast(any(visible!, { axis: -1, keepDims: true }), y.dtype));
}

function expectMask(mask: Tensor, scores: Tensor): void {
  if (broadcastShapes(mask.shape, scores.shape) === undefined) throw broadcastError("attention", { mask, scores });
  if (mask.dtype !== "bool" && mask.dtype !== scores.dtype)
    throw new DTypeError("attention/dtype", `the mask is ${mask.dtype}, the scores are ${scores.dtype}`, {
      operands: { mask, scores },
      fix: "give a bool mask (true: may look) or a float one that is added to the scores",
    });
}

/** Whether a mask is known now, and leaves every query a key. */
function everyRowSees(mask: Tensor): boolean {
  const data = constantValue(mask)?.data;
  const keys = mask.shape.at(-1) ?? 1;
  return (
    data !== undefined &&
    range(data.length / Math.max(keys, 1)).every((row) =>
      data.subarray(row * keys, (row + 1) * keys).includes(1 as never),
    )
  );
}
