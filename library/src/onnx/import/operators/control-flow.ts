import {
  add,
  and,
  concat,
  cond,
  expandDims,
  flip,
  less,
  moveAxis,
  reshape,
  scan,
  slice,
  stack,
  type Tensor,
  whileLoop,
} from "../../../core/index.ts";
import type { GraphProto } from "../../../runtime/onnx/protobuf/index.ts";
import { dataTypeName } from "../../model/tensor-data.ts";
import type { Converters, NodeContext } from "../context.ts";
import { type Entry, tensorEntry } from "../entry.ts";
import { NeedsData, Unsupported } from "../faults.ts";
import { knownNumbers } from "../known.ts";
import { constantOf } from "./types.ts";

/** A loop whose number of steps is known is traced step by step, up to this many. */
const mostSteps = 1000;

const bodyOf = (node: NodeContext, name: string): GraphProto => {
  const graph = node.attributes.graph(name);
  if (!graph) throw new Unsupported(`it has no graph "${name}"`);
  return graph;
};

/** The truth of an input that is known while tracing; undefined where it is not. */
const knownTruth = (node: NodeContext, input: number): boolean | undefined => {
  const data = node.data(input);
  return data && Number(data.data[0]) !== 0;
};

function loop(node: NodeContext): Entry[] {
  const body = bodyOf(node, "body");
  const carriedCount = node.inputs - 2;
  const start = Array.from({ length: carriedCount }, (_, i) => node.given(i + 2));
  const limit = node.optional(0) ? node.data(0) : undefined;
  if (node.optional(0) && !limit) return openLoop(node, body, start);
  const trips = limit ? Number(limit.data[0]) : Number.POSITIVE_INFINITY;
  let going = node.optional(1) ? knownTruth(node, 1) : true;
  let carried = start;
  const collected: Tensor[][] = Array.from({ length: body.output.length - 1 - carriedCount }, () => []);
  for (let step = 0; step < trips; step++) {
    if (going === undefined) return openLoop(node, body, start);
    if (!going) break;
    if (step >= mostSteps) throw new Unsupported(`it takes more than ${mostSteps} steps`);
    const results = node.traceSubgraph(body, [
      tensorEntry(constantOf([step], [], "int64")),
      tensorEntry(constantOf([1], [], "bool")),
      ...carried,
    ]);
    going = truthOf(results[0]);
    carried = results.slice(1, 1 + carriedCount);
    results.slice(1 + carriedCount).forEach((entry, i) => {
      if (entry.kind !== "tensor") throw new Unsupported("it collects something else than tensors");
      collected[i].push(entry.tensor);
    });
  }
  return [...carried, ...collected.map((steps, i) => tensorEntry(joined(steps, body, 1 + carriedCount + i)))];
}

function truthOf(entry: Entry): boolean | undefined {
  if (entry.kind !== "tensor") throw new Unsupported("its condition is not a tensor");
  const numbers = knownNumbers(entry.tensor);
  return numbers && numbers[0] !== 0;
}

/** The collected results of the steps, one after the other along a new first axis. */
function joined(steps: readonly Tensor[], body: GraphProto, output: number): Tensor {
  if (steps.length > 0) return concat(steps.map((one) => expandDims(one, 0)));
  const type = body.output[output].type?.tensorType;
  const name = dataTypeName(type?.elemType ?? 1) ?? "float32";
  const shape = type?.shape?.dim.map(({ dimValue }) => Number(dimValue ?? 0)) ?? [];
  return constantOf([], [0, ...shape], name);
}

/** The tensors of entries; what is chosen or carried while the model runs can be nothing else. */
const tensorsIn = (entries: readonly Entry[]): Tensor[] =>
  entries.map((entry) => {
    if (entry.kind !== "tensor") throw new NeedsData(`it works on a ${entry.kind} in a way that depends on its inputs`);
    return entry.tensor;
  });

/** Tensors as entries, with the element types of others. */
const typedLike = (tensors: readonly Tensor[], like: readonly Entry[]): Entry[] =>
  tensors.map((tensor, i) => tensorEntry(tensor, like[i].kind === "tensor" ? like[i].type : tensor.dtype));

function choose(node: NodeContext): Entry[] {
  const branches = ["then_branch", "else_branch"].map((name) => bodyOf(node, name));
  const known = knownTruth(node, 0);
  if (known !== undefined) return node.traceSubgraph(branches[known ? 0 : 1], []);
  let like: Entry[] = [];
  const trace = (graph: GraphProto) => () => {
    like = node.traceSubgraph(graph, []);
    return tensorsIn(like);
  };
  const results = cond(reshape(node.tensor(0), []), trace(branches[0]), trace(branches[1]));
  return typedLike(results, like);
}

/** A loop whose number of steps is only known while the model runs. It cannot collect: results have fixed sizes. */
function openLoop(node: NodeContext, body: GraphProto, carried: readonly Entry[]): Entry[] {
  if (body.output.length > 1 + carried.length)
    throw new NeedsData("it collects a result at each step, and its number of steps depends on its inputs");
  const trips = node.optional(0);
  const going = node.optional(1);
  const first = {
    step: constantOf([0], [], "int64"),
    going: going ? reshape(going, []) : constantOf([1], [], "bool"),
    carried: tensorsIn(carried),
  };
  const last = whileLoop(
    (state: typeof first) => (trips ? and(state.going, less(state.step, reshape(trips, []))) : state.going),
    (state) => {
      const given = [tensorEntry(state.step), tensorEntry(state.going), ...typedLike(state.carried, carried)];
      const [next, ...results] = tensorsIn(node.traceSubgraph(body, given));
      return { step: add(state.step, 1), going: reshape(next, []), carried: results };
    },
    first,
  );
  return typedLike(last.carried, carried);
}

/** One scan over sequences along their first axis, each forward or backward. */
function scanOver(node: NodeContext, states: readonly Tensor[], sequences: readonly Tensor[]): [Tensor[], Tensor[]] {
  const body = bodyOf(node, "body");
  const [ends, collected] = scan(
    (carry: Tensor[], x: Tensor[]) => {
      const results = tensorsIn(
        node.traceSubgraph(
          body,
          [...carry, ...x].map((one) => tensorEntry(one)),
        ),
      );
      return [results.slice(0, carry.length), results.slice(carry.length)] as const;
    },
    [...states],
    [...sequences],
  );
  return [ends, collected];
}

function scanNode(node: NodeContext): Tensor[] {
  const { attributes, version } = node;
  const batched = version < 9;
  const count = attributes.int("num_scan_inputs", 1);
  const all = node.tensors(batched ? 1 : 0);
  const [states, given] = [all.slice(0, -count), all.slice(-count)];
  const axes = attributes.ints("scan_input_axes") ?? given.map(() => 0);
  const directions = attributes.ints(batched ? "directions" : "scan_input_directions") ?? given.map(() => 0);
  const turned = (x: Tensor, backward: number | undefined) => (backward === 1 ? flip(x, { axis: 0 }) : x);
  if (batched) {
    // The first version ran each row of a batch by itself.
    const rows = Array.from({ length: all[0].shape[0] }, (_, row) => {
      const parts = given.map((x, i) => turned(slice(x, [row]), directions[i]));
      const [ends, collected] = scanOver(
        node,
        states.map((x) => slice(x, [row])),
        parts,
      );
      return [...ends, ...collected];
    });
    return rows[0].map((_, i) => stack(rows.map((row) => row[i])));
  }
  const sequences = given.map((x, i) => turned(moveAxis(x, axes[i], 0), directions[i]));
  const [ends, collected] = scanOver(node, states, sequences);
  const outputAxes = attributes.ints("scan_output_axes") ?? [];
  const outputDirections = attributes.ints("scan_output_directions") ?? [];
  return [...ends, ...collected.map((x, i) => moveAxis(turned(x, outputDirections[i]), 0, outputAxes[i] ?? 0))];
}

export const controlOperators: Converters = { If: choose, Loop: loop, Scan: scanNode };
