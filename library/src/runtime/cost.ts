import { dtypes } from "../core/dtype.ts";
import { nodesOf } from "../core/graph.ts";
import type { Tensor } from "../core/tensor.ts";

/** What a program costs, from its graph alone. */
export interface Cost {
  /** Floating-point operations of one call; a multiplication and an addition count as two. */
  readonly flops: number;
  /** Bytes that operations read and write, if every one goes to memory. */
  readonly bytes: number;
  /** Bytes of arguments, results and the intermediates alive at the worst moment: an estimate of peak memory. */
  readonly peakBytes: number;
  /** Flops and bytes by operation, most flops first. */
  readonly operations: readonly { operation: string; count: number; flops: number; bytes: number }[];
}

const bytesOf = (tensor: Tensor): number => tensor.size * dtypes[tensor.dtype].bytes;

/** The cost of a graph run in the order of its nodes. */
export function costOf(inputs: readonly Tensor[], outputs: readonly Tensor[]): Cost {
  const given = new Set(inputs);
  const nodes = nodesOf(outputs);
  const lastUse = new Map<Tensor, number>();
  nodes.forEach((node, i) => {
    for (const x of node.inputs) lastUse.set(x, i);
  });
  for (const output of outputs) lastUse.set(output, nodes.length);
  const rows = new Map<string, { operation: string; count: number; flops: number; bytes: number }>();
  let alive = inputs.reduce((total, tensor) => total + bytesOf(tensor), 0);
  let peakBytes = alive;
  nodes.forEach((node, i) => {
    if (node.outputs.some((output) => given.has(output))) return;
    const { operation } = node;
    const made = node.outputs
      .filter((output) => lastUse.has(output))
      .reduce((total, output) => total + bytesOf(output), 0);
    alive += made;
    peakBytes = Math.max(peakBytes, alive);
    if (node.inputs.length === 0) return;
    const row = rows.get(operation.name) ?? { operation: operation.name, count: 0, flops: 0, bytes: 0 };
    row.count++;
    row.flops += operation.flops?.(node) ?? node.outputs.reduce((total, output) => total + output.size, 0);
    row.bytes += made + node.inputs.reduce((total, x) => total + bytesOf(x), 0);
    rows.set(operation.name, row);
    for (const x of new Set(node.inputs)) if (lastUse.get(x) === i && !given.has(x)) alive -= bytesOf(x);
  });
  const operations = [...rows.values()].sort((a, b) => b.flops - a.flops);
  const total = (key: "flops" | "bytes") => operations.reduce((sum, row) => sum + row[key], 0);
  return { flops: total("flops"), bytes: total("bytes"), peakBytes, operations };
}
