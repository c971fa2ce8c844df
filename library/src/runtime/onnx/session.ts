import { loadCInterface, loadRuntime, prefersCInterface, providers } from "#onnxruntime";
import { RuntimeError, SettingError } from "../../core/errors.ts";
import type { Value } from "../../core/value.ts";
import type { EmittedModel } from "./emit.ts";
import { openWithBinding } from "./open-with-binding.ts";
import type { OpenedModel } from "./opened-model.ts";

/** Where a program runs: `cpu` (Node's default), `wasm` (the browser's default), `webgpu`, `cuda`. */
export type Provider = "cpu" | "wasm" | "webgpu" | "cuda";

export interface SessionOptions {
  /** Threads inside an operation. Default: all cores (Node), or as many as the page may have. */
  readonly threads?: number;
  /** Execution provider. Default `cpu` in Node, `wasm` in a browser. */
  readonly provider?: Provider;
  /** How much ONNX Runtime rewrites the graph itself. Default "extended"; "basic" for programs of very many nodes. */
  readonly optimization?: "disabled" | "basic" | "extended" | "all";
  /** Prefix of the file that the runtime's profiler writes. Default: no profiling. */
  readonly profilePrefix?: string;
  /**
   * How Node reaches ONNX Runtime on the CPU: `c`, its C interface, which writes results where they belong; `javascript`,
   * the binding of its package, which copies them. Default: the environment's `SLUICE_BINDING`, else `c` on Linux where
   * the optional package koffi is installed, else `javascript`.
   */
  readonly binding?: "c" | "javascript";
}

/** One opened ONNX model. */
export class Session {
  readonly #model: OpenedModel;
  #released = false;

  private constructor(model: OpenedModel) {
    this.#model = model;
  }

  /** @throws SettingError `runtime/provider`, `runtime/binding`; RuntimeError `runtime/open` with the runtime's message */
  static async open(emitted: EmittedModel, options: SessionOptions = {}): Promise<Session> {
    const { threads, provider = providers[0] as Provider, optimization = "extended" } = options;
    if (!providers.includes(provider))
      throw new SettingError("runtime/provider", `there is no provider "${provider}" here`, {
        fix: `use one of: ${providers.join(", ")}`,
      });
    const settings = { ...options, provider, optimization };
    const openWithCInterface = await cInterfaceFor(settings);
    try {
      if (openWithCInterface !== undefined) return new Session(openWithCInterface(emitted, settings));
      const runtime = await loadRuntime(provider);
      // Threads of WebAssembly are set once, for the whole page, before its first session.
      if (provider === "wasm" && threads !== undefined) runtime.env.wasm.numThreads = threads;
      return new Session(await openWithBinding(runtime, emitted, settings, provider === "cpu"));
    } catch (cause) {
      throw new RuntimeError("runtime/open", `ONNX Runtime cannot open this graph: ${(cause as Error).message}`, {
        cause,
        fix: `executors differ in operators: try another provider than "${provider}"`,
      });
    }
  }

  /**
   * Runs the model on values in the order of its input names. Results are written into the arrays of `outputs`.
   *
   * @throws RuntimeError `runtime/run` with the runtime's own message, `runtime/released`
   */
  async run(inputs: readonly Value[], outputs: readonly Value[]): Promise<void> {
    if (this.#released)
      throw new RuntimeError("runtime/released", "this program was released", { fix: "compile it again" });
    try {
      await this.#model.run(inputs, outputs);
    } catch (cause) {
      throw new RuntimeError("runtime/run", `ONNX Runtime failed: ${(cause as Error).message}`, { cause });
    }
  }

  /** Ends profiling; the runtime writes its file. */
  endProfiling(): void {
    this.#model.endProfiling();
  }

  /** Frees the native memory. */
  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    await this.#model.release();
  }
}

/**
 * How programs on the CPU reach ONNX Runtime unless they say otherwise: see `SessionOptions.binding`.
 *
 * @returns the binding, and why the C interface cannot be used where it cannot
 */
export async function defaultBinding(): Promise<{ binding: "c" | "javascript"; problem?: string }> {
  if (!prefersCInterface) return { binding: "javascript" };
  const loaded = await loadCInterface();
  return loaded instanceof Error ? { binding: "javascript", problem: loaded.message } : { binding: "c" };
}

/** What opens a model through the C interface, if that is asked for or preferred, and possible. */
async function cInterfaceFor({ provider, profilePrefix, binding }: SessionOptions) {
  const wanted = binding === undefined ? prefersCInterface : binding === "c";
  if (!wanted || provider !== "cpu" || profilePrefix !== undefined) return undefined;
  const loaded = await loadCInterface();
  if (!(loaded instanceof Error)) return loaded;
  if (binding === undefined) return undefined;
  throw new SettingError("runtime/binding", `the C interface of ONNX Runtime cannot be used: ${loaded.message}`, {
    fix: 'install the optional package koffi, or use binding: "javascript"',
    cause: loaded,
  });
}
