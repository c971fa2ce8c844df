import { nodesOf } from "./graph.ts";
import type { Operation } from "./operation.ts";
import { sizeOf } from "./shape.ts";
import { withSite } from "./site.ts";
import { constant, constantOperation, constantValue, inputOperation, Node, type Tensor } from "./tensor.ts";
import { dropUnused } from "./unused.ts";
import { convert, Value } from "./value.ts";

export interface SimplifyOptions {
  /** Names of rules to leave out: "common-subexpressions", "fold-constants", "unused-results", or one of an operation. */
  readonly without?: readonly string[];
}

/** Constants above this many elements are not made by folding: they would swell the model for little gain. */
const foldLimit = 4096;

/**
 * The same outputs from a simpler graph: nothing that is not needed (dead code falls away by itself), nothing computed
 * twice, constants computed now, and every rule that operations declare applied until none applies.
 *
 * @returns tensors in the order of `outputs`, of the same shapes and dtypes
 */
export function simplify(outputs: readonly Tensor[], { without = [] }: SimplifyOptions = {}): Tensor[] {
  const off = new Set(without);
  const replaced = new Map<Tensor, Tensor>();
  const known = new Map<string, Node>();
  const keys = new KeyMaker();

  const visit = (tensor: Tensor): Tensor => {
    const earlier = replaced.get(tensor);
    if (earlier !== undefined) return earlier;
    process(tensor.node);
    return replaced.get(tensor)!;
  };

  const settle = (node: Node, results: readonly Tensor[]): void => {
    node.outputs.forEach((output, i) => {
      replaced.set(output, results[i]);
    });
  };

  const process = (node: Node): void => {
    const inputs = node.inputs.map(visit);
    let current = node;
    const attributes = node.operation.mapSubgraphs?.(node.attributes, (body) => ({
      ...body,
      outputs: simplify(body.outputs, { without }),
    }));
    if (attributes !== undefined || inputs.some((x, i) => x !== node.inputs[i]))
      current = new Node(node.operation, inputs, attributes ?? node.attributes, node.outputs, node.site);
    if (!off.has("common-subexpressions") && !node.operation.opaque) {
      const key = keys.keyOf(current);
      if (key !== undefined) {
        const twin = known.get(key);
        if (twin !== undefined && twin !== current) {
          settle(node, twin.outputs.map(visitSettled));
          settle(current, node.outputs.map(visitSettled));
          return;
        }
        known.set(key, current);
      }
    }
    const rewritten = withSite(node.site, () => rewrite(current, off));
    if (rewritten === undefined) {
      settle(node, current.outputs);
      settle(current, current.outputs);
      return;
    }
    // What a rule made may be simplified again; a rule may also hand back the node itself among its results.
    const results = rewritten.map((tensor) => (tensor.node === current ? tensor : visit(tensor)));
    settle(node, results);
    settle(current, results);
  };

  const visitSettled = (tensor: Tensor): Tensor => replaced.get(tensor) ?? tensor;

  for (const node of nodesOf(outputs)) if (!replaced.has(node.outputs[0])) process(node);
  const results = outputs.map(visit);
  return off.has("unused-results") ? results : dropUnused(results);
}

function rewrite(node: Node, off: ReadonlySet<string>): readonly Tensor[] | undefined {
  if (!off.has("fold-constants")) {
    const folded = fold(node);
    if (folded !== undefined) return folded;
  }
  for (const [name, rule] of Object.entries(node.operation.simplifications ?? {})) {
    if (off.has(name)) continue;
    const result = rule(node);
    if (result !== undefined) return result;
  }
  return undefined;
}

/** Computes a node whose inputs are all known, if the result is small. */
function fold(node: Node): Tensor[] | undefined {
  const { operation, inputs, outputs } = node;
  if (inputs.length === 0 || operation.opaque || operation.host !== undefined) return undefined;
  const values: Value[] = [];
  for (const x of inputs) {
    const value = constantValue(x);
    if (value === undefined || value.size > foldLimit) return undefined;
    values.push(value);
  }
  const largest = Math.max(...values.map((value) => value.size));
  // A small constant stretched to a large one stays a stretch: the runtime broadcasts for nothing.
  if (outputs.some(({ shape }) => sizeOf(shape) > largest)) return undefined;
  const results = operation.reference(
    values.map((value) => value.toFloat64()),
    node,
  );
  return outputs.map(({ shape, dtype }, i) => constant(new Value(convert(results[i], dtype), shape, dtype)));
}

/** Makes texts that are equal for nodes that compute the same. */
class KeyMaker {
  readonly #ids = new Map<object, number>();

  keyOf(node: Node): string | undefined {
    const { operation, inputs, attributes } = node;
    if ((operation as Operation) === inputOperation) return undefined;
    if ((operation as unknown) === constantOperation) {
      const { value } = attributes as unknown as { value: Value };
      return value.size <= 64 ? `constant ${value} ${value.data.join()}` : `constant ${this.#id(value)}`;
    }
    let key = `${this.#id(operation)}`;
    for (const x of inputs) key += ` ${x.node.id}.${x.index}`;
    for (const name in attributes) key += ` ${name}=${this.#text(attributes[name])}`;
    return key;
  }

  #text(item: unknown): string {
    if (Array.isArray(item)) return `[${item.map((part) => this.#text(part)).join()}]`;
    if ((typeof item === "object" && item !== null) || typeof item === "function") return `#${this.#id(item)}`;
    return Object.is(item, -0) ? "-0" : String(item);
  }

  #id(item: object): number {
    let id = this.#ids.get(item);
    if (id === undefined) this.#ids.set(item, (id = this.#ids.size));
    return id;
  }
}
