import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import koffi from "koffi";

/** An address in native memory. */
export type Address = bigint;

/** A pointer, or the typed array that lies there. */
type Pointer = Address | ArrayBufferView | null;

/** The functions of ONNX Runtime's C interface that a session needs. Each throws the runtime's own message. */
export interface RuntimeApi {
  createEnvironment(logLevel: number, name: string): Address;
  createSessionOptions(): Address;
  setLogLevel(options: Address, level: number): void;
  setOptimization(options: Address, level: number): void;
  setThreads(options: Address, threads: number): void;
  setThreadsBetweenOperations(options: Address, threads: number): void;
  addConfigEntry(options: Address, key: string, value: string): void;
  addExternalData(options: Address, names: Pointer, buffers: Pointer, lengths: Pointer, count: number): void;
  createSession(environment: Address, model: Uint8Array, bytes: number, options: Address): Address;
  run(
    session: Address,
    options: null,
    inputNames: Pointer,
    inputs: Pointer,
    inputCount: number,
    outputNames: Pointer,
    outputCount: number,
    outputs: Pointer,
  ): void;
  createMemoryInfo(allocator: number, kind: number): Address;
  createTensor(
    memory: Address,
    data: Address,
    bytes: number,
    dimensions: Pointer,
    rank: number,
    dtype: number,
  ): Address;
  releaseSession(session: Address): void;
  releaseValue(value: Address): void;
  releaseSessionOptions(options: Address): void;
}

/** The version of the interface that is asked for: newer runtimes keep all older ones. */
const version = 24;

const libraries: Readonly<Record<string, string>> = {
  linux: "libonnxruntime.so.1",
  darwin: "libonnxruntime.1.dylib",
  win32: "onnxruntime.dll",
};

let loaded: RuntimeApi | undefined;

/**
 * Loads the library that the package `onnxruntime-node` ships, and finds its functions.
 *
 * @throws Error when the package, its library for this platform or its version of the interface is missing
 * @source the order of the members of `OrtApi` in onnxruntime_c_api.h, which only grows at its end
 */
export function loadRuntimeApi(): RuntimeApi {
  loaded ??= findFunctions();
  return loaded;
}

function findFunctions(): RuntimeApi {
  const folder = dirname(createRequire(import.meta.url).resolve("onnxruntime-node/package.json"));
  const file = join(folder, "bin", "napi-v6", process.platform, process.arch, libraries[process.platform]);
  const base = koffi.load(file).func("void *OrtGetApiBase()")();
  const getApi = koffi.decode(koffi.decode(base, 0, "void *"), koffi.proto("void *(uint32_t)"));
  const api = getApi(version);
  if (api === null) throw new Error(`${file} does not know version ${version} of its interface`);

  const pointerBytes = 8;
  const member = (index: number, signature: string) =>
    koffi.decode(koffi.decode(api, index * pointerBytes, "void *"), koffi.proto(signature));
  const messageOf = member(2, "str (void *)");
  const releaseStatus = member(93, "void (void *)");
  const check = (status: Address | null): void => {
    if (status === null) return;
    const message = messageOf(status);
    releaseStatus(status);
    throw new Error(message);
  };
  const call = (index: number, ...parameters: string[]) => {
    const native = member(index, `void *(${parameters.join(", ")})`);
    return (...args: unknown[]): void => check(native(...args));
  };
  // What is made is written where the last argument points.
  const made = new BigUint64Array(1);
  const make = (index: number, ...parameters: string[]) => {
    const native = member(index, `void *(${[...parameters, "void *"].join(", ")})`);
    return (...args: unknown[]): Address => {
      check(native(...args, made));
      return made[0];
    };
  };
  return {
    createEnvironment: make(3, "int", "str"),
    createSession: make(8, "void *", "void *", "size_t", "void *"),
    run: call(9, "void *", "void *", "void *", "void *", "size_t", "void *", "size_t", "void *"),
    createSessionOptions: make(10),
    setLogLevel: call(22, "void *", "int"),
    setOptimization: call(23, "void *", "int"),
    setThreads: call(24, "void *", "int"),
    setThreadsBetweenOperations: call(25, "void *", "int"),
    createTensor: make(49, "void *", "void *", "size_t", "void *", "size_t", "int"),
    createMemoryInfo: make(69, "int", "int"),
    releaseSession: member(95, "void (void *)"),
    releaseValue: member(96, "void (void *)"),
    releaseSessionOptions: member(100, "void (void *)"),
    addConfigEntry: call(130, "void *", "str", "str"),
    addExternalData: call(279, "void *", "void *", "void *", "void *", "size_t"),
  };
}

// The runtime wants an address for tensors without elements, too.
const nothing = new ArrayBuffer(8);

/** Where a typed array lies. It stays there as long as the array lives. */
export function addressOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Address {
  // The buffer's address, not the view's: small views live in the garbage collector's heap, which moves them, until
  // somebody asks for their buffer.
  return byteLength === 0 ? koffi.address(nothing) : koffi.address(buffer) + BigInt(byteOffset);
}
