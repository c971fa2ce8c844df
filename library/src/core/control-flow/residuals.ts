import { dependents, nodesOf } from "../graph.ts";
import { concat } from "../operations/concat.ts";
import { ensureBatched } from "../operations/define.ts";
import { expandDims } from "../operations/reshape.ts";
import { sliceAxis } from "../operations/slice.ts";
import type { Node, Tensor } from "../tensor.ts";
import { batchGraph } from "../transforms/vmap.ts";
import { extendScan, type ScanAttributes } from "./scan.ts";
import { substitute } from "./subgraph.ts";

/**
 * What the gradient of a scan knows of all steps at once: for tensors of one step their stacks [length, …]. Elements and
 * cotangents are stacked from the start; carries, and with `save` what the forward pass computed, when they are asked for.
 */
export class Residuals {
  readonly #node: Node<ScanAttributes>;
  readonly #save: boolean;
  readonly #stacks: Map<Tensor, Tensor>;
  readonly #forward: ReadonlySet<Node>;
  readonly #varying: ReadonlySet<Node>;
  /** The captures themselves, for their stand-ins in the body. */
  readonly #captures: ReadonlyMap<Tensor, Tensor>;
  readonly #settled = new Set<Node>();

  /**
   * @param given  cotangents of one step's results, with their stacks
   * @param nodes  the gradient of one step
   * @param flows  what else differs from step to step
   */
  constructor(
    node: Node<ScanAttributes>,
    given: ReadonlyMap<Tensor, Tensor>,
    nodes: readonly Node[],
    flows: readonly Tensor[],
  ) {
    const { carries, scanned, body, residuals } = node.attributes;
    const ends = carries + scanned;
    this.#node = node;
    this.#save = residuals === "save";
    this.#stacks = new Map(given);
    for (let i = carries; i < ends; i++) this.#stacks.set(body.inputs[i], node.inputs[i]);
    this.#forward = new Set(nodesOf(body.outputs));
    this.#varying = dependents(nodes, new Set([...body.inputs.slice(0, ends), ...given.keys(), ...flows]));
    this.#captures = new Map(body.inputs.slice(ends).map((formal, i) => [formal, node.inputs[ends + i]]));
  }

  /** Whether a tensor of the step's gradient differs from step to step. */
  varies(x: Tensor): boolean {
    return this.#varying.has(x.node);
  }

  /** Whether a tensor is stacked as it is, not computed from others that are. */
  isStacked(x: Tensor): boolean {
    return this.#stacks.has(x) || this.#carry(x) >= 0 || (this.#save && this.#forward.has(x.node) && !isCopy(x));
  }

  /** Sees to it that `outside` can give a tensor that the forward pass fixes. */
  settle(x: Tensor): void {
    if (!this.varies(x) || this.#stacks.has(x)) return;
    const carry = this.#carry(x);
    if (carry >= 0) this.#stacks.set(x, this.#carriedIn(carry));
    else if (this.isStacked(x)) this.#stacks.set(x, extendScan(this.#node, x));
    else if (!this.#settled.has(x.node)) {
      this.#settled.add(x.node);
      for (const input of x.node.inputs) this.settle(input);
    }
  }

  /** Adds what the backward loop stacked. */
  add(x: Tensor, stack: Tensor): void {
    this.#stacks.set(x, stack);
  }

  /** Tensors of one step for all steps: [length, …] each. */
  outside(tensors: readonly Tensor[]): Tensor[] {
    const { length } = this.#node.attributes;
    const batched = batchGraph(tensors, this.#stacks, length);
    return this.withCaptures(batched.map(({ tensor, batched: has }) => ensureBatched(tensor, has, length)));
  }

  /** Tensors with the captures in place of their stand-ins. */
  withCaptures(tensors: readonly Tensor[]): Tensor[] {
    return substitute(tensors, this.#captures);
  }

  #carry(x: Tensor): number {
    const { carries, body } = this.#node.attributes;
    const position = body.inputs.indexOf(x);
    return position < carries ? position : -1;
  }

  /** The carry that came into each step. Where a scan stacks the carry that it hands on, this is that stack, shifted. */
  #carriedIn(carry: number): Tensor {
    const { inputs, outputs, attributes } = this.#node;
    const { carries, length, reverse, body } = attributes;
    const first = expandDims(inputs[carry], 0);
    if (length === 1) return first;
    const stacked = body.outputs.indexOf(body.outputs[carry], carries);
    if (stacked < 0) return extendScan(this.#node, body.inputs[carry]);
    const handedOn = outputs[stacked];
    return reverse ? concat([sliceAxis(handedOn, 0, 1), first]) : concat([first, sliceAxis(handedOn, 0, 0, -1)]);
  }
}

/** Whether a tensor only arranges or repeats elements of others that are no larger. */
const isCopy = (x: Tensor): boolean => {
  const { operation, inputs } = x.node;
  return (
    inputs.length > 0 &&
    operation.flops?.(x.node) === 0 &&
    inputs.reduce((size, input) => size + input.size, 0) <= x.size
  );
};
