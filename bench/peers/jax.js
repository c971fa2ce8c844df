import { readFileSync } from "node:fs";
import { serve } from "../src/child.ts";
import { installWorkers } from "./web-worker.js";

const threads = 2;

await serve(async (fixture, style) => {
  installWorkers(threads);
  const jax = await import("@jax-js/jax");
  const { jaxModel } = await import("./jax-models.js");
  await jax.init("wasm");
  jax.defaultDevice("wasm");
  const { version } = JSON.parse(
    readFileSync(new URL("node_modules/@jax-js/jax/package.json", import.meta.url), "utf8"),
  );
  return { step: jaxModel(jax, fixture, style), about: { version, threads } };
});
