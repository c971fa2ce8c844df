import { createRequire } from "node:module";
import { serve } from "../src/child.ts";
import { tfjsModel } from "./tfjs-models.js";

const { loadTensorFlow } = createRequire(import.meta.url)("./tfjs-threads.cjs");

await serve(async (fixture, style) => {
  const { tf, threads } = await loadTensorFlow(2);
  return { step: tfjsModel(tf, fixture, style), about: { version: tf.version.tfjs, threads } };
});
