import * as jax from "@jax-js/jax";
import { jaxModel } from "./jax-models.js";

/** jax-js in a page: the same models as in Node, on its WASM backend. */
export async function prepare(fixture) {
  await jax.init("wasm");
  jax.defaultDevice("wasm");
  return {
    step: jaxModel(jax, fixture, "plain"),
    about: { threads: crossOriginIsolated ? navigator.hardwareConcurrency : 1 },
  };
}
