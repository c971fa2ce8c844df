import type * as Runtime from "onnxruntime-common";
import { loadRuntime, providers } from "#onnxruntime";
import { RuntimeError, SettingError } from "../../core/errors.ts";
import type { Value } from "../../core/value.ts";
import type { ExternalConstant } from "./graph-builder.ts";

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
}

/** Data as ONNX Runtime takes it. The view is made once for each value. */
const views = new WeakMap<Value, Runtime.Tensor>();

/** One opened ONNX model. */
export class Session {
  readonly #session: Runtime.InferenceSession;
  /** Native sessions write results where they are told to; others answer with memory of their own. */
  readonly #writesIntoOutputs: boolean;
  #released = false;

  /** Each runtime has a tensor class of its own, and takes no other. */
  readonly #Tensor: typeof Runtime.Tensor;

  /** The runtime reads large constants where they are, so they must stay. */
  readonly #external: readonly ExternalConstant[];

  private constructor(
    runtime: typeof Runtime,
    session: Runtime.InferenceSession,
    external: readonly ExternalConstant[],
    writesIntoOutputs: boolean,
  ) {
    this.#external = external;
    this.#Tensor = runtime.Tensor;
    this.#session = session;
    this.#writesIntoOutputs = writesIntoOutputs;
  }

  /** @throws SettingError `runtime/provider`; RuntimeError `runtime/open` with the runtime's own message */
  static async open(
    model: Uint8Array | string,
    options: SessionOptions = {},
    external: readonly ExternalConstant[] = [],
  ): Promise<Session> {
    const { threads, provider = providers[0] as Provider, optimization = "extended", profilePrefix } = options;
    if (!providers.includes(provider))
      throw new SettingError("runtime/provider", `there is no provider "${provider}" here`, {
        fix: `use one of: ${providers.join(", ")}`,
      });
    const runtime = await loadRuntime(provider);
    // Threads of WebAssembly are set once, for the whole page, before its first session.
    if (provider === "wasm" && threads !== undefined) runtime.env.wasm.numThreads = threads;
    try {
      return new Session(
        runtime,
        await runtime.InferenceSession.create(model as Uint8Array, {
          executionProviders: [provider],
          graphOptimizationLevel: optimization,
          ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
          interOpNumThreads: 1,
          executionMode: "sequential",
          logSeverityLevel: 3,
          ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
          ...(external.length === 0 ? {} : { externalData: [...external] }),
          // Denormals cost a hundred times a normal operation, and training makes many.
          extra: { session: { set_denormal_as_zero: "1" } },
        }),
        external,
        provider === "cpu",
      );
    } catch (cause) {
      throw new RuntimeError("runtime/open", `ONNX Runtime cannot open this graph: ${(cause as Error).message}`, {
        cause,
        fix: `executors differ in operators: try another provider than "${provider}"`,
      });
    }
  }

  /**
   * Runs the model. Results are written into the arrays of `outputs`, by name.
   *
   * @throws RuntimeError `runtime/run` with the runtime's own message; StateError when released
   */
  async run(inputs: Readonly<Record<string, Value>>, outputs: Readonly<Record<string, Value>>): Promise<void> {
    if (this.#released)
      throw new RuntimeError("runtime/released", "this program was released", { fix: "compile it again" });
    const feeds: Record<string, Runtime.Tensor> = {};
    for (const name in inputs) feeds[name] = this.#view(inputs[name]);
    try {
      if (this.#writesIntoOutputs) {
        const fetches: Record<string, Runtime.Tensor> = {};
        for (const name in outputs) fetches[name] = this.#view(outputs[name]);
        await this.#session.run(feeds, fetches);
        return;
      }
      const results = await this.#session.run(feeds, Object.keys(outputs));
      for (const name in outputs) {
        const { data } = results[name] as Runtime.Tensor;
        (outputs[name].data as Float32Array).set(data as Float32Array);
        results[name].dispose();
      }
    } catch (cause) {
      throw new RuntimeError("runtime/run", `ONNX Runtime failed: ${(cause as Error).message}`, { cause });
    }
  }

  #view(value: Value): Runtime.Tensor {
    let view = views.get(value);
    if (view === undefined || !(view instanceof this.#Tensor)) {
      view = new this.#Tensor(value.dtype as "float32", value.data as Float32Array, value.shape);
      // The native binding does not know Float16Array: it is handed the same bytes as 16-bit words.
      const { buffer, byteOffset, length } = value.data;
      if (value.dtype === "float16" && this.#writesIntoOutputs)
        Object.assign(view, { cpuData: new Uint16Array(buffer, byteOffset, length) });
      views.set(value, view);
    }
    return view;
  }

  /** Ends profiling; the runtime writes its file. */
  endProfiling(): void {
    this.#session.endProfiling();
  }

  /** Bytes of constants that live outside the model. */
  get externalBytes(): number {
    return this.#external.reduce((total, { data }) => total + data.length, 0);
  }

  /** Frees the native memory. */
  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    await this.#session.release();
  }
}
