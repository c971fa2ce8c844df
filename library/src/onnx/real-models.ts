import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Value } from "../core/index.ts";

const require = createRequire(import.meta.url);

/** The path of a file inside an installed package. For tests and examples: the models come with development packages. */
export function packageFile(name: string, file: string): string {
  const folders = (require.resolve.paths(name) ?? []).map((folder) => join(folder, name));
  return join(folders.find((folder) => existsSync(folder)) ?? name, file);
}

/** Numbers between −size and size that look like noise, the same each time. */
export function noise(shape: readonly number[], size: number): Value {
  let state = 7;
  const next = () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) / 2 ** 31 - 1;
  return new Value(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => size * next()),
    shape,
  );
}
