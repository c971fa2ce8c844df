import { leavesOf, mapTree, SettingError, type Tensor, type Value } from "../../core/index.ts";
import { simplify } from "../../core/simplify.ts";
import { asTensor, input } from "../../core/tensor.ts";
import type { Program } from "../../runtime/index.ts";
import { emitModel } from "../../runtime/onnx/emit.ts";
import { decodeModel, encodeModel, type ModelProto } from "../../runtime/onnx/protobuf/index.ts";
import { callsMethods, type ImportedModel, type ModelInputs, type Params } from "../import/import-onnx.ts";
import { makeTensor } from "../model/tensor-data.ts";
import { type WriteOptions, writeModel } from "../model/write.ts";
import { withParams } from "./with-params.ts";

/** What goes into a file besides the graph. */
export interface ExportOptions {
  /** Weights in place of the model's own. */
  params?: Params;
  /**
   * Inputs to trace with. Needed for a model whose softmax or attention was swapped, since its graph is made anew, with
   * these sizes; given for any other, its graph is made anew as well.
   */
  inputs?: ModelInputs;
  /** Replaces metadata of these keys. */
  metadata?: Readonly<Record<string, string>>;
}

/**
 * The bytes of an ONNX file. Equal models give equal bytes.
 *
 * - An imported model keeps its graph, its names, its doc strings and metadata; only weights change.
 * - A program is written for the arguments given, in operators of the standard, so that any runtime can read it.
 *
 * @throws SettingError `export/arguments`, `export/random`; RangeError past 2 GiB: use {@link saveOnnx}
 * @example
 * const bytes = exportOnnx(model, { params });
 * const other = exportOnnx(compile(fn), [value([1, 2, 3])]);
 */
export function exportOnnx(model: ImportedModel | ModelProto, options?: ExportOptions): Uint8Array<ArrayBuffer>;
export function exportOnnx<A extends unknown[]>(
  program: Program<A, any>,
  args: readonly unknown[],
  options?: Pick<ExportOptions, "metadata">,
): Uint8Array<ArrayBuffer>;
export function exportOnnx(source: any, second?: any, third?: ExportOptions): Uint8Array<ArrayBuffer> {
  return encodeModel(toModel(source, second, third));
}

/**
 * Writes a model to a path, with large weights in a data file beside it where the file would become too large.
 *
 * @returns the paths written
 */
export function saveOnnx(
  model: ImportedModel | ModelProto,
  path: string,
  options: ExportOptions & WriteOptions = {},
): Promise<string[]> {
  return writeModel(toModel(model, options), path, options);
}

function toModel(source: any, second: any, third?: ExportOptions): ModelProto {
  if (typeof source !== "function") {
    const { params = {}, inputs, metadata } = (second ?? {}) as ExportOptions;
    const traced = "apply" in source && (inputs !== undefined || callsMethods(source));
    const model = traced
      ? traceModel(source, params, inputs)
      : withParams("apply" in source ? source.model : source, params);
    return withMetadata(model, metadata);
  }
  if (!Array.isArray(second))
    throw new SettingError("export/arguments", "a program is exported for arguments of one signature", {
      fix: "give them: exportOnnx(program, [x, y])",
    });
  const bytes = (source as Program<any, any>).export(...(second as any[]));
  return withMetadata(decodeModel(bytes), third?.metadata);
}

/** A model written anew from its traced graph, in operators of the standard; weights are initializers of their names. */
function traceModel(imported: ImportedModel, given: Params, inputs: ModelInputs | undefined): ModelProto {
  if (inputs === undefined)
    throw new SettingError("export/inputs", "a model whose nodes were swapped for functions is traced to be written", {
      fix: "give inputs of the sizes that it shall take: exportOnnx(model, { inputs: { x } })",
    });
  const params = { ...imported.params, ...given };
  const sources = mapTree(Array.isArray(inputs) ? [...inputs] : inputs, (leaf) => leaf);
  const names = { params: Object.keys(params), inputs: Object.keys(Array.isArray(inputs) ? imported.inputs : inputs) };
  const symbols = (values: unknown[], labels: string[]): Record<string, Tensor> =>
    Object.fromEntries(
      values.map((value, i) => {
        const { shape, dtype } = asTensor(value as Value);
        return [labels[i], input(shape, dtype, labels[i])];
      }),
    );
  const weights = symbols(Object.values(params), names.params);
  const open = symbols(Object.values(sources), names.inputs);
  const results = imported.apply(weights, open);
  const outputs = simplify(leavesOf(results) as Tensor[]);
  const emitted = emitModel([...Object.values(weights), ...Object.values(open)], outputs, {
    inputNames: [...names.params, ...names.inputs],
    outputNames: imported.wanted,
    portable: true,
  });
  const { model } = emitted;
  const { docString, metadataProps, graph: original } = imported.model;
  const stored = names.params.map((name) =>
    makeTensor({ type: params[name].dtype, shape: params[name].shape, data: params[name].data }, name),
  );
  const graph = {
    ...model.graph,
    ...(original.name !== undefined && { name: original.name }),
    input: model.graph.input.filter(({ name }) => !Object.hasOwn(params, name)),
    initializer: [...stored, ...model.graph.initializer],
  };
  return { ...model, ...(docString !== undefined && { docString }), ...(metadataProps && { metadataProps }), graph };
}

function withMetadata(model: ModelProto, metadata: Readonly<Record<string, string>> = {}): ModelProto {
  const keys = Object.keys(metadata);
  if (keys.length === 0) return model;
  const kept = (model.metadataProps ?? []).filter(({ key }) => !keys.includes(key));
  return { ...model, metadataProps: [...kept, ...keys.map((key) => ({ key, value: metadata[key] }))] };
}
