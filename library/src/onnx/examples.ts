import { SettingError, type Value } from "../core/index.ts";
import { decodeTensor } from "../runtime/onnx/protobuf/index.ts";
import type { Example } from "./fine-tune.ts";
import { storedValue } from "./import/entry.ts";
import type { ImportedModel } from "./import/import-onnx.ts";

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
