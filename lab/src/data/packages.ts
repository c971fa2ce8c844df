import { readFileSync } from "node:fs";
import { findPackageJSON } from "node:module";
import { dirname, join } from "node:path";
import { DataError } from "./errors.ts";

/** The folder of an installed package; DataError `package-missing` where it is not installed. */
export function packageFolder(name: string): string {
  try {
    const file = findPackageJSON(name, import.meta.url);
    if (file !== undefined) return dirname(file);
  } catch {
    // Said below.
  }
  throw new DataError("package-missing", name, "this data package is not installed; run `npm ci`");
}

/** The bytes of a file in an installed package. */
export function packageFile(name: string, path: string): Uint8Array<ArrayBuffer> {
  const file = join(packageFolder(name), path);
  try {
    return Uint8Array.from(readFileSync(file));
  } catch (cause) {
    throw new DataError("package-missing", name, `its file ${path} is not installed; run \`npm ci\``, { cause });
  }
}

/** The text of a file in an installed package. */
export const packageText = (name: string, path: string): string => new TextDecoder().decode(packageFile(name, path));

/** The parsed JSON of a file in an installed package. */
export const packageJson = <T>(name: string, path: string): T => JSON.parse(packageText(name, path)) as T;
