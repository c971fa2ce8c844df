import { isFloat } from "../../core/dtype.ts";
import { DTypeError, SettingError, ShapeError, type Tensor, type TensorLike, Value } from "../../core/index.ts";
import { asTensor } from "../../core/tensor.ts";
import { compile, type Executor, evaluate, type Program } from "../../runtime/index.ts";
import type { ModelProto, TypeProto, ValueInfoProto } from "../../runtime/onnx/protobuf/index.ts";
import { type GraphEditor, queryModel } from "../graph/editor.ts";
import { typeText } from "../graph/inspect.ts";
import { type ReadOptions, readModel } from "../model/read.ts";
import { dataTypeName } from "../model/tensor-data.ts";
import { type Entry, heldAs, isSimulated, tensorEntry } from "./entry.ts";
import { ImportError } from "./faults.ts";
import { Interpreter } from "./interpreter.ts";
import type { AttentionMethod, Methods, NormalizerMethod } from "./methods.ts";
import { roundTo } from "./operators/rounding.ts";
import { type Parameter, parametersOf } from "./parameters.ts";
import { runWhole } from "./run-whole.ts";

/** An input or output of a model. */
export interface ModelValue {
  /** Its type as text, such as `float32[batch,3,224,224]`. */
  type: string;
  /** Sizes: a number where fixed, a name or undefined where the caller decides; undefined where the rank is open. */
  shape: (number | string | undefined)[] | undefined;
}

/** Weights by name. */
export type Params = Record<string, Value>;

/** What a model takes: by name, or in the order of its inputs. A sequence is an array, an empty optional null. */
export type ModelInputs<T = TensorLike> = Readonly<Record<string, T | readonly T[] | null>> | readonly T[];

/** An ONNX model as a function of its weights and inputs. */
export interface ImportedModel {
  readonly inputs: Readonly<Record<string, ModelValue>>;
  readonly outputs: Readonly<Record<string, ModelValue>>;
  /** What is trained: all stored floats that are weights, less the frozen ones. */
  readonly params: Params;
  /** Floats that `apply` takes as constants: running statistics, scales, and what `freeze` named. */
  readonly frozen: Params;
  /**
   * The model on tensors, for use in functions that are compiled, differentiated or mapped. Sizes that the model leaves
   * open are those of the inputs given.
   *
   * @param params  weights by name, as in `params`; one that is missing is taken as the model stores it
   * @returns       outputs by name; a sequence is an array of tensors
   * @throws        ImportError listing every node that cannot be traced; ShapeError, DTypeError for inputs that do not fit
   */
  apply(params: Readonly<Record<string, TensorLike>>, inputs: ModelInputs): Record<string, Tensor>;
  /**
   * Runs the model on values. A model that cannot be traced as a whole (shapes that depend on data, say) is executed by
   * ONNX Runtime as it is.
   */
  run(inputs: ModelInputs<Value | number>, options?: RunOptions): Promise<Record<string, Value>>;
  /** Questions to the graph: nodes by operator, name or pattern, who makes and who reads a value. */
  readonly graph: GraphEditor;
  /** The model as the file has it. */
  readonly model: ModelProto;
  /** The wanted outputs, where `importOnnx` was told them. */
  readonly wanted: readonly string[];
}

export interface RunOptions {
  /** Weights that replace the model's. */
  params?: Params;
  /** Default "onnx". */
  executor?: Executor;
}

export interface ImportOptions extends ReadOptions {
  /** Names of the values to give out, which may be inner ones. Default: the model's outputs. */
  outputs?: readonly string[];
}

/**
 * Reads an ONNX model as a function whose weights are parameters.
 *
 * @param source  a path (Node only), the file's bytes, or a model
 * @throws        ModelFileError for a file that is no sound model; SettingError `onnx/no-value` for unknown `outputs`
 * @example
 * const { params, apply } = await importOnnx("model.onnx");
 * const step = compile((p: typeof params, x: Tensor, y: Tensor) =>
 *   valueAndGrad((q: typeof params) => crossEntropy(apply(q, { x }).logits, y))(p));
 */
export async function importOnnx(
  source: string | URL | Uint8Array | ModelProto,
  options: ImportOptions = {},
): Promise<ImportedModel> {
  const given = typeof source === "string" || source instanceof URL || source instanceof Uint8Array;
  return importModel(given ? await readModel(source, options) : source, options);
}

/** `importOnnx` for a model that is already read. */
export function importModel(model: ModelProto, { outputs }: Pick<ImportOptions, "outputs"> = {}): ImportedModel {
  const parameters = parametersOf(model);
  const frozen = new Set(parameters.filter(({ weight }) => !weight).map(({ name }) => name));
  return assemble(model, parameters, frozen, outputs ?? model.graph.output.map(({ name }) => name));
}

interface Parts {
  parameters: readonly Parameter[];
  frozen: ReadonlySet<string>;
  methods: Methods;
}

const parts = new WeakMap<ImportedModel, Parts>();

/** Another graph for a model, in which nodes may call one more function; what was frozen stays so. */
export function rewritten(
  imported: ImportedModel,
  model: ModelProto,
  [name, method]: readonly [string, NormalizerMethod | AttentionMethod],
): ImportedModel {
  const { frozen, methods } = parts.get(imported)!;
  return assemble(model, parametersOf(model), frozen, imported.wanted, new Map([...methods, [name, method]]));
}

/** Whether a model calls functions that a file cannot hold: it is traced to be written. */
export const callsMethods = (imported: ImportedModel): boolean => parts.get(imported)!.methods.size > 0;

function assemble(
  model: ModelProto,
  parameters: readonly Parameter[],
  frozenNames: ReadonlySet<string>,
  wanted: readonly string[],
  methods: Methods = new Map(),
): ImportedModel {
  const graph = queryModel(model);
  const values = new Map(
    [...model.graph.output, ...(model.graph.valueInfo ?? []), ...model.graph.input].map((one) => [one.name, one]),
  );
  const unknown = wanted.find((name) => !values.has(name) && !graph.producer(name) && !graph.initializer(name));
  if (unknown !== undefined)
    throw new SettingError("onnx/no-value", `the model has no value "${unknown}"`, {
      fix: `its outputs are ${model.graph.output.map(({ name }) => name).join(", ")}`,
    });
  const stored = new Set(model.graph.initializer.map(({ name }) => name));
  const inputs = model.graph.input.filter(({ name }) => !stored.has(name));
  const pick = (frozen: boolean): Params =>
    Object.fromEntries(
      parameters.filter(({ name }) => frozenNames.has(name) === frozen).map(({ name, value }) => [name, value]),
    );

  const apply: ImportedModel["apply"] = (params, given) => {
    const entries = new Map<string, Entry>();
    const symbols = bindInputs(inputs, given, entries);
    const stored = parameters.map(
      ({ name, tensor, type, value }) => [tensor, parameterEntry(params[name] ?? value, type)] as const,
    );
    const interpreter = new Interpreter(model, new Map(stored), symbols, methods);
    const results = interpreter.trace(model.graph, entries, wanted);
    if (results.includes(undefined)) throw new ImportError(interpreter.problems, interpreter.needsData);
    return Object.fromEntries(wanted.map((name, i) => [name, treeOf(results[i]!)]));
  };

  const programs = new Map<string, Program<any, any>>();
  /** The program for an executor, in which some inputs are constants. */
  const programFor = (executor: Executor, bound: Record<string, Value>): Program<any, any> => {
    const texts = Object.entries(bound).map(([name, value]) => `${name} ${value} ${value.data.join()}`);
    const key = [executor, ...texts].join(";");
    const known = programs.get(key);
    if (known) return known;
    // Programs for many different bound inputs are not all kept.
    if (programs.size >= 16) programs.delete(programs.keys().next().value!);
    const fn = (params: Params, given: ModelInputs<any>) => apply(params, { ...named(inputs, given), ...bound });
    const program = compile(fn as (...args: any[]) => any, { executor, names: ["params", "inputs"] });
    programs.set(key, program);
    return program;
  };
  const imported: ImportedModel = {
    inputs: describeAll(inputs),
    outputs: describeAll(wanted.map((name) => values.get(name) ?? { name })),
    params: pick(false),
    frozen: pick(true),
    apply,
    run: async (given, { params = imported.params, executor = "onnx" } = {}) => {
      const sources = named(inputs, given);
      let reason: ImportError | undefined;
      // First with all inputs open, then with those fixed that look like settings: few integers, few numbers.
      for (const isFixed of [() => false, isFewIntegers, isFew]) {
        const entries = Object.entries(sources);
        const fixed = entries.filter(([, source]) => isFixed(source)) as [string, Value][];
        const open = Object.fromEntries(entries.filter(([, source]) => !isFixed(source)));
        try {
          return await programFor(executor, Object.fromEntries(fixed))(params, open);
        } catch (error) {
          if (!(error instanceof ImportError)) throw error;
          reason = error;
          if (!error.needsData) break;
        }
      }
      return runUntraced(imported, sources, params, executor, reason!);
    },
    graph,
    model,
    wanted,
  };
  parts.set(imported, { parameters, frozen: frozenNames, methods });
  return imported;
}

/** What may be sizes, axes, switches or scales: a program may be made for their numbers. */
const isFew = (source: unknown): boolean => source instanceof Value && source.size <= 64;
const isFewIntegers = (source: unknown): boolean => isFew(source) && !isFloat((source as Value).dtype);

/** Runs a model that cannot be traced without its data: by ONNX Runtime as it is, else traced with the data at hand. */
async function runUntraced(
  imported: ImportedModel,
  inputs: Record<string, any>,
  params: Params,
  executor: Executor,
  reason: ImportError,
): Promise<Record<string, Value>> {
  const results = executor === "onnx" && !callsMethods(imported) ? await runWhole(imported, inputs, params) : undefined;
  if (!results && !reason.needsData) throw reason;
  return results ?? ((await evaluate(imported.apply(params, inputs), { executor })) as Record<string, Value>);
}

function parameterEntry(source: TensorLike, type: Parameter["type"]): Entry {
  const tensor = asTensor(source, heldAs(type));
  // Weights trained as float32 count as the narrower numbers that the model will store.
  return tensorEntry(
    isSimulated(type) && !(source instanceof Object && "data" in source) ? roundTo(tensor, type) : tensor,
    type,
  );
}

/** Inputs by name, however they were given. */
function named<T>(declared: readonly ValueInfoProto[], given: ModelInputs<T>): Record<string, T | readonly T[] | null> {
  if (!Array.isArray(given)) return given as Record<string, T>;
  return Object.fromEntries(given.map((item, i) => [declared[i]?.name ?? `input ${i}`, item]));
}

/** Puts the inputs among the entries; gives the sizes that they bind to the names of open sizes. */
function bindInputs(
  declared: readonly ValueInfoProto[],
  given: ModelInputs,
  entries: Map<string, Entry>,
): ReadonlyMap<string, number> {
  const sources = named(declared, given);
  const symbols = new Map<string, number>();
  for (const { name, type } of declared) {
    if (!(name in sources))
      throw new SettingError("onnx/input", `the input "${name}" (${typeText(type)}) is missing`, {
        fix: `give { ${declared.map((one) => one.name).join(", ")} }`,
      });
    entries.set(name, inputEntry(name, type, sources[name], symbols));
  }
  // Other names give inner values, in place of what the model would compute.
  for (const [name, source] of Object.entries(sources)) if (!entries.has(name)) entries.set(name, freeEntry(source));
  return symbols;
}

function inputEntry(name: string, type: TypeProto | undefined, source: any, symbols: Map<string, number>): Entry {
  if (type?.sequenceType)
    return {
      kind: "sequence",
      items: (source as unknown[]).map((item) => inputEntry(name, type.sequenceType!.elemType, item, symbols)),
    };
  if (type?.optionalType)
    return {
      kind: "optional",
      item: source === null ? undefined : inputEntry(name, type.optionalType.elemType, source, symbols),
    };
  const declared = dataTypeName(type?.tensorType?.elemType ?? 0);
  if (declared === "string") return textEntry(source);
  if (!declared) return freeEntry(source);
  const dtype = heldAs(declared);
  const tensor = asTensor(source, dtype);
  if (tensor.dtype !== dtype)
    throw new DTypeError("onnx/input-dtype", `the input "${name}" is ${typeText(type)}`, {
      operands: { given: tensor },
      fix: `cast it: cast(x, "${dtype}")`,
    });
  const dims = type?.tensorType?.shape?.dim;
  dims?.forEach(({ dimValue, dimParam }, axis) => {
    const expected = dimParam ? (symbols.get(dimParam) ?? tensor.shape[axis]) : dimValue;
    if (dimParam && expected !== undefined) symbols.set(dimParam, Number(expected));
    if (dims.length !== tensor.rank || (expected !== undefined && Number(expected) !== tensor.shape[axis]))
      throw new ShapeError("onnx/input-shape", `the input "${name}" is ${typeText(type)}`, {
        operands: { given: tensor },
        fix: dimParam ? `"${dimParam}" must be one size in all inputs` : "give the sizes that the model declares",
      });
  });
  return tensorEntry(tensor, declared);
}

const freeEntry = (source: any): Entry =>
  Array.isArray(source) ? { kind: "sequence", items: source.map(freeEntry) } : tensorEntry(asTensor(source));

function textEntry(source: unknown): Entry {
  const data = Array.isArray(source) ? source.flat(Number.POSITIVE_INFINITY) : [source];
  return { kind: "text", shape: Array.isArray(source) ? shapeOfNested(source) : [], data };
}

const shapeOfNested = (source: unknown): number[] =>
  Array.isArray(source) ? [source.length, ...shapeOfNested(source[0])] : [];

function treeOf(entry: Entry): any {
  if (entry.kind === "tensor") return entry.tensor;
  if (entry.kind === "sequence") return entry.items.map(treeOf);
  if (entry.kind === "optional") return entry.item ? treeOf(entry.item) : null;
  return [...entry.data];
}

const describeAll = (values: readonly ValueInfoProto[]): Record<string, ModelValue> =>
  Object.fromEntries(
    values.map(({ name, type }) => [
      name,
      {
        type: typeText(type),
        shape: type?.tensorType?.shape?.dim.map(
          ({ dimValue, dimParam }) => dimParam || (dimValue === undefined ? undefined : Number(dimValue)),
        ),
      },
    ]),
  );

/**
 * The model with some parameters taken out of training: `apply` takes them as constants.
 *
 * @param pattern  a name, an expression that names must match, or a test
 * @example
 * const head = freeze(model, (name) => !name.startsWith("classifier."));
 */
export const freeze = (imported: ImportedModel, pattern: NamePattern): ImportedModel =>
  refreeze(imported, pattern, true);

/** The model with some frozen parameters back in training. See {@link freeze}. */
export const unfreeze = (imported: ImportedModel, pattern: NamePattern): ImportedModel =>
  refreeze(imported, pattern, false);

export type NamePattern = string | RegExp | ((name: string) => boolean);

export const matchesName = (pattern: NamePattern, name: string): boolean =>
  typeof pattern === "string" ? pattern === name : pattern instanceof RegExp ? pattern.test(name) : pattern(name);

function refreeze(imported: ImportedModel, pattern: NamePattern, freezing: boolean): ImportedModel {
  const { parameters, frozen, methods } = parts.get(imported)!;
  const next = new Set(frozen);
  let found = false;
  for (const { name } of parameters) {
    if (!matchesName(pattern, name)) continue;
    found = true;
    if (freezing) next.add(name);
    else next.delete(name);
  }
  if (!found)
    throw new SettingError("onnx/no-parameter", `no parameter is called ${pattern}`, {
      fix: `there are ${parameters
        .slice(0, 5)
        .map(({ name }) => name)
        .join(", ")} …`,
    });
  return assemble(imported.model, parameters, next, imported.wanted, methods);
}
