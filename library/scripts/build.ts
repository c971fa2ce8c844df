/**
 * Builds the package to publish in `library/dist`: JavaScript with declarations, and a package.json whose exports point
 * at them. Sources run directly in development, so nothing here depends on a build.
 */
import { execFileSync } from "node:child_process";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const library = join(import.meta.dirname, "..");
const dist = join(library, "dist");

rmSync(dist, { recursive: true, force: true });
execFileSync(process.execPath, [join(library, "../node_modules/typescript/bin/tsc"), "-p", "tsconfig.build.json"], {
  cwd: library,
  stdio: "inherit",
});

type Exports = Record<string, string>;
const manifest = JSON.parse(readFileSync(join(library, "package.json"), "utf8"));
const built = (source: string): string => source.replace("./src/", "./").replace(/\.ts$/, ".js");

manifest.exports = Object.fromEntries(
  Object.entries(manifest.exports as Exports).map(([entry, source]) => {
    const file = built(source);
    return [entry, { types: file.replace(/\.js$/, ".d.ts"), default: file }];
  }),
);
manifest.imports = Object.fromEntries(
  Object.entries(manifest.imports as Record<string, Exports>).map(([name, conditions]) => [
    name,
    Object.fromEntries(Object.entries(conditions).map(([condition, source]) => [condition, built(source)])),
  ]),
);
delete manifest.devDependencies;
writeFileSync(join(dist, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
cpSync(join(library, "../LICENSE"), join(dist, "LICENSE"));
cpSync(join(library, "../README.md"), join(dist, "README.md"));
