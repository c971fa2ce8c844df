import { concat, expandDims, type Tensor } from "../../../core/index.ts";
import type { GraphProto } from "../../../runtime/onnx/protobuf/index.ts";
import { dataTypeName } from "../../model/tensorData.ts";
import type { Converters, NodeContext } from "../context.ts";
import { type Entry, tensorEntry } from "../entry.ts";
import { NeedsData, Unsupported } from "../faults.ts";
import { knownNumbers } from "../known.ts";
import { constantOf } from "./types.ts";

/** A loop whose number of steps is known is traced step by step, up to this many. */
const mostSteps = 10_000;

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
  const trips = node.optional(0) ? node.number(0)! : Number.POSITIVE_INFINITY;
  let going = node.optional(1) ? knownTruth(node, 1) : true;
  let carried = Array.from({ length: carriedCount }, (_, i) => node.given(i + 2));
  const collected: Tensor[][] = Array.from({ length: body.output.length - 1 - carriedCount }, () => []);
  for (let step = 0; step < trips; step++) {
    if (going === undefined)
      throw new NeedsData(
        "whether it goes on depends on its inputs, so its number of steps is not known while tracing",
      );
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

export const controlOperators: Converters = {
  If: (node) => {
    const branch = knownTruth(node, 0);
    if (branch !== undefined) return node.traceSubgraph(bodyOf(node, branch ? "then_branch" : "else_branch"), []);
    throw new NeedsData("which branch it takes depends on its inputs");
  },
  Loop: loop,
};
