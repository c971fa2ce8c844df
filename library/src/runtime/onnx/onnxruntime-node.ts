/** ONNX Runtime as Node has it: native, on the CPU's cores. */
export * from "onnxruntime-node";
export const platform: "node" | "web" = "node";
export const providers = ["cpu", "cuda", "webgpu"] as const;
