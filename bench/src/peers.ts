import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startChild } from "./process.ts";
import type { Entrant } from "./runner.ts";
import type { Workload } from "./workloads.ts";

export const peersFolder = fileURLToPath(new URL("../peers/", import.meta.url));

/** Installs the peers' packages once, from their own lock file. */
export function installPeers(progress: (line: string) => void): void {
  if (existsSync(`${peersFolder}node_modules`)) return;
  progress("installing the peers (npm ci in bench/peers, once)");
  execFileSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: peersFolder, stdio: ["ignore", "ignore", "inherit"] });
}

/** The first Python that imports torch, or null. */
export function findTorchPython(): string | null {
  const works = (python: string) => spawnSync(python, ["-c", "import torch"], { stdio: "ignore" }).status === 0;
  return ["python3", "/usr/bin/python3", "/usr/local/bin/python3", "python"].find(works) ?? null;
}

const noInt8 = "has no 8-bit product: float32 layers";

function nodePeer(name: string, script: string, style: "plain" | "tuned", note?: string): Entrant {
  return {
    name,
    note,
    start: (folder) => startChild(process.execPath, [`${peersFolder}${script}`, folder, style], {}),
  };
}

function torchPeer(name: string, style: string, note?: string): Entrant {
  const python = findTorchPython();
  return {
    name,
    note,
    async start(folder) {
      if (!python) throw new Error("no python3 that imports torch (Debian: python3-torch and libopenblas0-pthread)");
      return startChild(python, [`${peersFolder}torch_peer.py`, folder, style], { OMP_NUM_THREADS: "2" });
    },
  };
}

/**
 * The peers that take part in a workload. `jax-js` and `tfjs` use their library's own operations; the `-tuned` ones
 * replace those of its operations that are slow here by faster ones written with its other operations.
 */
export function nodePeers({ kind }: Workload): Entrant[] {
  const quantized = kind === "int8" ? noInt8 : undefined;
  const peers = [nodePeer("jax-js", "jax.js", "plain", quantized)];
  if (kind === "cnn") peers.push(nodePeer("jax-js-tuned", "jax.js", "tuned", "convolution as patches and one product"));
  peers.push(nodePeer("tfjs", "tfjs.js", "plain", quantized));
  if (kind !== "call" && kind !== "int8")
    peers.push(nodePeer("tfjs-tuned", "tfjs.js", "tuned", "own gradients of products and convolutions"));
  if (kind === "int8")
    peers.push(
      torchPeer("torch-float32", "float32"),
      torchPeer("torch", "int8", "torch.ao.quantization.quantize_dynamic"),
    );
  else peers.push(torchPeer("torch", "float32"));
  return peers;
}
