import type { Value } from "../../core/value.ts";

/** An ONNX model that a runtime has opened. */
export interface OpenedModel {
  /** Runs it once: inputs and outputs in the order of the model's names. Results are written into the outputs' arrays. */
  run(inputs: readonly Value[], outputs: readonly Value[]): void | Promise<void>;
  /** Ends profiling; the runtime writes its file. */
  endProfiling(): void;
  /** Frees the native memory. */
  release(): void | Promise<void>;
}
