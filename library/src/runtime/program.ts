import { allocate, type TypedArray } from "../core/dtype.ts";
import { SettingError, StateError } from "../core/errors.ts";
import { evaluateReference } from "../core/oracle.ts";
import { type SimplifyOptions, simplify } from "../core/simplify.ts";
import { asTensor, input, type Node, Tensor } from "../core/tensor.ts";
import { type Argument, type Concrete, leavesOf, mapTree, signatureOf } from "../core/tree.ts";
import { convert, Value } from "../core/value.ts";
import { type Cost, costOf } from "./cost.ts";
import { type EmittedModel, emitModel } from "./onnx/emit.ts";
import { encodeModel } from "./onnx/protobuf/index.ts";
import { Session, type SessionOptions } from "./onnx/session.ts";
import { type Profile, profileFile, readProfile } from "./profile.ts";
import { cutIntoStages, runHostStage, type Stage } from "./stages.ts";

/** Who runs a program: ONNX Runtime, or the oracle in plain TypeScript with 64-bit floats. */
export type Executor = "onnx" | "reference";

export interface CompileOptions extends SessionOptions, SimplifyOptions {
  /** Who runs it. Default "onnx". */
  readonly executor?: Executor;
  /**
   * Positions of arguments whose values the program may write over once it has read them: the state of a training loop.
   * Their memory is used for the next results, so that the loop allocates nothing.
   */
  readonly donate?: readonly number[];
  /** Names of the arguments in errors and exported files. Default "argument 0", … */
  readonly names?: readonly string[];
}

/** A traced, compiled function, called many times. */
export interface Program<A extends unknown[], Y> {
  /** Runs it: values in, values out. The first call with arguments of new shapes traces and compiles. */
  (...args: { [K in keyof A]: Argument<A[K]> }): Promise<Concrete<Y>>;
  /** Traces and opens the session for arguments like these without running it. */
  prepare(...args: { [K in keyof A]: Argument<A[K]> }): Promise<void>;
  /** The simplified graph for arguments like these: its inputs and outputs as tensors. */
  trace(...args: { [K in keyof A]: Argument<A[K]> }): Traced;
  /**
   * Where the time of a call goes, from ONNX Runtime's own profiler: one row per operation and line of your code.
   *
   * @throws SettingError `profile/browser`
   */
  profile(...args: { [K in keyof A]: Argument<A[K]> }): Promise<Profile>;
  /** Floating-point operations, bytes moved and peak memory of a call, from the graph alone. */
  cost(...args: { [K in keyof A]: Argument<A[K]> }): Cost;
  /**
   * The program for arguments like these as the bytes of an `.onnx` file of standard operators. Inputs and outputs are
   * named by their paths: "params.layers.0.weight".
   *
   * @throws SettingError `export/random` when random numbers are drawn inside
   */
  export(...args: { [K in keyof A]: Argument<A[K]> }): Uint8Array<ArrayBuffer>;
  /** Frees all sessions. Not needed in general: they go when nothing refers to the program. */
  release(): Promise<void>;
}

/** A traced function: its graph, and the trees that its arguments and results form. */
export interface Traced {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  /** The result tree, with the traced tensors as leaves. */
  readonly result: unknown;
}

/** Traces a function on arguments like these: a leaf becomes an input, static leaves stay. */
export function traceFunction(
  fn: (...args: any[]) => unknown,
  args: readonly unknown[],
  { names = [], without }: Pick<CompileOptions, "names" | "without"> = {},
): Traced {
  const inputs: Tensor[] = [];
  const symbolic = args.map((argument, i) =>
    mapTree(argument, (leaf: Value | number, path) => {
      const name = names[i] ?? `argument ${i}`;
      const { shape, dtype } = typeof leaf === "number" ? ({ shape: [], dtype: "float32" } as const) : leaf;
      const tensor = input(shape, dtype, path === "" ? name : `${name} "${path}"`);
      inputs.push(tensor);
      return tensor;
    }),
  );
  const result = fn(...symbolic);
  if (result instanceof Promise)
    throw new SettingError("compile/async", "a traced function must not be asynchronous", {
      fix: "build the graph synchronously; only running a program is awaited",
    });
  const raw = leavesOf(result).map((leaf) => asTensor(leaf));
  return { inputs, outputs: simplify(raw, { without }), result };
}

interface GraphStage extends Stage {
  readonly emitted: EmittedModel;
  readonly session: Session;
}

/**
 * Above this size ONNX Runtime's own rewriting takes longer than it saves: training steps, in which we have written the
 * fused operators already.
 */
const manyNodes = 500;

/** A program for one signature: its stages, opened. */
class Specialization {
  readonly traced: Traced;
  readonly #stages: readonly (Stage | GraphStage)[];

  constructor(traced: Traced, stages: readonly (Stage | GraphStage)[]) {
    this.traced = traced;
    this.#stages = stages;
  }

  static async open(traced: Traced, options: CompileOptions): Promise<Specialization> {
    const stages = await Promise.all(
      cutIntoStages(traced.inputs, traced.outputs).map(async (stage): Promise<Stage | GraphStage> => {
        if (stage.place === "host") return stage;
        const portable = options.provider === "webgpu";
        const emitted = emitModel(stage.inputs, stage.outputs, { portable, external: true });
        const optimization = emitted.model.graph.node.length > manyNodes ? "basic" : "extended";
        const session = await Session.open(emitted, { optimization, ...options });
        return { ...stage, emitted, session };
      }),
    );
    return new Specialization(traced, stages);
  }

  async run(values: readonly Value[], memory: MemoryPool): Promise<Value[]> {
    const known = new Map<Tensor, Value>();
    this.traced.inputs.forEach((tensor, i) => {
      known.set(tensor, values[i]);
    });
    for (const stage of this.#stages) {
      if (!("session" in stage)) {
        runHostStage(stage, known);
        continue;
      }
      const inputs = stage.inputs.map((tensor) => known.get(tensor)!);
      const outputs = stage.outputs.map(({ shape, dtype, size }) => new Value(memory.take(dtype, size), shape, dtype));
      await stage.session.run(inputs, outputs);
      stage.outputs.forEach((tensor, i) => {
        known.set(tensor, outputs[i]);
      });
    }
    const seen = new Set<Value>();
    return this.traced.outputs.map((output) => {
      // What goes out is the caller's: an input or a constant handed through, or a twin, is copied.
      const found = known.get(output) ?? (output.node.attributes as unknown as { value: Value }).value;
      const own = !values.includes(found) && known.has(output) && !seen.has(found);
      seen.add(found);
      return own ? found : new Value(found.data.slice(), found.shape, found.dtype);
    });
  }

  get sessions(): Session[] {
    return this.#stages.flatMap((stage) => ("session" in stage ? [stage.session] : []));
  }

  /** Which traced node each ONNX node, by name, came from. */
  get origins(): ReadonlyMap<string, Node> {
    return new Map(this.#stages.flatMap((stage) => ("session" in stage ? [...stage.emitted.origins] : [])));
  }

  endProfiling(): void {
    for (const session of this.sessions) session.endProfiling();
  }

  async release(): Promise<void> {
    for (const session of this.sessions) await session.release();
  }
}

/** Arrays that donated values left behind, by dtype and length. */
class MemoryPool {
  readonly #free = new Map<string, TypedArray[]>();

  take(dtype: Value["dtype"], length: number): TypedArray {
    return this.#free.get(`${dtype}${length}`)?.pop() ?? allocate(dtype, length);
  }

  give(value: Value): void {
    const key = `${value.dtype}${value.size}`;
    const list = this.#free.get(key);
    const data = value.surrender();
    if (list === undefined) this.#free.set(key, [data]);
    else list.push(data);
  }
}

// Sessions hold native memory that the garbage collector does not see: they are released with their program. Only the
// sessions may be held here: a traced graph refers, through the stack traces of its sites, to the program itself.
const registry = new FinalizationRegistry<Set<Session>>((sessions) => {
  for (const session of sessions) void session.release();
});

/**
 * Compiles a function over trees of tensors into a program over trees of values. It is traced once for each signature
 * (structure, shapes, dtypes and static leaves of the arguments), simplified, and run by ONNX Runtime as one graph.
 *
 * @param fn  a synchronous function of tensors; numbers among the arguments become float32 scalars, strings and booleans
 *            are static
 * @throws    whatever `fn` throws while tracing; RuntimeError `runtime/open`, `runtime/run`; StateError `value/donated`
 * @example
 * const double = compile((x: Tensor) => mul(x, 2));
 * (await double(value([1, 2]))).toArray();   // [2, 4]
 */
export function compile<A extends unknown[], Y>(fn: (...args: A) => Y, options: CompileOptions = {}): Program<A, Y> {
  const { executor = "onnx", donate = [] } = options;
  const specializations = new Map<string, Promise<Specialization>>();
  const oracles = new Map<string, Traced>();
  const sessions = new Set<Session>();
  const memory = new MemoryPool();

  const trace = (args: readonly unknown[]): Traced => traceFunction(fn, args, options);

  const specialize = (args: readonly unknown[]): Promise<Specialization> => {
    const signature = signatureOf(args);
    let specialization = specializations.get(signature);
    if (specialization === undefined) {
      // Tracing errors are thrown here, on the caller's stack.
      const traced = trace(args);
      specialization = Specialization.open(traced, options).then((opened) => {
        for (const session of opened.sessions) sessions.add(session);
        return opened;
      });
      specializations.set(signature, specialization);
      specialization.catch(() => specializations.delete(signature));
    }
    return specialization;
  };

  const program = async (...args: unknown[]): Promise<unknown> => {
    const leaves = leavesOf(args);
    const values = leaves.map(toValue);
    let traced: Traced;
    let results: Value[];
    if (executor === "reference") {
      const signature = signatureOf(args);
      traced = oracles.get(signature) ?? trace(args);
      oracles.set(signature, traced);
      results = runReference(traced, values);
    } else {
      const specialization = await specialize(args);
      traced = specialization.traced;
      results = await specialization.run(values, memory);
    }
    for (const position of donate)
      for (const leaf of leavesOf(args[position])) if (leaf instanceof Value && !leaf.donated) memory.give(leaf);
    let position = 0;
    return mapTree(traced.result, () => results[position++]);
  };

  registry.register(program, sessions);
  return Object.assign(program, {
    prepare: async (...args: unknown[]) => {
      if (executor === "onnx") await specialize(args);
    },
    trace: (...args: unknown[]) => trace(args),
    profile: (...args: unknown[]) => profileProgram(trace(args), leavesOf(args).map(toValue), options),
    cost: (...args: unknown[]) => {
      const { inputs, outputs } = trace(args);
      return costOf(inputs, outputs);
    },
    export: (...args: unknown[]) => exportProgram(trace(args), args, options.names),
    release: async () => {
      await Promise.all([...specializations.values()].map(async (specialization) => (await specialization).release()));
      specializations.clear();
      sessions.clear();
    },
  }) as unknown as Program<A, Y>;
}

function toValue(leaf: Tensor | Value | number): Value {
  if (leaf instanceof Tensor)
    throw new StateError("program/tensor", "a program takes values, not tensors", {
      operands: { argument: leaf },
      fix: "evaluate the tensor first: await evaluate(x)",
    });
  return leaf instanceof Value ? leaf : new Value(Float32Array.of(leaf), []);
}

const profiledCalls = 5;

async function profileProgram(traced: Traced, values: readonly Value[], options: CompileOptions): Promise<Profile> {
  const { prefix, read } = await profileFile();
  const specialization = await Specialization.open(traced, { ...options, profilePrefix: prefix });
  const memory = new MemoryPool();
  for (let call = 0; call < profiledCalls; call++) await specialization.run(values, memory);
  specialization.endProfiling();
  await specialization.release();
  return readProfile(await read(), specialization.origins, profiledCalls);
}

function exportProgram(
  { inputs, outputs, result }: Traced,
  args: readonly unknown[],
  names: readonly string[] = [],
): Uint8Array<ArrayBuffer> {
  if (cutIntoStages(inputs, outputs).some((stage) => stage.place === "host"))
    throw new SettingError("export/random", "random numbers are drawn on the host, which a file cannot do", {
      fix: "draw them outside, and pass them to the function as an argument",
    });
  const inputNames = args.flatMap((argument, i) => pathsOf(argument, names[i] ?? (args.length === 1 ? "x" : `x${i}`)));
  return encodeModel(
    emitModel(inputs, outputs, { inputNames, outputNames: pathsOf(result, "y"), portable: true }).model,
  );
}

/** "root.path" for every leaf of a tree, "root" for a tree that is a leaf. */
function pathsOf(tree: unknown, root: string): string[] {
  const paths: string[] = [];
  mapTree(tree, (_, path) => paths.push(path === "" ? root : `${root}.${path}`));
  return paths;
}

function runReference({ inputs, outputs }: Traced, values: readonly Value[]): Value[] {
  const data = new Map(inputs.map((tensor, i) => [tensor, values[i].toFloat64()]));
  return evaluateReference(outputs, data).map(
    (result, i) => new Value(convert(result, outputs[i].dtype), outputs[i].shape, outputs[i].dtype),
  );
}

/**
 * Runs what a tree of tensors needs and gives the tree of their values: the way to try things at a prompt.
 *
 * @example
 * (await evaluate(exp(0))).item()   // 1
 */
export async function evaluate<X>(
  tree: X,
  options: SessionOptions & { executor?: Executor } = {},
): Promise<Concrete<X>> {
  const program = compile(() => tree, options);
  const result = await (program as unknown as () => Promise<Concrete<X>>)();
  await program.release();
  return result;
}
