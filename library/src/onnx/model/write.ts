import { dataLocation, encodeModel, type ModelProto, type TensorProto } from "../../runtime/onnx/protobuf/index.ts";
import { graphsOf } from "./walk.ts";

/** How a model is written. */
export interface WriteOptions {
  /**
   * Whether large initializers go to a file of their own, `<name>.data` beside the model. Default "when-large": where
   * all of them together pass 1 GiB, since a model file itself must stay below 2 GiB.
   */
  externalData?: "never" | "when-large" | "always";
  /** Initializers of fewer bytes stay in the model file. Default 4,096. */
  smallest?: number;
}

/** Offsets in the data file are multiples of this, so that a reader can map tensors into memory. */
const alignment = 4096;
const large = 2 ** 30;

/**
 * Writes a model to a path; equal models give equal files. Names inside the model never become names of files.
 *
 * @returns the paths written: the model's, and that of its data file if there is one
 */
export async function writeModel(model: ModelProto, path: string, options: WriteOptions = {}): Promise<string[]> {
  const { externalData = "when-large", smallest = 4096 } = options;
  const { writeFile } = await import("node:fs/promises");
  const { basename } = await import("node:path");
  const initializers = [...graphsOf(model)].flatMap(({ initializer }) => initializer);
  const total = initializers.reduce((sum, { rawData }) => sum + (rawData?.length ?? 0), 0);
  if (externalData === "never" || (externalData === "when-large" && total <= large)) {
    await writeFile(path, encodeModel(model));
    return [path];
  }
  const placed = new Map<TensorProto, TensorProto>();
  const runs: { at: number; bytes: Uint8Array }[] = [];
  const location = `${basename(path)}.data`;
  let end = 0;
  for (const tensor of initializers) {
    if (!tensor.rawData || tensor.rawData.length < smallest) continue;
    const at = Math.ceil(end / alignment) * alignment;
    end = at + tensor.rawData.length;
    runs.push({ at, bytes: tensor.rawData });
    const entries = { location, offset: String(at), length: String(tensor.rawData.length) };
    placed.set(tensor, {
      ...tensor,
      rawData: undefined,
      externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
      dataLocation: dataLocation.external,
    });
  }
  await writeRuns(`${path}.data`, runs);
  // While the file is encoded, the graphs refer to the placed tensors; they get their own back at once.
  const graphs = [...graphsOf(model)].map((graph) => ({ graph, initializer: graph.initializer }));
  try {
    for (const { graph, initializer } of graphs) graph.initializer = initializer.map((one) => placed.get(one) ?? one);
    await writeFile(path, encodeModel(model));
  } finally {
    for (const { graph, initializer } of graphs) graph.initializer = initializer;
  }
  return [path, `${path}.data`];
}

async function writeRuns(path: string, runs: readonly { at: number; bytes: Uint8Array }[]): Promise<void> {
  const { open } = await import("node:fs/promises");
  const handle = await open(path, "w");
  try {
    for (const { at, bytes } of runs)
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await handle.write(bytes, done, Math.min(bytes.length - done, 2 ** 30), at + done);
        done += bytesWritten;
      }
  } finally {
    await handle.close();
  }
}
