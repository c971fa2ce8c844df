import type * as Common from "onnxruntime-common";
import type { EmittedModel } from "./emit.ts";
import type { OpenedModel } from "./opened-model.ts";
import type { SessionOptions } from "./session.ts";

/** Providers that ONNX Runtime has in Node: native ones, and the browser's WebAssembly for comparison. */
export const providers: readonly string[] = ["cpu", "cuda", "wasm"];

/** The runtime that has a provider, loaded when it is first needed. */
export const loadRuntime = (provider: string): Promise<typeof Common> =>
  provider === "wasm" ? import("onnxruntime-web") : import("onnxruntime-node");

type Open = (emitted: EmittedModel, options: SessionOptions) => OpenedModel;

let cInterface: Promise<Open | Error> | undefined;

/** What opens models on the CPU through ONNX Runtime's C interface, or why nothing can. */
export function loadCInterface(): Promise<Open | Error> {
  cInterface ??= import("./open-with-c-interface.ts").then(
    ({ openWithCInterface, prepareRuntime }) => {
      try {
        prepareRuntime();
        return openWithCInterface;
      } catch (error) {
        return error as Error;
      }
    },
    (error: Error) => error,
  );
  return cInterface;
}

/** The platforms on which the C interface is tested, and therefore chosen. */
export const prefersCInterface: boolean =
  process.env.SLUICE_BINDING === undefined ? process.platform === "linux" : process.env.SLUICE_BINDING === "c";
