import { type DType, dtypes, floatKernels, isFloat, numberKernels } from "../dtype.ts";
import { DTypeError, ShapeError } from "../errors.ts";
import type { Attributes, GraphBuilder, Operation } from "../operation.ts";
import { broadcastShapes, broadcastStrides, forEachElement, type Shape, sameShape, sizeOf } from "../shape.ts";
import { apply, applyOne, asTensor, harmonise, type Node, type Tensor, type TensorLike } from "../tensor.ts";
import { broadcastTo, isBroadcast, unbroadcast } from "./broadcast.ts";
import { reshape } from "./reshape.ts";

/** Writes a node through `write`, casting to a dtype that the runtime has a kernel for, and the result back. */
export function withKernel(
  graph: GraphBuilder,
  kernels: readonly DType[],
  inputs: readonly string[],
  dtype: DType,
  result: DType,
  write: (inputs: readonly string[], dtype: DType) => string,
): string {
  if (kernels.includes(dtype)) return write(inputs, dtype);
  const { bytes, kind } = dtypes[dtype];
  const wide = bytes === 8 || (bytes === 4 && kind === "unsigned");
  const integers: readonly DType[] = wide ? ["int64", "float64", "int32"] : ["int32"];
  const via: DType = (isFloat(dtype) ? undefined : integers.find((one) => kernels.includes(one))) ?? "float32";
  const cast = (name: string, to: DType) => graph.node("Cast", [name], { to: dtypes[to].onnx });
  const output = write(
    inputs.map((name) => cast(name, via)),
    via,
  );
  return result === dtype ? cast(output, dtype) : output;
}

export function expectFloat(operation: string, x: Tensor): void {
  if (!isFloat(x.dtype))
    throw new DTypeError(`${operation}/dtype`, `${operation} needs floats, the input is ${x.dtype}`, {
      operands: { input: x },
      fix: `cast it first: cast(x, "float32")`,
    });
}

/** 0 ≤ axis < rank of a possibly negative axis; the error names the tensor. */
export function normaliseAxis(operation: string, x: Tensor, axis: number, rank = x.rank): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank)
    throw new ShapeError(`${operation}/axis-out-of-range`, `axis ${axis} is not an axis of rank ${rank}`, {
      operands: { input: x },
      fix: rank === 0 ? "a scalar has no axes" : `give an axis from ${-rank} to ${rank - 1}`,
    });
  return axis < 0 ? axis + rank : axis;
}

/** Sorted normalised axes; all of them where none are given. */
export function normaliseAxes(operation: string, x: Tensor, axes: number | readonly number[] | undefined): number[] {
  if (axes === undefined) return x.shape.map((_, axis) => axis);
  const list = (typeof axes === "number" ? [axes] : axes).map((axis) => normaliseAxis(operation, x, axis));
  if (new Set(list).size !== list.length)
    throw new ShapeError(`${operation}/axis-twice`, `an axis is named twice`, { operands: { input: x }, given: axes });
  return list.sort((a, b) => a - b);
}

interface UnaryDefinition<A extends Attributes> {
  readonly name: string;
  /** The ONNX operator, or how to write it. */
  readonly onnx: string | ((graph: GraphBuilder, x: string, dtype: DType, attributes: A) => string);
  readonly reference: (x: number, attributes: A) => number;
  /** dy times the derivative, from input and output; or why there is none. */
  readonly gradient: string | ((dy: Tensor, x: Tensor, y: Tensor, attributes: A) => Tensor | null);
  /** Element types with a kernel in ONNX Runtime. Default: floats only, and then only floats are accepted. */
  readonly kernels?: readonly DType[];
  readonly accepts?: "float" | "number" | "any";
  /** The result's dtype, where it is not the input's. */
  readonly result?: DType;
  readonly simplifications?: Operation<A>["simplifications"];
  readonly linear?: Operation["linear"];
  readonly nonDecreasing?: boolean;
  readonly flops?: number;
}

/** An elementwise operation of one tensor. */
export function unaryOperation<A extends Attributes = Record<never, never>>(
  definition: UnaryDefinition<A>,
): Operation<A> {
  const { name, onnx, reference, gradient, kernels = floatKernels, accepts = "float", result } = definition;
  const operation: Operation<A> = {
    name,
    infer: ([x]) => {
      if (accepts === "float") expectFloat(name, x);
      if (accepts === "number" && x.dtype === "bool")
        throw new DTypeError(`${name}/dtype`, `${name} needs numbers, the input is bool`, {
          operands: { input: x },
          fix: `cast it first: cast(x, "float32")`,
        });
      return [{ shape: x.shape, dtype: result ?? x.dtype }];
    },
    emit: (graph, [x], { inputs: [input], attributes }) => [
      withKernel(graph, kernels, [x], input.dtype, result ?? input.dtype, ([source], dtype) =>
        typeof onnx === "string" ? graph.node(onnx, [source]) : onnx(graph, source, dtype, attributes),
      ),
    ],
    reference: ([x], { attributes }) => [x.map((element) => reference(element, attributes))],
    gradient:
      typeof gradient === "string"
        ? gradient
        : ([dy], { inputs: [x], outputs: [y], attributes }) => [gradient(dy!, x, y, attributes)],
    batch: ([x], _, attributes) => [applyOne(operation, [x], attributes)],
    simplifications: { ...definition.simplifications, "broadcast-last": broadcastLast },
    elementwise: true,
    linear: definition.linear,
    nonDecreasing: definition.nonDecreasing,
    flops: ({ outputs: [y] }) => (definition.flops ?? 1) * y.size,
  };
  return operation;
}

/** The public function of an elementwise operation of one tensor without settings. */
export function unary(definition: UnaryDefinition<Record<never, never>>): (x: TensorLike) => Tensor {
  const operation = unaryOperation(definition);
  return (x) => applyOne(operation, [asTensor(x)], {});
}

interface BinaryDefinition {
  readonly name: string;
  readonly onnx: string | ((graph: GraphBuilder, a: string, b: string, dtype: DType) => string);
  readonly reference: (a: number, b: number, dtype: DType) => number;
  /** Cotangents of both sides in the broadcast shape (they are summed back); or why there is none. */
  readonly gradient:
    | string
    | ((
        dy: Tensor,
        a: Tensor,
        b: Tensor,
        y: Tensor,
        needs: readonly boolean[],
      ) => readonly [Tensor | null, Tensor | null]);
  readonly kernels?: readonly DType[];
  readonly accepts?: (dtype: DType) => boolean;
  readonly result?: DType;
  readonly simplifications?: Operation["simplifications"];
  readonly linear?: Operation["linear"];
}

/** An elementwise operation of two tensors that broadcast against each other. */
export function binary(definition: BinaryDefinition): (a: TensorLike, b: TensorLike) => Tensor {
  const { name, onnx, reference, gradient, kernels = numberKernels, accepts, result } = definition;
  const operation: Operation<Record<never, never>> = {
    name,
    infer: ([a, b]) => {
      const shape = broadcastShapes(a.shape, b.shape);
      if (shape === undefined) throw broadcastError(name, { left: a, right: b });
      if (accepts !== undefined && !accepts(a.dtype))
        throw new DTypeError(`${name}/dtype`, `${name} does not take ${a.dtype}`, { operands: { left: a, right: b } });
      return [{ shape, dtype: result ?? a.dtype }];
    },
    emit: (graph, inputs, { inputs: [{ dtype: given }] }) => [
      withKernel(graph, kernels, inputs, given, result ?? given, ([a, b], dtype) =>
        typeof onnx === "string" ? graph.node(onnx, [a, b]) : onnx(graph, a, b, dtype),
      ),
    ],
    reference: (inputs, { inputs: [a, b], outputs: [y] }) => [
      zipReference(inputs, [a.shape, b.shape], y.shape, ([x0, x1]) => reference(x0, x1, a.dtype)),
    ],
    gradient:
      typeof gradient === "string"
        ? gradient
        : ([dy], { inputs: [a, b], outputs: [y] }, { needs }) => {
            const [da, db] = gradient(dy!, a, b, y, needs);
            return [needs[0] && da ? unbroadcast(da, a.shape) : null, needs[1] && db ? unbroadcast(db, b.shape) : null];
          },
    batch: (inputs, batched, attributes) => [applyOne(operation, alignBatched(inputs, batched), attributes)],
    simplifications: { ...definition.simplifications, "broadcast-last": broadcastLast },
    elementwise: true,
    linear: definition.linear,
  };
  return (a, b) => applyOne(operation, harmonise(name, a, b), {});
}

/**
 * Elementwise operations broadcast by themselves: an operand that was stretched before is taken as it was, and the
 * result stretched where that is still needed.
 */
export function broadcastLast(node: Node<any>): readonly Tensor[] | undefined {
  const { inputs, outputs, operation, attributes } = node;
  if (!inputs.some(isBroadcast)) return undefined;
  const narrow = inputs.map((x) => (isBroadcast(x) ? x.node.inputs[0] : x));
  const [y] = apply(operation, narrow, attributes);
  return [broadcastTo(y, outputs[0].shape)];
}

export function broadcastError(operation: string, operands: Record<string, Tensor>): ShapeError {
  const [first, second] = Object.values(operands);
  return new ShapeError(
    `${operation}/broadcast`,
    `shapes [${first.shape}] and [${second.shape}] do not broadcast to one`,
    {
      operands,
      fix: "sizes are aligned from the right; each pair must be equal or contain a 1 (use reshape to add axes)",
    },
  );
}

/** Evaluates elementwise over operands that broadcast to `target`. */
export function zipReference(
  inputs: readonly Float64Array[],
  shapes: readonly Shape[],
  target: Shape,
  compute: (elements: number[]) => number,
): Float64Array {
  const result = new Float64Array(sizeOf(target));
  const elements = new Array<number>(inputs.length);
  if (shapes.every((shape) => sameShape(shape, target)))
    for (let i = 0; i < result.length; i++) {
      for (let k = 0; k < inputs.length; k++) elements[k] = inputs[k][i];
      result[i] = compute(elements);
    }
  else
    forEachElement(
      target,
      shapes.map((shape) => broadcastStrides(shape, target)),
      (position, offsets) => {
        for (let k = 0; k < inputs.length; k++) elements[k] = inputs[k][offsets[k]];
        result[position] = compute(elements);
      },
    );
  return result;
}

/**
 * Makes operands that broadcast by right alignment line up again after some got a leading batch axis: a batched
 * operand of lower rank gets axes of size 1 behind the batch axis.
 */
export function alignBatched(inputs: readonly Tensor[], batched: readonly boolean[]): Tensor[] {
  const rank = Math.max(...inputs.map((x, i) => x.rank - (batched[i] ? 1 : 0)));
  return inputs.map((x, i) =>
    batched[i] && x.rank - 1 < rank
      ? reshape(x, [x.shape[0], ...new Array<number>(rank + 1 - x.rank).fill(1), ...x.shape.slice(1)])
      : x,
  );
}

/** `x` with a leading batch axis: itself where it has one, otherwise repeated. */
export const ensureBatched = (x: Tensor, batched: boolean, size: number): Tensor =>
  batched ? x : broadcastTo(x, [size, ...x.shape]);
