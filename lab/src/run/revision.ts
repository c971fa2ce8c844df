import { createHash } from "node:crypto";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { createRequire, findPackageJSON } from "node:module";
import { join, sep } from "node:path";
import { pathToFileURL } from "node:url";

const installed = `${sep}node_modules${sep}`;

/** The specifiers that a module's text imports; one that stands in a comment does no harm. */
function specifiersOf(text: string): string[] {
  return [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*["']([^"']+)["']/g)].map((match) => match[1]);
}

/**
 * A hash of everything that decides what a module does: the text of each source file that it reaches by its imports, and
 * the versions of the packages. It changes when such a file changes, committed or not, and with nothing else.
 *
 * @param file  path of the module
 */
export function revisionOf(file: string): string {
  const sources = new Map<string, string>();
  const packages = new Set<string>();
  const queue = [realpathSync(file)];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (sources.has(path)) continue;
    const text = readFileSync(path, "utf8");
    sources.set(path, text);
    for (const specifier of specifiersOf(text)) {
      const target = locate(specifier, path);
      if (target?.includes(installed)) packages.add(versionOf(target));
      else if (target) queue.push(target);
    }
  }
  // Contents alone, in the order of their own hashes: moving the checkout changes nothing.
  const digests = [...sources.values()].map((text) => createHash("sha256").update(text).digest("hex"));
  return createHash("sha256")
    .update([...digests.sort(), ...[...packages].sort()].join("\n"))
    .digest("hex")
    .slice(0, 16);
}

/** The file that a specifier means; nothing for what is not a file: Node's own modules, and text that only looks like one. */
function locate(specifier: string, from: string): string | undefined {
  if (specifier.startsWith("node:")) return undefined;
  try {
    const path = createRequire(from).resolve(specifier);
    return existsSync(path) ? realpathSync(path) : undefined;
  } catch {
    // A package for `import` alone: of those the version is enough.
    const bare = /^[\w@]/.test(specifier);
    return (bare && findPackageJSON(specifier, pathToFileURL(from))) || undefined;
  }
}

/** Name and version of the package that an installed file belongs to. */
function versionOf(file: string): string {
  const [scope, name] = file.slice(file.lastIndexOf(installed) + installed.length).split(sep);
  const folder = scope.startsWith("@") ? join(scope, name) : scope;
  const root = file.slice(0, file.lastIndexOf(installed) + installed.length);
  return `${folder}@${JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")).version}`;
}
