import type * as Common from "onnxruntime-common";

/** Providers that ONNX Runtime has in a browser. */
export const providers: readonly string[] = ["wasm", "webgpu"];

/** The runtime that has a provider, loaded when it is first needed. */
export const loadRuntime = (provider: string): Promise<typeof Common> =>
  provider === "webgpu" ? import("onnxruntime-web/webgpu") : import("onnxruntime-web/wasm");

/** A browser has no C interface. */
export const loadCInterface = async (): Promise<Error> => new Error("a browser has no C interface");

export const prefersCInterface = false;
