/**
 * Sluice for a page: the same library, and where ONNX Runtime's WebAssembly comes from. Bundlers that know the `default`
 * condition of package imports take the browser's runtime by themselves.
 */
import { loadRuntime } from "#onnxruntime";

export * from "./index.ts";

/**
 * Tells ONNX Runtime Web where its files lie and how many threads it may have. Call it before the first program runs.
 *
 * @param wasmPaths  folder (with a slash at the end) from which the page serves the `.wasm` and `.mjs` files of onnxruntime-web
 * @param threads    threads of WebAssembly. More than one needs a cross-origin isolated page (COOP and COEP headers);
 *                   without it the runtime uses one. Default: half of the cores, at most 4, as the runtime chooses
 */
export async function configureRuntime({
  wasmPaths,
  threads,
}: {
  wasmPaths?: string;
  threads?: number;
} = {}): Promise<void> {
  for (const provider of ["wasm", "webgpu"]) {
    const { env } = await loadRuntime(provider);
    if (wasmPaths !== undefined) env.wasm.wasmPaths = wasmPaths;
    if (threads !== undefined) env.wasm.numThreads = threads;
    if (provider === "wasm" && (globalThis as { navigator?: { gpu?: unknown } }).navigator?.gpu === undefined) break;
  }
}
