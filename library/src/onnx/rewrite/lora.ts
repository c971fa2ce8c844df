import { add, key, matmul, mul, normal, SettingError, split, type TensorLike, Value } from "../../core/index.ts";
import { evaluate } from "../../runtime/index.ts";
import type { ModelProto, NodeProto } from "../../runtime/onnx/protobuf/index.ts";
import { editModel, type GraphEditor } from "../graph/editor.ts";
import { type ImportedModel, matchesName, type NamePattern, type Params } from "../import/import-onnx.ts";
import { restore, storedFloats } from "./stored.ts";

/** Two thin matrices whose product, times `scale`, is added to a weight: down [in, rank], up [rank, out]. */
export interface Adapter<T = Value> {
  down: T;
  up: T;
}

/** Adapters by the name of the weight that they change. */
export type Adapters<T = Value> = Record<string, Adapter<T>>;

export interface LoraOptions {
  /** Inner size of the adapters. Default 4. */
  rank?: number;
  /** Seed of the random numbers that `down` begins with; `up` begins with zeros, so that nothing changes at first. Default 0. */
  seed?: number;
}

/**
 * Adapters for the matrices of a model whose names match, to be trained in their place.
 *
 * @throws SettingError `lora/no-matrix`
 * @source Hu et al. 2021, arXiv:2106.09685, section 4.1
 */
export async function makeLora(
  imported: ImportedModel,
  pattern: NamePattern,
  options: LoraOptions = {},
): Promise<Adapters> {
  const { rank = 4, seed = 0 } = options;
  const all = { ...imported.frozen, ...imported.params };
  const names = Object.keys(all).filter((name) => matchesName(pattern, name) && all[name].rank === 2);
  if (names.length === 0)
    throw new SettingError("lora/no-matrix", `no matrix is called ${pattern}`, {
      fix: "give names of parameters with two axes",
    });
  const keys = split(key(seed), names.length);
  const adapters = names.map((name, i) => {
    const [inputs, outputs] = all[name].shape;
    const down = mul(normal(keys[i], [inputs, rank]), 1 / Math.sqrt(inputs));
    return [name, { down, up: new Value(new Float32Array(rank * outputs), [rank, outputs]) }];
  });
  return (await evaluate(Object.fromEntries(adapters))) as Adapters;
}

/**
 * Parameters with adapters added: weight + scale · down · up. Used inside a loss to train the adapters alone, and on
 * values with {@link mergeLora} to make them part of the model.
 *
 * @example
 * valueAndGrad((lora) => loss(apply(withLora(params, lora), inputs)))(adapters)
 */
export function withLora<P extends Readonly<Record<string, TensorLike>>>(
  params: P,
  adapters: Adapters<TensorLike>,
  { scale = 1 }: { scale?: number } = {},
): Record<string, TensorLike> {
  const changed: Record<string, TensorLike> = { ...params };
  for (const [name, { down, up }] of Object.entries(adapters)) {
    if (!Object.hasOwn(params, name))
      throw new SettingError("lora/no-weight", `there is no weight "${name}" to add an adapter to`, {
        fix: "unfreeze it, or give the adapters that belong to this model",
      });
    changed[name] = add(params[name], mul(matmul(down, up), scale));
  }
  return changed;
}

/**
 * Parameters with adapters merged into them, ready to be exported.
 *
 * @example
 * const bytes = exportOnnx(model, { params: await mergeLora(model.params, adapters) });
 */
export const mergeLora = async (params: Params, adapters: Adapters, options?: { scale?: number }): Promise<Params> =>
  (await evaluate(withLora(params, adapters, options))) as Params;

/**
 * The model with adapters that are written out in its graph merged into the weights beside them:
 * x·W + x·A·B·s becomes x·(W + A·B·s), wherever W, A, B and s are stored.
 */
export const mergeLoraNodes = (model: ModelProto): ModelProto =>
  editModel(model, (graph) => {
    for (const node of graph.find("Add")) merge(graph, node);
  });

function merge(graph: GraphEditor, sum: NodeProto): void {
  for (const [base, side] of [sum.input, sum.input.toReversed()]) {
    const main = graph.producer(base);
    const branch = adapterBranch(graph, side);
    const weight = main?.opType === "MatMul" ? storedFloats(graph, main.input[1]) : undefined;
    if (!main || !branch || !weight || weight.shape.length !== 2 || branch.x !== main.input[0]) continue;
    if (graph.consumers(base).length > 1 || graph.isOutput(base)) continue;
    const { down, up, scale } = branch;
    const [rank, outputs] = up.shape;
    const data = weight.data.map((w, i) => {
      const [row, column] = [Math.floor(i / outputs), i % outputs];
      let total = 0;
      for (let k = 0; k < rank; k++) total += down.data[row * rank + k] * up.data[k * outputs + column];
      return w + scale * total;
    });
    const name = restore(graph, main.input[1], { ...weight, data });
    graph.replace([main, sum], [{ ...main, input: [main.input[0], name], output: sum.output }]);
    return;
  }
}

/** x·A·B, with scales along the way. */
function adapterBranch(graph: GraphEditor, name: string) {
  let scale = 1;
  const matrices: NonNullable<ReturnType<typeof storedFloats>>[] = [];
  let at = name;
  for (let steps = 0; steps < 6; steps++) {
    const node = graph.producer(at);
    if (!node || graph.isOutput(at) || graph.consumers(at).length > 1) return undefined;
    const stored = storedFloats(graph, node.input[1]);
    if (!stored) return undefined;
    if (node.opType === "Mul" && stored.data.length === 1) scale *= stored.data[0];
    else if (node.opType === "Div" && stored.data.length === 1) scale /= stored.data[0];
    else if (node.opType === "MatMul" && stored.shape.length === 2) matrices.unshift(stored);
    else return undefined;
    at = node.input[0];
    if (matrices.length === 2) return { x: at, down: matrices[0], up: matrices[1], scale };
  }
  return undefined;
}
