import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { isFloat } from "../core/dtype.ts";
import { Value } from "../core/index.ts";
import type { Executor } from "../runtime/index.ts";
import {
  dataType,
  decodeMessage,
  decodeTensor,
  type OptionalProto,
  type SequenceProto,
  type TensorProto,
  type TypeProto,
} from "../runtime/onnx/protobuf/index.ts";
import { storedValue } from "./import/entry.ts";
import { type ImportedModel, importOnnx } from "./import/import-onnx.ts";
import { tensorData } from "./model/tensor-data.ts";

/** One case: a folder with `model.onnx`, and the folder with its inputs and outputs. */
export interface ConformanceCase {
  name: string;
  model: string;
  data: string;
}

/** What a stored input or output is: numbers, text, a sequence of such, or nothing. */
export type Stored = Value | string[] | Stored[] | null;

/** How near floats must be: the tolerances of the ONNX project's own tests. */
const tolerance = { relative: 1e-3, absolute: 1e-5 };

/** The cases below a folder: its own, or those of the folders in it. */
export function findCases(folder: string): ConformanceCase[] {
  const folders = existsSync(join(folder, "model.onnx"))
    ? [folder]
    : readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && existsSync(join(folder, entry.name, "model.onnx")))
        .map((entry) => join(folder, entry.name))
        .sort();
  return folders.flatMap((path) => {
    const sets = readdirSync(path).filter((name) => /^test_data_set_\d+$/.test(name));
    const model = join(path, "model.onnx");
    if (sets.length === 0) return [{ name: basename(path), model, data: path }];
    return sets.sort().map((set) => ({ name: `${basename(path)}/${set}`, model, data: join(path, set) }));
  });
}

/** Imports a case's model and reads its inputs and expected outputs. */
export async function loadCase({ model, data }: ConformanceCase): Promise<{
  imported: ImportedModel;
  inputs: Record<string, Stored>;
  expected: Record<string, Stored>;
}> {
  const imported = await importOnnx(model);
  const stored = new Set(imported.model.graph.initializer.map(({ name }) => name));
  const read = (kind: string, values: { name: string; type?: TypeProto }[]): Record<string, Stored> =>
    Object.fromEntries(
      values.flatMap(({ name, type }, i) => {
        const path = join(data, `${kind}_${i}.pb`);
        return existsSync(path) ? [[name, decodeStored(readFileSync(path), type)]] : [];
      }),
    );
  return {
    imported,
    inputs: read(
      "input",
      imported.model.graph.input.filter(({ name }) => !stored.has(name)),
    ),
    expected: read("output", imported.model.graph.output),
  };
}

function decodeStored(bytes: Uint8Array, type: TypeProto | undefined): Stored {
  if (type?.optionalType)
    try {
      return fromOptional(decodeMessage("OptionalProto", bytes));
    } catch {
      // The generator stores an optional that is there as what it holds.
      return decodeStored(bytes, type.optionalType.elemType);
    }
  if (type?.sequenceType) return fromSequence(decodeMessage("SequenceProto", bytes));
  const tensor = decodeTensor(bytes);
  // Element types that numpy lacks are stored as integers of their width.
  const declared = type?.tensorType?.elemType;
  const asWords = declared === dataType.bfloat16 && tensor.dataType === dataType.uint16;
  return fromTensor(asWords ? { ...tensor, dataType: declared } : tensor);
}

function fromTensor(tensor: TensorProto): Stored {
  const { data, shape } = tensorData(tensor);
  return Array.isArray(data) ? nest(data, shape) : storedValue(tensor);
}

const nest = (texts: string[], shape: readonly number[]): any => {
  if (shape.length === 0) return [texts[0]];
  if (shape.length === 1) return texts;
  const each = texts.length / shape[0];
  return Array.from({ length: shape[0] }, (_, i) => nest(texts.slice(i * each, (i + 1) * each), shape.slice(1)));
};

const fromSequence = ({ tensorValues = [], sequenceValues = [], optionalValues = [] }: SequenceProto): Stored[] => [
  ...tensorValues.map(fromTensor),
  ...sequenceValues.map(fromSequence),
  ...optionalValues.map(fromOptional),
];

function fromOptional({ tensorValue, sequenceValue, optionalValue }: OptionalProto): Stored {
  if (tensorValue) return fromTensor(tensorValue);
  if (sequenceValue) return fromSequence(sequenceValue);
  return optionalValue ? fromOptional(optionalValue) : null;
}

/** Why a result is not what was expected, or undefined where it is. */
export function mismatch(result: unknown, expected: Stored, name: string): string | undefined {
  if (expected === null) return result === null ? undefined : `${name} should be nothing`;
  if (Array.isArray(expected)) {
    if (!Array.isArray(result)) return `${name} should be a sequence`;
    const [items, wanted] = typeof expected.flat(9)[0] === "string" ? [result, expected.flat(9)] : [result, expected];
    if (items.length !== wanted.length) return `${name} has ${items.length} items instead of ${wanted.length}`;
    for (let i = 0; i < items.length; i++) {
      const text = typeof wanted[i] === "string";
      const fault = text
        ? items[i] === wanted[i]
          ? undefined
          : `${name}[${i}] is "${items[i]}" instead of "${wanted[i]}"`
        : mismatch(items[i], wanted[i] as Stored, `${name}[${i}]`);
      if (fault) return fault;
    }
    return undefined;
  }
  if (!(result instanceof Value)) return `${name} should be a tensor`;
  if (String(result) !== String(expected)) return `${name} is ${result} instead of ${expected}`;
  const { relative, absolute } = isFloat(expected.dtype) ? tolerance : { relative: 0, absolute: 0 };
  for (let i = 0; i < expected.size; i++) {
    const [got, want] = [Number(result.data[i]), Number(expected.data[i])];
    if (Object.is(got, want) || got === want) continue;
    if (!(Math.abs(got - want) <= absolute + relative * Math.abs(want)))
      return `${name}[${i}] is ${got} instead of ${want}`;
  }
  return undefined;
}

/** Runs a case; why it fails, or undefined. */
export async function runCase(one: ConformanceCase, executor: Executor = "onnx"): Promise<string | undefined> {
  try {
    const { imported, inputs, expected } = await loadCase(one);
    const results: Record<string, unknown> = await imported.run(inputs as never, { executor });
    for (const [name, value] of Object.entries(expected)) {
      const fault = mismatch(results[name], value, name);
      if (fault) return fault;
    }
    return undefined;
  } catch (error) {
    return (error as Error).message.replaceAll(/\s*\n\s*/g, " ");
  }
}

/** Cases of the generator's release 1.12 that no importer passes by doing what the format says, and why. */
export const knownFailures: Readonly<Record<string, string>> = {
  test_adam_multiple: "expects an epsilon of 0.01, which the model does not have",
  test_adam: "expects an epsilon of 0.01, which the model does not have",
  test_bernoulli: "expects the numbers of the generator's own random source",
  test_bernoulli_expanded: "expects the numbers of the generator's own random source",
  test_bernoulli_double: "expects the numbers of the generator's own random source",
  test_bernoulli_double_expanded: "expects the numbers of the generator's own random source",
  test_bernoulli_seed: "expects the numbers of the generator's own random source",
  test_bernoulli_seed_expanded: "expects the numbers of the generator's own random source",
  test_cast_FLOAT_to_BFLOAT16: "expects bits cut off where the format rounds",
  test_castlike_BFLOAT16_to_FLOAT: "gives an input another shape than the model declares",
  test_castlike_BFLOAT16_to_FLOAT_expanded: "gives an input another shape than the model declares",
  test_castlike_FLOAT_to_BFLOAT16: "gives an input another shape than the model declares",
  test_castlike_FLOAT_to_BFLOAT16_expanded: "gives an input another shape than the model declares",
};

/** Runs all cases of a folder and prints which fail, why, and how many. */
async function main([folder, ...flags]: string[]): Promise<void> {
  if (!folder) throw new Error("usage: npm run conformance -- <folder of cases> [--reference]");
  const cases = findCases(resolve(folder));
  const executors: Executor[] = flags.includes("--reference") ? ["onnx", "reference"] : ["onnx"];
  for (const executor of executors) {
    let passed = 0;
    for (const one of cases) {
      const fault = await runCase(one, executor);
      if (fault === undefined) passed++;
      else console.log(`failed  ${one.name}: ${knownFailures[one.name] ?? fault}`);
    }
    console.log(`${executor === "reference" ? "reference: " : ""}${passed} passed, ${cases.length - passed} failed`);
  }
}

if (import.meta.main) await main(process.argv.slice(2));
