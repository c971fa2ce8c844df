import { dtypes } from "../../core/dtype.ts";
import type { Value } from "../../core/value.ts";
import { type Address, addressOf, loadRuntimeApi, type RuntimeApi } from "./c-interface.ts";
import type { EmittedModel } from "./emit.ts";
import type { ExternalConstant } from "./graph-builder.ts";
import type { OpenedModel } from "./opened-model.ts";
import { encodeModel } from "./protobuf/index.ts";
import type { SessionOptions } from "./session.ts";

/** One for the process, for as long as it lives: the runtime's threads and arenas refer to them. */
let shared: { readonly api: RuntimeApi; readonly environment: Address; readonly memory: Address } | undefined;

const logErrors = 3;

/**
 * Loads ONNX Runtime's library and starts it, once.
 *
 * @throws Error when the library cannot be loaded
 */
export function prepareRuntime(): NonNullable<typeof shared> {
  if (shared === undefined) {
    const api = loadRuntimeApi();
    shared = { api, environment: api.createEnvironment(logErrors, "sluice"), memory: api.createMemoryInfo(0, 0) };
  }
  return shared;
}

const optimizationLevels = { disabled: 0, basic: 1, extended: 2, all: 99 };

/**
 * Opens a model on the CPU through ONNX Runtime's C interface: inputs are read and results written where their arrays
 * lie, without the copies that the package's own binding makes.
 *
 * @throws Error with the runtime's own message
 */
export function openWithCInterface(emitted: EmittedModel, { threads, optimization }: SessionOptions): OpenedModel {
  const { api, environment } = prepareRuntime();
  const options = api.createSessionOptions();
  try {
    api.setLogLevel(options, logErrors);
    api.setOptimization(options, optimizationLevels[optimization ?? "extended"]);
    if (threads !== undefined) api.setThreads(options, threads);
    api.setThreadsBetweenOperations(options, 1);
    // Denormals cost a hundred times a normal operation, and training makes many.
    api.addConfigEntry(options, "session.set_denormal_as_zero", "1");
    const bytes = encodeModel(emitted.model);
    addExternalData(options, emitted.external);
    const session = api.createSession(environment, bytes, bytes.length, options);
    constantsOf.set(session, emitted.external);
    return new NativeModel(session, emitted);
  } finally {
    api.releaseSessionOptions(options);
  }
}

/** The constants that open sessions read where they are, and which therefore must stay. */
const constantsOf = new Map<Address, readonly ExternalConstant[]>();

function addExternalData(options: Address, external: readonly ExternalConstant[]): void {
  if (external.length === 0) return;
  const names = new CStrings(
    external.map(({ path }) => path),
    process.platform === "win32" ? "utf16le" : "utf8",
  );
  const buffers = BigUint64Array.from(external, ({ data }) => addressOf(data));
  const lengths = BigUint64Array.from(external, ({ data }) => BigInt(data.byteLength));
  prepareRuntime().api.addExternalData(options, names.pointers, buffers, lengths, external.length);
}

/** Strings that end in a zero, and the array of their addresses. */
class CStrings {
  readonly pointers: BigUint64Array;
  /** Held for as long as anybody holds the pointers to them. */
  readonly bytes: readonly Uint8Array[];

  constructor(strings: readonly string[], encoding: "utf8" | "utf16le" = "utf8") {
    this.bytes = strings.map((text) => Uint8Array.from(Buffer.from(`${text}\0`, encoding)));
    this.pointers = BigUint64Array.from(this.bytes, addressOf);
  }
}

/** Milliseconds for which a chain of calls may keep the event loop from everything else. */
const longestBlock = 5;
let lastTurn = 0;

class NativeModel implements OpenedModel {
  readonly #session: Address;
  readonly #inputNames: CStrings;
  readonly #outputNames: CStrings;
  readonly #inputs: Tensors;
  readonly #outputs: Tensors;

  constructor(session: Address, { inputNames, outputNames }: EmittedModel) {
    this.#session = session;
    this.#inputNames = new CStrings(inputNames);
    this.#outputNames = new CStrings(outputNames);
    this.#inputs = new Tensors(inputNames.length);
    this.#outputs = new Tensors(outputNames.length);
  }

  async run(inputs: readonly Value[], outputs: readonly Value[]): Promise<void> {
    this.#run(inputs, outputs);
    // The call blocks. Timers, signals and other requests get their turn between calls.
    if (performance.now() - lastTurn < longestBlock) return;
    await new Promise(setImmediate);
    lastTurn = performance.now();
  }

  #run(inputs: readonly Value[], outputs: readonly Value[]): void {
    const { api } = prepareRuntime();
    try {
      this.#inputs.create(inputs);
      this.#outputs.create(outputs);
      api.run(
        this.#session,
        null,
        this.#inputNames.pointers,
        this.#inputs.pointers,
        inputs.length,
        this.#outputNames.pointers,
        outputs.length,
        this.#outputs.pointers,
      );
    } finally {
      this.#inputs.release();
      this.#outputs.release();
    }
  }

  endProfiling(): void {}

  release(): void {
    prepareRuntime().api.releaseSession(this.#session);
    constantsOf.delete(this.#session);
  }
}

/** The runtime's views of a list of values, for the length of a call. */
class Tensors {
  readonly pointers: BigUint64Array;
  readonly #dimensions: BigInt64Array[];
  /** The values that have a view: held so that no array is collected while the runtime works on it. */
  readonly #viewed: Value[] = [];

  constructor(count: number) {
    this.pointers = new BigUint64Array(count);
    this.#dimensions = Array.from({ length: count }, () => new BigInt64Array(0));
  }

  create(values: readonly Value[]): void {
    const { api, memory } = prepareRuntime();
    values.forEach((value, i) => {
      const { data, shape, dtype } = value;
      const dimensions = this.#dimensionsOf(i, shape);
      const element = dtypes[dtype].onnx;
      this.pointers[i] = api.createTensor(memory, addressOf(data), data.byteLength, dimensions, shape.length, element);
      this.#viewed.push(value);
    });
  }

  #dimensionsOf(i: number, shape: readonly number[]): BigInt64Array {
    const known = this.#dimensions[i];
    if (known.length === shape.length && shape.every((size, axis) => Number(known[axis]) === size)) return known;
    this.#dimensions[i] = BigInt64Array.from(shape, BigInt);
    return this.#dimensions[i];
  }

  release(): void {
    const { api } = prepareRuntime();
    this.#viewed.forEach((_, i) => {
      api.releaseValue(this.pointers[i]);
    });
    this.#viewed.length = 0;
  }
}
