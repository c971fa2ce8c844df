import {
  bernoulli,
  compile,
  type DType,
  evaluate,
  key,
  normal,
  randomIntegers,
  type Tensor,
  Value,
  value,
} from "sluice";
import {
  exportOnnx,
  findAttention,
  type ImportedModel,
  type Inspection,
  importOnnx,
  inspectModel,
  swapSoftmax,
} from "sluice/onnx";
import type { NormalizerId } from "../../playground/normalizer-list.ts";
import { methodOf, type NormalizerSettings, normalizerOf } from "../normalizers.ts";
import { runtimeReady } from "../runtime.ts";
import { runViewerModel, viewerConfig } from "../viewer-model.ts";
import { viewerModel } from "./view.ts";

export interface OpenedModel {
  readonly inspection: Inspection;
  readonly inputs: readonly ModelInput[];
  /** Attention blocks that were recognised, and Softmax nodes in all. */
  readonly attention: number;
  readonly softmaxes: number;
}

export interface ModelInput {
  readonly name: string;
  /** As the file declares it: float32[batch,3]. */
  readonly type: string;
  readonly dtype: string;
  /** A number where fixed, else the name of an open size. */
  readonly shape: readonly (number | string)[];
}

export interface RunInput extends NormalizerSettings {
  /** Sizes that the model leaves open, by name. */
  readonly sizes: Readonly<Record<string, number>>;
  /** Numbers of inputs that the visitor gave; the others are drawn. */
  readonly given: Readonly<Record<string, readonly number[]>>;
  readonly seed: number;
  /** What takes the place of softmax, and where; null runs the model alone. */
  readonly swap: { readonly normalizer: NormalizerId; readonly where: "attention" | "all" } | null;
}

export interface ModelOutput {
  readonly name: string;
  readonly type: string;
  /** The first numbers. */
  readonly values: readonly number[];
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  /** With the swap: the same figures, and how far the outputs lie apart. */
  readonly swapped?: { readonly values: readonly number[]; readonly largest: number; readonly mean: number };
}

let opened: ImportedModel | undefined;

/** Reads a file and says what it holds. */
export async function openModel(bytes: Uint8Array): Promise<OpenedModel> {
  opened = await importOnnx(bytes);
  const { model, graph } = opened;
  return {
    inspection: inspectModel(model),
    inputs: Object.entries(opened.inputs).map(([name, { type, shape = [] }]) => ({
      name,
      type,
      dtype: type.split("[")[0],
      shape: shape.map((size, axis) => size ?? `${name} axis ${axis}`),
    })),
    attention: findAttention(model).length,
    softmaxes: graph.find("Softmax").length,
  };
}

/** The viewer's model as an ONNX file, opened like any other. */
export async function openExample(): Promise<OpenedModel> {
  const { params } = await viewerModel();
  const normalizer = normalizerOf("softmax", { alpha: 1.5, temperature: 1 });
  const program = compile((tokens: Tensor) => ({ logits: runViewerModel(params, tokens, normalizer).logits }), {
    names: ["tokens"],
  });
  return openModel(exportOnnx(program, [new Value(new Int32Array(viewerConfig.context), [1, viewerConfig.context])]));
}

function theModel(): ImportedModel {
  if (opened === undefined) throw new Error("No model is open: drop a file first.");
  return opened;
}

/** Inputs as given, or drawn: normal numbers, integers from 0 to 9, fair coins. */
async function inputsOf({ sizes, given, seed }: RunInput): Promise<Record<string, Value>> {
  const entries = Object.entries(theModel().inputs).map(async ([name, { type, shape = [] }], i) => {
    const dtype = type.split("[")[0] as DType;
    const own = shape.map((size, axis) => (typeof size === "number" ? size : sizes[size ?? `${name} axis ${axis}`]));
    if (given[name] !== undefined) {
      const flat = Float64Array.from(given[name]);
      return [name, value(flat, { dtype, shape: own })] as const;
    }
    const from = key(seed + i);
    const drawn = dtype.startsWith("float")
      ? normal(from, own)
      : dtype === "bool"
        ? bernoulli(from, 0.5, own)
        : randomIntegers(from, own, 0, 10);
    const { data } = await evaluate(drawn, { executor: "reference" });
    return [name, value(data, { dtype, shape: own })] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

const swapped = (model: ImportedModel, { swap, alpha, temperature }: RunInput): ImportedModel =>
  swap === null ? model : swapSoftmax(model, methodOf(swap.normalizer, { alpha, temperature }), { where: swap.where });

/** Runs the opened model, and its twin with the swap on the same inputs. */
export async function runModel(input: RunInput): Promise<{ outputs: ModelOutput[]; seconds: number }> {
  await runtimeReady();
  const model = theModel();
  const inputs = await inputsOf(input);
  const began = performance.now();
  const results = await model.run(inputs);
  const seconds = (performance.now() - began) / 1000;
  const others = input.swap === null ? undefined : await swapped(model, input).run(inputs);
  const outputs = Object.entries(results).flatMap(([name, result]) => {
    if (!(result instanceof Value)) return [];
    const numbers = result.toFloat64();
    const other = others?.[name]?.toFloat64();
    const apart = other?.map((x, i) => Math.abs(x - numbers[i]));
    return {
      name,
      type: String(result),
      values: [...numbers.slice(0, 12)],
      mean: numbers.reduce((a, b) => a + b, 0) / numbers.length,
      low: numbers.reduce((a, b) => Math.min(a, b), Infinity),
      high: numbers.reduce((a, b) => Math.max(a, b), -Infinity),
      swapped: other &&
        apart && {
          values: [...other.slice(0, 12)],
          largest: apart.reduce((a, b) => Math.max(a, b), 0),
          mean: apart.reduce((a, b) => a + b, 0) / apart.length,
        },
    };
  });
  return { outputs, seconds };
}

/** The opened model with the swap, as the bytes of an ONNX file of standard operators. */
export async function exportSwapped(input: RunInput): Promise<Uint8Array<ArrayBuffer>> {
  return exportOnnx(swapped(theModel(), input), { inputs: await inputsOf(input) });
}
