import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/**
 * The folder in which the lab keeps what it measured: `.sluice`.
 *
 * `SLUICE_HOME` names it outright. Otherwise it is the nearest `.sluice` in the working folder or above it, so that a
 * command started in a subfolder finds the same store, and failing that `.sluice` beside the nearest workspace root.
 *
 * @param from  folder to start from. Default: the working folder
 */
export function sluiceHome(from: string = process.cwd()): string {
  if (process.env.SLUICE_HOME) return resolve(process.env.SLUICE_HOME);
  for (const marker of [".sluice", "package-lock.json"]) {
    for (let folder = resolve(from); ; folder = dirname(folder)) {
      if (existsSync(join(folder, marker))) return join(folder, ".sluice");
      if (folder === dirname(folder)) break;
    }
  }
  return resolve(from, ".sluice");
}
