import { fileURLToPath } from "node:url";
import { startChild } from "./process.ts";
import type { Entrant } from "./runner.ts";

const script = (name: string) => fileURLToPath(new URL(`./ours/${name}.ts`, import.meta.url));

/** Sluice itself, on ONNX Runtime for Node. `compile` times the first step of a new process, imports left out. */
export const ourEntrant = (): Entrant => contestant("ours");

/** Sluice with the same layers in more and in fewer bits, to set the 8-bit ones against. */
export const ourOtherBits = (): Entrant[] => [
  contestant("ours-float32", "float32"),
  contestant("ours-4bit", "4bit", "weights in 4 bits, blocks of 32; the kernel rounds activations to 8 bits"),
];

const contestant = (name: string, style = "", note?: string): Entrant => ({
  name,
  note,
  start: (folder) => startChild(process.execPath, [script("contestant"), folder, style], {}),
});

/** Plain matrix products on the same runtime; the value of a step is the best rate over several sizes, in GFLOP/s. */
export function gemmEntrant(): Entrant {
  return { name: "gemm", start: (folder) => startChild(process.execPath, [script("gemm"), folder], {}) };
}
