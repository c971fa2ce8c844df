import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Paper } from "../paper.ts";

/** A paper and the URL of its file, which a trial's process loads again. */
export interface Entry {
  readonly paper: Paper;
  readonly module: string;
}

/** No paper answers to a name. */
export class UnknownPaperError extends Error {
  override readonly name = "UnknownPaperError";
  readonly given: string;
  readonly near: readonly string[];

  constructor(given: string, near: readonly string[]) {
    const hint = near.length > 0 ? `did you mean ${near.join(" or ")}?` : "`sluice list` shows all";
    super(`UnknownPaperError [${given}]: no paper has this id; ${hint}`);
    this.given = given;
    this.near = near;
  }
}

/** The papers that come with the lab. */
export const papersFolder = join(import.meta.dirname, "..", "papers");

/** The paper that a file exports. @throws Error when its default export is none */
export async function loadModule(module: string): Promise<Paper> {
  const paper: Paper | undefined = (await import(module)).default;
  if (typeof paper?.run !== "function") throw new Error(`${module} has no paper as its default export`);
  return paper;
}

/** The ids of all papers in a folder; one paper a file, named like it. */
export function idsIn(folder: string = papersFolder): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /^[a-z0-9-]+\.(ts|js)$/.test(name))
    .map((name) => name.replace(/\.\w+$/, ""))
    .sort();
}

/**
 * Loads one paper, by id from a folder or by the path of its file.
 *
 * @throws UnknownPaperError
 */
export async function findPaper(name: string, folder: string = papersFolder): Promise<Entry> {
  const candidates = /[./\\]/.test(name)
    ? [resolve(name)]
    : ["ts", "js"].map((kind) => join(folder, `${name}.${kind}`));
  const file = candidates.find((candidate) => existsSync(candidate));
  if (!file) throw new UnknownPaperError(name, nearest(name, idsIn(folder)));
  const module = pathToFileURL(file).href;
  return { paper: await loadModule(module), module };
}

/** Loads every paper of a folder, by row. */
export async function allPapers(folder: string = papersFolder): Promise<Entry[]> {
  const entries = await Promise.all(idsIn(folder).map((id) => findPaper(id, folder)));
  return entries.sort((one, other) => one.paper.row - other.paper.row);
}

/** Ids that share a word or a beginning with what was typed. */
function nearest(name: string, ids: readonly string[]): string[] {
  const words = name.split("-");
  return ids
    .filter((id) => id.startsWith(name.slice(0, 4)) || words.some((word) => word.length > 3 && id.includes(word)))
    .slice(0, 3);
}
