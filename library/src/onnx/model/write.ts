import { dataLocation, encodeModel, type ModelProto, type TensorProto } from "../../runtime/onnx/protobuf/index.ts";
import { writePieces } from "./pieces.ts";
import { graphsOf } from "./walk.ts";

/** How a model is written. */
export interface WriteOptions {
  /**
   * Whether large initializers go to a file of their own, `<name>.data` beside the model. Default "when-large": where
   * all of them together pass `largest`.
   */
  externalData?: "never" | "when-large" | "always";
  /** Bytes of initializers that a model file holds itself. Default 1 GiB: a model file must stay below 2 GiB. */
  largest?: number;
  /** Initializers of fewer bytes stay in the model file. Default 4,096. */
  smallest?: number;
}

/** Offsets in the data file are multiples of this, so that a reader can map tensors into memory. */
const alignment = 4096;

/**
 * Writes a model to a path; equal models give equal files. Names inside the model never become names of files.
 *
 * @returns the paths written: the model's, and that of its data file if there is one
 */
export async function writeModel(model: ModelProto, path: string, options: WriteOptions = {}): Promise<string[]> {
  const { externalData = "when-large", largest = 2 ** 30, smallest = 4096 } = options;
  const { open, writeFile } = await import("node:fs/promises");
  const { basename } = await import("node:path");
  const total = [...graphsOf(model)]
    .flatMap(({ initializer }) => initializer)
    .reduce((sum, { rawData }) => sum + (rawData?.length ?? 0), 0);
  if (externalData === "never" || (externalData === "when-large" && total <= largest)) {
    await writeFile(path, encodeModel(model));
    return [path];
  }
  let end = 0;
  const data = await open(`${path}.data`, "w");
  try {
    const runs: { at: number; bytes: Uint8Array }[] = [];
    const bytes = encodeOutside(model, smallest, (run) => {
      const at = Math.ceil(end / alignment) * alignment;
      end = at + run.length;
      runs.push({ at, bytes: run });
      return { location: `${basename(path)}.data`, offset: at };
    });
    for (const run of runs) await writePieces(data, run.at, run.bytes);
    await writeFile(path, bytes);
  } finally {
    await data.close();
  }
  return [path, `${path}.data`];
}

/**
 * The bytes of a model whose larger initializers lie elsewhere.
 *
 * @param smallest  initializers of fewer bytes stay in the model
 * @param place     told each of the others in turn; says where it lies
 */
export function encodeOutside(
  model: ModelProto,
  smallest: number,
  place: (bytes: Uint8Array) => { location: string; offset: number },
): Uint8Array<ArrayBuffer> {
  const outside = (tensor: TensorProto): TensorProto => {
    const { rawData } = tensor;
    if (!rawData || rawData.length < smallest) return tensor;
    const { location, offset } = place(rawData);
    const entries = { location, offset: String(offset), length: String(rawData.length) };
    return {
      ...tensor,
      rawData: undefined,
      externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
      dataLocation: dataLocation.external,
    };
  };
  // While the model is encoded, its graphs refer to the placed tensors; they get their own back at once.
  const graphs = [...graphsOf(model)].map((graph) => ({ graph, initializer: graph.initializer }));
  try {
    for (const { graph, initializer } of graphs) graph.initializer = initializer.map(outside);
    return encodeModel(model);
  } finally {
    for (const { graph, initializer } of graphs) graph.initializer = initializer;
  }
}
