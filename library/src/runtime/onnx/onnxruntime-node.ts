import type * as Common from "onnxruntime-common";

/** Providers that ONNX Runtime has in Node: native ones, and the browser's WebAssembly for comparison. */
export const providers: readonly string[] = ["cpu", "cuda", "wasm"];

/** The runtime that has a provider, loaded when it is first needed. */
export const loadRuntime = (provider: string): Promise<typeof Common> =>
  provider === "wasm" ? import("onnxruntime-web") : import("onnxruntime-node");
