import { SettingError, type Value } from "../core/index.ts";
import { decodeTensor, encodeTensor } from "../runtime/onnx/protobuf/index.ts";
import type { Example } from "./fine-tune.ts";
import { storedValue } from "./import/entry.ts";
import type { ImportedModel } from "./import/import-onnx.ts";
import { makeTensor } from "./model/tensor-data.ts";

/**
 * Examples from a folder laid out as the ONNX project lays out test data: `test_data_set_0`, `test_data_set_1` …, each
 * with `input_0.pb`, `input_1.pb` … and, for training, `output_0.pb` …: stored tensors in the order of the model's inputs
 * and outputs.
 *
 * @throws SettingError `examples/none`, `examples/missing`
 */
export async function readExamples(
  folder: string,
  model: ImportedModel,
  { targets }: { targets: boolean },
): Promise<Example[]> {
  // Loaded here, so that a browser can load the rest.
  const { existsSync, readdirSync, readFileSync } = await import("node:fs");
  const { join } = await import("node:path");
  const sets = existsSync(folder) ? readdirSync(folder).filter((name) => /^test_data_set_\d+$/.test(name)) : [];
  if (sets.length === 0)
    throw new SettingError("examples/none", `the folder "${folder}" holds no examples`, {
      fix: "put each example into a folder test_data_set_<k> with input_<i>.pb and output_<i>.pb",
    });
  const number = (name: string) => Number(name.slice("test_data_set_".length));
  return sets
    .sort((a, b) => number(a) - number(b))
    .map((set) => {
      const read = (kind: string, names: readonly string[]): Record<string, Value> =>
        Object.fromEntries(
          names.map((name, i) => {
            const path = join(folder, set, `${kind}_${i}.pb`);
            if (!existsSync(path))
              throw new SettingError("examples/missing", `${path} is missing`, {
                fix: `it holds the ${kind} "${name}" as a stored tensor`,
              });
            return [name, storedValue(decodeTensor(readFileSync(path)))];
          }),
        );
      return {
        inputs: read("input", Object.keys(model.inputs)),
        targets: targets ? read("output", Object.keys(model.outputs)) : {},
      };
    });
}

/**
 * Writes examples as {@link readExamples} reads them, and as `sluice onnx quantize` and `finetune` take them. Sets of the
 * same numbers that the folder holds are written over.
 *
 * @param examples  inputs and targets by the names that the model gives its inputs and outputs; values that the model
 *                  does not name are left out
 */
export async function writeExamples(
  folder: string,
  model: ImportedModel,
  examples: readonly (Pick<Example, "inputs"> & Partial<Example>)[],
): Promise<void> {
  const { mkdir, writeFile } = await import("node:fs/promises");
  const { join } = await import("node:path");
  for (const [k, { inputs, targets = {} }] of examples.entries()) {
    const set = join(folder, `test_data_set_${k}`);
    await mkdir(set, { recursive: true });
    const write = async (kind: string, names: readonly string[], values: Example["inputs"]) => {
      for (const [i, name] of names.entries()) {
        if (!Object.hasOwn(values, name)) continue;
        const { dtype, shape, data } = values[name];
        await writeFile(join(set, `${kind}_${i}.pb`), encodeTensor(makeTensor({ type: dtype, shape, data }, name)));
      }
    };
    await write("input", Object.keys(model.inputs), inputs);
    await write("output", Object.keys(model.outputs), targets);
  }
}
