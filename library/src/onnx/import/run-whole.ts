import { type InferenceSession, Tensor as RuntimeTensor } from "onnxruntime-common";
import { loadRuntime, providers } from "#onnxruntime";
import { type DType, dtypeOf } from "../../core/dtype.ts";
import { RuntimeError, Value } from "../../core/index.ts";
import type { ModelProto } from "../../runtime/onnx/protobuf/index.ts";
import { withParams } from "../export/with-params.ts";
import { encodeOutside, writeModel } from "../model/write.ts";
import type { ImportedModel, Params } from "./import-onnx.ts";

/**
 * Runs a model as ONNX Runtime reads it. For what cannot be traced: nothing here is differentiable.
 *
 * @param smallest  initializers of fewer bytes are put into the model's own bytes, which end at 2 GiB; the others are
 *                  handed over where they are, or in a temporary file if one has 2 GiB or more. Default 1 MiB
 * @returns the outputs by name (text as an array of strings), or undefined where ONNX Runtime cannot open the model
 */
export async function runWhole(
  { model, wanted }: ImportedModel,
  inputs: Readonly<Record<string, any>>,
  params: Params,
  smallest = 2 ** 20,
): Promise<Record<string, Value> | undefined> {
  const known = new Set([...model.graph.input, ...model.graph.output].map(({ name }) => name));
  if ([...Object.keys(inputs), ...wanted].some((name) => !known.has(name))) return undefined;
  let session: InferenceSession;
  try {
    session = await openWhole(withParams(model, params), smallest);
  } catch {
    return undefined;
  }
  try {
    const feeds = Object.fromEntries(Object.entries(inputs).map(([name, source]) => [name, feedOf(source)]));
    const results = await session.run(feeds, [...wanted]);
    return Object.fromEntries(wanted.map((name) => [name, valueOf(results[name] as RuntimeTensor) as Value]));
  } catch (cause) {
    throw new RuntimeError("runtime/run", `ONNX Runtime failed: ${(cause as Error).message}`, { cause });
  } finally {
    await session.release();
  }
}

/** Most bytes of a tensor that ONNX Runtime takes from memory; larger ones it reads from a file. */
const largestInMemory = 2 ** 31 - 1;

async function openWhole(model: ModelProto, smallest: number): Promise<InferenceSession> {
  const runtime = await loadRuntime(providers[0]);
  const options = { logSeverityLevel: 3 as const };
  const externalData: { path: string; data: Uint8Array }[] = [];
  const bytes = encodeOutside(model, smallest, (data) => {
    const path = `tensor ${externalData.length}`;
    externalData.push({ path, data });
    return { location: path, offset: 0 };
  });
  if (externalData.every(({ data }) => data.length <= largestInMemory))
    return runtime.InferenceSession.create(bytes, externalData.length > 0 ? { ...options, externalData } : options);
  const { mkdtemp, rm } = await import("node:fs/promises");
  const { tmpdir } = await import("node:os");
  const { join } = await import("node:path");
  const folder = await mkdtemp(join(tmpdir(), "sluice-model-"));
  try {
    const path = join(folder, "model.onnx");
    await writeModel(model, path, { externalData: "always", smallest });
    return await runtime.InferenceSession.create(path, options);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function feedOf(source: Value | number | string[]): RuntimeTensor {
  if (typeof source === "number") return new RuntimeTensor("float32", Float32Array.of(source), []);
  if (Array.isArray(source)) return new RuntimeTensor("string", source, [source.length]);
  return new RuntimeTensor(source.dtype as "float32", source.data as Float32Array, source.shape);
}

function valueOf({ data, dims, type }: RuntimeTensor): Value | string[] {
  if (type === "string") return data as string[];
  return new Value(data as Float32Array, dims, type === "bool" ? "bool" : (dtypeOf(data as Float32Array) as DType));
}
