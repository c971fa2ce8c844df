import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { findPackageJSON } from "node:module";
import { arch, cpus, platform, totalmem } from "node:os";
import type { Provenance } from "../store/runs.ts";

/** Packages whose version can move a figure. */
const packages = ["sluice", "sluice-lab", "onnxruntime-node", "koffi"];

/** What can be said of this machine and this tree before a run starts. */
export function provenance(): Provenance {
  const commit = git("rev-parse", "HEAD");
  return {
    commit,
    dirty: commit !== null && git("status", "--porcelain") !== "",
    versions: {
      node: process.versions.node,
      ...Object.fromEntries(packages.map((name) => [name, packageVersion(name)])),
    },
    machine: {
      system: `${platform()} ${arch()}`,
      processor: cpus()[0]?.model.trim() ?? "unknown",
      cores: cpus().length,
      memoryGib: Math.round(totalmem() / 2 ** 30),
    },
    data: {},
  };
}

export function packageVersion(name: string): string {
  try {
    const file = findPackageJSON(name, import.meta.url);
    return file ? JSON.parse(readFileSync(file, "utf8")).version : "not installed";
  } catch {
    return "not installed";
  }
}

function git(...words: string[]): string | null {
  try {
    return execFileSync("git", words, {
      cwd: import.meta.dirname,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return null;
  }
}
