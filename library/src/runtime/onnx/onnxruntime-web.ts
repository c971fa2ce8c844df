/** ONNX Runtime as a browser has it: WebAssembly with SIMD and threads, or WebGPU. */
export * from "onnxruntime-web/webgpu";
export const platform: "node" | "web" = "web";
export const providers = ["wasm", "webgpu"] as const;
