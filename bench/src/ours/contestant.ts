import { readFileSync } from "node:fs";
import { serve } from "../child.ts";
import { ourModel } from "./models.ts";

const threads = 2;

await serve(async (fixture, style) => {
  const manifest = new URL("../../../node_modules/onnxruntime-node/package.json", import.meta.url);
  const { version } = JSON.parse(readFileSync(manifest, "utf8"));
  return { step: ourModel(fixture, { threads }, style), about: { onnxruntime: version, threads } };
});
