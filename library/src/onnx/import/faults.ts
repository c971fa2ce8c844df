import { SluiceError } from "../../core/errors.ts";
import type { NodeProto } from "../../runtime/onnx/protobuf/index.ts";

/** One thing about a model that keeps it from being traced. */
export interface Problem {
  /** The node's name, or its first output's where it has none. */
  node: string;
  operator: string;
  reason: string;
}

/** A model that cannot be traced; `problems` lists everything that stands in the way, node by node. */
export class ImportError extends SluiceError {
  readonly problems: readonly Problem[];
  /** Whether some of it could be traced if the inputs' numbers were known. */
  readonly needsData: boolean;

  constructor(problems: readonly Problem[], needsData = false) {
    const reasons = new Map<string, string[]>();
    for (const { operator, reason, node } of problems) {
      const key = `${operator}: ${reason}`;
      reasons.set(key, [...(reasons.get(key) ?? []), node]);
    }
    const lines = [...reasons].map(([reason, nodes]) => `\n  ${reason} (${listSome(nodes)})`);
    super("onnx/unsupported", `${plural(problems.length, "node")} of the model cannot be traced:${lines.join("")}`, {
      fix: "run() executes such a model whole; importOnnx with `outputs` takes the part before these nodes",
    });
    this.problems = problems;
    this.needsData = needsData;
  }
}

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

const listSome = (names: readonly string[]): string =>
  `${names.length === 1 ? "node" : "nodes"} ${names.slice(0, 10).join(", ")}${names.length > 10 ? ", …" : ""}`;

/** Thrown by a converter: this node, as it is used here, cannot become operations of the core. */
export class Unsupported extends Error {}

/** Thrown by a converter: it needs numbers that are only there when the model runs. */
export class NeedsData extends Unsupported {}

export const nodeName = (node: NodeProto): string =>
  node.name || node.output.find((name) => name !== "") || "without name";
export const operatorName = ({ domain, opType }: NodeProto): string => (domain ? `${domain}.${opType}` : opType);
