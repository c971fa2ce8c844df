import { InferenceSession, platform, Tensor as RuntimeTensor } from "#onnxruntime";
import { RuntimeError } from "../../core/errors.ts";
import type { Value } from "../../core/value.ts";
import type { ExternalConstant } from "./graph-builder.ts";

/** Where a program runs: `cpu` (Node's default), `wasm` (the browser's default), `webgpu`, `cuda`. */
export type Provider = "cpu" | "wasm" | "webgpu" | "cuda";

export interface SessionOptions {
  /** Threads inside an operation. Default: all cores (Node), or as many as the page may have. */
  readonly threads?: number;
  /** Execution provider. Default `cpu` in Node, `wasm` in a browser. */
  readonly provider?: Provider;
  /** How much ONNX Runtime rewrites the graph itself. Default "extended". */
  readonly optimization?: "disabled" | "basic" | "extended" | "all";
  /** Prefix of the file that the runtime's profiler writes. Default: no profiling. */
  readonly profilePrefix?: string;
}

/** Data as ONNX Runtime takes it. The view is made once for each value. */
const views = new WeakMap<Value, RuntimeTensor>();

export function runtimeTensor(value: Value): RuntimeTensor {
  let view = views.get(value);
  if (view === undefined) {
    view = new RuntimeTensor(value.dtype as "float32", value.data as Float32Array, value.shape);
    views.set(value, view);
  }
  return view;
}

/** One opened ONNX model. */
export class Session {
  readonly #session: InferenceSession;
  #released = false;

  private constructor(session: InferenceSession) {
    this.#session = session;
  }

  /** @throws RuntimeError `runtime/open` with the runtime's own message */
  static async open(
    model: Uint8Array | string,
    options: SessionOptions = {},
    external: readonly ExternalConstant[] = [],
  ): Promise<Session> {
    const {
      threads,
      provider = platform === "node" ? "cpu" : "wasm",
      optimization = "extended",
      profilePrefix,
    } = options;
    try {
      return new Session(
        await InferenceSession.create(model as Uint8Array, {
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
    const feeds: Record<string, RuntimeTensor> = {};
    for (const name in inputs) feeds[name] = runtimeTensor(inputs[name]);
    const fetches: Record<string, RuntimeTensor> = {};
    for (const name in outputs) fetches[name] = runtimeTensor(outputs[name]);
    let results: InferenceSession.OnnxValueMapType;
    try {
      results = await this.#session.run(feeds, fetches);
    } catch (cause) {
      throw new RuntimeError("runtime/run", `ONNX Runtime failed: ${(cause as Error).message}`, { cause });
    }
    // The browser's runtime may answer with arrays of its own.
    for (const name in outputs) {
      const given = (results[name] as RuntimeTensor).data as Float32Array;
      const wanted = outputs[name].data as Float32Array;
      if (given !== wanted && given.buffer !== wanted.buffer) wanted.set(given);
    }
  }

  /** Ends profiling; the runtime writes its file. */
  endProfiling(): void {
    this.#session.endProfiling();
  }

  /** Frees the native memory. */
  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    await this.#session.release();
  }
}
