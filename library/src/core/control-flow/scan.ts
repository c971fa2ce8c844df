import { ShapeError } from "../errors.ts";
import type { GraphBuilder, Operation, Subgraph } from "../operation.ts";
import { broadcastTo, isBroadcast } from "../operations/broadcast.ts";
import { ensureBatched, normaliseAxis } from "../operations/define.ts";
import { zeros } from "../operations/range.ts";
import { reshape } from "../operations/reshape.ts";
import { moveAxis } from "../operations/transpose.ts";
import { evaluateSubgraph } from "../oracle.ts";
import { sizeOf } from "../shape.ts";
import { apply, asTensor, constantValue, type Node, Tensor } from "../tensor.ts";
import { batchGraph } from "../transforms/vmap.ts";
import { leavesOf, type Symbolic } from "../tree.ts";
import { Value } from "../value.ts";
import { hoistRandom } from "./hoist-random.ts";
import { expectSameTree, tensorTree, withLeaves } from "./same-tree.ts";
import { scanGradient } from "./scan-gradient.ts";
import { bodyFlops, closeOver, inline, narrowBody, neededInputs, placeholder, substitute } from "./subgraph.ts";

/**
 * A loop over the leading axis. Inputs: initial carries, scanned tensors [length, …], captures. The body takes the
 * carries, one element of each scanned tensor and the captures, and gives the next carries and what is stacked.
 * Outputs: last carries, stacks [length, …].
 */
export interface ScanAttributes {
  readonly carries: number;
  readonly scanned: number;
  readonly length: number;
  readonly reverse: boolean;
  /** Whether the gradient keeps what the forward pass computed, or computes it again from the carries. */
  readonly residuals: "save" | "recompute";
  readonly body: Subgraph;
}

export const scanOperation: Operation<ScanAttributes> = {
  name: "scan",
  infer: (_, { carries, length, body }) =>
    body.outputs.map(({ shape, dtype }, i) => ({ shape: i < carries ? shape : [length, ...shape], dtype })),
  emit: (graph, inputs, { attributes }) => writeScan(graph, inputs, attributes),
  reference: (inputs, { inputs: tensors, outputs, attributes: { carries, scanned, length, reverse, body } }) => {
    let state = inputs.slice(0, carries);
    const captures = inputs.slice(carries + scanned);
    const results = outputs.slice(carries).map((output) => new Float64Array(output.size));
    for (let i = 0; i < length; i++) {
      const step = reverse ? length - 1 - i : i;
      const elements = inputs.slice(carries, carries + scanned).map((data, k) => {
        const size = sizeOf(tensors[carries + k].shape.slice(1));
        return data.subarray(step * size, (step + 1) * size);
      });
      const made = evaluateSubgraph(body, [...state, ...elements, ...captures]);
      state = made.slice(0, carries);
      results.forEach((result, k) => {
        result.set(made[carries + k], (step * result.length) / length);
      });
    }
    return [...state, ...results];
  },
  gradient: scanGradient,
  batch: batchScan,
  simplifications: {
    "single-step": ({ inputs, outputs, attributes: { carries, scanned, length, body } }) => {
      if (length !== 1) return undefined;
      const elements = inputs.map((x, i) => (i < carries || i >= carries + scanned ? x : reshape(x, x.shape.slice(1))));
      return inline(body, elements).map((made, i) => reshape(made, outputs[i].shape));
    },
    "scan-over-copies": ({ inputs, attributes }) => {
      // What is the same at every step need not be cut into steps.
      const { carries, scanned, body } = attributes;
      const at = inputs.findIndex((x, i) => i >= carries && i < carries + scanned && isRepeated(x));
      if (at < 0) return undefined;
      const source = inputs[at].node.inputs[0];
      const narrow = source.rank === inputs[at].rank ? reshape(source, source.shape.slice(1)) : source;
      const formal = body.inputs[at];
      const inner = placeholder(narrow, narrow.origin);
      const outputs = substitute(body.outputs, new Map([[formal, broadcastTo(inner, formal.shape)]]));
      const without = <T>(list: readonly T[]): T[] => list.filter((_, i) => i !== at);
      return apply(scanOperation, [...without(inputs), narrow], {
        ...attributes,
        scanned: scanned - 1,
        body: { inputs: [...without(body.inputs), inner], outputs },
      });
    },
    "constants-into-bodies": ({ inputs, attributes }) => {
      const { carries, scanned, body } = attributes;
      const isKnown = (x: Tensor, i: number): boolean =>
        i >= carries + scanned && (constantValue(x)?.size ?? Infinity) <= smallConstant;
      if (!inputs.some(isKnown)) return undefined;
      const known = new Map(inputs.flatMap((x, i) => (isKnown(x, i) ? [[body.inputs[i], x] as const] : [])));
      return apply(
        scanOperation,
        inputs.filter((x, i) => !isKnown(x, i)),
        {
          ...attributes,
          body: {
            inputs: body.inputs.filter((formal) => !known.has(formal)),
            outputs: substitute(body.outputs, known),
          },
        },
      );
    },
  },
  mapSubgraphs: (attributes, replace) => ({ ...attributes, body: replace(attributes.body) }),
  dropUnused: ({ inputs, outputs, attributes, operation }, used) => {
    const { carries, scanned, body } = attributes;
    // A carry that no result depends on is carried for nothing: grow the set of useful ones until it is closed.
    const neededBy = (results: readonly boolean[]) =>
      neededInputs({ inputs: body.inputs, outputs: body.outputs.filter((_, i) => results[i]) });
    let keep = used;
    let needed = neededBy(keep);
    while (needed.some((now, i) => now && i < carries && !keep[i])) {
      keep = keep.map((already, i) => already || (i < carries && needed[i]));
      needed = neededBy(keep);
    }
    const kept = inputs.map((_, i) => (i < carries ? keep[i] : needed[i]));
    if (kept.every(Boolean) && keep.every(Boolean)) return undefined;
    const count = (flags: readonly boolean[], from: number, to: number) => flags.slice(from, to).filter(Boolean).length;
    const results = apply(
      operation,
      inputs.filter((_, i) => kept[i]),
      {
        ...attributes,
        carries: count(keep, 0, carries),
        scanned: count(kept, carries, carries + scanned),
        body: narrowBody(body, kept, keep),
      },
    );
    let next = 0;
    return outputs.map((_, i) => (keep[i] ? results[next++] : undefined));
  },
  flops: ({ attributes: { length, body } }) => length * bodyFlops(body),
};

/** Constants up to this many elements are written into bodies, where they can be computed with. */
const smallConstant = 64;

const isRepeated = (x: Tensor): boolean => {
  if (!isBroadcast(x)) return false;
  const [source] = x.node.inputs;
  return source.rank < x.rank || (source.shape[0] === 1 && x.shape[0] !== 1);
};

/** Writes an ONNX Scan. Captures are names of the graph around it. */
function writeScan(
  graph: GraphBuilder,
  inputs: readonly string[],
  { carries, scanned, length, reverse, body }: ScanAttributes,
): string[] {
  const ends = carries + scanned;
  const formal = body.inputs.slice(0, ends);
  const given = inputs.slice(0, ends);
  if (scanned === 0) {
    // ONNX wants something to scan: it is what says how many steps there are.
    const clock = new Value(new Uint8Array(length), [length]);
    formal.push(placeholder({ shape: [], dtype: "uint8" }, "step"));
    given.push(graph.constant(clock));
  }
  const scans = Math.max(1, scanned);
  const stacks = body.outputs.length - carries;
  const directions = (count: number) => (reverse && count > 0 ? new Array<number>(count).fill(1) : undefined);
  return graph.nodes("Scan", given, {
    outputs: body.outputs.length,
    attributes: {
      body: {
        graph: {
          formal,
          bound: new Map(body.inputs.slice(ends).map((capture, i) => [capture, inputs[ends + i]])),
          outputs: body.outputs,
        },
      },
      num_scan_inputs: scans,
      scan_input_directions: directions(scans),
      scan_output_directions: directions(stacks),
    },
  });
}

/** Which carries become batched is found by trial: a batched element or capture may reach a carry after some steps. */
function batchScan(
  inputs: readonly Tensor[],
  batched: readonly boolean[],
  attributes: ScanAttributes,
  size: number,
): Tensor[] {
  const { carries, scanned, body } = attributes;
  const flags = [...batched];
  const wide = body.inputs.map((formal) =>
    placeholder({ shape: [size, ...formal.shape], dtype: formal.dtype }, formal.origin),
  );
  let results: ReturnType<typeof batchGraph>;
  let changed: boolean;
  do {
    const replacements = new Map(body.inputs.flatMap((formal, i) => (flags[i] ? [[formal, wide[i]] as const] : [])));
    results = batchGraph(body.outputs, replacements, size);
    changed = false;
    for (let i = 0; i < carries; i++)
      if (results[i].batched && !flags[i]) {
        flags[i] = true;
        changed = true;
      }
  } while (changed);
  const outputs = apply(
    scanOperation,
    inputs.map((x, i) => {
      if (!flags[i]) return x;
      if (i < carries) return ensureBatched(x, batched[i], size);
      return i < carries + scanned ? moveAxis(x, 1, 0) : x;
    }),
    {
      ...attributes,
      body: {
        inputs: body.inputs.map((formal, i) => (flags[i] ? wide[i] : formal)),
        outputs: results.map(({ tensor, batched: has }, i) =>
          i < carries && flags[i] ? ensureBatched(tensor, has, size) : tensor,
        ),
      },
    },
  );
  return outputs.map((output, i) => {
    if (i < carries) return ensureBatched(output, flags[i], size);
    return results[i].batched ? moveAxis(output, 1, 0) : ensureBatched(output, false, size);
  });
}

/**
 * Lets a scan also stack a tensor of its body, and returns the stack [length, …]. The node itself grows: whoever holds
 * its outputs keeps them, and the loop still runs once.
 */
export function extendScan(node: Node<ScanAttributes>, tensor: Tensor): Tensor {
  const { attributes } = node;
  const { carries, length, body } = attributes;
  const known = body.outputs.indexOf(tensor, carries);
  if (known >= 0) return node.outputs[known];
  // Copies of the node may share its attributes: these are replaced, not changed.
  (node as { attributes: ScanAttributes }).attributes = {
    ...attributes,
    body: { inputs: body.inputs, outputs: [...body.outputs, tensor] },
  };
  const output = new Tensor(node as unknown as Node, node.outputs.length, [length, ...tensor.shape], tensor.dtype);
  node.outputs.push(output);
  return output;
}

export interface ScanOptions {
  /** From the last element to the first. Results still stand at the places of their elements. Default false. */
  readonly reverse?: boolean;
  /** The axis of `xs` that is gone along, and along which results are stacked. Default 0. */
  readonly axis?: number;
  /** Number of steps, where there are no `xs` to tell. */
  readonly length?: number;
  /**
   * "save": the gradient keeps what the forward pass computed at every step, and does outside the loop all that need
   * not be in it: fast. "recompute": it keeps only the carries: small. Default "save".
   */
  readonly residuals?: "save" | "recompute";
}

/**
 * Carries a state through a sequence: one loop in the program, however long the sequence.
 *
 *     carry₀ = init,  [carryₜ₊₁, yₜ] = fn(carryₜ, xₜ)
 *
 * Differentiable (also twice), batched by `vmap`; scans may stand in scans. Products that need only `x` are faster
 * before the scan, for all steps at once. Random numbers: pass `splitStacked(key, length)` among `xs`.
 *
 * @param fn    (carry, x) => [next carry, y], over trees; traced once. The next carry has the shapes and dtypes of `init`
 * @param init  tree of the first carry
 * @param xs    tree of tensors [length, …] (or with the sequence along `axis`); may be null when `length` is given
 * @returns     [last carry, ys], with the y of all steps stacked along `axis`
 * @throws      ShapeError `scan/length`, `scan/carry`, `scan/result`; DTypeError `scan/carry`; SettingError `scan/random`
 * @example
 * const [total, sums] = scan((s, x) => [add(s, x), add(s, x)], 0, value([1, 2, 3]));   // 6, [1, 3, 6]
 */
export function scan<C, X, Y>(
  fn: (carry: Symbolic<NoInfer<C>>, x: Symbolic<NoInfer<X>>) => readonly [Symbolic<NoInfer<C>>, Y],
  init: C,
  xs: X,
  options: ScanOptions = {},
): [Symbolic<C>, Y] {
  const { reverse = false, axis = 0, residuals = "save" } = options;
  const sequences = (leavesOf(xs) as Tensor[]).map((leaf) => {
    const x = asTensor(leaf);
    return moveAxis(x, normaliseAxis("scan", x, axis), 0);
  });
  const length = lengthOf(sequences, options.length);
  const start = tensorTree(init);
  const first = leavesOf(start) as Tensor[];
  const carried = first.map((leaf, i) => placeholder(leaf, `carry ${i}`));
  const elements = sequences.map((x, i) => placeholder({ shape: x.shape.slice(1), dtype: x.dtype }, `element ${i}`));
  const result = fn(withLeaves(start, carried), withLeaves(xs, elements));
  if (!Array.isArray(result) || result.length !== 2)
    throw new ShapeError("scan/result", "the function of a scan returns [carry, y]", {
      given: Array.isArray(result) ? `an array of ${result.length}` : typeof result,
      fix: "return [nextCarry, y]; y may be null",
    });
  const next = expectSameTree("scan/carry", start, result[0], {
    names: ["first carry", "next carry"],
    fix: "start with a carry of the structure, shapes and dtypes that the function returns (zeros of that shape, say)",
  });
  const ys = (leavesOf(result[1]) as Tensor[]).map((leaf) => asTensor(leaf));
  const stackedTree = (stacks: readonly Tensor[]) =>
    withLeaves(
      result[1],
      stacks.map((y) => moveAxis(y, 0, axis)),
    );
  if (length === 0) {
    const empty = ys.map(({ shape, dtype }) => zeros([0, ...shape], { dtype }));
    return [start, stackedTree(empty)];
  }
  const drawn = hoistRandom([...next, ...ys], carried, new Map(elements.map((x, i) => [x, sequences[i]])), length);
  const scanned = [...elements, ...drawn.elements];
  const { body, captures } = closeOver([...carried, ...scanned], drawn.outputs);
  const outputs = apply(scanOperation, [...first, ...sequences, ...drawn.sequences, ...captures], {
    carries: first.length,
    scanned: scanned.length,
    length,
    reverse,
    residuals,
    body,
  });
  return [withLeaves(start, outputs.slice(0, first.length)), stackedTree(outputs.slice(first.length))];
}

function lengthOf(sequences: readonly Tensor[], given: number | undefined): number {
  const length = given ?? sequences[0]?.shape[0];
  if (length === undefined || !Number.isInteger(length) || length < 0)
    throw new ShapeError("scan/length", "a scan without sequences needs a number of steps", {
      given,
      fix: "give { length }",
    });
  const odd = sequences.find((x) => x.shape[0] !== length);
  if (odd !== undefined)
    throw new ShapeError("scan/length", `sequences differ in length: ${length} and ${odd.shape[0]}`, {
      operands: { first: sequences[0], other: odd },
      fix: "all leaves of xs have the same size along the scanned axis, and `length` is that size",
    });
  return length;
}
