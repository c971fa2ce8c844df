import { configureRuntime } from "sluice/browser";

/** Where a program may run on a page. */
export type PageProvider = "wasm" | "webgpu";

/** Threads of WebAssembly: a page that is not cross-origin isolated has one. */
export const threads = (): number =>
  globalThis.crossOriginIsolated ? Math.max(1, Math.min(4, Math.floor(navigator.hardwareConcurrency / 2) || 1)) : 1;

let configured: Promise<void> | undefined;

/** Tells ONNX Runtime, once, where the page serves its files. */
export function runtimeReady(): Promise<void> {
  configured ??= configureRuntime({ wasmPaths: new URL("/onnxruntime/", location.origin).href, threads: threads() });
  return configured;
}

/** What a task ran on, in words. */
export const describeProvider = (provider: PageProvider): string =>
  provider === "webgpu" ? "WebGPU" : `WebAssembly, ${threads() === 1 ? "one thread" : `${threads()} threads`}`;
