import { createReadStream, existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { defaultClientConditions, defineConfig, type Plugin } from "vite";

/** Files of ONNX Runtime Web, without WebGPU and with it, that the page serves from its own origin. */
const runtimeFiles = ["ort-wasm-simd-threaded", "ort-wasm-simd-threaded.asyncify"].flatMap((name) => [
  `${name}.mjs`,
  `${name}.wasm`,
]);
const runtimeFolder = dirname(createRequire(import.meta.url).resolve("onnxruntime-web"));

/** Serves and emits ONNX Runtime Web's files under `/onnxruntime/`, where `configureRuntime` is told to look. */
function onnxRuntime(): Plugin {
  return {
    name: "onnx-runtime-files",
    configureServer(server) {
      server.middlewares.use("/onnxruntime", (request, response, next) => {
        const name = request.url?.split("?")[0].slice(1) ?? "";
        if (!runtimeFiles.includes(name) || !existsSync(join(runtimeFolder, name))) return next();
        response.setHeader("Content-Type", name.endsWith(".wasm") ? "application/wasm" : "text/javascript");
        response.setHeader("Cross-Origin-Resource-Policy", "same-origin");
        response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
        createReadStream(join(runtimeFolder, name)).pipe(response);
      });
    },
    generateBundle() {
      for (const name of runtimeFiles) {
        const source = readFileSync(join(runtimeFolder, name));
        this.emitFile({ type: "asset", fileName: `onnxruntime/${name}`, source });
      }
    },
  };
}

/** Threads of WebAssembly need a page that is isolated from other origins. */
const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export default defineConfig({
  root: import.meta.dirname,
  plugins: [onnxRuntime()],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  // The runtime's files are fetched when a model is asked for, not bundled.
  resolve: { conditions: ["onnxruntime-web-use-extern-wasm", ...defaultClientConditions] },
  optimizeDeps: { exclude: ["onnxruntime-web", "sluice"] },
  worker: { format: "es", plugins: () => [] },
  build: {
    target: "es2024",
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1200,
  },
  server: { headers: isolation, proxy: { "/api": process.env.SLUICE_SERVER ?? "http://127.0.0.1:4747" } },
  preview: { headers: isolation },
});
