import { configureRuntime } from "../../../library/src/browser.ts";
import type { Contestant } from "../contestant.ts";
import type { Fixture } from "../fixture.ts";
import { ourModel } from "./models.ts";

const threads = 2;

/** Ours in a page, on ONNX Runtime Web. */
export async function prepare(fixture: Fixture): Promise<Contestant> {
  await configureRuntime({ wasmPaths: "/modules/onnxruntime-web/dist/", threads });
  return { step: ourModel(fixture, { threads, provider: "wasm" }), about: { threads } };
}
