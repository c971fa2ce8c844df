import type { DType } from "./dtype.ts";
import type { Node, Specification, Tensor } from "./tensor.ts";
import type { Value } from "./value.ts";

/** Static settings of one application of an operation. */
export type Attributes = Readonly<Record<string, any>>;

/** What the ONNX attribute of a node can be. */
export type OnnxAttribute =
  | number
  | string
  | readonly number[]
  | readonly string[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly tensor: Value }
  | { readonly graph: OnnxSubgraph };

/**
 * A graph inside a node: the body of a loop, a branch. `inputs` are `input` tensors that stand for what comes in;
 * nothing in it refers to tensors outside, so that it can be simplified, differentiated and batched by itself.
 */
export interface Subgraph {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

/**
 * A subgraph as ONNX sees it: `formal` are its declared inputs, and every other input of the subgraph is `bound` to a
 * name of the graph around it.
 */
export interface OnnxSubgraph {
  readonly formal: readonly Tensor[];
  readonly bound: ReadonlyMap<Tensor, string>;
  readonly outputs: readonly Tensor[];
}

/** Where operations write themselves as ONNX. Every edge is a name. */
export interface GraphBuilder {
  /** Adds a node with one output and returns the output's name. Integers are written as INT, `{ float }` as FLOAT. */
  node(type: string, inputs: readonly string[], attributes?: Record<string, OnnxAttribute | undefined>): string;
  /** Adds a node with several outputs; `domain` is "" for ai.onnx. */
  nodes(
    type: string,
    inputs: readonly string[],
    options: { outputs: number; domain?: string; attributes?: Record<string, OnnxAttribute | undefined> },
  ): string[];
  /** The name of an initializer with this data; equal small constants are stored once. */
  constant(value: Value): string;
  /** A one-dimensional int64 constant, as ONNX wants for shapes, axes and sizes. */
  integers(values: readonly number[]): string;
  /** A scalar constant. */
  scalar(number: number, dtype: DType): string;
  /** Writes tensors that are made of other operations, from tensors with known names; returns the outputs' names. */
  write(outputs: readonly Tensor[], names: Map<Tensor, string>): string[];
  /** Whether contributed operators (com.microsoft) may be used: false when a file must run anywhere. */
  readonly contributed: boolean;
}

/** What a gradient rule is told: the node, and which inputs need a gradient at all. */
export interface GradientContext {
  readonly needs: readonly boolean[];
}

/**
 * Everything that is true of one operation, in one place. To add an operation is to write one such object
 * and the function that users call, which is `applyOne(operation, inputs, attributes)`.
 *
 * Rules and conventions:
 * - Axes in attributes are already normalised: 0 ≤ axis < rank. Shapes are static.
 * - `gradient` is written with the public functions, so that it can be differentiated and batched itself.
 * - `batch` is told which inputs carry a new leading axis of `size`, and returns outputs that all carry it.
 */
export interface Operation<A extends Attributes = any> {
  readonly name: string;

  /** Shapes and dtypes of the outputs; throws ShapeError or DTypeError on the user's line. */
  infer(inputs: readonly Tensor[], attributes: A): Specification[];

  /** Writes the ONNX form; returns the names of the outputs. */
  emit(graph: GraphBuilder, inputs: readonly string[], node: Node<A>): string[];

  /**
   * The oracle: evaluates with 64-bit floats in plain TypeScript, every dtype held in a Float64Array (bool as 0 and 1).
   * Integers are exact up to 2⁵³.
   */
  reference(inputs: readonly Float64Array[], node: Node<A>): Float64Array[];

  /**
   * Vector–Jacobian product: from the cotangents of the outputs (null where nothing depends on an output) to those of
   * the inputs (null where there is none). A string instead says why there is no gradient.
   */
  readonly gradient:
    | string
    | ((
        cotangents: readonly (Tensor | null)[],
        node: Node<A>,
        context: GradientContext,
      ) => readonly (Tensor | null | undefined)[]);

  /** Applies the operation to inputs of which some carry a leading batch axis. */
  batch(
    inputs: readonly Tensor[],
    batched: readonly boolean[],
    attributes: A,
    size: number,
    node: Node<A>,
  ): readonly Tensor[];

  /** True where output element i depends only on element i of each input, broadcast. */
  readonly elementwise?: boolean;

  /** True of a function of one tensor, element by element, that never falls: a maximum may be taken before it. */
  readonly nonDecreasing?: boolean;

  /** True where the host computes it before the graph runs (random numbers): `host` is then what runs. */
  readonly host?: (inputs: readonly Value[], node: Node<A>) => Value[];

  /** Rewrites of one node into simpler tensors, by name; each may be switched off. Undefined: nothing to do. */
  readonly simplifications?: Readonly<Record<string, (node: Node<A>) => readonly Tensor[] | undefined>>;

  /** Floating-point operations of one application. Default: one an output element. */
  readonly flops?: (node: Node<A>) => number;

  /** True where nothing may merge, fold or reorder it (barriers). */
  readonly opaque?: boolean;

  /** The inner graphs (bodies, branches) replaced by what `replace` makes of each; for walks that must go inside. */
  readonly mapSubgraphs?: (attributes: A, replace: (body: Subgraph) => Subgraph) => A;

  /**
   * The same with less: what takes the place of each used output, made by a smaller node, when outputs or inputs can be
   * left out; undefined when nothing can.
   */
  readonly dropUnused?: (node: Node<A>, used: readonly boolean[]) => readonly (Tensor | undefined)[] | undefined;

  /**
   * In which inputs the output is linear: "jointly" in all together (sums, reshapes), or "separately" in each while the
   * others stay as they are (products). Sums over steps may then be taken before instead of after.
   */
  readonly linear?: "jointly" | "separately";

  /** The sum, over a new leading axis of every input, of what the operation gives: where that can be one application. */
  readonly contract?: (inputs: readonly Tensor[], attributes: A) => Tensor;

  /** How errors call the output; default `name(inputs)`. */
  readonly describe?: (attributes: A) => string | undefined;
}
