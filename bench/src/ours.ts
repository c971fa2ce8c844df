import { fileURLToPath } from "node:url";
import { startChild } from "./process.ts";
import type { Entrant } from "./runner.ts";

const script = (name: string) => fileURLToPath(new URL(`./ours/${name}.ts`, import.meta.url));

/** Sluice itself, on ONNX Runtime for Node. `compile` times the first step of a new process, imports left out. */
export function ourEntrant(): Entrant {
  return { name: "ours", start: (folder) => startChild(process.execPath, [script("contestant"), folder], {}) };
}

/** Plain matrix products on the same runtime; the value of a step is the best rate over several sizes, in GFLOP/s. */
export function gemmEntrant(): Entrant {
  return { name: "gemm", start: (folder) => startChild(process.execPath, [script("gemm"), folder], {}) };
}
