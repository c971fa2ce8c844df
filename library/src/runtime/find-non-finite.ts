import { isFloat } from "../core/dtype.ts";
import { nodesOf } from "../core/graph.ts";
import { cast } from "../core/operations/cast.ts";
import { isFinite, isNaN, not } from "../core/operations/comparison.ts";
import { stack } from "../core/operations/concat.ts";
import { all, any } from "../core/operations/reduce.ts";
import { simplify } from "../core/simplify.ts";
import { asTensor, constantValue, type Node, type Tensor } from "../core/tensor.ts";
import { leavesOf } from "../core/tree.ts";
import type { Value } from "../core/value.ts";
import { type CompileOptions, compile } from "./program.ts";

/** Where numbers first went wrong in a run of a function. */
export interface NonFinite {
  /** The operation, or "input". */
  readonly operation: string;
  /** What it made: "exp(float32[2,3])", or the input's name. */
  readonly origin: string;
  /** The user's line that wrote it. */
  readonly line: string | undefined;
  readonly kind: "NaN" | "Infinity";
}

/** What a tensor held in this run. */
type State = "finite" | "Infinity" | "NaN";

/**
 * Runs a function again with every float in it watched, and says which operation first made a number that is not finite.
 * It is slower than the run it explains.
 *
 * An infinity that never turns into NaN and reaches no result (a mask, say) is nobody's fault. Where there is NaN, the
 * operation is the first that made an infinity from finite numbers on the way to it (an overflowing exp), or else the
 * one that made the NaN itself (0/0).
 *
 * @param fn    as for `compile`
 * @param args  as for the compiled program
 * @returns     undefined where all results are finite
 */
export async function findNonFinite(
  fn: (...args: any[]) => unknown,
  args: readonly unknown[],
  options: CompileOptions = {},
): Promise<NonFinite | undefined> {
  let watched: Tensor[] = [];
  let results: Tensor[] = [];
  const watch = (...traced: unknown[]): Tensor[] => {
    results = simplify(
      leavesOf(fn(...traced)).map((leaf) => asTensor(leaf)),
      options,
    );
    const made = nodesOf(results).flatMap((node) => (constantValue(node.outputs[0]) ? [] : node.outputs));
    watched = made.filter((x) => isFloat(x.dtype) && x.size > 0);
    if (watched.length === 0) return [];
    return [
      stack(watched.map((x) => cast(any(isNaN(x)), "int32"))),
      stack(watched.map((x) => cast(not(all(isFinite(x))), "int32"))),
    ];
  };
  const program = compile(watch as (...args: any[]) => Tensor[], { ...options, donate: [] });
  const flags = (await (program as (...values: unknown[]) => Promise<Value[]>)(...args)).map((one) => [...one.data]);
  await program.release();
  if (flags.length === 0) return undefined;
  const states = new Map<Tensor, State>(
    watched.map((x, i) => [x, flags[0][i] ? "NaN" : flags[1][i] ? "Infinity" : "finite"]),
  );
  return explain(results, states);
}

function explain(results: readonly Tensor[], states: ReadonlyMap<Tensor, State>): NonFinite | undefined {
  const stateOf = (x: Tensor): State => states.get(x) ?? constantState(x);
  const isSource = (node: Node, kind: State) =>
    node.outputs.some((output) => stateOf(output) === kind) && !node.inputs.some((x) => stateOf(x) === kind);
  const bad = results.filter((x) => stateOf(x) !== "finite");
  if (bad.length === 0) return undefined;
  const behind = nodesOf(bad);
  const nan = behind.find((node) => isSource(node, "NaN"));
  const overflow = nodesOf(nan?.outputs ?? bad).find(
    // Infinities among constants and inputs are meant; what is not meant was made.
    (node) => node.inputs.length > 0 && isSource(node, "Infinity") && node.inputs.every((x) => stateOf(x) === "finite"),
  );
  // What came in as NaN is named before anything that was made of it.
  const given = nan !== undefined && nan.inputs.length === 0;
  const node = given ? nan : (overflow ?? nan);
  if (node === undefined) return undefined;
  const [output] = node.outputs;
  return {
    operation: node.operation.name,
    origin: output.origin,
    line: output.line,
    kind: stateOf(output) === "NaN" ? "NaN" : "Infinity",
  };
}

function constantState(x: Tensor): State {
  const value = constantValue(x);
  if (value === undefined || !isFloat(value.dtype)) return "finite";
  const data = value.data as Float32Array;
  return data.some(Number.isNaN) ? "NaN" : data.every(Number.isFinite) ? "finite" : "Infinity";
}
