import { type DType, isFloat } from "./dtype.ts";
import { DTypeError } from "./errors.ts";
import type { Attributes, Operation } from "./operation.ts";
import { type Shape, sizeOf } from "./shape.ts";
import { currentSite, type Site } from "./site.ts";
import { convert, type NestedArray, Value } from "./value.ts";

let created = 0;

/** One application of an operation. Ids grow: a node's inputs were always made before it. */
export class Node<A extends Attributes = Attributes> {
  readonly id = created++;
  readonly operation: Operation<A>;
  readonly inputs: readonly Tensor[];
  readonly attributes: A;
  readonly outputs: Tensor[];
  readonly site: Site;

  constructor(
    operation: Operation<A>,
    inputs: readonly Tensor[],
    attributes: A,
    outputs: readonly Specification[],
    site: Site,
  ) {
    this.operation = operation;
    this.inputs = inputs;
    this.attributes = attributes;
    this.site = site;
    this.outputs = outputs.map(({ shape, dtype }, index) => new Tensor(this as unknown as Node, index, shape, dtype));
  }
}

/** What is known of a tensor before it has data. */
export interface Specification {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** A symbolic value: shape, dtype, and the node that makes it. It has no data. */
export class Tensor implements Specification {
  readonly node: Node;
  /** Which of the node's outputs this is. */
  readonly index: number;
  readonly shape: Shape;
  readonly dtype: DType;

  constructor(node: Node, index: number, shape: Shape, dtype: DType) {
    this.node = node;
    this.index = index;
    this.shape = shape;
    this.dtype = dtype;
  }

  get rank(): number {
    return this.shape.length;
  }

  get size(): number {
    return sizeOf(this.shape);
  }

  toString(): string {
    return `${this.dtype}[${this.shape.join(",")}]`;
  }

  /** What made it, for errors: `param "mlp.w1"` or `matmul(float32[2,3], float32[3,4])`. */
  get origin(): string {
    const { operation, inputs, attributes } = this.node;
    return operation.describe?.(attributes) ?? `${operation.name}(${inputs.join(", ")})`;
  }

  /** The user's line that made it. */
  get line(): string | undefined {
    return this.node.site.line;
  }
}

/** Wherever a tensor is wanted, a value, a number or a boolean will do. */
export type TensorLike = Tensor | Value | number | boolean;

/** Applies an operation: checks shapes now, on the user's line, and makes the node. */
export function apply<A extends Attributes>(
  operation: Operation<A>,
  inputs: readonly Tensor[],
  attributes: A,
): Tensor[] {
  const outputs = operation.infer(inputs, attributes);
  return new Node(operation, inputs, attributes, outputs, currentSite(apply)).outputs;
}

/** `apply` for an operation with one output. */
export const applyOne = <A extends Attributes>(
  operation: Operation<A>,
  inputs: readonly Tensor[],
  attributes: A,
): Tensor => apply(operation, inputs, attributes)[0];

/** A constant of the graph: data known when the graph is made. */
export const constantOperation: Operation<{ value: Value }> = {
  name: "constant",
  infer: (_, { value }) => [{ shape: value.shape, dtype: value.dtype }],
  emit: (graph, _, { attributes: { value } }) => [graph.constant(value)],
  reference: (_, { attributes: { value } }) => [value.toFloat64()],
  gradient: () => [],
  batch: () => {
    throw new Error("a constant has no inputs to batch");
  },
  describe: ({ value }) => (value.size === 1 ? `constant ${value.data[0]}` : "constant"),
};

/** An input of a traced function. */
export const inputOperation: Operation<Specification & { label: string }> = {
  name: "input",
  infer: (_, { shape, dtype }) => [{ shape, dtype }],
  emit: (_, __, { attributes: { label } }) => {
    throw new Error(`input ${label} was not bound`);
  },
  reference: (_, { attributes: { label } }) => {
    throw new Error(`input ${label} was not bound`);
  },
  gradient: () => [],
  batch: () => {
    throw new Error("an input is replaced, not batched");
  },
  describe: ({ label }) => label,
};

/** A fresh input of a traced function; `label` is what errors call it. */
export const input = (shape: Shape, dtype: DType, label: string): Tensor =>
  applyOne(inputOperation, [], { shape: [...shape], dtype, label });

/** A tensor whose data is known now. */
export const constant = (source: Value): Tensor => applyOne(constantOperation, [], { value: source });

/** The data of a constant, or undefined for anything else. */
export const constantValue = (tensor: Tensor): Value | undefined =>
  (tensor.node.operation as unknown) === constantOperation
    ? (tensor.node.attributes as unknown as { value: Value }).value
    : undefined;

/** A tensor full of one number, stored as that single number; broadcasting does the rest. */
export const scalar = (number: number, dtype: DType = "float32"): Tensor =>
  constant(new Value(convert([number], dtype), [], dtype));

/**
 * Makes tensors of tensor-likes that meet in one operation. A number takes the dtype of the tensors it meets
 * (float32 where a fraction meets integers); two tensors of different dtypes are an error, never a silent cast.
 */
export function harmonise(operation: string, ...sources: TensorLike[]): Tensor[] {
  const typed = sources.filter((source): source is Tensor | Value => typeof source === "object");
  const dtype = typed[0]?.dtype ?? (sources.every((source) => typeof source === "boolean") ? "bool" : "float32");
  const mismatch = typed.find((source) => source.dtype !== dtype);
  if (mismatch !== undefined)
    throw new DTypeError(`${operation}/dtype`, `operands have dtypes ${dtype} and ${mismatch.dtype}`, {
      operands: { left: typed[0], right: mismatch },
      fix: `cast one of them: cast(x, "${isFloat(dtype) ? dtype : mismatch.dtype}")`,
    });
  const fraction = sources.find((source) => typeof source === "number" && !Number.isInteger(source));
  if (fraction !== undefined && !isFloat(dtype))
    throw new DTypeError(`${operation}/dtype`, `the number ${fraction} is no ${dtype}`, {
      operands: { tensor: typed[0] },
      fix: `cast the tensor first: cast(x, "float32")`,
    });
  return sources.map((source) => (typeof source === "object" ? asTensor(source) : scalar(Number(source), dtype)));
}

/** A tensor of a tensor, a value, a number (float32 unless said otherwise) or a boolean. */
export function asTensor(source: TensorLike | NestedArray, dtype?: DType): Tensor {
  if (source instanceof Tensor) return source;
  if (source instanceof Value) return constant(source);
  if (typeof source === "number") return scalar(source, dtype ?? "float32");
  if (typeof source === "boolean") return scalar(Number(source), dtype ?? "bool");
  throw new DTypeError("tensor/kind", "expected a Tensor, a Value, a number or a boolean", {
    given: source === null ? "null" : typeof source,
    fix: "wrap arrays with value([...])",
  });
}
