import { SettingError } from "../../core/index.ts";
import type { Program } from "../../runtime/index.ts";
import { decodeModel, encodeModel, type ModelProto } from "../../runtime/onnx/protobuf/index.ts";
import type { ImportedModel, Params } from "../import/importOnnx.ts";
import { type WriteOptions, writeModel } from "../model/write.ts";
import { withParams } from "./withParams.ts";

/** What goes into a file besides the graph. */
export interface ExportOptions {
  /** Weights in place of the model's own. */
  params?: Params;
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
    const { params = {}, metadata } = (second ?? {}) as ExportOptions;
    return withMetadata(withParams("apply" in source ? source.model : source, params), metadata);
  }
  if (!Array.isArray(second))
    throw new SettingError("export/arguments", "a program is exported for arguments of one signature", {
      fix: "give them: exportOnnx(program, [x, y])",
    });
  const bytes = (source as Program<any, any>).export(...(second as any[]));
  return withMetadata(decodeModel(bytes), third?.metadata);
}

function withMetadata(model: ModelProto, metadata: Readonly<Record<string, string>> = {}): ModelProto {
  const keys = Object.keys(metadata);
  if (keys.length === 0) return model;
  const kept = (model.metadataProps ?? []).filter(({ key }) => !keys.includes(key));
  return { ...model, metadataProps: [...kept, ...keys.map((key) => ({ key, value: metadata[key] }))] };
}
