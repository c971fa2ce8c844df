import type * as Runtime from "onnxruntime-common";
import type { Value } from "../../core/value.ts";
import type { EmittedModel } from "./emit.ts";
import type { OpenedModel } from "./opened-model.ts";
import { encodeModel } from "./protobuf/index.ts";
import type { SessionOptions } from "./session.ts";

/**
 * Opens a model through the JavaScript interface that ONNX Runtime's packages share.
 *
 * @param native  whether the runtime writes results where it is told to; WebAssembly answers with memory of its own
 * @throws        Error with the runtime's own message
 */
export async function openWithBinding(
  runtime: typeof Runtime,
  emitted: EmittedModel,
  { threads, provider, optimization, profilePrefix }: SessionOptions,
  native: boolean,
): Promise<OpenedModel> {
  const { external } = emitted;
  const session = await runtime.InferenceSession.create(encodeModel(emitted.model), {
    executionProviders: [provider as string],
    graphOptimizationLevel: optimization,
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    interOpNumThreads: 1,
    executionMode: "sequential",
    logSeverityLevel: 3,
    ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
    ...(external.length === 0 ? {} : { externalData: [...external] }),
    // Denormals cost a hundred times a normal operation, and training makes many.
    extra: { session: { set_denormal_as_zero: "1" } },
  });
  return new BindingModel(runtime, session, emitted, native);
}

/** Data as ONNX Runtime takes it. The view is made once for each value. */
const views = new WeakMap<Value, Runtime.Tensor>();

class BindingModel implements OpenedModel {
  readonly #session: Runtime.InferenceSession;
  readonly #emitted: EmittedModel;
  readonly #native: boolean;
  /** Each runtime has a tensor class of its own, and takes no other. */
  readonly #Tensor: typeof Runtime.Tensor;

  constructor(runtime: typeof Runtime, session: Runtime.InferenceSession, emitted: EmittedModel, native: boolean) {
    this.#Tensor = runtime.Tensor;
    this.#session = session;
    // Its large constants are read where they are, so they must stay.
    this.#emitted = emitted;
    this.#native = native;
  }

  async run(inputs: readonly Value[], outputs: readonly Value[]): Promise<void> {
    const { inputNames, outputNames } = this.#emitted;
    const viewsOf = (names: readonly string[], values: readonly Value[]) =>
      Object.fromEntries(names.map((name, i) => [name, this.#view(values[i])]));
    const feeds = viewsOf(inputNames, inputs);
    if (this.#native) {
      await this.#session.run(feeds, viewsOf(outputNames, outputs));
      return;
    }
    const results = await this.#session.run(feeds, outputNames);
    outputNames.forEach((name, i) => {
      (outputs[i].data as Float32Array).set(results[name].data as Float32Array);
      results[name].dispose();
    });
  }

  #view(value: Value): Runtime.Tensor {
    let view = views.get(value);
    if (view === undefined || !(view instanceof this.#Tensor)) {
      view = new this.#Tensor(value.dtype as "float32", value.data as Float32Array, value.shape);
      // The native binding does not know Float16Array: it is handed the same bytes as 16-bit words.
      const { buffer, byteOffset, length } = value.data;
      if (value.dtype === "float16" && this.#native)
        Object.assign(view, { cpuData: new Uint16Array(buffer, byteOffset, length) });
      views.set(value, view);
    }
    return view;
  }

  endProfiling(): void {
    this.#session.endProfiling();
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}
