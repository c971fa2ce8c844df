import { nodesOf } from "../core/graph.ts";
import type { Node, Tensor } from "../core/tensor.ts";
import { convert, Value } from "../core/value.ts";

/** A part of a program that runs in one place: on the host, or as one ONNX model. */
export interface Stage {
  readonly place: "host" | "graph";
  /** What it takes: inputs of the program, or results of earlier stages. */
  readonly inputs: readonly Tensor[];
  /** What it gives: results of the program, or what later stages take. */
  readonly outputs: readonly Tensor[];
  readonly nodes: readonly Node[];
}

/** Keys are the host's business: whatever only turns keys into keys stays there, too. */
const onHost = (node: Node): boolean =>
  node.operation.host !== undefined ||
  (node.inputs.length > 0 && [...node.inputs, ...node.outputs].every((tensor) => tensor.dtype === "uint32"));

/**
 * Cuts a graph into as few stages as its host nodes allow. A program without random numbers is one graph stage; one
 * with them is a host stage and a graph stage.
 */
export function cutIntoStages(inputs: readonly Tensor[], outputs: readonly Tensor[]): Stage[] {
  const given = new Set(inputs);
  const nodes = nodesOf(outputs).filter((node) => !node.outputs.some((output) => given.has(output)));
  // Even levels are the host's, odd ones the graph's; constants belong to whoever uses them.
  const levels = new Map<Node, number>();
  for (const node of nodes) {
    if (node.inputs.length === 0) continue;
    let level = onHost(node) ? 0 : 1;
    for (const { node: source } of node.inputs) {
      const earlier = levels.get(source) ?? 0;
      if (earlier > level) level = earlier % 2 === level % 2 ? earlier : earlier + 1;
    }
    levels.set(node, level);
  }
  const last = Math.max(1, ...levels.values());
  const stages: Stage[] = [];
  for (let level = 0; level <= last; level++) {
    const mine = nodes.filter((node) => levels.get(node) === level);
    const made = new Set(mine);
    const isOutside = (x: Tensor) => !made.has(x.node) && (x.node.inputs.length > 0 || given.has(x));
    const taken = new Set(mine.flatMap((node) => node.inputs.filter(isOutside)));
    const wanted = new Set(nodes.filter((node) => !made.has(node)).flatMap((node) => node.inputs));
    for (const output of outputs) wanted.add(output);
    const direct = level === last ? outputs.filter((x) => x.node.inputs.length === 0 && !given.has(x)) : [];
    const results = [
      ...mine.flatMap((node) => node.outputs.filter((output) => wanted.has(output))),
      ...new Set(direct),
    ];
    if (results.length === 0) continue;
    stages.push({ place: level % 2 === 0 ? "host" : "graph", inputs: [...taken], outputs: results, nodes: mine });
  }
  return stages;
}

/** Runs a host stage: adds its results to `known`. */
export function runHostStage(stage: Stage, known: Map<Tensor, Value>): void {
  const valueOf = (x: Tensor): Value => known.get(x) ?? (x.node.attributes as unknown as { value: Value }).value;
  for (const node of stage.nodes) {
    const inputs = node.inputs.map(valueOf);
    const results =
      node.operation.host?.(inputs, node) ??
      node.operation
        .reference(
          inputs.map((one) => one.toFloat64()),
          node,
        )
        .map(
          (data, i) => new Value(convert(data, node.outputs[i].dtype), node.outputs[i].shape, node.outputs[i].dtype),
        );
    node.outputs.forEach((output, i) => {
      known.set(output, results[i]);
    });
  }
}
