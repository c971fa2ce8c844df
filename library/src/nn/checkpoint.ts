import type { Concrete } from "../core/index.ts";
import { sameShape } from "../core/shape.ts";
import { leavesOf, mapTree } from "../core/tree.ts";
import { Value } from "../core/value.ts";
import { decodeSafetensors, encodeSafetensors, SafetensorsError } from "./safetensors.ts";

/**
 * Saves a tree of values as a safetensors file, each leaf under its path ("params.blocks.0.norm1.scale"). The file is
 * written beside its place and then renamed: whoever reads it sees the old one or the new one, whole. Node only.
 *
 * @param metadata  texts to keep beside it
 */
export async function saveTree(
  file: string,
  tree: unknown,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  const { open, rename, rm } = await import("node:fs/promises");
  const tensors: Record<string, Value> = {};
  mapTree(tree, (leaf, path) => {
    tensors[path] = leaf instanceof Value ? leaf : new Value(Float32Array.of(leaf), []);
  });
  const draft = `${file}.${process.pid}.part`;
  try {
    const handle = await open(draft, "w");
    try {
      await handle.writeFile(encodeSafetensors({ tensors, metadata }));
      // Without this, a crash of the machine after the rename could leave an empty file under the right name.
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/**
 * Reads a tree of values that `saveTree` wrote.
 *
 * @param like  a tree of the same structure: its leaves say which names, shapes and dtypes are expected
 * @throws      SafetensorsError `checkpoint/missing`, `checkpoint/mismatch`, `checkpoint/extra` and those of the format
 */
export async function loadTree<T>(
  file: string,
  like: T,
): Promise<{ tree: Concrete<T>; metadata: Readonly<Record<string, string>> }> {
  const { readFile } = await import("node:fs/promises");
  const { tensors, metadata } = decodeSafetensors(await readFile(file));
  const fix = "the file belongs to another model: change the model back, or start from another file";
  const tree = mapTree(like, (leaf, path) => {
    const found = Object.hasOwn(tensors, path) ? tensors[path] : undefined;
    if (found === undefined)
      throw new SafetensorsError("checkpoint/missing", `${file} has no ${JSON.stringify(path)}`, { fix });
    const { shape, dtype } = typeof leaf === "number" ? ({ shape: [], dtype: "float32" } as const) : leaf;
    if (found.dtype !== dtype || !sameShape(found.shape, shape))
      throw new SafetensorsError(
        "checkpoint/mismatch",
        `${JSON.stringify(path)} is ${found} in ${file}, expected ${dtype}[${shape}]`,
        { fix },
      );
    return found;
  });
  const count = Object.keys(tensors).length;
  if (count !== leavesOf(like).length)
    throw new SafetensorsError("checkpoint/extra", `${file} has ${count} tensors, expected ${leavesOf(like).length}`, {
      fix,
    });
  return { tree, metadata };
}
