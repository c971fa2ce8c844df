import { isFloat } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import type { Operation } from "../operation.ts";
import { evaluateReference } from "../oracle.ts";
import { sameShape } from "../shape.ts";
import { apply, asTensor, harmonise, input, type Tensor, type TensorLike } from "../tensor.ts";
import { softplus } from "./activations.ts";
import { add, div, maximum, mul, neg, sub } from "./arithmetic.ts";
import { cast } from "./cast.ts";
import { notEqual } from "./comparison.ts";
import { ensureBatched, expectFloat, normaliseAxis, withKernel } from "./define.ts";
import { exp } from "./exponential.ts";
import { gatherAlong } from "./gather.ts";
import { asIndices } from "./indices.ts";
import { mean, sum } from "./reduce.ts";
import { reshape } from "./reshape.ts";
import { scatterAddAlong } from "./scatter.ts";
import { logSoftmax } from "./softmax.ts";
import { moveAxis } from "./transpose.ts";
import { where } from "./where.ts";
import { writeReduction } from "./write-reduction.ts";

/** How losses of many examples become one number, or stay one an example. */
export type Reduction = "mean" | "sum" | "none";

interface LabelLossAttributes {
  readonly smoothing: number;
}

const composed = (logits: Tensor, labels: Tensor, { smoothing }: LabelLossAttributes): Tensor[] => {
  const logs = logSoftmax(logits);
  const hit = neg(gatherAlong(logs, labels));
  if (smoothing === 0) return [hit, logs];
  return [sub(mul(hit, 1 - smoothing), mul(mean(logs, { axis: -1, keepDims: true }), smoothing)), logs];
};

/**
 * −ln softmax(logits)[label], smoothed, of rows of logits and a column of labels; the second output is ln softmax, kept
 * for the gradient, which is softmax − (smoothed) one-hot without ever making the one-hot rows.
 */
const labelLossOperation: Operation<LabelLossAttributes> = {
  name: "crossEntropy",
  infer: ([logits, labels], attributes) =>
    composed(logits, labels, attributes).map(({ shape, dtype }) => ({ shape, dtype })),
  emit: (graph, [logits, labels], { inputs: [{ dtype }], attributes: { smoothing } }) => {
    const logs = withKernel(graph, ["float32", "float64"], [logits], dtype, dtype, ([x]) =>
      graph.node("LogSoftmax", [x], { axis: 1 }),
    );
    const hit = graph.node("Neg", [graph.node("GatherElements", [logs, labels], { axis: 1 })]);
    if (smoothing === 0) return [hit, logs];
    const share = (name: string, of: number) => graph.node("Mul", [name, graph.scalar(of, dtype)]);
    const all = writeReduction(graph, "ReduceMean", logs, [1], true);
    return [graph.node("Sub", [share(hit, 1 - smoothing), share(all, smoothing)]), logs];
  },
  reference: (data, { inputs, attributes }) => {
    const [logits, labels] = inputs.map(({ shape, dtype }) => input(shape, dtype, "crossEntropy"));
    return evaluateReference(
      composed(logits, labels, attributes),
      new Map([logits, labels].map((x, i) => [x, data[i]])),
    );
  },
  gradient: ([dloss, dlogs], { inputs: [logits, labels], outputs: [, logs], attributes: { smoothing } }) => {
    const probabilities = exp(logs);
    const parts: Tensor[] = [];
    if (dloss !== null) {
      const spread = smoothing === 0 ? probabilities : sub(probabilities, smoothing / logits.shape[1]);
      parts.push(scatterAddAlong(mul(spread, dloss), labels, mul(dloss, smoothing - 1)));
    }
    if (dlogs !== null) parts.push(sub(dlogs, mul(probabilities, sum(dlogs, { axis: -1, keepDims: true }))));
    return [parts.reduce((a, b) => add(a, b)), null];
  },
  batch: (inputs, batched, attributes, size) => {
    const [logits, labels] = inputs.map((x, i) => ensureBatched(x, batched[i], size));
    const [rows, classes] = logits.shape.slice(1);
    const [loss, logs] = apply(
      labelLossOperation,
      [reshape(logits, [size * rows, classes]), reshape(labels, [size * rows, 1])],
      attributes,
    );
    return [reshape(loss, [size, rows, 1]), reshape(logs, [size, rows, classes])];
  },
  flops: ({ inputs: [logits] }) => 5 * logits.size,
};

export interface CrossEntropyOptions {
  /** The axis of the classes. Default −1. */
  readonly axis?: number;
  /** Default "mean", over the examples that are not ignored. */
  readonly reduction?: Reduction;
  /** Share of the target that is spread evenly over all classes, in [0, 1). Default 0. */
  readonly smoothing?: number;
  /** A label whose examples count for nothing, in loss, mean and gradient. Default: none. */
  readonly ignore?: number;
}

/**
 * Cross-entropy of predictions and targets, in nats: −Σ target · ln softmax(logits).
 *
 * @param logits   scores, float[..., classes] (or with the classes along another `axis`)
 * @param targets  labels, int32 or int64 of the logits' shape without the class axis; or distributions, float of the
 *                 logits' shape
 * @returns        a scalar, or with reduction "none" the logits' shape without the class axis
 * @throws         ShapeError `crossEntropy/targets`, `crossEntropy/axis-out-of-range`; DTypeError `crossEntropy/dtype`,
 *                 `crossEntropy/indices`. A label outside the classes stops the run
 * @source         label smoothing: Szegedy et al. 2016, arXiv:1512.00567, section 7
 * @example
 * crossEntropy(value([[0, Math.log(3)]]), value([1], { dtype: "int64" }))   // ln(4/3) = 0.2877
 */
export function crossEntropy(
  logits: TensorLike,
  targets: TensorLike,
  { axis = -1, reduction = "mean", smoothing = 0, ignore }: CrossEntropyOptions = {},
): Tensor {
  const given = asTensor(logits);
  expectFloat("crossEntropy", given);
  const scores = moveAxis(given, normaliseAxis("crossEntropy", given, axis), -1);
  const target = asTensor(targets, "int64");
  const classes = scores.shape.at(-1)!;
  const examples = scores.shape.slice(0, -1);
  if (isFloat(target.dtype)) {
    expectTargets(given, target, given.shape);
    const [, wanted] = harmonise("crossEntropy", given, moveAxis(target, axis, -1));
    const smooth = smoothing === 0 ? wanted : add(mul(wanted, 1 - smoothing), smoothing / classes);
    return reduce(neg(sum(mul(smooth, logSoftmax(scores)), { axis: -1 })), reduction);
  }
  const labels = asIndices("crossEntropy", target);
  expectTargets(given, labels, examples);
  const kept = ignore === undefined ? undefined : notEqual(labels, ignore);
  const column = reshape(kept ? where(kept, labels, 0) : labels, [labels.size, 1]);
  const [loss] = apply(labelLossOperation, [reshape(scores, [labels.size, classes]), column], { smoothing });
  const losses = reshape(loss, examples);
  if (kept === undefined) return reduce(losses, reduction);
  const counted = cast(kept, losses.dtype);
  const total = reduce(mul(losses, counted), reduction === "mean" ? "sum" : reduction);
  return reduction === "mean" ? div(total, maximum(sum(counted), 1)) : total;
}

/**
 * Cross-entropy of yes-or-no predictions, in nats: −t ln p − (1 − t) ln(1 − p) with p = sigmoid(logits), stable for
 * scores of any size.
 *
 * @param logits   scores, float[...]
 * @param targets  probabilities of "yes" in [0, 1], float; broadcasts with the logits
 * @returns        a scalar, or with reduction "none" the broadcast shape
 * @throws         ShapeError `mul/broadcast`; DTypeError `binaryCrossEntropy/dtype`, `mul/dtype`
 */
export function binaryCrossEntropy(
  logits: TensorLike,
  targets: TensorLike,
  { reduction = "mean" }: { reduction?: Reduction } = {},
): Tensor {
  const scores = asTensor(logits);
  expectFloat("binaryCrossEntropy", scores);
  return reduce(sub(softplus(scores), mul(targets, scores)), reduction);
}

const reduce = (losses: Tensor, reduction: Reduction): Tensor =>
  reduction === "none" ? losses : reduction === "sum" ? sum(losses) : mean(losses);

function expectTargets(logits: Tensor, targets: Tensor, wanted: readonly number[]): void {
  if (!sameShape(targets.shape, wanted))
    throw new ShapeError("crossEntropy/targets", `the targets have shape [${targets.shape}], not [${wanted}]`, {
      operands: { logits, targets },
      fix: "give integer labels of the logits' shape without the class axis, or float distributions of their shape",
    });
}
