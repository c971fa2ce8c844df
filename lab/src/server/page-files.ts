import { execFile } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const web = join(import.meta.dirname, "..", "..", "..", "web");

/** Where the built page lies. */
export const pageFolder = join(web, "dist");

function newest(folder: string): number {
  if (!existsSync(folder)) return 0;
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
  return Math.max(0, ...files.map((each) => statSync(join(each.parentPath, each.name)).mtimeMs));
}

/** Whether the page has never been built, or its sources have changed since. */
export function pageIsStale(): boolean {
  const built = join(pageFolder, "index.html");
  if (!existsSync(built)) return true;
  return newest(join(web, "src")) > statSync(built).mtimeMs;
}

/** Builds the page. @throws Error with what the bundler says */
export async function buildPage(): Promise<void> {
  const bundler = join(dirname(web), "node_modules", "vite", "bin", "vite.js");
  if (!existsSync(bundler))
    throw new Error(`the page cannot be built without its bundler (${bundler}); npm install brings it`);
  await promisify(execFile)(process.execPath, [bundler, "build"], { cwd: web });
}
